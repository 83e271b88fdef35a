// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage

/// Goes about in the tree that is being unpacked one name at a time, so that no link is ever followed, whatever members made
/// it, and no path is too long.
final class DirectoryCursor {
    private let root: FileDescriptor
    /// The directory last asked for and those above it, as far as they are kept open: members of one directory follow on
    /// each other.
    private var names: [[UInt8]] = []
    private var levels: [FileDescriptor] = []
    private static let mostLevels = 100
    /// The rest of the way, where it goes deeper.
    private var deepNames: ArraySlice<[UInt8]> = []
    private var deep: FileDescriptor?

    /// - Parameter root: stays the caller's to close.
    init(root: FileDescriptor) { self.root = root }

    deinit {
        try? deep?.close()
        for level in levels { try? level.close() }
    }

    /// The directory at a path, made with those above it where they are missing. Open until another is asked for.
    /// - Parameter member: for the failure.
    func directory(_ path: ArraySlice<[UInt8]>, for member: [UInt8]) throws(ArchiveFailure) -> FileDescriptor {
        let near = path.prefix(Self.mostLevels)
        let far = path.dropFirst(Self.mostLevels)
        let common = zip(near, names).prefix { $0 == $1 }.count
        if common == names.count, common == near.count, far == deepNames, let deep { return deep }
        try? deep?.close()
        (deep, deepNames) = (nil, [])
        while levels.count > common {
            try? levels.removeLast().close()
            names.removeLast()
        }
        for name in near.dropFirst(common) {
            levels.append(try enter(name, below: levels.last ?? root, member))
            names.append(name)
        }
        var current = levels.last ?? root
        for name in far {
            let next = try enter(name, below: current, member)
            try? deep?.close()
            (deep, current) = (next, next)
        }
        deepNames = far
        return current
    }

    private func enter(
        _ name: [UInt8], below parent: FileDescriptor, _ member: [UInt8]
    ) throws(ArchiveFailure) -> FileDescriptor {
        func open() -> Int32 {
            withName(name) { openat(parent.rawValue, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        }
        var number = open()
        if number < 0, errno == ENOENT {
            guard withName(name, { mkdirat(parent.rawValue, $0, 0o755) }) == 0 else {
                throw .system(errno, "make", member)
            }
            number = open()
        }
        if number >= 0 { return FileDescriptor(rawValue: number) }
        let reason = errno
        guard reason == ENOTDIR || reason == ELOOP else { throw .system(reason, "make", member) }
        var status = stat()
        let isLink =
            withName(name) { fstatat(parent.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
            && status.st_mode & S_IFMT == S_IFLNK
        let shown = FilePath.displayed(name)
        throw .refused(
            member, isLink ? "goes through the link `\(shown)`" : "lies in `\(shown)`, which is no directory")
    }
}
