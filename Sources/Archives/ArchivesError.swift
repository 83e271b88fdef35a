// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// Why an archive could not be written.
public struct ArchivesError: Error, Sendable, Equatable {
    public var code: Code
    /// The member at fault, or the archive itself.
    public var path: FilePath
    public var underlying: Errno?

    public init(code: Code, path: FilePath, underlying: Errno? = nil) {
        self.code = code
        self.path = path
        self.underlying = underlying
    }

    /// The step that failed, and what it leaves.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable { case read, readPartly, write, compress, name }
        private var kind: Kind

        /// A member could not be read, and nothing of it is in the archive: one may go on with the next.
        public static let read = Code(kind: .read)
        /// A member could be read only in part: the archive is of no use any more.
        public static let readPartly = Code(kind: .readPartly)
        /// The archive could not be written.
        public static let write = Code(kind: .write)
        public static let compress = Code(kind: .compress)
        /// A name too long for the format.
        public static let name = Code(kind: .name)
    }
}
