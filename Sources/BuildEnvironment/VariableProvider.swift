// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Where the values of `env/parameter-store` and `env/secrets-manager` come from.
///
/// Providers are asked in order; the first that knows a value gives it. A store of secrets is one more of them.
public protocol VariableProvider {
    /// The values it knows, by the name of the variable; a request that it does not know is left out.
    /// - Throws: when it ought to know and cannot be asked.
    func resolve(_ requests: [VariableRequest]) throws(EnvironmentError) -> [String: ProvidedValue]
}

/// A variable of a buildspec whose value lies elsewhere.
public struct VariableRequest: Sendable, Equatable {
    /// The variable's name.
    public var name: String
    public var store: Store
    /// The parameter's name, or the secret's reference; variables in it are expanded.
    public var reference: String
    /// The reference's place in the buildspec.
    public var span: SourceSpan

    public init(name: String, store: Store, reference: String, span: SourceSpan) {
        self.name = name
        self.store = store
        self.reference = reference
        self.span = span
    }

    /// Which section of `env` it stands in.
    public enum Store: String, Sendable {
        case parameterStore = "parameter-store"
        case secretsManager = "secrets-manager"
    }
}

/// A value, and who gave it.
public struct ProvidedValue: Sendable, Equatable {
    public var value: String
    /// For `drydock env`, such as `--env-file .env:3`.
    public var provider: String

    public init(value: String, provider: String) {
        self.value = value
        self.provider = provider
    }
}

/// Gives stored values from what the user set for this run, by the variable's name.
struct LocalValues: VariableProvider {
    var values: [String: ProvidedValue]

    func resolve(_ requests: [VariableRequest]) -> [String: ProvidedValue] {
        requests.reduce(into: [:]) { result, request in result[request.name] = values[request.name] }
    }
}
