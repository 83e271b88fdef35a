// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Secrets

/// `env`, or `env:NAME`: variables of drydock's own environment, where CI systems put the secrets of a job.
///
/// A request is answered by the variable of the same name, or by the reference's name in capitals with `_` for everything
/// that no name has: `/ci/db-token` is `CI_DB_TOKEN`. An empty variable is none: CI systems set a secret that is not defined
/// to nothing.
public struct EnvironmentSecretStore: SecretStore {
    private let only: String?
    private let variables: [String: SecretText]

    /// - Parameters:
    ///   - only: the one variable that may be taken; nil for any.
    ///   - variable: the value of a variable of drydock's environment.
    public init(only: String?, names: [String], variable: (String) -> String?) {
        self.only = only
        let allowed = only.map { [$0] } ?? names
        variables = allowed.reduce(into: [:]) { table, name in
            if let value = variable(name), !value.isEmpty { table[name] = SecretText(value) }
        }
    }

    public var name: String { only.map { "env:\($0)" } ?? "env" }

    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        requests.map { request in
            let names = request.localNames
            if names.isEmpty { return .unknown }
            for name in [request.variable] + names.map(Self.variableName) {
                if let value = variables[name] { return .value(value, from: "env:\(name)") }
            }
            // Whoever names one variable means it for this one request, whatever that is called.
            return .unknown
        }
    }

    static func variableName(_ reference: String) -> String {
        let plain = reference.drop { $0 == "/" }
        return String(
            plain.uppercased().map { character in
                character.isASCII && (character.isLetter || character.isNumber) ? character : "_"
            })
    }
}
