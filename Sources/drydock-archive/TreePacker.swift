// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import CLinux
import Files
import Glibc
import SystemPackage

/// Writes a directory's tree as a tar archive, in the order of the names' bytes, a directory before what is in it.
///
/// What a cache has to give back is in it: modes, owners, times, links, several names of one file, holes, `user.*` attributes,
/// names of any bytes. Sockets, devices and the marks of overlayfs are not.
final class TreePacker {
    private let archive: OpaquePointer
    private let entry: OpaquePointer
    private let output: CompressedOutput
    private let complain: (String) -> Void
    /// Where a file of several names was written first.
    private var firstNames: [Inode: [UInt8]] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    private let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)

    private struct Inode: Hashable {
        var device: UInt64
        var number: UInt64
    }

    /// - Parameter complain: told what is left out.
    init(_ output: CompressedOutput, complain: @escaping (String) -> Void) throws(ArchiveFailure) {
        guard let archive = archive_write_new(), let entry = archive_entry_new() else {
            throw ArchiveFailure("could not begin an archive: no memory")
        }
        (self.archive, self.entry, self.output, self.complain) = (archive, entry, output, complain)
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
        let hasLocale = NameEncoding.setText()
        try check(archive_write_set_format_pax(archive), "begin an archive")
        // The form that GNU tar knows too.
        try check(archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY"), "begin an archive")
        if !hasLocale {
            try check(archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY"), "begin an archive")
        }
        archive_write_set_bytes_per_block(archive, 128 * 1024)
        archive_write_set_bytes_in_last_block(archive, 1)
        let context = Unmanaged.passUnretained(output).toOpaque()
        let result = archive_write_open(
            archive, context, nil,
            { _, context, bytes, count in
                guard let context else { return -1 }
                let output = Unmanaged<CompressedOutput>.fromOpaque(context).takeUnretainedValue()
                return output.take(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
            }, nil)
        try check(result, "begin an archive")
    }

    deinit {
        archive_entry_free(entry)
        // After a failure nothing more is written.
        archive_write_fail(archive)
        archive_write_free(archive)
        buffer.deallocate()
        zeros.deallocate()
    }

    /// Packs all that is in the directories, behind the record.
    /// - Parameter layers: at least one; the first lies on top of the others.
    func pack(_ layers: [Directory], record: [UInt8]?) throws(ArchiveFailure) {
        if let record { try write(record) }
        try add(try LayeredDirectory(layers), path: [])
        try check(archive_write_close(archive), "end the archive")
        try output.finish()
    }

    /// Deeper than paths may be long; each level has a descriptor for each layer.
    private static let deepest = 2_000

    /// Adds what is in a directory of several layers.
    private func add(_ layered: LayeredDirectory, path: [UInt8], depth: Int = 0) throws(ArchiveFailure) {
        guard depth < Self.deepest else { throw .system(ENAMETOOLONG, "read", path) }
        for name in layered.names {
            if depth == 0, name == Record.name { throw .reserved(name) }
            let path = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
            guard try add(name, in: layered.level(of: name), path: path) == S_IFDIR else { continue }
            let directories = try layered.directories(name, path: path)
            if directories.count == 1 {
                try add(directories[0], path: path)
            } else {
                try add(try LayeredDirectory(directories), path: path, depth: depth + 1)
            }
        }
    }

    /// Adds what is in a directory that only one layer has.
    private func add(_ directory: Directory, path: [UInt8]) throws(ArchiveFailure) {
        try TreeWalk<Void>(tree: DirectoryTree(root: directory.descriptor), root: "/").run(
            (),
            unreadable: { (error) throws(ArchiveFailure) in
                let path = path + error.path.bytes
                if error.underlying == .improperLink { throw .otherFileSystem(path) }
                throw ArchiveFailure(FilesError(error.code, path: FilePath(bytes: path), underlying: error.underlying))
            },
            visit: { (visit) throws(ArchiveFailure) in
                let path = path + [UInt8(ascii: "/")] + visit.path
                return try add(visit.name, in: visit.directory, path: path) == S_IFDIR ? .enter(()) : .pass
            })
    }

    private func write(_ record: [UInt8]) throws(ArchiveFailure) {
        archive_entry_clear(entry)
        set(path: Record.name)
        archive_entry_set_mode(entry, S_IFREG | 0o600)
        archive_entry_set_size(entry, Int64(record.count))
        archive_entry_set_mtime(entry, 0, 0)
        try writeHeader(Record.name)
        try record.withUnsafeBufferPointer { (bytes) throws(ArchiveFailure) in
            try writeData(UnsafeRawBufferPointer(bytes), Record.name)
        }
    }

    // MARK: Members

    /// Adds one name.
    /// - Returns: what kind of file it is.
    private func add(_ name: [UInt8], in parent: FileDescriptor, path: [UInt8]) throws(ArchiveFailure) -> mode_t {
        var status = stat()
        guard withName(name, { fstatat(parent.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw .system(errno, "read", path)
        }
        let kind = status.st_mode & S_IFMT
        switch kind {
        case S_IFSOCK:
            complain("`\(FilePath.displayed(Self.place(of: path)))` is a socket, and left out")
            return kind
        case S_IFCHR, S_IFBLK:
            // A device of number 0 is how overlayfs marks what was removed.
            if status.st_rdev != 0 {
                complain("`\(FilePath.displayed(Self.place(of: path)))` is a device, and left out")
            }
            return kind
        default: break
        }
        archive_entry_clear(entry)
        set(path: path)
        archive_entry_set_mode(entry, status.st_mode)
        archive_entry_set_uid(entry, Int64(status.st_uid))
        archive_entry_set_gid(entry, Int64(status.st_gid))
        archive_entry_set_mtime(entry, status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        if kind != S_IFDIR, status.st_nlink > 1 {
            let inode = Inode(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
            if let first = firstNames[inode] {
                withName(first) { archive_entry_copy_hardlink(entry, $0) }
                try writeHeader(path)
                return kind
            }
            firstNames[inode] = path
        }
        switch kind {
        case S_IFREG: try addFile(name, in: parent, path: path, status)
        case S_IFDIR:
            let directory = try open(name, in: parent, path: path, O_DIRECTORY)
            defer { try? directory.close() }
            try addAttributes(of: directory, path)
            try writeHeader(path)
        case S_IFLNK:
            let target: [UInt8]
            do {
                target = try DirectoryTree(root: parent).readLink(name, in: parent, path: { FilePath(bytes: path) })
            } catch {
                throw ArchiveFailure(error)
            }
            withName(target) { archive_entry_copy_symlink(entry, $0) }
            try writeHeader(path)
        default: try writeHeader(path)
        }
        return kind
    }

    /// Where a build has what is a member of that name: at an absolute path, or below its source.
    private static func place(of member: [UInt8]) -> [UInt8] {
        if member.starts(with: Array("source/".utf8)) { return Array(member.dropFirst("source/".utf8.count)) }
        return member.starts(with: Array("root/".utf8)) ? Array(member.dropFirst("root".utf8.count)) : member
    }

    private func addFile(
        _ name: [UInt8], in parent: FileDescriptor, path: [UInt8], _ status: stat
    ) throws(ArchiveFailure) {
        let file = try open(name, in: parent, path: path, O_NONBLOCK)
        defer { try? file.close() }
        let size = Int(status.st_size)
        archive_entry_set_size(entry, Int64(size))
        try addAttributes(of: file, path)
        var pieces = [0..<size]
        if Int(status.st_blocks) * 512 < size { pieces = dataPieces(of: file, size: size) }
        let isSparse = pieces != [0..<size]
        if isSparse {
            for piece in pieces { archive_entry_sparse_add_entry(entry, Int64(piece.lowerBound), Int64(piece.count)) }
        }
        try writeHeader(path)
        var position = 0
        for piece in pieces {
            try writeZeros(piece.lowerBound - position, path)
            position = piece.lowerBound
            while position < piece.upperBound {
                let wanted = min(buffer.count, piece.upperBound - position)
                let count = pread(file.rawValue, buffer.baseAddress, wanted, position)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw .system(errno, "read", path) }
                guard count > 0 else { throw .changed(path) }
                try writeData(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path)
                position += count
            }
        }
        try writeZeros(size - position, path)
    }

    /// Where a file has data; all of it where the file system does not tell.
    private func dataPieces(of file: FileDescriptor, size: Int) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var position = 0
        while position < size {
            let start = lseek(file.rawValue, position, LINUX_SEEK_DATA)
            // ENXIO: nothing but a hole up to the end.
            if start < 0, errno == ENXIO { break }
            let end = start < 0 ? -1 : lseek(file.rawValue, start, LINUX_SEEK_HOLE)
            guard start >= 0, end > start else { return [0..<size] }
            pieces.append(start..<min(end, size))
            position = end
        }
        // Where a hole is last, its end has to be told: by a piece of nothing there.
        if pieces.last?.upperBound != size { pieces.append(size..<size) }
        return pieces
    }

    /// The user's own attributes, but not those that overlayfs keeps its notes in.
    private func addAttributes(of file: FileDescriptor, _ path: [UInt8]) throws(ArchiveFailure) {
        var count = linux_list_attributes(file.rawValue, nil, 0)
        guard count > 0 else { return }
        var names = [CChar](repeating: 0, count: count)
        count = linux_list_attributes(file.rawValue, &names, names.count)
        guard count >= 0 else { throw .system(errno, "read the attributes of", path) }
        for name in names.prefix(count).split(separator: 0) {
            let text = name.map { UInt8(bitPattern: $0) }
            guard Attribute.isKept(text) else { continue }
            try withName(text) { (name) throws(ArchiveFailure) in
                let size = linux_get_attribute(file.rawValue, name, nil, 0)
                guard size >= 0 else { throw .system(errno, "read the attributes of", path) }
                var value = [UInt8](repeating: 0, count: max(1, size))
                let read = linux_get_attribute(file.rawValue, name, &value, value.count)
                guard read >= 0 else { throw .system(errno, "read the attributes of", path) }
                archive_entry_xattr_add_entry(entry, name, value, read)
            }
        }
    }

    // MARK: libarchive

    private func set(path: [UInt8]) {
        withName(path) { archive_entry_copy_pathname(entry, $0) }
    }

    private func writeHeader(_ path: [UInt8]) throws(ArchiveFailure) {
        let names = [archive_entry_pathname(entry), archive_entry_symlink(entry), archive_entry_hardlink(entry)]
        // Where one of a member's texts is no UTF-8 all of them are written as bytes. Nobody asks for the owner's name.
        if names.contains(where: NameEncoding.holdsSurrogates) {
            withName([0xFF]) { archive_entry_set_uname(entry, $0) }
        }
        // A warning: a name is no UTF-8, and written as bytes.
        let result = archive_write_header(archive, entry)
        if let failure = output.failure { throw failure }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN else {
            throw .library(archive, "pack `\(FilePath.displayed(path))`")
        }
    }

    private func writeData(_ bytes: UnsafeRawBufferPointer, _ path: [UInt8]) throws(ArchiveFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let count = archive_write_data(archive, piece.baseAddress, piece.count)
            if let failure = output.failure { throw failure }
            guard count > 0 else { throw .library(archive, "pack `\(FilePath.displayed(path))`") }
            rest = rest.dropFirst(count)
        }
    }

    /// What libarchive takes for a hole, and does not write.
    private func writeZeros(_ count: Int, _ path: [UInt8]) throws(ArchiveFailure) {
        var left = count
        while left > 0 {
            try writeData(UnsafeRawBufferPointer(rebasing: zeros[..<min(left, zeros.count)]), path)
            left -= min(left, zeros.count)
        }
    }

    private func check(_ result: Int32, _ doing: String) throws(ArchiveFailure) {
        if let failure = output.failure { throw failure }
        guard result == ARCHIVE_OK else { throw .library(archive, doing) }
    }

    private func open(
        _ name: [UInt8], in parent: FileDescriptor, path: [UInt8], _ flags: Int32
    ) throws(ArchiveFailure) -> FileDescriptor {
        let number = withName(name) { openat(parent.rawValue, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags) }
        guard number >= 0 else { throw .system(errno, "read", path) }
        return FileDescriptor(rawValue: number)
    }
}

/// A name with a NUL behind it.
@discardableResult
func withName<Result, Failure: Error>(
    _ name: [UInt8], _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let text = name.map { CChar(bitPattern: $0) } + [0]
    return try text.withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
        // Never without an address: it holds the NUL at least.
        guard let start = buffer.baseAddress else { return try body("") }
        return try body(start)
    }
}

/// The first member of a cache's archive: what its key, paths and version were, in bytes that only drydock reads.
enum Record {
    static let name = Array("drydock-cache.json".utf8)
    static let limit = 16 << 20
}

/// Extended attributes that travel.
enum Attribute {
    private static let user = Array("user.".utf8)
    private static let overlay = Array("user.overlay.".utf8)

    static func isKept(_ name: some Collection<UInt8>) -> Bool {
        name.starts(with: user) && !name.starts(with: overlay)
    }
}
