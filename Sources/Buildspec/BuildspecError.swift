// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Why a text does not follow a grammar of the buildspec.
public struct BuildspecError: Error, Sendable, Equatable {
    public var code: Code
    /// What is wrong, in one sentence.
    public var message: String

    /// Which grammar.
    public enum Code: Sendable, Equatable {
        case invalidOnFailure
    }

    static func invalidOnFailure(_ message: String) -> BuildspecError {
        BuildspecError(code: .invalidOnFailure, message: message)
    }
}
