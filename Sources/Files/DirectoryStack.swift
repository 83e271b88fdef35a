// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
internal import SystemPackage

/// The directories from a walk's root down to where it is, of which only the deepest are kept open.
///
/// A tree may be deeper than a process may have descriptors. One that was closed is opened again through its child's
/// `..`, and must then still be the directory that it was.
struct DirectoryStack: ~Copyable {
    private struct Level {
        var descriptor: FileDescriptor?
        var device: UInt64
        var inode: UInt64
    }
    private var levels: [Level] = []
    private static let keptOpen = 64

    var depth: Int { levels.count }

    /// The deepest directory; the stack is not empty.
    var top: FileDescriptor {
        guard let descriptor = levels.last?.descriptor else {
            preconditionFailure("the deepest directory of a stack is always open")
        }
        return descriptor
    }

    /// Goes down into a directory; its descriptor is the stack's from now on.
    mutating func push(_ descriptor: FileDescriptor, _ status: FileStatus) {
        levels.append(Level(descriptor: descriptor, device: status.device, inode: status.inode))
        let closed = levels.count - 1 - Self.keptOpen
        if closed >= 0 {
            try? levels[closed].descriptor?.close()
            levels[closed].descriptor = nil
        }
    }

    /// Whether the walk is inside this directory: entering it would go round for ever.
    func contains(_ status: FileStatus) -> Bool {
        levels.contains { $0.device == status.device && $0.inode == status.inode }
    }

    /// Goes up one level.
    /// - Parameter reopen: called for a directory that was closed and that `..` does not lead to.
    mutating func pop(reopen: () -> FileDescriptor?) throws(Errno) {
        guard let left = levels.popLast() else { return }
        defer { try? left.descriptor?.close() }
        guard let last = levels.indices.last, levels[last].descriptor == nil, let child = left.descriptor else {
            return
        }
        let expected = levels[last]
        if case .success(let parent) = openEntry(child, Array("..".utf8), flags: O_RDONLY | O_DIRECTORY) {
            if Self.isSame(parent, expected) {
                levels[last].descriptor = parent
                return
            }
            try? parent.close()
        }
        guard let parent = reopen() else { throw Errno.staleNFSFileHandle }
        guard Self.isSame(parent, expected) else {
            try? parent.close()
            throw Errno.staleNFSFileHandle
        }
        levels[last].descriptor = parent
    }

    private static func isSame(_ descriptor: FileDescriptor, _ level: Level) -> Bool {
        guard let status = try? FileStatus(of: descriptor, path: "..") else { return false }
        return status.device == level.device && status.inode == level.inode
    }

    deinit {
        for level in levels { try? level.descriptor?.close() }
    }
}
