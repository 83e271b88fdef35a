// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// A file on a disk that nobody can find by a name: it goes with its descriptor, however the process ends.
public final class UnnamedFile {
    /// For reading and writing.
    public let descriptor: FileDescriptor

    /// - Parameter directory: says which file system it lies on.
    public init(on directory: FilePath) throws(FilesError) {
        let number = directory.withPlatformString { open($0, Self.flags, 0o600) }
        if number >= 0 {
            descriptor = FileDescriptor(rawValue: number)
            return
        }
        // A file system that knows no such files (NFS) gives one whose name goes at once.
        guard [EOPNOTSUPP, EISDIR, EINVAL].contains(errno) else {
            throw FilesError(.create, path: directory, underlying: Errno(rawValue: errno))
        }
        let parent = try Directory(directory)
        let (name, made) = try TemporaryName.create(beside: "file") { (name) throws(FilesError) in
            try parent.open(name, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        }
        descriptor = made
        try? parent.remove(name)
    }

    deinit { try? descriptor.close() }

    /// What opening a directory takes for that. Source: open(2), O_TMPFILE; the Glibc module hides it behind _GNU_SOURCE.
    static let flags: Int32 = 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC
}
