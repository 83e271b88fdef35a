// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

extension TreeOpener {
    /// Opens one name of an open directory; asks the tree by path where this process may not.
    ///
    /// Never follows a link, never blocks on a fifo.
    /// - Parameter path: the same file, absolute inside the tree.
    public func openEntry(
        _ name: [UInt8], in parent: FileDescriptor, path: () -> FilePath, directory: Bool
    ) throws(FilesError) -> FileDescriptor {
        switch Files.openEntry(parent, name, flags: O_RDONLY | (directory ? O_DIRECTORY : 0)) {
        case .success(let descriptor): return descriptor
        case .failure(.permissionDenied): return try open(path(), directory: directory)
        case .failure(let reason): throw FilesError(.open, path: path(), underlying: reason)
        }
    }

    /// What a name of an open directory is, links not followed; asks the tree by path where this process may not.
    /// - Parameter path: the same file, absolute inside the tree.
    public func status(
        of name: [UInt8], in parent: FileDescriptor, path: () -> FilePath
    ) throws(FilesError) -> FileStatus {
        var raw = stat()
        let failure: Errno? = withCString(name) { text in
            fstatat(parent.rawValue, text, &raw, AT_SYMLINK_NOFOLLOW) == 0 ? nil : Errno(rawValue: errno)
        }
        guard let failure else { return FileStatus(raw) }
        guard failure == .permissionDenied else { throw FilesError(.status, path: path(), underlying: failure) }
        let descriptor = try open(path(), directory: false)
        defer { try? descriptor.close() }
        return try FileStatus(of: descriptor, path: path())
    }

    /// Where a link of an open directory points, as written in it.
    /// - Parameter path: the same link, for the error.
    public func readLink(
        _ name: [UInt8], in parent: FileDescriptor, path: () -> FilePath
    ) throws(FilesError) -> [UInt8] {
        var target: [UInt8] = []
        let failure: Errno? = withCString(name) { text in
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                guard let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return .noMemory }
                let count = readlinkat(parent.rawValue, text, start, buffer.count)
                if count < 0 { return Errno(rawValue: errno) }
                target = Array(buffer[..<count])
                return nil
            }
        }
        if let failure { throw FilesError(.read, path: path(), underlying: failure) }
        return target
    }
}
