// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// What kind of thing a name in a directory is.
public enum FileKind: Sendable, Hashable {
    case regular, directory, symbolicLink, fifo, socket, characterDevice, blockDevice

    init?(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symbolicLink
        case S_IFIFO: self = .fifo
        case S_IFSOCK: self = .socket
        case S_IFCHR: self = .characterDevice
        case S_IFBLK: self = .blockDevice
        default: return nil
        }
    }

    /// From `d_type` of getdents64(2); nil where the file system does not say.
    init?(entryType: UInt8) {
        switch entryType {
        case 1: self = .fifo
        case 2: self = .characterDevice
        case 4: self = .directory
        case 6: self = .blockDevice
        case 8: self = .regular
        case 10: self = .symbolicLink
        case 12: self = .socket
        default: return nil
        }
    }

    /// The kind in words: "a named pipe".
    public var words: String {
        switch self {
        case .regular: "a file"
        case .directory: "a directory"
        case .symbolicLink: "a symbolic link"
        case .fifo: "a named pipe"
        case .socket: "a socket"
        case .characterDevice, .blockDevice: "a device"
        }
    }
}

/// What the kernel says about a file. Source: inode(7).
public struct FileStatus: Sendable, Equatable {
    public var kind: FileKind
    /// Permission bits with setuid, setgid and sticky: 0o0000…0o7777.
    public var mode: UInt32
    /// Bytes, as far as the file reaches; holes count.
    public var size: Int
    /// Bytes that take room on the disk.
    public var allocatedSize: Int
    public var device: UInt64
    public var inode: UInt64
    /// How many names it has.
    public var linkCount: Int
    public var owner: UInt32
    public var group: UInt32
    /// When the content was last changed: seconds since 1970, and nanoseconds on top.
    public var modificationSeconds: Int
    public var modificationNanoseconds: Int
    /// When anything of it was last changed, its name, owner and mode included.
    public var changeSeconds: Int
    public var changeNanoseconds: Int

    init(_ raw: stat) {
        kind = FileKind(mode: raw.st_mode) ?? .regular
        mode = raw.st_mode & 0o7777
        size = Int(raw.st_size)
        allocatedSize = Int(raw.st_blocks) * 512
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        linkCount = Int(raw.st_nlink)
        owner = raw.st_uid
        group = raw.st_gid
        modificationSeconds = raw.st_mtim.tv_sec
        modificationNanoseconds = raw.st_mtim.tv_nsec
        changeSeconds = raw.st_ctim.tv_sec
        changeNanoseconds = raw.st_ctim.tv_nsec
    }

    /// Of an open descriptor.
    /// - Parameter path: for the error only.
    public init(of descriptor: FileDescriptor, path: FilePath) throws(FilesError) {
        var raw = stat()
        if fstat(descriptor.rawValue, &raw) != 0 {
            throw FilesError(.status, path: path, underlying: Errno(rawValue: errno))
        }
        self.init(raw)
    }

    /// Whether both describe the same file.
    public func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }
}
