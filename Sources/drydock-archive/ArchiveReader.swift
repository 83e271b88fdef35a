// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import Glibc

/// One pass over the members of an archive.
final class ArchiveReader {
    private let archive: OpaquePointer
    private let input: ArchiveInput

    init(_ input: ArchiveInput) throws(ArchiveFailure) {
        guard let archive = archive_read_new() else { throw ArchiveFailure("could not read the archive: no memory") }
        (self.archive, self.input) = (archive, input)
        try input.open(archive)
    }

    deinit { archive_read_free(archive) }

    /// The next member; nil at the end.
    func next() throws(ArchiveFailure) -> OpaquePointer? {
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        if result == ARCHIVE_EOF { return nil }
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN && isAboutCharacters else { throw input.failure(archive) }
        return entry
    }

    /// That a name cannot be converted is no fault: it is taken in bytes. Any other warning is of something malformed.
    private var isAboutCharacters: Bool {
        archive_error_string(archive).map { String(cString: $0).contains(" be converted ") } ?? false
    }

    /// The raw bytes of a member's name.
    func name(of entry: OpaquePointer) throws(ArchiveFailure) -> [UInt8] {
        guard let text = archive_entry_pathname(entry) else {
            throw ArchiveFailure("a member of the archive has no name")
        }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// The next piece of the member's content, and where it belongs; nil at the end.
    func nextData() throws(ArchiveFailure) -> (bytes: UnsafeRawBufferPointer, offset: Int)? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: la_int64_t = 0
        // A warning here is a wrong checksum.
        switch archive_read_data_block(archive, &start, &count, &offset) {
        case ARCHIVE_OK: return (UnsafeRawBufferPointer(start: start, count: count), Int(offset))
        case ARCHIVE_EOF: return nil
        default: throw input.failure(archive)
        }
    }

    /// All of a member.
    func contents(of entry: OpaquePointer, limit: Int) throws(ArchiveFailure) -> [UInt8] {
        var contents: [UInt8] = []
        while let (bytes, offset) = try nextData() {
            guard offset == contents.count, offset + bytes.count <= limit else {
                throw .refused(try name(of: entry), "is larger than anything of its kind")
            }
            contents += bytes
        }
        return contents
    }
}
