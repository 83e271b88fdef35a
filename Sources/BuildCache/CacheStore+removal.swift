// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// What reaches the files of layers, which may belong to ids that only a sandbox has.
public struct LayerTools {
    /// Removes a directory with all below it; may leave that to somebody who is done later.
    public var remove: (FilePath) throws -> Void
    /// The bytes that a directory takes; nil where that cannot be found out.
    public var measure: (FilePath) -> Int?
    /// The ids of layers that are needed although no record names them: kept states of failed builds lie over them. Asked
    /// when nobody has pinned what is about to go: who lets go of a pin has seen to it that this names the layers.
    public var needed: () -> Set<String>

    public init(
        needed: @escaping () -> Set<String> = { [] }, remove: @escaping (FilePath) throws -> Void,
        measure: @escaping (FilePath) -> Int? = { _ in nil }
    ) {
        self.remove = remove
        self.measure = measure
        self.needed = needed
    }
}

/// What was removed, and what was not.
public struct CacheRemoval: Sendable, Equatable {
    public var entries: [CacheEntry] = []
    /// Wanted away, and used by a build.
    public var busy: [CacheEntry] = []
    /// Records that could not be used, by their paths.
    public var damaged: [FilePath] = []
    /// Layers of removed entries and of nobody.
    public var layerCount = 0
    /// What these took, as far as it is known.
    public var byteCount = 0
    public var warnings: [CacheWarning] = []
}

/// What keeps entries.
public struct CacheLimits: Sendable, Equatable {
    /// All layers together take at most so many bytes.
    public var size: CacheSize?
    /// So many bytes of the disk stay free.
    public var floor: CacheSize?
    /// What was last used before this goes.
    public var unusedSince: Timestamp?

    public init(size: CacheSize? = nil, floor: CacheSize? = nil, unusedSince: Timestamp? = nil) {
        self.size = size
        self.floor = floor
        self.unusedSince = unusedSince
    }
}

extension CacheLimits {
    /// Why an entry goes whatever the others take; nil when it need not.
    fileprivate func condemns(_ entry: CacheEntry) -> RemovedEntry.Reason? {
        if let unusedSince, entry.lastUsed < unusedSince { return .unused }
        if let size, entry.byteCount > size.bytes { return .oversized }
        return nil
    }
}

/// Nothing here needs to make a file: it works on a disk that is full.
extension CacheStore {
    /// Removes entries, unless a build uses them, and what then is left over.
    /// - Parameter hashes: of entries, or of records that cannot be read.
    public func remove(_ hashes: [String], _ tools: LayerTools, now: Timestamp) throws(CacheError) -> CacheRemoval {
        guard let entries = try openEntries() else { return CacheRemoval() }
        var removal = CacheRemoval()
        for hash in hashes {
            try detach(RemovedEntry(hash: hash, time: now, reason: .asked), in: entries, &removal)
        }
        return try collectLayers(tools, removal)
    }

    /// Removes what is too much: entries that were not used for long, then those that were used longest ago until the
    /// rest fits. An entry that fits by no means goes first, before it takes all others with it.
    ///
    /// Nothing that a build uses is removed, and nothing that was used since we looked.
    /// - Parameter isTrial: only says what would be removed, as if no build used any of the entries.
    public func evict(
        _ limits: CacheLimits, _ tools: LayerTools, isTrial: Bool = false, now: Timestamp
    ) throws(CacheError) -> CacheRemoval {
        guard let directory = try openEntries() else { return CacheRemoval() }
        var removal = CacheRemoval()
        let all = try entries { _ in }
        var shares: [String: Int] = [:]
        var total = 0
        for layer in all.flatMap(\.layers) {
            if shares[layer.id] == nil { total = total.addingSaturated(layer.byteCount) }
            shares[layer.id, default: 0] += 1
        }
        let size = limits.size?.bytes ?? .max
        let floor = limits.floor?.bytes ?? 0
        var free = floor > 0 ? DiskSpace(of: self.directory)?.free ?? .max : .max
        // Those that go in any case first, then the longest unused.
        let doomed = all.compactMap { entry in limits.condemns(entry).map { (entry, $0 as RemovedEntry.Reason?) } }
        let others = all.reversed().filter { limits.condemns($0) == nil }.map { ($0, nil as RemovedEntry.Reason?) }
        for (entry, condemned) in doomed + others {
            guard let reason = condemned ?? (total > size ? .size : free < floor ? .floor : nil) else { break }
            if isTrial {
                removal.entries.append(entry)
            } else {
                let removed = RemovedEntry(hash: entry.hash, time: now, reason: reason)
                guard try detach(removed, usedAt: entry.lastUsed, in: directory, &removal) else { continue }
            }
            for layer in entry.layers {
                shares[layer.id, default: 0] -= 1
                guard shares[layer.id] == 0 else { continue }
                total = max(0, total - layer.byteCount)
                if free != .max { free = free.addingSaturated(layer.byteCount) }
            }
        }
        return try collectLayers(tools, removal, isTrial: isTrial)
    }

    /// What all entries take, each layer counted once.
    public static func total(of entries: [CacheEntry]) -> Int {
        var known: Set<String> = []
        return entries.flatMap(\.layers).reduce(0) { sum, layer in
            known.insert(layer.id).inserted ? sum.addingSaturated(layer.byteCount) : sum
        }
    }

    /// Takes a record away.
    /// - Parameter usedAt: leaves an entry that was used after that.
    @discardableResult
    private func detach(
        _ removed: RemovedEntry, usedAt: Timestamp? = nil, in entries: Directory, _ removal: inout CacheRemoval
    ) throws(CacheError) -> Bool {
        let hash = removed.hash
        do throws(FilesError) {
            let lock = try lockForRemoval()
            defer { withExtendedLifetime(lock) {} }
            var idle: FileLock?
            defer { withExtendedLifetime(idle) {} }
            switch read(hash, in: entries) {
            case .absent: return false
            // It may be whole, and legible the next time.
            case .unreadable where removed.reason != .asked: return false
            case .damaged, .unreadable: removal.damaged.append(entries.path.pushing(Self.recordName(hash)))
            case .whole(let record):
                if let usedAt, record.entry.lastUsed > usedAt { return false }
                // The top layer is of this entry alone until another is saved over it.
                if let top = record.entry.layers.first {
                    switch takeIdle(layerLock(top.id)) {
                    case .busy:
                        removal.busy.append(record.entry)
                        return false
                    case .idle(let lock): idle = lock
                    }
                }
                removal.entries.append(record.entry)
            }
            try entries.removeTree(Self.earlierName(hash))
            try entries.removeTree(Self.recordName(hash))
            remember(removed)
            return true
        } catch { throw .storage(error, store: directory) }
    }

    // MARK: Locks

    enum Idleness {
        case busy
        /// With the lock, where there is a file for one.
        case idle(FileLock?)
    }

    func takeIdle(_ lock: FilePath) -> Idleness {
        // Only layers that are whole have the file; it is not made for a removal.
        guard exists(lock) else { return .idle(nil) }
        guard let held = try? FileLock.acquire(lock, waiting: false) else { return .busy }
        return .idle(held)
    }

    /// The store's lock. Where even its file is missing and cannot be made, nobody can save either.
    func lockForRemoval() throws(FilesError) -> FileLock? {
        do { return try lock() } catch {
            guard error.underlying == .noSpace || error.underlying == .diskQuotaExceeded else { throw error }
            return nil
        }
    }
}
