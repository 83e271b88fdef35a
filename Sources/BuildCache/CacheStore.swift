// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// Caches on disk, below one directory that is the owner's alone and is made by the first save:
///
///     lock                    held for a moment by whoever changes records
///     entries/<hash>.json     a record; its time is the entry's last use
///     entries/<hash>.before   the record that it took the place of, until the disk has the new one
///     layers/<id>/files/      an immutable tree: `root/…` of the sandbox's root, `source/…` of its primary source
///     layers/<id>/lock        shared by the builds that use the layer, exclusive to whoever removes it
///     incoming/<id>/          a layer in the making, with `incoming/<id>.lock` held by its maker
///     trash/<id>/             a layer on its way out
///     renames/<hash>          a note on a path: mounted, it made a build fail
///
/// A record never names a layer that is not whole, and is removed before its layers are: so each step may be the last one
/// that a process makes. Layers that no record names, and what lies in `incoming` without a maker, are left over.
public struct CacheStore: Sendable {
    public let directory: FilePath
    /// The kernel's name for the time since the machine was started.
    let bootIdentifier: @Sendable () -> String

    /// - Parameter directory: need not be there.
    public init(directory: FilePath) {
        self.init(directory: directory, bootIdentifier: Self.currentBoot)
    }

    init(directory: FilePath, bootIdentifier: @escaping @Sendable () -> String) {
        self.directory = directory
        self.bootIdentifier = bootIdentifier
    }

    // MARK: Places

    static let filesName = "files"
    static let lockName = "lock"

    var entriesDirectory: FilePath { directory.appending("entries") }
    var layersDirectory: FilePath { directory.appending("layers") }
    var incomingDirectory: FilePath { directory.appending("incoming") }
    var trashDirectory: FilePath { directory.appending("trash") }

    func layerDirectory(_ id: String) -> FilePath { layersDirectory.appending(id) }
    func layerLock(_ id: String) -> FilePath { layerDirectory(id).appending(Self.lockName) }
    func incomingLock(_ id: String) -> FilePath { incomingDirectory.appending(id + ".lock") }

    static func recordName(_ hash: String) -> FilePath { FilePath(hash + ".json") }
    static func earlierName(_ hash: String) -> FilePath { FilePath(hash + ".before") }

    /// The hash in a record's name; nil for what is none.
    static func hash(ofRecord name: [UInt8], suffix: String = ".json") -> String? {
        let text = String(decoding: name, as: UTF8.self)
        guard text.hasSuffix(suffix) else { return nil }
        let hash = String(text.dropLast(suffix.utf8.count))
        return isHexadecimal(hash, count: 64) ? hash : nil
    }

    private static func currentBoot() -> String {
        let bytes = (try? FileContents.read("/proc/sys/kernel/random/boot_id", limit: 100)) ?? []
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    // MARK: Opening

    /// The directory of the records; nil where nothing was ever saved, which takes one call to find out.
    func openEntries() throws(CacheError) -> Directory? {
        do throws(FilesError) { return try Directory(entriesDirectory) } catch {
            if error.underlying == .noSuchFileOrDirectory { return nil }
            throw .unreadable(error)
        }
    }

    /// Makes the store's directories, where they are missing, for the owner alone.
    func prepare() throws(FilesError) {
        for place in [directory, entriesDirectory, layersDirectory, incomingDirectory, trashDirectory] {
            _ = try Directory.make(place, mode: 0o700)
        }
    }

    /// The right to change records.
    func lock() throws(FilesError) -> FileLock? {
        try FileLock.acquire(directory.appending(Self.lockName), waiting: true)
    }

    // MARK: Records

    enum Reading {
        case absent
        case whole(CacheRecord)
        /// Never to be used again, and why.
        case damaged(String)
        /// Not to be read now, and why.
        case unreadable(String)

        /// Why it cannot be used.
        var reason: String? {
            switch self {
            case .absent, .whole: nil
            case .damaged(let reason), .unreadable(let reason): reason
            }
        }
    }

    /// Reads a record. One that the disk may not have had when the machine went down is damaged, whatever it says.
    func read(_ hash: String, in entries: Directory) -> Reading {
        read(hash, named: Self.recordName(hash), in: entries)
    }

    func read(_ hash: String, named name: FilePath, in entries: Directory) -> Reading {
        let bytes: [UInt8]
        let status: FileStatus
        do throws(FilesError) {
            let file = try entries.open(name, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            defer { try? file.close() }
            status = try FileStatus(of: file, path: entries.path)
            bytes = try FileContents.read(file, path: entries.path, limit: CacheRecord.maximumSize)
        } catch {
            switch (error.code, error.underlying) {
            case (_, .noSuchFileOrDirectory): return .absent
            case (_, .tooManySymbolicLinkLevels), (.notRegular, _), (_, .isDirectory): return .damaged("it is no file")
            case (.tooLarge, _): return .damaged("it is too large")
            default: return .unreadable(error.underlying?.words ?? "it cannot be read")
            }
        }
        let lastUsed = Double(status.modificationSeconds) + Double(status.modificationNanoseconds) / 1e9
        guard let record = CacheRecord(bytes, hash: hash, lastUsed: Timestamp(seconds: lastUsed)) else {
            return .damaged("its record is damaged, or of another version of drydock")
        }
        if let boot = record.boot, boot != bootIdentifier() {
            return .damaged("the machine went down before the disk had all of it")
        }
        return .whole(record)
    }

    /// All entries that can be used, the last used first.
    /// - Parameter warn: told of each record that cannot be read.
    public func entries(warn: (CacheWarning) -> Void) throws(CacheError) -> [CacheEntry] {
        guard let directory = try openEntries() else { return [] }
        var entries: [CacheEntry] = []
        for hash in try hashes(in: directory) {
            switch read(hash, in: directory) {
            case .absent: continue
            case .whole(let record): entries.append(record.entry)
            case .damaged(let reason), .unreadable(let reason):
                warn(.damaged(directory.path.pushing(Self.recordName(hash)), reason, isRemoved: false))
            }
        }
        return entries.sorted { ($0.lastUsed, $0.hash) > ($1.lastUsed, $1.hash) }
    }

    /// - Parameter scope: only the records of that namespace and version.
    func hashes(in entries: Directory, scope: String = "") throws(CacheError) -> [String] {
        do throws(FilesError) {
            return try entries.entries().compactMap { Self.hash(ofRecord: $0.name) }.filter { $0.hasSuffix(scope) }
                .sorted()
        } catch { throw .unreadable(error) }
    }

    /// Takes a record away that is of no use, unless it has become one meanwhile. Where the disk still has the one before
    /// it, that one takes its place.
    /// - Returns: whether it is gone.
    func discard(_ hash: String, in entries: Directory, unless isUsable: (Reading) -> Bool) -> Bool {
        guard let lock = try? lock(), !isUsable(read(hash, in: entries)) else { return false }
        defer { withExtendedLifetime(lock) {} }
        return removeRecord(hash, in: entries)
    }

    /// To be called with the lock.
    func removeRecord(_ hash: String, in entries: Directory) -> Bool {
        guard (try? entries.removeTree(Self.recordName(hash))) != nil else { return false }
        if case .whole(let earlier) = read(hash, named: Self.earlierName(hash), in: entries),
            !earlier.entry.layers.contains(where: { isMissing($0.id) })
        {
            try? entries.rename(Self.earlierName(hash), to: Self.recordName(hash), replacing: false)
        } else {
            try? entries.removeTree(Self.earlierName(hash))
        }
        return true
    }
}
