// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// Writes a ZIP archive whose bytes depend on nothing but what is put in, and its digests on the way.
///
/// The container is written here, the compression is that of libraries, on several threads. libarchive would do both, but
/// it stamps times in the local time zone, marks names as UTF-8 by the locale whether they are or not (one such name and
/// Python refuses the whole archive), compresses on one thread, each member in a state newly made, and loads 25 more
/// libraries each time the program starts.
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

    /// Files up to this size are compressed as a whole, so that their header says all; longer ones say it behind.
    private static let wholeLimit = CompressionJob.capacity
    /// A longer file is cut into pieces of this size, each compressed by itself; so short is a job of small members too.
    private static let pieceSize = CompressionJob.capacity / 2

    private let path: FilePath
    private var output: HashedOutput
    private let dosTime: UInt32
    private var directory: [UInt8] = []
    private var memberCount = 0
    private let threads: CompressionThreads
    /// There are so many jobs and no more, which is what bounds memory.
    private let mostJobs: Int
    /// What is being filled.
    private var job = CompressionJob()
    /// What was handed to the threads, in the archive's order.
    private var submitted: [CompressionJob] = []
    private var free: [CompressionJob] = []
    /// The long file that is being written.
    private var long: ZipMember?

    /// - Parameters:
    ///   - descriptor: written from its position on; stays the caller's.
    ///   - path: for errors only.
    ///   - time: of every member, seconds since 1970 in UTC; the format holds 1980 to 2107 in steps of two seconds.
    ///   - threadCount: how many compress; the archive is the same with any number. By default as many as there are
    ///     processors.
    public init(to descriptor: FileDescriptor, path: FilePath, time: Int = 0, threadCount: Int? = nil) {
        self.path = path
        let count = threadCount ?? CompressionThreads.defaultCount
        threads = CompressionThreads(limit: count)
        // One that is filled, one that is written, and two that wait, lest a thread wait for them.
        mostJobs = count < 2 ? 1 : count + 4
        output = HashedOutput(descriptor: descriptor)
        dosTime = Self.dosTime(time)
    }

    // MARK: Members

    /// Adds a regular file.
    ///
    /// It is read before this returns, and written at some time before ``finish()`` does; until then an error may be told
    /// that is of the archive or of an earlier member.
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
        let member = try member(name, (0o100000 | mode & 0o777) << 16)
        guard size <= Self.wholeLimit else { return try addLongFile(member, size, file, shouldGoOn) }
        try makeRoom(size)
        let count = try read(file, name, limit: size, code: .read)
        try append(member, .whole, count)
        return count
    }

    /// Adds a symbolic link.
    public func addLink(name: [UInt8], target: [UInt8]) throws(ArchivesError) {
        let member = try member(name, 0o120777 << 16)
        guard target.count <= Self.wholeLimit else {
            throw ArchivesError(code: .name, path: FilePath(bytes: target))
        }
        try makeRoom(target.count)
        UnsafeMutableRawBufferPointer(rebasing: job.content[job.end...]).copyBytes(from: target)
        try append(member, .whole, target.count)
    }

    /// Writes the directory of the archive. Nothing may be added any more.
    public func finish() throws(ArchivesError) -> Summary {
        try submit(isLast: true)
        while !submitted.isEmpty { try writeOldest() }
        let start = output.count
        try put(directory)
        try put(ZipRecord.end(memberCount: memberCount, start: start, size: output.count - start))
        do throws(Errno) { try output.flush() } catch { throw writeFailed(error) }
        return Summary(
            md5: output.md5.finish(), sha256: output.sha256.finish(), byteCount: output.count,
            memberCount: memberCount)
    }

    private func member(_ name: [UInt8], _ attributes: UInt32) throws(ArchivesError) -> ZipMember {
        guard name.count <= 0xFFFF else { throw ArchivesError(code: .name, path: FilePath(bytes: name)) }
        return ZipMember(name: name, attributes: attributes, dosTime: dosTime)
    }

    private func addLongFile(
        _ member: ZipMember, _ size: Int, _ file: FileDescriptor, _ shouldGoOn: () -> Bool
    ) throws(ArchivesError) -> Int {
        // A file that cannot be read leaves no trace: the first piece is read before anything is made of it.
        try makeRoom(CompressionJob.capacity)
        var count = try read(file, member.name, limit: Self.pieceSize, code: .read)
        if count < Self.pieceSize {
            try append(member, .whole, count)
            return count
        }
        var member: ZipMember? = member
        member?.isStreamed = true
        // Incompressible content grows a little, so the line is drawn below 4 GiB.
        member?.isLarge = size >= 0xF000_0000
        let name = member?.name ?? []
        var sum = 0
        while true {
            sum += count
            let isLast = count < Self.pieceSize || sum >= size
            try append(member, .piece(isLast: isLast), count)
            if isLast { return sum }
            guard shouldGoOn() else { throw ArchivesError(code: .readPartly, path: FilePath(bytes: name)) }
            member = nil
            try submit()
            count = try read(file, name, limit: min(size - sum, Self.pieceSize), code: .readPartly)
        }
    }

    // MARK: Jobs

    /// Sees to it that the job that is being filled has room.
    private func makeRoom(_ size: Int) throws(ArchivesError) {
        if job.room < size || job.end >= Self.pieceSize { try submit() }
    }

    /// Makes what was read to the end of the job a part of it.
    private func append(
        _ member: ZipMember?, _ extent: CompressionJob.Part.Extent, _ count: Int
    ) throws(ArchivesError) {
        let start = job.end
        job.parts.append(CompressionJob.Part(member: member, extent: extent, content: start..<start + count))
    }

    /// Hands over the job that was filled, and finds one to be filled next.
    private func submit(isLast: Bool = false) throws(ArchivesError) {
        guard !job.parts.isEmpty else { return }
        threads.submit(job, isOnly: isLast && submitted.isEmpty)
        submitted.append(job)
        if isLast { return }
        while let oldest = submitted.first, submitted.count >= mostJobs || threads.isDone(oldest) { try writeOldest() }
        job = free.popLast() ?? CompressionJob()
    }

    /// Writes what came of the job that was submitted first, as soon as it is done.
    private func writeOldest() throws(ArchivesError) {
        let job = submitted.removeFirst()
        threads.wait(for: job)
        for part in job.parts {
            if job.hasFailed {
                throw ArchivesError(code: .compress, path: FilePath(bytes: (part.member ?? long)?.name ?? []))
            }
            try write(part, job.result(of: part))
        }
        job.clear()
        free.append(job)
    }

    private func write(_ part: CompressionJob.Part, _ result: UnsafeRawBufferPointer) throws(ArchivesError) {
        if var member = part.member {
            member.offset = output.count
            member.isDeflated = part.compressed != nil
            if case .whole = part.extent {
                member.checksum = part.checksum
                member.size = part.content.count
                member.compressedSize = result.count
                try put(member.header)
                try put(result)
                return end(member)
            }
            try put(member.header)
            long = member
        }
        guard case .piece(let isLast) = part.extent, var member = long else { return }
        member.checksum = Compressor.checksum(member.checksum, part.checksum, secondCount: part.content.count)
        member.size += part.content.count
        member.compressedSize += result.count
        long = isLast ? nil : member
        try put(result)
        guard isLast else { return }
        try put(member.descriptor)
        end(member)
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

    /// Reads to the end of the job until the limit, or the file's end where that comes first.
    private func read(
        _ file: FileDescriptor, _ name: [UInt8], limit: Int, code: ArchivesError.Code
    ) throws(ArchivesError) -> Int {
        let target = UnsafeMutableRawBufferPointer(rebasing: job.content[job.end..<job.end + limit])
        var count = 0
        while count < limit {
            do {
                let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
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
