// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Files
internal import Glibc
public import SystemPackage
internal import YAML

/// The uploads in parts that programs of this machine have begun and not ended: a file each, locked by whoever is at it.
///
/// Parts stay at S3, and cost, until somebody completes the upload or aborts it. A program that is killed does neither, but
/// its lock goes with it; whoever uses the bucket next finds the note, and goes on with the upload or aborts it. What other
/// machines are uploading is never touched, and no bucket has to be listed.
public struct UploadJournal: Sendable {
    let directory: FilePath

    /// - Parameter directory: made when something is noted.
    public init(directory: FilePath) { self.directory = directory }

    /// What is uploaded, and where.
    struct Upload: Equatable {
        var place: Place
        var key: String
        var sha256: String
        var partSize: Int
        /// As the headers say it.
        var encryption: String
        /// Whether somebody else may go on with it.
        var isResumable: Bool
        var begun: Timestamp

        /// Whether parts of one are parts of the other.
        func isSameContent(as other: Upload) -> Bool {
            var same = other
            same.begun = begun
            return same == self && isResumable
        }
    }

    /// A bucket: those of different services may have the same name.
    struct Place: Equatable {
        /// Empty for AWS itself.
        var endpoint: String
        var bucket: String
    }

    /// Notes that an upload is about to begin; nil where that cannot be written, since nothing is uploaded less for it.
    func begin(_ upload: Upload) -> UploadNote? {
        guard let open = try? Directory.make(directory, mode: 0o700) else { return nil }
        for _ in 0..<100 {
            let name = FilePath("\(UInt64.random(in: 0 ... .max))")
            let path = directory.pushing(name)
            guard let lock = try? FileLock.acquire(path, waiting: false) else { continue }
            // Whoever looks for dead ones may have been quicker than the lock, and have removed it.
            guard Self.isStill(lock, at: name, in: open) else { continue }
            let note = UploadNote(upload, lock, path)
            guard note.append(UploadNote.line(upload)) else {
                note.end()
                return nil
            }
            return note
        }
        return nil
    }

    /// The notes of a bucket whose makers are gone, the one that was begun first first; they are this caller's as long as it
    /// holds them.
    func dead(_ place: Place) -> [UploadNote] {
        guard let open = try? Directory(directory), let entries = try? open.entries() else { return [] }
        let notes = entries.compactMap { entry -> UploadNote? in
            let name = FilePath(bytes: entry.name)
            let path = directory.pushing(name)
            guard entry.kind != .directory, let lock = try? FileLock.acquire(path, waiting: false),
                Self.isStill(lock, at: name, in: open)
            else { return nil }
            guard let note = UploadNote(lock, path) else {
                // Nothing was begun before its note was whole.
                try? open.remove(name)
                return nil
            }
            return note.upload.place == place ? note : nil
        }
        return notes.sorted { $0.upload.begun < $1.upload.begun }
    }

    /// The identifiers of all uploads that are known, whoever is at them.
    func identifiers() -> Set<String> {
        guard let open = try? Directory(directory), let entries = try? open.entries() else { return [] }
        return Set(
            entries.compactMap { entry in
                (try? open.read(FilePath(bytes: entry.name), limit: UploadNote.limit))
                    .flatMap { UploadNote.read($0)?.identifier }
            })
    }

    private static func isStill(_ lock: FileLock, at name: FilePath, in directory: Directory) -> Bool {
        guard let own = try? FileStatus(of: lock.descriptor, path: name), let found = try? directory.status(name) else {
            return false
        }
        return found.isSameFile(as: own)
    }
}

/// The note of one upload. Its lines are only ever added to; one that is cut short counts as not there.
final class UploadNote {
    let upload: UploadJournal.Upload
    /// What S3 calls it; nil where its answer never came.
    private(set) var identifier: String?
    /// The entity tags of parts that S3 has.
    private(set) var tags: [Int: String] = [:]
    private let lock: FileLock
    private let path: FilePath

    /// Ten thousand parts, and room for odd tags.
    static let limit = 8 << 20

    fileprivate init(_ upload: UploadJournal.Upload, _ lock: FileLock, _ path: FilePath) {
        (self.upload, self.lock, self.path) = (upload, lock, path)
    }

    fileprivate convenience init?(_ lock: FileLock, _ path: FilePath) {
        guard let bytes = try? FileContents.read(lock.descriptor, path: path, limit: Self.limit),
            let (upload, identifier, tags) = Self.read(bytes)
        else { return nil }
        self.init(upload, lock, path)
        (self.identifier, self.tags) = (identifier, tags)
    }

    func begun(as identifier: String) {
        self.identifier = identifier
        append(Self.line { $0.member("upload", identifier) })
    }

    func sent(_ parts: [Int: String]) {
        tags.merge(parts) { $1 }
        append(
            parts.sorted { $0.key < $1.key }.flatMap { number, tag in
                Self.line { writer in
                    writer.member("part", number)
                    writer.member("tag", tag)
                }
            })
    }

    /// There is nothing left of the upload but what it was for.
    func end() { unlink(path.string) }

    @discardableResult
    fileprivate func append(_ bytes: [UInt8]) -> Bool {
        guard (try? lock.descriptor.seek(offset: 0, from: .end)) != nil,
            (try? lock.descriptor.writeAll(bytes)) != nil
        else { return false }
        // A power cut is as good as a kill.
        return fdatasync(lock.descriptor.rawValue) == 0
    }

    // MARK: Lines

    private static func line(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(members)
        writer.newline()
        return writer.bytes
    }

    fileprivate static func line(_ upload: UploadJournal.Upload) -> [UInt8] {
        line { writer in
            writer.member("v", 1)
            writer.member("endpoint", upload.place.endpoint)
            writer.member("bucket", upload.place.bucket)
            writer.member("key", upload.key)
            writer.member("sha256", upload.sha256)
            writer.member("partSize", upload.partSize)
            writer.member("encryption", upload.encryption)
            writer.member("isResumable", upload.isResumable)
            writer.member("begun", epoch: upload.begun)
        }
    }

    fileprivate static func read(
        _ bytes: [UInt8]
    ) -> (upload: UploadJournal.Upload, identifier: String?, tags: [Int: String])? {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        guard let first = lines.first, let upload = upload(Array(first)) else { return nil }
        var identifier: String?
        var tags: [Int: String] = [:]
        for line in lines.dropFirst() {
            guard let root = jsonObject(Array(line)) else { continue }
            if let text = root["upload"]?.scalar?.text { identifier = text }
            if let number = (root["part"]?.scalar?.text).flatMap({ Int($0) }), let tag = root["tag"]?.scalar?.text {
                tags[number] = tag
            }
        }
        return (upload, identifier, tags)
    }

    private static func upload(_ line: [UInt8]) -> UploadJournal.Upload? {
        guard let root = jsonObject(line) else { return nil }
        func text(_ name: String) -> String? { root[name]?.scalar?.text }
        guard text("v") == "1", let endpoint = text("endpoint"), let bucket = text("bucket"), let key = text("key"),
            let digest = text("sha256"), let size = text("partSize").flatMap({ Int($0) }), size > 0,
            let encryption = text("encryption"), let begun = text("begun").flatMap({ Double($0) }), begun.isFinite
        else { return nil }
        return UploadJournal.Upload(
            place: .init(endpoint: endpoint, bucket: bucket), key: key, sha256: digest, partSize: size,
            encryption: encryption, isResumable: text("isResumable") == "true", begun: Timestamp(seconds: begun))
    }
}
