// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import Files
import Glibc
import SystemPackage

/// An archive on a descriptor, and which kind it is.
final class ArchiveInput {
    enum Kind { case tar, compressedTar, zip }

    private(set) var kind = Kind.tar
    private var descriptor: FileDescriptor
    /// Bytes that were read to know the kind, and not yet handed on.
    private var pending: ArraySlice<UInt8> = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 * 1024, alignment: 16)
    /// The last bytes of the stream, where an uncompressed tar has its end mark.
    private var tail: [UInt8] = []
    /// Why reading ended; libarchive, which calls for the bytes, knows only that it did.
    private(set) var failure: ArchiveFailure?
    private var ownsDescriptor = false
    /// And how far it is read.
    private var zip: ZipFile?
    private var position = 0

    private static let tailLength = 1024

    /// - Parameter spool: where a ZIP file that comes through a pipe is kept while it is read: its list of members is at its end.
    init(_ descriptor: FileDescriptor, spool: FileDescriptor?) throws(ArchiveFailure) {
        self.descriptor = descriptor
        var start: [UInt8] = []
        while start.count < 4 {
            let count = try readDirectly(most: 4096)
            if count == 0 { break }
            start += buffer[..<count]
        }
        pending = start[...]
        if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) || start.starts(with: [0x50, 0x4B, 0x05, 0x06]) {
            kind = .zip
            try makeSeekable(spool)
        } else if Self.beginsCompressed(start) {
            kind = .compressedTar
        }
    }

    deinit {
        if ownsDescriptor { try? descriptor.close() }
        buffer.deallocate()
    }

    /// Source: RFC 8878, 3.1.1 and 3.1.2: a frame, or one that says how much to pass over.
    private static func beginsCompressed(_ start: [UInt8]) -> Bool {
        if start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return true }
        return start.count >= 4 && start[0] & 0xF0 == 0x50 && start[1...3].elementsEqual([0x2A, 0x4D, 0x18])
    }

    /// Opens the archive for reading; a ZIP file can be opened again.
    func open(_ archive: OpaquePointer) throws(ArchiveFailure) {
        let result: Int32
        if kind == .zip {
            NameEncoding.setText()
            archive_read_support_format_zip_seekable(archive)
            result = openZip(archive)
        } else {
            NameEncoding.setBytes()
            archive_read_support_format_tar(archive)
            // Goes on to the stream's end behind the end mark, where the checksum is.
            archive_read_set_format_option(archive, "tar", "read_concatenated_archives", "1")
            if kind == .compressedTar { archive_read_support_filter_zstd(archive) }
            result = archive_read_open(
                archive, Unmanaged.passUnretained(self).toOpaque(), nil,
                { _, context, bytes in
                    guard let context else { return -1 }
                    let input = Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue()
                    let count = input.next()
                    bytes?.pointee = UnsafeRawPointer(input.buffer.baseAddress)
                    return count
                }, nil)
        }
        guard result == ARCHIVE_OK else { throw failure(archive) }
    }

    private func openZip(_ archive: OpaquePointer) -> Int32 {
        (zip, position) = (ZipFile(descriptor), 0)
        archive_read_set_callback_data(archive, Unmanaged.passUnretained(self).toOpaque())
        archive_read_set_read_callback(archive) { _, context, bytes in
            guard let context else { return -1 }
            let input = Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue()
            bytes?.pointee = UnsafeRawPointer(input.buffer.baseAddress)
            return input.nextOfZip()
        }
        archive_read_set_skip_callback(archive) { _, context, count in
            guard let context else { return -1 }
            return Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue().skip(count)
        }
        archive_read_set_seek_callback(archive) { _, context, offset, origin in
            guard let context else { return -1 }
            return Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue().seek(offset, origin)
        }
        return archive_read_open1(archive)
    }

    /// What a call of libarchive failed of.
    func failure(_ archive: OpaquePointer) -> ArchiveFailure {
        if let failure { return failure }
        let said = archive_error_string(archive).map { String(cString: $0) }
        return said == "Unrecognized archive format" ? .noArchive : .damaged(archive)
    }

    /// After the last member: whether the archive was there to its end. What is compressed, and a ZIP file, tells itself.
    func checkEnd() throws(ArchiveFailure) {
        guard kind == .tar else { return }
        while next() > 0 {}
        if let failure { throw failure }
        guard tail.count == Self.tailLength, tail.allSatisfy({ $0 == 0 }) else { throw .noEnd }
    }

    // MARK: Bytes

    /// The next bytes into the buffer; 0 at the end, negative for a failure.
    private func next() -> Int {
        var count = pending.count
        if count > 0 {
            buffer.copyBytes(from: pending)
            pending = []
        } else {
            do throws(ArchiveFailure) { count = try readDirectly() } catch { return -1 }
        }
        if kind == .tar, count > 0 {
            tail += UnsafeRawBufferPointer(rebasing: buffer[max(0, count - Self.tailLength)..<count])
            tail.removeFirst(max(0, tail.count - Self.tailLength))
        }
        return count
    }

    private func nextOfZip() -> Int {
        guard let zip else { return -1 }
        let count = zip.read(into: buffer, at: position)
        if count < 0 { failure = .unreadable(errno) }
        position += max(0, count)
        return count
    }

    private func skip(_ count: Int64) -> Int64 {
        let count = max(0, min(Int(count), (zip?.size ?? 0) - position))
        position += count
        return Int64(count)
    }

    /// Where that leads to; negative for what cannot be.
    private func seek(_ offset: Int64, _ origin: Int32) -> Int64 {
        let start = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? position : zip?.size ?? 0
        let (place, isTooLarge) = start.addingReportingOverflow(Int(offset))
        guard !isTooLarge, place >= 0 else { return Int64(ARCHIVE_FATAL) }
        position = place
        return Int64(place)
    }

    private func readDirectly(most: Int? = nil) throws(ArchiveFailure) -> Int {
        while true {
            let count = read(descriptor.rawValue, buffer.baseAddress, most ?? buffer.count)
            if count >= 0 { return count }
            if errno == EINTR { continue }
            let failure = ArchiveFailure.unreadable(errno)
            self.failure = failure
            throw failure
        }
    }

    private func makeSeekable(_ directory: FileDescriptor?) throws(ArchiveFailure) {
        if lseek(descriptor.rawValue, 0, SEEK_SET) == 0 {
            pending = []
            return
        }
        // A file without a name, so that nothing is left of it however this ends.
        let number = openat(directory?.rawValue ?? -1, ".", O_RDWR | unnamed | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw .system(errno, "keep the archive in", Array(".".utf8)) }
        let copy = FileDescriptor(rawValue: number)
        do {
            while true {
                let count = next()
                if count == 0 { break }
                if let failure, count < 0 { throw failure }
                _ = try copy.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        } catch {
            try? copy.close()
            if let failure { throw failure }
            throw ArchiveFailure("could not keep the archive: \((error as? Errno)?.words ?? "\(error)")")
        }
        descriptor = copy
        ownsDescriptor = true
    }
}

/// Source: open(2), O_TMPFILE; the Glibc module hides it behind _GNU_SOURCE.
private let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY
