// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Why the local store cannot do what is asked. No message ever holds a value.
public struct SecretVaultError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Code
    /// One sentence.
    public var message: String
    public var hints: [String]

    public var description: String { message }

    public enum Code: String, Sendable {
        /// No secret of that name.
        case notFound
        /// A name or a value that the store does not take, or a name that is taken.
        case refused
        case keyMissing
        /// The key is none that may be used, or not the store's.
        case key
        /// The store's file cannot be read, written or believed.
        case store
    }

    init(_ code: Code, _ message: String, hints: [String] = []) {
        self.code = code
        self.message = message
        self.hints = hints
    }
}
