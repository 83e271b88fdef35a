// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// What went wrong with a file, where, and what the kernel said.
public struct FilesError: Error, Sendable, Equatable {
    public var code: Code
    /// The path as the caller named it; raw bytes, escaped when shown.
    public var path: FilePath
    public var underlying: Errno?
    /// How many bytes were agreed, where there are more (`.tooLarge`).
    public var limit: Int?

    public init(_ code: Code, path: FilePath, underlying: Errno? = nil, limit: Int? = nil) {
        self.code = code
        self.path = path
        self.underlying = underlying
        self.limit = limit
    }

    /// The step that failed.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable {
            case open, read, write, create, remove, rename, list, status, lock, tooLarge, notRegular
        }
        private var kind: Kind

        public static let open = Code(kind: .open)
        public static let read = Code(kind: .read)
        public static let write = Code(kind: .write)
        public static let create = Code(kind: .create)
        public static let remove = Code(kind: .remove)
        public static let rename = Code(kind: .rename)
        public static let list = Code(kind: .list)
        public static let status = Code(kind: .status)
        public static let lock = Code(kind: .lock)
        public static let tooLarge = Code(kind: .tooLarge)
        public static let notRegular = Code(kind: .notRegular)

        /// The step as a verb: "open", "read".
        public var verb: String {
            switch kind {
            case .tooLarge: "read"
            case .notRegular: "open"
            default: "\(kind)"
            }
        }
    }
}

/// Opens files of a tree that was made by someone we do not trust.
///
/// The tree may lie in another mount namespace (a sandbox's root), and some of its files may be closed to this process;
/// an implementation then asks a more privileged door for the descriptor.
public protocol TreeOpener: AnyObject {
    /// Opens for reading.
    ///
    /// Never follows a symbolic link in the last component, never leaves the tree through one before it, and never
    /// blocks on a fifo (`O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC`).
    /// - Parameter path: absolute inside the tree; any bytes but NUL.
    func open(_ path: FilePath, directory: Bool) throws(FilesError) -> FileDescriptor
}
