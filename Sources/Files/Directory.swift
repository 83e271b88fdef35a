// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// A name in a directory, as the directory lists it.
public struct DirectoryEntry: Sendable, Equatable {
    /// Raw bytes; any but NUL and `/`.
    public var name: [UInt8]
    /// Nil where the file system does not say; ask ``Directory/status(_:)`` then.
    public var kind: FileKind?
}

/// An open directory: everything below it is reached through its descriptor, never again by its path.
///
/// Paths given to its methods are read as if the directory were the root: neither `..` nor a symbolic link, absolute or
/// not, leads out of it (openat2(2), `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`). What someone renames or links in the
/// meantime changes what is found, never where.
public final class Directory {
    public let descriptor: FileDescriptor
    /// As it was named when it was opened, for messages.
    public let path: FilePath

    /// Takes over an open descriptor, which is closed with this object.
    public init(adopting descriptor: FileDescriptor, path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a directory of the host by its path, following links like any program.
    public convenience init(_ path: FilePath) throws(FilesError) {
        let descriptor = try openHost(path, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        self.init(adopting: descriptor, path: path)
    }

    /// Opens a directory of the host, made first with those above it where it is missing.
    /// - Parameter mode: of each directory that is made, before the umask.
    public static func make(_ path: FilePath, mode: UInt32 = 0o777) throws(FilesError) -> Directory {
        do { return try Directory(path) } catch {
            guard error.underlying == .noSuchFileOrDirectory else { throw error }
        }
        // A path without a parent is `.` or `/`, which exist, or is empty, which never will.
        let parent = path.removingLastComponent()
        if !parent.isEmpty, parent != path { _ = try make(parent, mode: mode) }
        let failure: Errno? = path.withPlatformString { mkdir($0, mode) == 0 ? nil : Errno(rawValue: errno) }
        if let failure, failure != .fileExists { throw FilesError(.create, path: path, underlying: failure) }
        return try Directory(path)
    }

    deinit { try? descriptor.close() }

    // MARK: Opening

    /// Opens a path below this directory.
    /// - Parameters:
    ///   - flags: of open(2); `O_CLOEXEC` is always added. For files that a build made add `O_NOFOLLOW | O_NONBLOCK`.
    ///   - mode: of a file that is created, before the umask.
    public func open(_ path: FilePath, flags: Int32, mode: UInt32 = 0) throws(FilesError) -> FileDescriptor {
        try openBelow(
            descriptor, path, flags: flags, mode: mode,
            resolve: LINUX_RESOLVE_IN_ROOT | LINUX_RESOLVE_NO_MAGICLINKS)
    }

    /// Opens a directory below this one.
    public func directory(_ path: FilePath) throws(FilesError) -> Directory {
        Directory(adopting: try open(path, flags: O_RDONLY | O_DIRECTORY), path: self.path.appending(path.components))
    }

    /// Makes a directory below this one, and those above it, where they are missing.
    /// - Parameter mode: of each directory that is made, before the umask.
    public func makeDirectories(_ path: FilePath, mode: UInt32 = 0o777) throws(FilesError) {
        var made = FilePath()
        for component in path.components {
            made.append(component)
            do { try makeDirectory(made, mode: mode) } catch {
                guard error.underlying == .fileExists else { throw error }
            }
        }
    }

    /// Makes one directory.
    public func makeDirectory(_ path: FilePath, mode: UInt32 = 0o777) throws(FilesError) {
        try withParent(of: path, .create) { parent, name in mkdirat(parent, name, mode) }
    }

    // MARK: Asking

    /// The entries but `.` and `..`, in the kernel's order.
    public func entries() throws(FilesError) -> [DirectoryEntry] {
        try listEntries(of: descriptor, path: path)
    }

    /// What a path is; a symbolic link in the last component is not followed.
    public func status(_ path: FilePath) throws(FilesError) -> FileStatus {
        var raw = stat()
        try withParent(of: path, .status) { parent, name in fstatat(parent, name, &raw, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(raw)
    }

    /// Where a symbolic link points, as written in it.
    public func readLink(_ path: FilePath) throws(FilesError) -> FilePath {
        var target = FilePath()
        try withParent(of: path, .read) { parent, name in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
                guard let start = buffer.baseAddress else { return -1 }
                let count = readlinkat(parent, name, start, buffer.count)
                if count < 0 { return -1 }
                target = FilePath(bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
                return 0
            }
        }
        return target
    }

    /// The whole content of a regular file; a symbolic link in the last component is not followed.
    /// - Parameter limit: bytes; a longer file is an error (`.tooLarge`).
    public func read(_ path: FilePath, limit: Int) throws(FilesError) -> [UInt8] {
        let file = try open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        defer { try? file.close() }
        return try FileContents.read(file, path: self.path.appending(path.components), limit: limit)
    }

    /// Opens a path below this directory for reading, links followed as long as they stay below it: one that leads out is
    /// refused with `.improperLink`. Does not wait for the other end of a pipe.
    public func openInside(_ path: FilePath) throws(FilesError) -> FileDescriptor {
        do throws(FilesError) {
            return try openBelow(
                descriptor, path, flags: O_RDONLY | O_NONBLOCK,
                resolve: LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_NO_MAGICLINKS)
        } catch { throw FilesError(.open, path: self.path.appending(path.components), underlying: error.underlying) }
    }

    // MARK: Changing

    /// Removes a name that is not a directory.
    public func remove(_ path: FilePath) throws(FilesError) {
        try withParent(of: path, .remove) { parent, name in unlinkat(parent, name, 0) }
    }

    /// Removes an empty directory.
    public func removeDirectory(_ path: FilePath) throws(FilesError) {
        try withParent(of: path, .remove) { parent, name in unlinkat(parent, name, AT_REMOVEDIR) }
    }

    /// Makes a symbolic link with any target.
    public func makeLink(_ path: FilePath, to target: FilePath) throws(FilesError) {
        try withParent(of: path, .create) { parent, name in
            target.withPlatformString { symlinkat($0, parent, name) }
        }
    }

    /// Gives `old` the name `new`, in place of what bears it.
    /// - Parameter replacing: false fails with `.fileExists` where something bears it.
    public func rename(_ old: FilePath, to new: FilePath, replacing: Bool = true) throws(FilesError) {
        do throws(FilesError) { try renameFlagged(old, to: new, flags: replacing ? 0 : LINUX_RENAME_NOREPLACE) } catch {
            // NFS, 9p and some of FUSE know no flags.
            guard !replacing, [.invalidArgument, .noFunction, .notSupported].contains(error.underlying),
                let status = try? status(old), status.kind != .directory
            else { throw error }
            try renameByLink(old, to: new)
        }
    }

    /// The same of what is no directory, where the file system's rename always replaces: a second name, and then the first
    /// one away. Fails with `.fileExists` where something bears the name, in one step as well.
    func renameByLink(_ old: FilePath, to new: FilePath) throws(FilesError) {
        try fromParent(of: old, to: new) { linkat($0, $1, $2, $3, 0) }
        try remove(old)
    }

    /// Swaps two names in one step.
    public func exchange(_ one: FilePath, with other: FilePath) throws(FilesError) {
        try renameFlagged(one, to: other, flags: LINUX_RENAME_EXCHANGE)
    }

    private func renameFlagged(_ old: FilePath, to new: FilePath, flags: UInt32) throws(FilesError) {
        try fromParent(of: old, to: new) { linux_renameat2($0, $1, $2, $3, flags) }
    }

    /// Calls with the directory that holds the old name, that name, and the same of the new one.
    private func fromParent(
        of old: FilePath, to new: FilePath,
        _ body: (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>) -> Int32
    ) throws(FilesError) {
        // The directory of the new name first: what fails there is told with the new name.
        var newParent: FileDescriptor?
        defer { try? newParent?.close() }
        if new.components.count > 1 {
            newParent = try open(new.removingLastComponent(), flags: LINUX_O_PATH | O_DIRECTORY)
        }
        guard let newName = new.lastComponent, newName.kind == .regular else {
            throw FilesError(.rename, path: new, underlying: .invalidArgument)
        }
        let newDirectory = newParent ?? descriptor
        try withParent(of: old, .rename) { oldParent, oldName in
            newName.withPlatformString { body(oldParent, oldName, newDirectory.rawValue, $0) }
        }
    }

    /// Calls with the directory that holds the last component, and that component.
    private func withParent(
        of path: FilePath, _ code: FilesError.Code, _ body: (Int32, UnsafePointer<CChar>) -> Int32
    ) throws(FilesError) {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw FilesError(code, path: path, underlying: .invalidArgument)
        }
        let parent = path.removingLastComponent()
        var failure: Errno?
        if parent.isEmpty || parent.components.isEmpty {
            failure = name.withPlatformString { body(descriptor.rawValue, $0) < 0 ? Errno(rawValue: errno) : nil }
        } else {
            let opened = try open(parent, flags: LINUX_O_PATH | O_DIRECTORY)
            failure = name.withPlatformString { body(opened.rawValue, $0) < 0 ? Errno(rawValue: errno) : nil }
            try? opened.close()
        }
        if let failure {
            throw FilesError(code, path: self.path.appending(path.components), underlying: failure)
        }
    }
}

extension FilePath {
    fileprivate func appending(_ components: ComponentView) -> FilePath {
        var result = self
        result.append(components)
        return result
    }
}
