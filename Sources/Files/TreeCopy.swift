// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// A copy of a directory with everything in it: contents, permissions, times and links as they are, owned by the caller.
///
/// Where the file system can, files share their content with the original until one of them changes (FICLONE); otherwise
/// the kernel copies. A file of several names becomes as many files. What the caller may not read is left out, as are sockets
/// and devices, and other file systems that are mounted inside.
public struct TreeCopy {
    /// The first things left out for want of permission, relative to the source.
    public private(set) var unreadable: [FilePath] = []
    /// Where other file systems are mounted.
    public private(set) var mountPoints: [FilePath] = []
    private let skipped: FileStatus?
    private let shouldGoOn: () -> Bool
    private var device: UInt64 = 0

    /// - Parameters:
    ///   - skipped: a directory that is left out wherever it lies: the one that is copied into may lie in the source.
    ///   - shouldGoOn: asked before each file.
    public init(skipping skipped: FileStatus? = nil, shouldGoOn: @escaping () -> Bool = { true }) {
        self.skipped = skipped
        self.shouldGoOn = shouldGoOn
    }

    /// - Parameter target: an empty directory.
    /// - Throws: what could not be written, with `underlying` nil when `shouldGoOn` said no.
    public mutating func copy(_ source: Directory, to target: Directory) throws(FilesError) {
        let status = try FileStatus(of: source.descriptor, path: source.path)
        device = status.device
        try contents(of: source.descriptor, to: target.descriptor, path: FilePath())
        try finish(target.descriptor, status, path: FilePath())
    }

    private mutating func contents(
        of source: FileDescriptor, to target: FileDescriptor, path: FilePath
    ) throws(FilesError) {
        for entry in try listEntries(of: source, path: path) {
            guard shouldGoOn() else { throw FilesError(.write, path: path) }
            let below = path.appending(FilePath(bytes: entry.name).components)
            switch entry.kind {
            case .fifo: try fifo(entry.name, source, target, below)
            case .socket, .characterDevice, .blockDevice: continue
            case .symbolicLink: try link(entry.name, source, target, below)
            default: try fileOrDirectory(entry.name, source, target, below)
            }
        }
    }

    private mutating func fileOrDirectory(
        _ name: [UInt8], _ source: FileDescriptor, _ target: FileDescriptor, _ path: FilePath
    ) throws(FilesError) {
        let from: FileDescriptor
        switch openEntry(source, name, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) {
        case .success(let descriptor): from = descriptor
        case .failure(.permissionDenied), .failure(.notPermitted):
            unreadable.append(path)
            return
        // A link that the listing did not name so, or what went away in the meantime, or a socket.
        case .failure(.tooManySymbolicLinkLevels): return try link(name, source, target, path)
        case .failure(.noSuchFileOrDirectory), .failure(.noSuchAddressOrDevice): return
        case .failure(let reason): throw FilesError(.read, path: path, underlying: reason)
        }
        defer { try? from.close() }
        let status = try FileStatus(of: from, path: path)
        switch status.kind {
        case .regular: try file(name, from, status, target, path)
        case .directory: try directory(name, from, status, target, path)
        // The listing of some file systems does not tell.
        case .fifo: try fifo(name, source, target, path)
        default: return
        }
    }

    private func fifo(
        _ name: [UInt8], _ source: FileDescriptor, _ target: FileDescriptor, _ path: FilePath
    ) throws(FilesError) {
        var status = stat()
        guard withCString(name, { fstatat(source.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
            status.st_mode & S_IFMT == S_IFIFO
        else { return }
        let isMade = withCString(name) { name in
            mkfifoat(target.rawValue, name, 0o600) == 0
                && fchmodat(target.rawValue, name, status.st_mode & 0o777, 0) == 0
        }
        guard isMade else { throw FilesError(.create, path: path, underlying: Errno(rawValue: errno)) }
    }

    private mutating func directory(
        _ name: [UInt8], _ from: FileDescriptor, _ status: FileStatus, _ target: FileDescriptor, _ path: FilePath
    ) throws(FilesError) {
        if let skipped, status.isSameFile(as: skipped) { return }
        guard withCString(name, { mkdirat(target.rawValue, $0, 0o700) }) == 0 else {
            throw FilesError(.create, path: path, underlying: Errno(rawValue: errno))
        }
        guard status.device == device else {
            mountPoints.append(path)
            return
        }
        guard case .success(let into) = openEntry(target, name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        else { throw FilesError(.open, path: path, underlying: Errno(rawValue: errno)) }
        defer { try? into.close() }
        do throws(FilesError) { try contents(of: from, to: into, path: path) } catch {
            guard error.code == .list, error.underlying == .permissionDenied else { throw error }
            unreadable.append(path)
        }
        try finish(into, status, path: path)
    }

    private func file(
        _ name: [UInt8], _ from: FileDescriptor, _ status: FileStatus, _ target: FileDescriptor, _ path: FilePath
    ) throws(FilesError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let number = withCString(name) { openat(target.rawValue, $0, flags, 0o600) }
        guard number >= 0 else { throw FilesError(.create, path: path, underlying: Errno(rawValue: errno)) }
        let into = FileDescriptor(rawValue: number)
        defer { try? into.close() }
        if status.size > 0, linux_clone_file(from.rawValue, number) != 0 {
            do throws(FileCopy.Failure) { try fill(into, from, status) } catch {
                switch error {
                case .reading(let reason): throw FilesError(.read, path: path, underlying: reason)
                case .writing(let reason): throw FilesError(.write, path: path, underlying: reason)
                case .stopped: throw FilesError(.write, path: path)
                }
            }
        }
        try finish(into, status, path: path)
    }

    private func fill(
        _ target: FileDescriptor, _ source: FileDescriptor, _ status: FileStatus
    ) throws(FileCopy.Failure) {
        // A file with holes keeps them.
        var isCopied = status.allocatedSize >= status.size
        var copied = 0
        while isCopied, copied < status.size {
            guard shouldGoOn() else { throw .stopped }
            let count = linux_copy_file_range(source.rawValue, target.rawValue, 64 << 20)
            if count < 0, errno == ENOSPC || errno == EDQUOT || errno == EIO {
                throw .writing(Errno(rawValue: errno))
            }
            if count <= 0 { isCopied = count == 0 && copied > 0 }
            if count <= 0 { break }
            copied += count
        }
        // Not between these file systems, or (a file of the kernel's) not at all.
        if !isCopied { try FileCopy.copy(source, status, to: target) { _ in shouldGoOn() } }
    }

    private mutating func link(
        _ name: [UInt8], _ source: FileDescriptor, _ target: FileDescriptor, _ path: FilePath
    ) throws(FilesError) {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = withCString(name) { readlinkat(source.rawValue, $0, &buffer, 4096) }
        guard count > 0 else { return }
        buffer[count] = 0
        guard withCString(name, { symlinkat(buffer, target.rawValue, $0) }) == 0 else {
            throw FilesError(.create, path: path, underlying: Errno(rawValue: errno))
        }
    }

    private func finish(_ file: FileDescriptor, _ status: FileStatus, path: FilePath) throws(FilesError) {
        // Set-id bits would be the caller's now.
        let mode = status.mode & 0o777
        guard
            (try? FileCopy.setAttributes(
                file, mode: mode, seconds: status.modificationSeconds, nanoseconds: status.modificationNanoseconds))
                != nil
        else { throw FilesError(.write, path: path, underlying: Errno(rawValue: errno)) }
    }
}
