// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Copies what lies below a directory with everything that belongs to it: modes, owners, times, extended attributes, hard
/// links, holes, fifos, sockets, and the whiteouts of an overlay's upper layer.
///
/// Nothing runs that could change the tree, so `..` leads back where we came from; at any depth two descriptors do.
struct StateCopy {
    /// A directory for one name of each file that has several; must be on the target's file system. -1 where such a file
    /// becomes as many files.
    private let links: Int32
    /// Whether what is there already gives way; its directories stay.
    private let isMerging: Bool
    /// What is added to the ids of each owner.
    private let shift: IdentityShift
    /// Whether the overlay's own notes are left out: in a tree that stands by itself they mean nothing, or the wrong thing.
    private let leavesOutNotes: Bool
    /// Where files can be linked from.
    private var trail: UpperTrail?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var linked: Set<UInt64> = []

    private struct Failure: Error { var errno: Int32 }

    private init(
        links: Int32, isMerging: Bool = false, shift: IdentityShift = IdentityShift(), leavesOutNotes: Bool = false
    ) {
        self.links = links
        self.isMerging = isMerging
        self.shift = shift
        self.leavesOutNotes = leavesOutNotes
    }

    /// Gives a directory the attributes of another, with its owner's ids shifted and without the overlay's notes.
    /// - Returns: 0, or why it could not be.
    static func attributes(_ source: Int32, to target: Int32, shift: IdentityShift) -> Int32 {
        let copy = StateCopy(links: -1, shift: shift, leavesOutNotes: true)
        defer { copy.buffer.deallocate() }
        do throws(Failure) { try copy.attributes(source, target) } catch { return error.errno }
        return 0
    }

    /// Copies one file, with its owner's ids shifted and without the overlay's notes.
    /// - Returns: 0, or the reason why it is not whole.
    static func file(_ name: KernelText, of source: Int32, to target: Int32, shift: IdentityShift) -> Int32 {
        var copy = StateCopy(links: -1, shift: shift, leavesOutNotes: true)
        defer { copy.buffer.deallocate() }
        do throws(Failure) {
            var status = stat()
            try copy.check(name.withCString { fstatat(source, $0, &status, AT_SYMLINK_NOFOLLOW) })
            try copy.file(name, status, source, target)
        } catch { return error.errno }
        return 0
    }

    /// - Parameters:
    ///   - links: an empty directory beside the target; left with names to be removed by the caller.
    /// - Returns: 0, or the reason why the copy is not whole.
    static func copy(_ source: Int32, to target: Int32, links: Int32) -> Int32 {
        var copy = StateCopy(links: links)
        defer { copy.buffer.deallocate() }
        do throws(Failure) { try copy.walk(source, target) } catch { return error.errno }
        return 0
    }

    /// Copies over what is there, without the overlay's notes and marks.
    /// - Returns: 0, or the reason why the copy is not whole.
    static func merge(_ source: Int32, into target: Int32) -> Int32 {
        var copy = StateCopy(links: -1, isMerging: true, leavesOutNotes: true)
        defer { copy.buffer.deallocate() }
        do throws(Failure) { try copy.walk(source, target) } catch { return error.errno }
        return 0
    }

    /// Copies one file or directory under its name, over what is there, and links what it can.
    /// - Parameter trail: at the source; taken over.
    /// - Returns: 0, or the reason why the copy is not whole; how many files the build wrote, and how many of
    ///   them were linked.
    static func entry(
        _ name: KernelText, of source: Int32, to target: Int32, trail: UpperTrail
    ) -> (errno: Int32, writtenCount: UInt32, linkCount: UInt32) {
        var copy = StateCopy(links: -1, isMerging: true, leavesOutNotes: true)
        copy.trail = trail
        defer {
            copy.trail?.end()
            copy.buffer.deallocate()
        }
        do throws(Failure) {
            var status = stat()
            try copy.check(name.withCString { fstatat(source, $0, &status, AT_SYMLINK_NOFOLLOW) })
            guard status.st_mode & S_IFMT == S_IFDIR else {
                try copy.file(name, status, source, target)
                return (0, copy.trail?.writtenCount ?? 0, copy.trail?.linkCount ?? 0)
            }
            copy.trail?.enter(name)
            let (from, into) = try copy.enter(name, source, target)
            defer {
                close(from)
                close(into)
            }
            try copy.walk(from, into)
        } catch { return (error.errno, 0, 0) }
        return (0, copy.trail?.writtenCount ?? 0, copy.trail?.linkCount ?? 0)
    }

