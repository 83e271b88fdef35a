// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

extension Directory {
    /// Removes a name with all that lies below it; a symbolic link itself, never what it points at.
    ///
    /// Works at any depth and with any names. Directories that were closed to their owner are opened first. It goes on
    /// after a failure and reports the first; a name that is not there is no failure.
    /// - Parameter name: one component of this directory.
    public func removeTree(_ name: FilePath) throws(FilesError) {
        guard let component = name.lastComponent, component.kind == .regular, name.components.count == 1 else {
            throw FilesError(.remove, path: name, underlying: .invalidArgument)
        }
        var removal = TreeRemoval(path: path)
        try removal.remove(name.bytes, in: self)
        if let failure = removal.failure { throw failure }
    }
}

private struct TreeRemoval: ~Copyable {
    let path: FilePath
    private(set) var failure: FilesError?
    /// Names still to remove, level by level, each last first.
    private var pending: [[[UInt8]]] = []
    /// The name of each level in the level above it.
    private var names: [[UInt8]] = []
    private var stack = DirectoryStack()

    init(path: FilePath) {
        self.path = path
    }

    mutating func remove(_ name: [UInt8], in directory: borrowing Directory) throws(FilesError) {
        guard enter(name, of: directory.descriptor) else { return }
        while !pending.isEmpty {
            if let next = pending[pending.count - 1].popLast() {
                _ = enter(next, of: stack.top)
                continue
            }
            pending.removeLast()
            let finished = names.removeLast()
            do { try stack.pop { nil } } catch {
                throw FilesError(.remove, path: path.pushing(FilePath(bytes: name)), underlying: error)
            }
            unlink(finished, of: stack.depth == 0 ? directory.descriptor : stack.top, AT_REMOVEDIR)
        }
    }

    /// Removes a name, or goes down into it when it is a directory with something in it.
    private mutating func enter(_ name: [UInt8], of parent: FileDescriptor) -> Bool {
        var reason: Int32 = 0
        if withCString(name, { unlinkat(parent.rawValue, $0, 0) }) == 0 { return false }
        reason = errno
        // Linux says EISDIR; POSIX, and some network file systems, EPERM.
        guard reason == EISDIR || reason == EPERM else {
            if reason != ENOENT { note(name, reason) }
            return false
        }
        if withCString(name, { unlinkat(parent.rawValue, $0, AT_REMOVEDIR) }) == 0 { return false }
        reason = errno
        guard reason == ENOTEMPTY || reason == EEXIST || reason == EACCES else {
            note(name, reason)
            return false
        }
        guard let (descriptor, status) = openForRemoval(name, of: parent) else { return false }
        do {
            pending.append(try listEntries(of: descriptor, path: path).map(\.name))
            names.append(name)
            stack.push(descriptor, status)
            return true
        } catch {
            try? descriptor.close()
            note(name, error.underlying?.rawValue ?? EIO)
            return false
        }
    }

    private mutating func openForRemoval(
        _ name: [UInt8], of parent: FileDescriptor
    ) -> (FileDescriptor, FileStatus)? {
        var opened = openEntry(parent, name, flags: O_RDONLY | O_DIRECTORY)
        if case .failure(.permissionDenied) = opened {
            _ = withCString(name) { fchmodat(parent.rawValue, $0, 0o700, 0) }
            opened = openEntry(parent, name, flags: O_RDONLY | O_DIRECTORY)
        }
        switch opened {
        case .failure(let reason):
            note(name, reason.rawValue)
            return nil
        case .success(let descriptor):
            guard let status = try? FileStatus(of: descriptor, path: path) else {
                try? descriptor.close()
                return nil
            }
            // Names are removed from a directory only by who may write to it.
            if status.mode & 0o700 != 0o700 { fchmod(descriptor.rawValue, 0o700) }
            return (descriptor, status)
        }
    }

    private mutating func unlink(_ name: [UInt8], of parent: FileDescriptor, _ flags: Int32) {
        if withCString(name, { unlinkat(parent.rawValue, $0, flags) }) != 0 { note(name, errno) }
    }

    private mutating func note(_ name: [UInt8], _ reason: Int32) {
        guard failure == nil else { return }
        var full = path
        for level in names { full = full.pushing(FilePath(bytes: level)) }
        failure = FilesError(.remove, path: full.pushing(FilePath(bytes: name)), underlying: Errno(rawValue: reason))
    }
}
