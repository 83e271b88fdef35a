// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// Writes a ZIP archive whose bytes depend on nothing but what is put in, and its digests on the way.
///
/// The container is written here, the compression is zlib's. libarchive would do both, but it stamps times in the local
/// time zone, marks names as UTF-8 by the locale whether they are or not (one such name and Python refuses the whole
/// archive), compresses each member in a state newly made, and loads 25 more libraries each time the program starts.
///
/// Names are bytes, marked as UTF-8 where they are; times are one moment for all members; modes and symbolic links
/// are kept as Info-ZIP keeps them; members, sizes and offsets past 16 and 32 bits use ZIP64.
/// Source: APPNOTE.TXT 6.3.10, .ZIP File Format Specification.
public final class ZipWriter {
    /// What became of the archive.
    public struct Summary: Sendable, Equatable {
        /// Lower-case hexadecimal digits.
        public var md5: String
        public var sha256: String
        /// Of the whole archive.
        public var byteCount: Int
        public var memberCount: Int
    }

    /// Members up to this size are compressed in memory, so that their header says all; longer ones say it behind.
    private static let wholeLimit = 1 << 20

    private let path: FilePath
    private var output: HashedOutput
    private var deflater: Deflater
    private let dosTime: UInt32
    private var directory: [UInt8] = []
    private var memberCount = 0
    private let content = UnsafeMutableRawBufferPointer.allocate(byteCount: wholeLimit, alignment: 16)
    private let compressed = UnsafeMutableRawBufferPointer.allocate(byteCount: wholeLimit, alignment: 16)

    /// - Parameters:
    ///   - descriptor: written from its position on; stays the caller's.
    ///   - path: for errors only.
    ///   - time: of every member, seconds since 1970 in UTC; the format holds 1980 to 2107 in steps of two seconds.
    ///   - level: of zlib, 0…9.
    public init(to descriptor: FileDescriptor, path: FilePath, time: Int = 0, level: Int = 6) throws(ArchivesError) {
        guard let deflater = Deflater(level: level) else { throw ArchivesError(code: .compress, path: path) }
        self.path = path
        self.deflater = deflater
        output = HashedOutput(descriptor: descriptor)
        dosTime = Self.dosTime(time)
    }

    deinit {
        content.deallocate()
        compressed.deallocate()
    }

    // MARK: Members

    /// Adds a regular file.
    /// - Parameters:
    ///   - name: relative, `/` between components.
    ///   - mode: permission bits; setuid, setgid and sticky are left out.
    ///   - size: as the file system told it; what lies behind is not read.
    ///   - shouldGoOn: asked now and then; false ends with an error `.readPartly` without a reason.
    /// - Returns: how many bytes were read.
    @discardableResult
    public func addFile(
        name: [UInt8], mode: UInt32, size: Int, from file: FileDescriptor, shouldGoOn: () -> Bool = { true }
    ) throws(ArchivesError) -> Int {
        let attributes = (0o100000 | mode & 0o777) << 16
        guard size <= Self.wholeLimit else {
            return try addLongFile(name, attributes, size, file, shouldGoOn)
        }
        let count = try read(file, name, limit: size, code: .read)
        try addWhole(name, attributes, UnsafeRawBufferPointer(rebasing: content[..<count]))
        return count
    }