    /// Opens a directory and the one of its name in the target, made when missing.
    private func enter(_ name: KernelText, _ source: Int32, _ target: Int32) throws(Failure) -> (Int32, Int32) {
        let from = try Self.open(source, name, O_RDONLY | O_DIRECTORY)
        do throws(Failure) {
            if name.withCString({ mkdirat(target, $0, 0o700) }) < 0 {
                guard isMerging, errno == EEXIST else { throw Failure(errno: errno) }
            }
            do throws(Failure) { return (from, try Self.open(target, name, O_RDONLY | O_DIRECTORY)) } catch {
                // A file or a link where a directory comes to be.
                guard isMerging, error.errno == ENOTDIR || error.errno == ELOOP else { throw error }
                try check(name.withCString { unlinkat(target, $0, 0) })
                try check(name.withCString { mkdirat(target, $0, 0o700) })
                return (from, try Self.open(target, name, O_RDONLY | O_DIRECTORY))
            }
        } catch {
            close(from)
            throw error
        }
    }

    /// Makes room for a file.
    private func clear(_ name: KernelText, _ target: Int32) throws(Failure) {
        guard isMerging, name.withCString({ unlinkat(target, $0, 0) }) < 0, errno != ENOENT else { return }
        guard errno == EISDIR else { throw Failure(errno: errno) }
        let directory = try Self.open(target, name, O_RDONLY | O_DIRECTORY)
        let left = TreeRemoval.empty(directory)
        guard left.errno == 0 else { throw Failure(errno: left.errno) }
        try check(name.withCString { unlinkat(target, $0, AT_REMOVEDIR) })
    }

    private mutating func walk(_ top: Int32, _ targetTop: Int32) throws(Failure) {
        var source = try Self.open(top, ".", O_RDONLY | O_DIRECTORY)
        var target: Int32
        do throws(Failure) { target = try Self.open(targetTop, ".", O_RDONLY | O_DIRECTORY) } catch {
            close(source)
            throw error
        }
        defer {
            close(source)
            close(target)
        }
        // Directories still to enter, level by level.
        var pending: [[KernelText]] = [try files(source, target)]
        while !pending.isEmpty {
            if let name = pending[pending.count - 1].popLast() {
                let (next, place) = try enter(name, source, target)
                close(source)
                close(target)
                (source, target) = (next, place)
                trail?.enter(name)
                pending.append(try files(source, target))
                continue
            }
            // What is done in a directory changes its times, so its own attributes come last.
            try attributes(source, target)
            pending.removeLast()
            if pending.isEmpty { return }
            let (above, targetAbove) = (
                try Self.open(source, "..", O_RDONLY | O_DIRECTORY), try Self.open(target, "..", O_RDONLY | O_DIRECTORY)
            )
            close(source)
            close(target)
            (source, target) = (above, targetAbove)
            trail?.leave()
        }
    }

    /// Copies everything in a directory that is none itself; gives the names of those that are.
    private mutating func files(_ source: Int32, _ target: Int32) throws(Failure) -> [KernelText] {
        guard let names = DirectoryContents.names(source) else { throw Failure(errno: errno) }
        var directories: [KernelText] = []
        for name in names {
            var status = stat()
            try check(name.withCString { fstatat(source, $0, &status, AT_SYMLINK_NOFOLLOW) })
            if status.st_mode & S_IFMT == S_IFDIR {
                directories.append(name)
            } else {
                try file(name, status, source, target)
            }
        }
        return directories
    }

    private mutating func file(_ name: KernelText, _ status: stat, _ source: Int32, _ target: Int32) throws(Failure) {
        guard !DrydockInit.isAbandoned else { throw Failure(errno: ECANCELED) }
        if leavesOutNotes, status.st_mode & S_IFMT == S_IFCHR { return }
        try clear(name, target)
        if trail?.link(name, status, to: target) == true { return }
        let link = KernelText("\(status.st_ino)")
        if links >= 0, status.st_nlink > 1, linked.contains(UInt64(status.st_ino)) {
            let links = self.links
            if link.withCString({ old in name.withCString { linkat(links, old, target, $0, 0) } }) == 0 { return }
            // Too many links for the disk: a copy of its own then.
            guard errno == EMLINK else { throw Failure(errno: errno) }
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: try regularFile(name, status, source, target)
        case S_IFLNK: try symbolicLink(name, status, source, target)
        default:
            // Fifos, sockets and whiteouts; no other device can be made in a user namespace.
            try check(name.withCString { mknodat(target, $0, status.st_mode, status.st_rdev) })
            try ownership(name, status, target)
            try check(name.withCString { fchmodat(target, $0, status.st_mode & 0o7777, 0) })
        }
        if links >= 0, status.st_nlink > 1, linked.insert(UInt64(status.st_ino)).inserted {
            try check(name.withCString { old in link.withCString { linkat(target, old, links, $0, 0) } })
        }
    }

