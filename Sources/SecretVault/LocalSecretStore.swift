// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Secrets

/// `local`: the user's own encrypted store, asked where nothing else is named.
public struct LocalSecretStore: SecretStore {
    private let vault: SecretVault

    public init(_ vault: SecretVault) { self.vault = vault }

    public static let name = "local"
    public var name: String { Self.name }

    /// Where there is no store this is one look for a file.
    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        let names = requests.map { request in request.localNames.compactMap { try? SecretName($0) } }
        // It has no other versions than the current ones.
        guard names.contains(where: { !$0.isEmpty }) else { return requests.map { _ in .unknown } }
        do throws(SecretVaultError) {
            guard let values = try vault.values(of: names) else { return requests.map { _ in .unknown } }
            return values.map { value in value.map { .value($0, from: Self.name) } ?? .unknown }
        } catch {
            let failure = SecretFailure(error.message, hints: error.hints)
            return names.map { $0.isEmpty ? .unknown : .failed(failure) }
        }
    }
}
