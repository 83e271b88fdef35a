// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Why a source could not be had.
public struct CheckoutError: Error, Sendable, Equatable {
    public var code: Code
    /// One sentence; holds no credentials.
    public var message: String
    public var hints: [String]

    init(_ code: Code, _ message: String, hints: [String] = []) {
        self.code = code
        self.message = message
        self.hints = hints
    }

    /// The kind of failure.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable { case invalid, gitMissing, destination, fetch, noSuchVersion }
        private var kind: Kind

        /// The location or the version cannot be one.
        public static let invalid = Code(kind: .invalid)
        /// git is not installed.
        public static let gitMissing = Code(kind: .gitMissing)
        /// The work tree could not be written.
        public static let destination = Code(kind: .destination)
        /// The repository could not be read.
        public static let fetch = Code(kind: .fetch)
        /// The repository has no such commit, branch or tag.
        public static let noSuchVersion = Code(kind: .noSuchVersion)
    }
}

extension CheckoutError: CustomStringConvertible {
    public var description: String { message }
}
