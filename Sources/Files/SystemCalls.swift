// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
internal import SystemPackage

// The calls that more than one type here makes, each with errno read beside the call.

/// open(2) on a path of the host.
func openHost(_ path: FilePath, flags: Int32, mode: UInt32 = 0) throws(FilesError) -> FileDescriptor {
    while true {
        let (descriptor, failure) = path.withPlatformString { text in
            let result = open(text, flags | O_CLOEXEC, mode)
            return (result, errno)
        }
        if descriptor >= 0 { return FileDescriptor(rawValue: descriptor) }
        if failure == EINTR { continue }
        throw FilesError(.open, path: path, underlying: Errno(rawValue: failure))
    }
}

/// openat2(2).
func openBelow(
    _ directory: FileDescriptor, _ path: FilePath, flags: Int32, mode: UInt32 = 0, resolve: UInt64
) throws(FilesError) -> FileDescriptor {
    // O_PATH takes few other flags; openat2 refuses what open ignores.
    var attempts = 0
    while true {
        let (descriptor, failure) = path.withPlatformString { text in
            let result = linux_openat2(
                directory.rawValue, text, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode), resolve)
            return (result, errno)
        }
        if descriptor >= 0 { return FileDescriptor(rawValue: descriptor) }
        // EAGAIN: something was renamed while the kernel walked through `..`, so that it cannot vouch for the way.
        if failure == EINTR || (failure == EAGAIN && attempts < 128) {
            attempts += 1
            continue
        }
        throw FilesError(.open, path: path, underlying: Errno(rawValue: failure))
    }
}

/// openat(2) of one name in a directory; never follows a link, never blocks.
func openEntry(_ directory: FileDescriptor, _ name: [UInt8], flags: Int32) -> Result<FileDescriptor, Errno> {
    while true {
        let (descriptor, failure) = withCString(name) { text in
            let result = openat(directory.rawValue, text, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            return (result, errno)
        }
        if descriptor >= 0 { return .success(FileDescriptor(rawValue: descriptor)) }
        if failure != EINTR { return .failure(Errno(rawValue: failure)) }
    }
}

/// A name with a NUL behind it, on the stack.
func withCString<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.count + 1) { buffer in
        for (index, byte) in name.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        buffer[name.count] = 0
        return body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
    }
}

/// All entries but `.` and `..`. Source: getdents64(2).
func listEntries(of directory: FileDescriptor, path: FilePath) throws(FilesError) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    // From the start, also when the descriptor has been listed before.
    lseek(directory.rawValue, 0, SEEK_SET)
    let failure: Errno? = withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 8) { buffer in
        while true {
            let count = linux_getdents64(directory.rawValue, buffer.baseAddress, buffer.count)
            if count < 0 {
                let reason = errno
                if reason == EINTR { continue }
                return Errno(rawValue: reason)
            }
            if count == 0 { return nil }
            var offset = 0
            while offset < count {
                // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name with a NUL.
                let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                let type = buffer[offset + 18]
                let field = UnsafeRawBufferPointer(rebasing: buffer[(offset + 19)..<(offset + length)])
                let name = field.prefix { $0 != 0 }
                offset += length
                let isDots =
                    name.first == UInt8(ascii: ".") && (name.count == 1 || (name.count == 2 && name[1] == 0x2E))
                if !isDots { entries.append(DirectoryEntry(name: Array(name), kind: FileKind(entryType: type))) }
            }
        }
    }
    if let failure { throw FilesError(.list, path: path, underlying: failure) }
    return entries
}
