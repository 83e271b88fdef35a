// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// Copies the content of a file, leaving holes where the source has holes.
public enum FileCopy {
    /// Why a copy ended early.
    public enum Failure: Error, Equatable {
        case reading(Errno), writing(Errno)
        /// `shouldGoOn` said no.
        case stopped
    }

    /// Copies from the start of `source` into the empty file `target`.
    /// - Parameters:
    ///   - status: of the source; what lies behind its size is not copied.
    ///   - shouldGoOn: asked before each piece with the bytes copied so far, holes not counted.
    /// - Returns: bytes copied, holes not counted.
    @discardableResult
    public static func copy(
        _ source: FileDescriptor, _ status: FileStatus, to target: FileDescriptor, shouldGoOn: (Int) -> Bool
    ) throws(Failure) -> Int {
        let size = status.size
        var copied = 0
        var offset = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), 256 * 1024), alignment: 16)
        defer { buffer.deallocate() }
        while offset < size {
            var end = size
            if status.allocatedSize < size {
                let data = lseek(source.rawValue, off_t(offset), LINUX_SEEK_DATA)
                // ENXIO: nothing but a hole up to the end. Another failure: the file system knows no holes.
                if data < 0, errno == ENXIO { break }
                if data >= 0 {
                    offset = min(Int(data), size)
                    let hole = lseek(source.rawValue, off_t(offset), LINUX_SEEK_HOLE)
                    if hole >= 0 { end = min(Int(hole), size) }
                }
            }
            var isAtEnd = false
            while offset < end {
                guard shouldGoOn(copied) else { throw .stopped }
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - offset)])
                let count: Int
                do { count = try source.read(fromAbsoluteOffset: Int64(offset), into: piece) } catch {
                    throw .reading(error as? Errno ?? .ioError)
                }
                if count == 0 {
                    isAtEnd = true
                    break
                }
                do {
                    _ = try target.writeAll(
                        toAbsoluteOffset: Int64(offset), UnsafeRawBufferPointer(rebasing: piece[..<count]))
                } catch { throw .writing(error as? Errno ?? .ioError) }
                offset += count
                copied += count
            }
            if isAtEnd { return copied }
        }
        if offset < size, ftruncate(target.rawValue, off_t(size)) != 0 { throw .writing(Errno(rawValue: errno)) }
        return copied
    }

    /// Gives a file its permission bits and the moment of its last change.
    public static func setAttributes(
        _ file: FileDescriptor, mode: UInt32, seconds: Int, nanoseconds: Int
    ) throws(Failure) {
        let moment = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        let times = [moment, moment]
        if fchmod(file.rawValue, mode) != 0 || futimens(file.rawValue, times) != 0 {
            throw .writing(Errno(rawValue: errno))
        }
    }
}

extension Directory {
    /// Leaves a note on the directory itself (an extended attribute `user.<name>`).
    /// - Returns: false where the file system keeps none.
    public func setMark(_ name: String) -> Bool {
        linux_set_attribute(descriptor.rawValue, "user.\(name)", "1", 1) == 0
    }

    /// Whether ``setMark(_:)`` left that note.
    public func hasMark(_ name: String) -> Bool {
        linux_get_attribute(descriptor.rawValue, "user.\(name)", nil, 0) >= 0
    }
}

extension FileDescriptor {
    /// Whether the file is the kernel's own (`/proc`, `/sys`): reading it may have effects, block, or never end.
    public var isOnKernelFileSystem: Bool {
        let type = linux_file_system_type(rawValue)
        return type == LINUX_PROC_SUPER_MAGIC || type == LINUX_SYSFS_MAGIC
    }
}
