// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import CLinux
import Files
import Glibc
import SystemPackage

/// Writes an archive's members below a directory that was empty, and nowhere else.
///
/// Nothing of an archive is believed: a member goes where the declared paths allow it, through no link, and the first that
/// does not ends it all. What is in the directory then is for the caller to remove.
final class TreeUnpacker {
    private let root: Directory
    private let declared: DeclaredPaths
    private let limit: UInt64?
    private let record: FileDescriptor?
    private let complain: (String) -> Void
    private let cursor: DirectoryCursor
    private let rights = Rights()
    /// Directories are closed to their owner, or get their times, only when all is in them.
    private var directories: [(path: [[UInt8]], metadata: Metadata)] = []
    private var used: UInt64 = 0

    /// - Parameters:
    ///   - limit: of the bytes that are written; each member counts for 512 more.
    ///   - record: where the record goes; nil drops it.
    init(
        into root: Directory, declared: DeclaredPaths, limit: UInt64?, record: FileDescriptor?,
        complain: @escaping (String) -> Void
    ) {
        (self.root, self.declared, self.limit, self.record, self.complain) = (root, declared, limit, record, complain)
        cursor = DirectoryCursor(root: root.descriptor)
    }

    func unpack(_ input: ArchiveInput, home: MemberPath) throws(ArchiveFailure) {
        let index = try CodeBuildIndex.find(in: input, home: home)
        let reader = try ArchiveReader(input)
        var isFirst = true
        var isEmpty = true
        while let entry = try reader.next() {
            let name = try reader.name(of: entry)
            if name == Record.name, index == nil {
                guard isFirst, archive_entry_filetype(entry) == S_IFREG else {
                    throw .refused(name, "is the record's name, which only the first member may have")
                }
                let bytes = try reader.contents(of: entry, limit: Record.limit)
                try record.map { (sink) throws(ArchiveFailure) in try write(bytes, to: sink) }
            } else {
                var path = try MemberPath(name, of: name)
                if let index {
                    switch index.place(of: path) {
                    case .member(let place): path = place
                    case .itself, .above: continue
                    case .unknown:
                        complain("`\(FilePath.displayed(name))` is not in the archive's index, and left out")
                        continue
                    }
                }
                try add(entry, name: name, path: path.components, reader)
                isEmpty = false
            }
            isFirst = false
        }
        try input.checkEnd()
        if isEmpty { throw .nothingInside }
        // The deepest first, before one above may be closed; of two members for one directory the later counts.
        directories.sort { $0.path.count > $1.path.count }
        for directory in directories {
            let name = MemberPath(components: directory.path).bytes
            let descriptor = try cursor.directory(directory.path[...], for: name)
            try directory.metadata.apply(to: descriptor, name, rights)
        }
    }

    private func write(_ bytes: [UInt8], to sink: FileDescriptor) throws(ArchiveFailure) {
        do { _ = try sink.writeAll(bytes) } catch {
            throw ArchiveFailure("could not hand on the record: \((error as? Errno)?.words ?? "\(error)")")
        }
    }

    // MARK: Members

    private func add(
        _ entry: OpaquePointer, name: [UInt8], path: [[UInt8]], _ reader: ArchiveReader
    ) throws(ArchiveFailure) {
        let kind = archive_entry_hardlink(entry) == nil ? archive_entry_filetype(entry) : 0
        let isDirectory = kind == S_IFDIR
        guard declared.hold(path) || isDirectory && declared.lieBelow(path) else {
            throw .refused(name, "lies outside the declared paths")
        }
        guard let last = path.last else {
            if isDirectory { return }
            throw .refused(name, "takes the place of the directory itself")
        }
        try count(512, name)
        let metadata = try Metadata(entry, name)
        if isDirectory {
            let directory = try cursor.directory(path[...], for: name)
            try setAttributes(entry, directory, name)
            directories.append((path, metadata))
            return
        }
        let parent = try cursor.directory(path.dropLast(), for: name)
        try makeRoom(last, in: parent, name)
        switch kind {
        case 0: try addHardLink(entry, last, in: parent, name)
        case S_IFREG: try addFile(entry, last, in: parent, name, metadata, reader)
        case S_IFLNK:
            guard let target = archive_entry_symlink(entry) else { throw .refused(name, "is a link to nothing") }
            try check(withName(last) { symlinkat(target, parent.rawValue, $0) }, "make", name)
            try metadata.applyToName(last, in: parent, name, rights, isLink: true)
        case S_IFIFO:
            try check(withName(last) { mkfifoat(parent.rawValue, $0, 0o600) }, "make", name)
            try metadata.applyToName(last, in: parent, name, rights, isLink: false)
        case S_IFCHR, S_IFBLK: throw .refused(name, "is a device")
        default: throw .refused(name, "is of no kind that is known")
        }
    }

