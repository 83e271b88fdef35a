// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// Builds on disk: records, events and logs below one state directory.
///
///     builds/<uuid>/build.json      the record, replaced whole
///     builds/<uuid>/events.jsonl    the events, appended
///     builds/<uuid>/log.txt         the log, appended
///     builds/<uuid>/lock            locked while drydock runs the build; its time is the build's start
///     projects/<name>/number        the last number given out
///     sandboxes/<uuid>/             what the build's sandbox writes
///
/// Everything is made for the owner alone. Nothing is written before a build begins.
public struct BuildStore: Sendable {
    /// The state directory.
    public let directory: FilePath

    /// - Parameter directory: made when the first build begins; those above it too.
    public init(directory: FilePath) {
        self.directory = directory
    }

    /// A random identifier for a build, as CodeBuild's are (RFC 9562, version 4).
    public static func makeUUID() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }

    // MARK: Places

    /// Where a build's files lie.
    public func buildDirectory(_ uuid: String) -> FilePath { directory.appending("builds").appending(uuid) }
    /// The log of a build.
    public func logPath(_ uuid: String) -> FilePath { buildDirectory(uuid).appending("log.txt") }
    /// Where a build's sandbox may keep what it writes. Only the directory above it is made here.
    public func sandboxDirectory(_ uuid: String) -> FilePath { directory.appending("sandboxes").appending(uuid) }

    // MARK: Beginning

    /// Makes the directories that a build needs, for the owner alone.
    public func prepare() throws(BuildStoreError) {
        do throws(FilesError) {
            for name in ["builds", "projects", "sandboxes"] {
                _ = try Directory.make(directory.appending(name), mode: 0o700)
            }
        } catch {
            throw BuildStoreError.cannotWrite(error)
        }
    }

    /// The next number of a project, counted from 1; no two builds get the same, however many begin at once.
    ///
    /// A counter that was damaged is set aside, and counting goes on after the highest number of a stored build.
    /// - Parameter warn: told when that happened.
    public func nextBuildNumber(
        project: String, warn: (String) -> Void = { _ in }
    ) throws(BuildStoreError) -> Int {
        let place = directory.appending("projects").appending(ProjectName.fileName(project))
        do throws(FilesError) {
            let directory = try Directory.make(place, mode: 0o700)
            let lock = try FileLock.acquire(place.appending("lock"), waiting: true)
            defer { withExtendedLifetime(lock) {} }
            var last = 0
            let path = place.appending("number")
            if let content = try readCounter(directory) {
                if let number = Self.number(content) {
                    last = number
                } else {
                    last = recent(project: project).builds.map(\.record.buildNumber).max() ?? 0
                    try directory.rename("number", to: "number.corrupt")
                    warn(StoreWarning.corruptCounter(path, next: last + 1))
                }
            }
            try writeCounter(last + 1, directory)
            return last + 1
        } catch {
            throw BuildStoreError.cannotWrite(error)
        }
    }

    /// In place, under the lock: a few bytes are written whole or not at all, while replacing the file would make ext4 wait
    /// until the new one is on the disk.
    private func writeCounter(_ number: Int, _ directory: Directory) throws(FilesError) {
        let path = directory.path.appending("number")
        let file = try directory.open("number", flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
        defer { try? file.close() }
        do { try file.writeAll(toAbsoluteOffset: 0, "\(number)\n".utf8) } catch {
            throw FilesError(.write, path: path, underlying: error as? Errno)
        }
    }

    /// The counter's bytes, or nil where there is none yet.
    private func readCounter(_ directory: Directory) throws(FilesError) -> [UInt8]? {
        do throws(FilesError) { return try directory.read("number", limit: 64) } catch {
            if error.underlying == .noSuchFileOrDirectory { return nil }
            if error.code == .tooLarge || error.code == .notRegular || error.underlying == .isDirectory { return [] }
            throw error
        }
    }

    private static func number(_ content: [UInt8]) -> Int? {
        guard content.last == UInt8(ascii: "\n") else { return nil }
        return Int(String(decoding: content.dropLast(), as: UTF8.self)).flatMap {
            (1..<Int.max / 2).contains($0) ? $0 : nil
        }
    }

    /// Makes a build's files and writes its first record; the build counts as running until the writer goes.
    public func begin(_ record: BuildRecord) throws(BuildStoreError) -> BuildLogWriter {
        let place = buildDirectory(record.uuid)
        let writer: BuildLogWriter
        do throws(FilesError) {
            _ = try Directory.make(place, mode: 0o700)
            let lock = try FileLock.acquire(place.appending("lock"), waiting: true)
            writer = try BuildLogWriter(directory: place, lock: lock)
        } catch {
            throw BuildStoreError.cannotWrite(error)
        }
        writer.write(record)
        if let failure = writer.failure {
            // A build without a record is none; its empty files would be warned about for ever.
            try? Directory(directory.appending("builds")).removeTree(FilePath(record.uuid))
            throw failure
        }
        return writer
    }
}

/// Project names as names of directories.
enum ProjectName {
    /// Bytes that are not plain are written `%XX`; a long name is cut and told apart by a checksum (FNV-1a).
    static func fileName(_ name: String) -> String {
        var result = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !result.isEmpty:
                result += "."
            default:
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        guard result.utf8.count > 200 || result.isEmpty else { return result }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(result.prefix(180)) + "%" + String(hash, radix: 16)
    }
}

extension BuildRecord {
    /// The part of the id after the colon.
    public var uuid: String { id.split(separator: ":").last.map(String.init) ?? id }
}