    private func ownership(_ name: KernelText, _ status: stat, _ target: Int32) throws(Failure) {
        try check(
            name.withCString {
                fchownat(
                    target, $0, status.st_uid &+ shift.user, status.st_gid &+ shift.group, AT_SYMLINK_NOFOLLOW)
            })
        var times = [status.st_atim, status.st_mtim]
        try check(name.withCString { utimensat(target, $0, &times, AT_SYMLINK_NOFOLLOW) })
    }

    private func symbolicLink(
        _ name: KernelText, _ status: stat, _ source: Int32, _ target: Int32
    ) throws(Failure) {
        var destination = KernelText("")
        destination.bytes = [UInt8](repeating: 0, count: 4096)
        let count = name.withCString { name in
            destination.bytes.withUnsafeMutableBytes { bytes in
                bytes.bindMemory(to: CChar.self).baseAddress.map { readlinkat(source, name, $0, bytes.count) } ?? -1
            }
        }
        guard count >= 0 else { throw Failure(errno: errno) }
        destination.bytes.removeLast(4096 - count)
        try check(destination.withCString { to in name.withCString { symlinkat(to, target, $0) } })
        try ownership(name, status, target)
    }

    private func regularFile(
        _ name: KernelText, _ status: stat, _ source: Int32, _ target: Int32
    ) throws(Failure) {
        let input = try Self.open(source, name, O_RDONLY | O_NONBLOCK)
        defer { close(input) }
        let output = name.withCString {
            openat(target, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        try check(output)
        defer { close(output) }
        try contents(input, output, size: status.st_size)
        try attributes(input, output)
    }

    /// Holes stay holes: a file that is large on paper must not fill a disk.
    private func contents(_ input: Int32, _ output: Int32, size: off_t) throws(Failure) {
        // Where the file system can, both share their blocks until one of them changes (ioctl_ficlone(2)).
        if linux_clone_file(input, output) == 0 { return }
        try check(ftruncate(output, size))
        var position: off_t = 0
        while position < size {
            let start = lseek(input, position, LINUX_SEEK_DATA)
            if start < 0 {
                if errno == ENXIO { return }
                throw Failure(errno: errno)
            }
            let end = lseek(input, start, LINUX_SEEK_HOLE)
            guard end > start else { throw Failure(errno: EIO) }
            position = start
            while position < end {
                guard !DrydockInit.isAbandoned else { throw Failure(errno: ECANCELED) }
                let count = pread(input, buffer.baseAddress, min(buffer.count, Int(end - position)), position)
                guard count > 0 else { throw Failure(errno: count < 0 ? errno : EIO) }
                var written = 0
                while written < count {
                    let result = pwrite(
                        output, buffer.baseAddress?.advanced(by: written), count - written, position + off_t(written))
                    guard result > 0 else { throw Failure(errno: result < 0 ? errno : EIO) }
                    written += result
                }
                position += off_t(count)
            }
        }
    }

    /// Owner before mode, because a new owner takes set-id bits away, and both before a file's own capabilities.
    private func attributes(_ source: Int32, _ target: Int32) throws(Failure) {
        var status = stat()
        try check(fstat(source, &status))
        try check(fchown(target, status.st_uid &+ shift.user, status.st_gid &+ shift.group))
        try check(fchmod(target, status.st_mode & 0o7777))
        try extendedAttributes(source, target)
        var times = [status.st_atim, status.st_mtim]
        try check(futimens(target, &times))
    }

    private func extendedAttributes(_ source: Int32, _ target: Int32) throws(Failure) {
        var names = [CChar](repeating: 0, count: 64 << 10)
        let count = linux_list_attributes(source, &names, names.count)
        // A file system without any has none to lose.
        guard count > 0 else { return }
        for name in names[..<count].split(separator: 0) {
            let name = KernelText(name.map { UInt8(bitPattern: $0) })
            if leavesOutNotes, name.bytes.starts(with: "user.overlay.".utf8) { continue }
            let buffer = self.buffer
            let size = name.withCString { linux_get_attribute(source, $0, buffer.baseAddress, buffer.count) }
            guard size >= 0 else { continue }
            let result = name.withCString { linux_set_attribute(target, $0, buffer.baseAddress, size) }
            // The overlay's own notes decide what is seen; a label of the system's that the disk gives by itself does not.
            if result < 0, name.bytes.starts(with: "user.".utf8) { throw Failure(errno: errno) }
        }
    }

    private static func open(_ directory: Int32, _ name: KernelText, _ flags: Int32) throws(Failure) -> Int32 {
        let result = name.withCString { openat(directory, $0, flags | O_NOFOLLOW | O_CLOEXEC) }
        if result < 0 { throw Failure(errno: errno) }
        return result
    }

    private func check(_ result: Int32) throws(Failure) {
        if result < 0 { throw Failure(errno: errno) }
    }
}
