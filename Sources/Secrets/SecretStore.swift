// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Something that knows values of parameters and secrets by their names.
///
/// Stores are asked in the order the user gives; each is asked only for what no store before it knew. A store that cannot
/// be asked says so for every request that it would have to know, and no later one is asked for those.
public protocol SecretStore: Sendable {
    /// As the user writes it: `file:secrets.yml`, `aws`.
    var name: String { get }

    /// - Parameter isCancelled: asked ten times a second wherever somebody else is waited for; then nobody waits for the
    ///   answers any more.
    /// - Returns: an answer to each request, in order.
    func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer]
}

extension SecretStore {
    public func answers(to requests: [SecretRequest]) -> [SecretAnswer] {
        answers(to: requests, isCancelled: { false })
    }
}

/// A variable whose value lies in a store.
public struct SecretRequest: Sendable, Equatable {
    /// The variable's name.
    public var variable: String
    public var kind: Kind
    /// As it stands in the buildspec, variables in it expanded.
    public var reference: String
    /// The reference's place in the user's file; nil where it was given on the command line.
    public var span: SourceSpan?

    public init(variable: String, kind: Kind, reference: String, span: SourceSpan?) {
        self.variable = variable
        self.kind = kind
        self.reference = reference
        self.span = span
    }

    /// Which section of `env` it stands in, and which service of AWS would have it.
    public enum Kind: String, Sendable {
        case parameter = "parameter-store"
        case secret = "secrets-manager"

        /// CodeBuild's for whatever goes wrong with it.
        public var statusCode: String { self == .parameter ? "Decrypted Variables Error" : "Secrets Manager Error" }
    }
}

/// What a store says to a request.
public enum SecretAnswer: Sendable, Equatable {
    /// The whole parameter or secret; a `json-key` of the reference is still to be taken from it. `from` is for people:
    /// `file:secrets.yml:3`.
    case value(SecretText, from: String)
    /// What the whole reference names, `json-key` and all.
    case selected(SecretText, from: String)
    case unknown
    /// Not known, and why the store thinks so; told when no other store knows it either.
    case absent(String)
    case failed(SecretFailure)
}

/// Why a store cannot answer.
public struct SecretFailure: Error, Sendable, Equatable {
    /// One sentence that names the store and holds no secret.
    public var message: String
    public var hints: [String]
    /// What CodeBuild says to the same, where that is known.
    public var codeBuild: CodeBuildVerdict?

    public init(_ message: String, hints: [String] = [], codeBuild: CodeBuildVerdict? = nil) {
        self.message = message
        self.hints = hints
        self.codeBuild = codeBuild
    }
}
