// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Secrets

/// A value, and who gave it.
struct FoundSecret {
    var value: SecretText
    /// For `drydock env`, such as `.env:3` or `file:secrets.yml:4`.
    var provider: String
}

/// Asks stores, one after the other, for values of parameters and secrets.
struct SecretLookup {
    /// By the name of the variable; counts before every store.
    var given: [String: FoundSecret]
    var stores: [any SecretStore]

    /// - Returns: a value for each request, in order.
    /// - Throws: findings for all that have none.
    func values(for requests: [SecretRequest]) throws(EnvironmentError) -> [FoundSecret] {
        var found: [FoundSecret?] = requests.map { given[$0.variable] }
        var failures: [Int: Diagnostic] = [:]
        for store in stores {
            let open = requests.indices.filter { found[$0] == nil && failures[$0] == nil }
            if open.isEmpty { break }
            for (index, answer) in zip(open, store.answers(to: open.map { requests[$0] })) {
                switch answer {
                case .unknown: break
                case .failed(let failure): failures[index] = .storeFailed(requests[index], failure)
                case .selected(let value, let provider):
                    found[index] = FoundSecret(value: value, provider: provider)
                case .value(let value, let provider):
                    switch selected(value, requests[index], provider) {
                    case .success(let value): found[index] = FoundSecret(value: value, provider: provider)
                    case .failure(let failure): failures[index] = .storeFailed(requests[index], failure)
                    }
                }
            }
        }
        let findings = requests.indices.compactMap { index -> Diagnostic? in
            if found[index] != nil { return nil }
            return failures[index] ?? .unresolved(requests[index])
        }
        guard findings.isEmpty else { throw EnvironmentError.unresolved(findings) }
        return found.compactMap { $0 }
    }

    private func selected(
        _ whole: SecretText, _ request: SecretRequest, _ provider: String
    ) -> Result<SecretText, SecretFailure> {
        guard request.kind == .secret, let key = (try? SecretReference(request.reference))?.jsonKey else {
            return .success(whole)
        }
        return SecretSelection.value(of: key, in: whole, from: provider)
    }
}
