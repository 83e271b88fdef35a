// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import FoundationEssentials
internal import Glibc
public import SystemPackage

/// A build as the store has it.
public struct StoredBuild: Sendable, Equatable {
    /// The record; of a build that was cut off it says `STOPPED`.
    public var record: BuildRecord
    public var state: State
    /// Where its files lie.
    public var directory: FilePath

    /// The log, which may still grow.
    public var logPath: FilePath { directory.appending("log.txt") }
    /// The events as JSON Lines.
    public var eventsPath: FilePath { directory.appending("events.jsonl") }

    /// Whether the build is over.
    public enum State: Sendable, Equatable {
        case complete
        /// Another drydock is at it.
        case running
        /// Its drydock died before the build was over.
        case interrupted
    }
}

extension BuildStore {
    /// Builds, newest first, and what was odd while reading them.
    public struct Listing: Sendable {
        public var builds: [StoredBuild] = []
        /// One for each build that cannot be read.
        public var warnings: [String] = []
    }

    /// The newest builds.
    ///
    /// Reads no more records than it has to: their order is known from the directory alone.
    /// - Parameters:
    ///   - limit: at most so many; nil for all.
    ///   - project: only those of this project.
    public func recent(limit: Int? = nil, project: String? = nil) -> Listing {
        var listing = Listing()
        for uuid in newestFirst(&listing.warnings) {
            if let limit, listing.builds.count >= limit { break }
            do throws(BuildStoreError) {
                let build = try load(uuid)
                if project == nil || build.record.projectName == project { listing.builds.append(build) }
            } catch {
                listing.warnings.append(StoreWarning.unreadableBuild(uuid, error.message))
            }
        }
        return listing
    }

    /// Whose builds are meant when a user names one by a number, or the latest.
    public enum Scope: Sendable, Equatable {
        case any
        /// This project's alone.
        case only(String)
        /// This project's, and where it has none of that name any other's.
        case first(String)

        var only: String? { if case .only(let project) = self { project } else { nil } }
        var first: String? { if case .first(let project) = self { project } else { nil } }
    }

    /// The build that a user means.
    /// - Parameter selector: a number, the beginning of an id (or `<project>:<uuid>`), or `latest`.
    public func find(_ selector: String, in scope: Scope = .any) throws(BuildStoreError) -> StoredBuild {
        if selector == "latest" || selector.isEmpty {
            let preferred = scope.first.flatMap { recent(limit: 1, project: $0).builds.first }
            guard let build = preferred ?? recent(limit: 1, project: scope.only).builds.first else {
                throw BuildStoreError.noBuilds(project: scope.only)
            }
            return build
        }
        let prefix = (selector.split(separator: ":").last.map(String.init) ?? selector).lowercased()
        let isNumber = selector.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard prefix.utf8.allSatisfy(Self.isIdentifierByte) else { throw BuildStoreError.invalidSelector }
        if isNumber, let number = Int(selector), let build = try find(number: number, in: scope) { return build }
        var ignored: [String] = []
        let matching = newestFirst(&ignored).filter { uuid in
            guard uuid.hasPrefix(prefix) else { return false }
            guard let project = scope.only else { return true }
            return (try? load(uuid))?.record.projectName == project
        }
        guard let uuid = matching.first else { throw BuildStoreError.notFound(selector, project: scope.only) }
        guard matching.count == 1 || uuid == prefix else { throw BuildStoreError.ambiguous(selector, matching) }
        return try load(uuid)
    }

    /// Sandbox directories whose build is over: what a killed drydock left behind.
    public func abandonedSandboxes() -> [FilePath] {
        guard let sandboxes = try? Directory(directory.appending("sandboxes")),
            let entries = try? sandboxes.entries()
        else { return [] }
        return entries.compactMap { entry in
            let uuid = String(decoding: entry.name, as: UTF8.self)
            guard Self.isUUID(uuid), !isLocked(uuid) else { return nil }
            return sandboxDirectory(uuid)
        }
    }

    private func find(number: Int, in scope: Scope) throws(BuildStoreError) -> StoredBuild? {
        var ignored: [String] = []
        var found: [StoredBuild] = []
        for uuid in newestFirst(&ignored) {
            guard let build = try? load(uuid), build.record.buildNumber == number else { continue }
            let project = build.record.projectName
            if project == scope.only ?? scope.first { return build }
            if scope.only == nil, !found.contains(where: { $0.record.projectName == project }) { found.append(build) }
        }
        guard found.count < 2 else {
            throw .severalProjects(number, found.map(\.record.projectName))
        }
        return found.first
    }