    /// A later member of the same name replaces an earlier one, as in every tar; a directory is never replaced.
    private func makeRoom(_ name: [UInt8], in parent: FileDescriptor, _ member: [UInt8]) throws(ArchiveFailure) {
        if withName(name, { unlinkat(parent.rawValue, $0, 0) }) == 0 || errno == ENOENT { return }
        let reason = errno
        guard reason == EISDIR || reason == EPERM else { throw .system(reason, "make", member) }
        throw .refused(member, "takes the place of a directory")
    }

    private func addFile(
        _ entry: OpaquePointer, _ name: [UInt8], in parent: FileDescriptor, _ member: [UInt8], _ metadata: Metadata,
        _ reader: ArchiveReader
    ) throws(ArchiveFailure) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let number = withName(name) { openat(parent.rawValue, $0, flags, 0o600) }
        try check(number, "make", member)
        let file = FileDescriptor(rawValue: number)
        defer { try? file.close() }
        var end = 0
        while let (bytes, offset) = try reader.nextData() {
            guard offset >= end else { throw .refused(member, "has its parts in disorder") }
            try count(UInt64(bytes.count), member)
            do { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) } catch {
                throw .system((error as? Errno)?.rawValue ?? EIO, "write", member)
            }
            end = offset + bytes.count
        }
        if archive_entry_size_is_set(entry) != 0 {
            let size = Int(archive_entry_size(entry))
            guard size >= end else { throw .refused(member, "is longer than it says") }
            if size > end { try check(ftruncate(number, size), "write", member) }
        }
        try setAttributes(entry, file, member)
        try metadata.apply(to: file, member, rights)
    }

    private func addHardLink(
        _ entry: OpaquePointer, _ name: [UInt8], in parent: FileDescriptor, _ member: [UInt8]
    ) throws(ArchiveFailure) {
        guard let text = archive_entry_hardlink(entry) else { return }
        // Content would be written into the file that bears the other name.
        guard archive_entry_size_is_set(entry) == 0 || archive_entry_size(entry) == 0 else {
            throw .refused(member, "is another name of a file, and has content of its own")
        }
        let target = try MemberPath(Array(UnsafeRawBufferPointer(start: text, count: strlen(text))), of: member)
        guard declared.hold(target.components), let last = target.components.last else {
            throw .refused(member, "is another name of what lies outside the declared paths")
        }
        // The cursor closes one directory for the other.
        let number = fcntl(parent.rawValue, F_DUPFD_CLOEXEC, 3)
        try check(number, "make", member)
        defer { close(number) }
        let directory = try cursor.directory(target.components.dropLast(), for: member)
        let result = withName(last) { old in
            withName(name) { linkat(directory.rawValue, old, number, $0, 0) }
        }
        if result == 0 { return }
        guard errno != ENOENT else { throw .refused(member, "is another name of a file that is not in the archive") }
        try check(result, "make", member)
    }

    private func setAttributes(
        _ entry: OpaquePointer, _ file: FileDescriptor, _ member: [UInt8]
    ) throws(ArchiveFailure) {
        guard archive_entry_xattr_reset(entry) > 0 else { return }
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK, let text = name {
            // Others are the system's, and none of an archive's business.
            guard Attribute.isKept(UnsafeRawBufferPointer(start: text, count: strlen(text))) else { continue }
            try check(linux_set_attribute(file.rawValue, text, value, size), "set an attribute of", member)
        }
    }

    private func count(_ bytes: UInt64, _ member: [UInt8]) throws(ArchiveFailure) {
        used += bytes
        if let limit, used > limit { throw .tooLarge(member, limit: limit) }
    }
}

/// Throws what the kernel says of a call.
func check(_ result: Int32, _ doing: String, _ member: [UInt8]) throws(ArchiveFailure) {
    if result < 0 { throw .system(errno, doing, member) }
}
