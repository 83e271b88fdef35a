// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The value of a variable: text that anybody may see, or a secret, which is `***` wherever it is printed.
public enum VariableValue: Sendable, Hashable {
    case plain(String)
    case secret(SecretText)

    public init(_ text: String, isSecret: Bool) { self = isSecret ? .secret(SecretText(text)) : .plain(text) }

    public var isSecret: Bool { if case .secret = self { true } else { false } }

    /// Nil for a secret.
    public var plainText: String? { if case .plain(let text) = self { text } else { nil } }

    /// The text itself, secret or not.
    public func exposed() -> String {
        switch self {
        case .plain(let text): text
        case .secret(let text): text.exposed()
        }
    }

    /// In bytes of UTF-8.
    public var count: Int {
        switch self {
        case .plain(let text): text.utf8.count
        case .secret(let text): text.count
        }
    }

    /// The same value, which nobody may see any more.
    public var asSecret: SecretText {
        switch self {
        case .plain(let text): SecretText(text)
        case .secret(let text): text
        }
    }
}

extension VariableValue: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { plainText ?? SecretText.replacement }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["text": description]) }
}

extension VariableValue: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension VariableValue: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self = .plain(text) }
}