    // MARK: Order

    /// The builds' identifiers by the time at which they began. What else lies in the directory is not ours.
    private func newestFirst(_ warnings: inout [String]) -> [String] {
        let builds: Directory
        let entries: [DirectoryEntry]
        do throws(FilesError) {
            builds = try Directory(directory.appending("builds"))
            entries = try builds.entries()
        } catch {
            if error.underlying != .noSuchFileOrDirectory {
                warnings.append(BuildStoreError.cannotRead(error).message)
            }
            return []
        }
        var found: [(uuid: String, seconds: Int, nanoseconds: Int)] = []
        for entry in entries {
            let uuid = String(decoding: entry.name, as: UTF8.self)
            guard Self.isUUID(uuid) else { continue }
            let name = FilePath(uuid)
            guard let status = (try? builds.status(name.appending("lock"))) ?? (try? builds.status(name)) else {
                continue
            }
            found.append((uuid, status.modificationSeconds, status.modificationNanoseconds))
        }
        found.sort { ($0.seconds, $0.nanoseconds, $0.uuid) > ($1.seconds, $1.nanoseconds, $1.uuid) }
        return found.map(\.uuid)
    }

    private static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 36
            && bytes.enumerated().allSatisfy { index, byte in
                [8, 13, 18, 23].contains(index)
                    ? byte == UInt8(ascii: "-") : byte != UInt8(ascii: "-") && isIdentifierByte(byte)
            }
    }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            || byte == UInt8(ascii: "-")
    }

    // MARK: Reading

    /// Records above this size are not ours.
    private static var maximumRecordSize: Int { 16 << 20 }

    private func load(_ uuid: String) throws(BuildStoreError) -> StoredBuild {
        let directory = buildDirectory(uuid)
        let path = directory.appending("build.json")
        let bytes: [UInt8]
        do throws(FilesError) {
            bytes = try FileContents.read(path, limit: Self.maximumRecordSize)
        } catch {
            throw BuildStoreError.cannotRead(error)
        }
        guard var record = try? JSONDecoder().decode(BuildRecord.self, from: Data(bytes)) else {
            throw BuildStoreError.invalidRecord(path)
        }
        if record.buildComplete { return StoredBuild(record: record, state: .complete, directory: directory) }
        if isLocked(uuid), isAlive(record.drydock.processIdentifier) {
            return StoredBuild(record: record, state: .running, directory: directory)
        }
        record.buildStatus = .stopped
        record.buildComplete = true
        return StoredBuild(record: record, state: .interrupted, directory: directory)
    }

    private func isLocked(_ uuid: String) -> Bool {
        let path = buildDirectory(uuid).appending("lock")
        // Asking must not make a lock where there is none.
        guard (try? FileContents.read(path, limit: 0)) != nil else { return false }
        do throws(FilesError) { return try FileLock.acquire(path, waiting: false) == nil } catch { return true }
    }

    /// A lock may be held for a moment by somebody who also only asks; the process is the second witness.
    private func isAlive(_ process: Int) -> Bool {
        guard let process = Int32(exactly: process), process > 0 else { return false }
        return kill(process, 0) == 0 || errno == EPERM
    }

    /// Reads a build's log from its beginning to its present end, in pieces.
    /// - Parameter body: gets each piece, and says whether to go on; the bytes are valid during the call only.
    public func readLog(
        of build: StoredBuild, _ body: (UnsafeRawBufferPointer) -> Bool
    ) throws(BuildStoreError) {
        try read(build.logPath, body)
    }

    /// Reads a build's events, as JSON Lines, in pieces.
    public func readEvents(
        of build: StoredBuild, _ body: (UnsafeRawBufferPointer) -> Bool
    ) throws(BuildStoreError) {
        try read(build.eventsPath, body)
    }

    private func read(_ path: FilePath, _ body: (UnsafeRawBufferPointer) -> Bool) throws(BuildStoreError) {
        let file: FileDescriptor
        do throws(FilesError) {
            let directory = try Directory(path.removingLastComponent())
            guard let name = path.lastComponent else { return }
            file = try directory.open(FilePath(name.string), flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            throw BuildStoreError.cannotRead(error)
        }
        defer { try? file.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count: Int
            do { count = try file.read(into: buffer) } catch {
                throw BuildStoreError.cannotRead(FilesError(.read, path: path, underlying: error as? Errno))
            }
            guard count > 0, body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
        }
    }
}
