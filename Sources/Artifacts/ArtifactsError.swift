// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// Why an artifact was not collected. Nothing of it is left in the destination then, and an older one is as it was.
public struct ArtifactsError: Error, Sendable, Equatable {
    public var code: Code
    /// One sentence; with `.clientError` word for word CodeBuild's.
    public var message: String
    public var hints: [String]
    public var underlying: Errno?

    init(_ code: Code, _ message: String, hints: [String] = [], underlying: Errno? = nil) {
        self.code = code
        self.message = message
        self.hints = hints
        self.underlying = underlying
    }

    /// The status code of the phase's context as CodeBuild spells it.
    public var statusCode: String { "CLIENT_ERROR" }

    /// The kind of failure.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable {
            case clientError, invalidName, input, tooLarge, output, destinationRefused, contentRefused, cancelled
        }
        private var kind: Kind

        /// CodeBuild would fail as well, with the same message.
        public static let clientError = Code(kind: .clientError)
        /// The artifact's name cannot be a path below the destination.
        public static let invalidName = Code(kind: .invalidName)
        /// What the build left could not be read.
        public static let input = Code(kind: .input)
        /// A limit was passed.
        public static let tooLarge = Code(kind: .tooLarge)
        /// The destination could not be written.
        public static let output = Code(kind: .output)
        /// A file of the source named a destination that is not its own.
        public static let destinationRefused = Code(kind: .destinationRefused)
        /// What it holds may not be published.
        public static let contentRefused = Code(kind: .contentRefused)
        public static let cancelled = Code(kind: .cancelled)
    }
}

extension ArtifactsError: CustomStringConvertible {
    public var description: String { message }
}
