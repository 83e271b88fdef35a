// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What is wrong with a reference to a secret or a parameter.
public struct SecretsError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Code
    /// The reason alone, for a sentence that names the reference.
    public var message: String

    public var description: String { message }

    public enum Code: String, Sendable {
        case invalidReference
    }

    static func invalidReference(_ message: String) -> SecretsError {
        SecretsError(code: .invalidReference, message: message)
    }
}