    /// Adds a symbolic link.
    public func addLink(name: [UInt8], target: [UInt8]) throws(ArchivesError) {
        var failure: ArchivesError?
        target.withUnsafeBytes { bytes in
            do throws(ArchivesError) { try addWhole(name, 0o120777 << 16, bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes the directory of the archive. Nothing may be added any more.
    public func finish() throws(ArchivesError) -> Summary {
        let start = output.count
        try put(directory)
        try put(ZipRecord.end(memberCount: memberCount, start: start, size: output.count - start))
        do throws(Errno) { try output.flush() } catch { throw writeFailed(error) }
        return Summary(
            md5: output.md5.finish(), sha256: output.sha256.finish(), byteCount: output.count,
            memberCount: memberCount)
    }

    // MARK: The two ways in

    private func addWhole(
        _ name: [UInt8], _ attributes: UInt32, _ bytes: UnsafeRawBufferPointer
    ) throws(ArchivesError) {
        // Stored when compression gains nothing.
        let gained = bytes.count > 8 ? deflater.deflateWhole(bytes, into: compressed, limit: bytes.count - 1) : nil
        let member = ZipMember(
            name: name, attributes: attributes, dosTime: dosTime, offset: output.count,
            checksum: Deflater.checksum(bytes, 0), size: bytes.count, compressedSize: gained ?? bytes.count,
            isDeflated: gained != nil)
        try begin(member)
        try put(gained.map { UnsafeRawBufferPointer(rebasing: compressed[..<$0]) } ?? bytes)
        end(member)
    }

    private func addLongFile(
        _ name: [UInt8], _ attributes: UInt32, _ size: Int, _ file: FileDescriptor, _ shouldGoOn: () -> Bool
    ) throws(ArchivesError) -> Int {
        // The first piece is read before the header goes out, so that a file that cannot be read leaves no trace.
        var count = try read(file, name, limit: min(size, content.count), code: .read)
        var member = ZipMember(
            name: name, attributes: attributes, dosTime: dosTime, offset: output.count, isDeflated: true,
            isStreamed: true)
        // Incompressible content grows a little, so the line is drawn below 4 GiB.
        member.isLarge = size >= 0xF000_0000
        try begin(member)
        let start = output.count
        deflater.reset()
        while true {
            let piece = UnsafeRawBufferPointer(rebasing: content[..<count])
            member.size += count
            member.checksum = Deflater.checksum(piece, member.checksum)
            let isLast = count < content.count || member.size >= size
            try deflate(piece, isLast: isLast, name)
            if isLast { break }
            guard shouldGoOn() else { throw ArchivesError(code: .readPartly, path: FilePath(bytes: name)) }
            count = try read(file, name, limit: min(size - member.size, content.count), code: .readPartly)
        }
        member.compressedSize = output.count - start
        try put(member.descriptor)
        end(member)
        return member.size
    }

    private func deflate(_ piece: UnsafeRawBufferPointer, isLast: Bool, _ name: [UInt8]) throws(ArchivesError) {
        var failure: Errno?
        let isDone = deflater.deflate(piece, isLast: isLast, through: compressed) { bytes in
            do throws(Errno) { try output.write(bytes) } catch { failure = error }
            return failure == nil
        }
        if let failure { throw writeFailed(failure) }
        guard isDone else { throw ArchivesError(code: .compress, path: FilePath(bytes: name)) }
    }

    private func begin(_ member: ZipMember) throws(ArchivesError) {
        guard member.name.count <= 0xFFFF else {
            throw ArchivesError(code: .name, path: FilePath(bytes: member.name))
        }
        try put(member.header)
    }

    private func end(_ member: ZipMember) {
        directory += member.directoryRecord
        memberCount += 1
    }

    // MARK: In and out

    private func put(_ record: ZipRecord) throws(ArchivesError) { try put(record.bytes) }

    private func put(_ bytes: [UInt8]) throws(ArchivesError) {
        var failure: ArchivesError?
        bytes.withUnsafeBytes { buffer in
            do throws(ArchivesError) { try put(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws(ArchivesError) {
        do throws(Errno) { try output.write(bytes) } catch { throw writeFailed(error) }
    }

    private func writeFailed(_ reason: Errno) -> ArchivesError {
        ArchivesError(code: .write, path: path, underlying: reason)
    }

    /// Reads into `content` until the limit, or the file's end where that comes first.
    private func read(
        _ file: FileDescriptor, _ name: [UInt8], limit: Int, code: ArchivesError.Code
    ) throws(ArchivesError) -> Int {
        var count = 0
        while count < limit {
            do {
                let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: content[count..<limit]))
                if read == 0 { break }
                count += read
            } catch { throw ArchivesError(code: code, path: FilePath(bytes: name), underlying: error as? Errno) }
        }
        return count
    }

    /// Time in the lower half, date in the upper, of a moment in UTC. Source: `civil_from_days` of "chrono-Compatible
    /// Low-Level Date Algorithms", Howard Hinnant.
    private static func dosTime(_ seconds: Int) -> UInt32 {
        // 1980-01-01 00:00:00 and 2107-12-31 23:59:58.
        let moment = min(max(seconds, 315_532_800), 4_354_819_198)
        let (days, second) = (moment / 86400 + 719_468, moment % 86400)
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + days / 146_097 * 400 + (month <= 2 ? 1 : 0)
        let date = (year - 1980) << 9 | month << 5 | day
        let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | second % 60 / 2
        return UInt32(date << 16 | time)
    }
}
