// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

extension CacheStore {
    /// The entry that a build begins with: that of its key; else the newest whose key begins with the first fallback key,
    /// then with the second, and so on.
    ///
    /// A record that cannot be used is a miss. The store need not be writable: then only the time of the last use is not
    /// kept. Where nothing was ever saved this costs one open(2).
    /// - Parameter warn: told of what was damaged, and of an entry that another identity has.
    public func find(_ request: CacheRequest, warn: (CacheWarning) -> Void) throws(CacheError) -> CacheHit? {
        guard let entries = try openEntries() else { return nil }
        let hash = request.hash
        if let hit = take(hash, .exact, in: entries, warn: warn) { return hit }

        var found: [CacheEntry] = []
        let scope = CacheRequest.scope(namespace: request.namespace, version: request.version)
        for other in try hashes(in: entries, scope: scope) where other != hash {
            switch read(other, in: entries) {
            case .absent: continue
            case .whole(let record): found.append(record.entry)
            case .damaged, .unreadable:
                if case .whole(let record) = recover(other, in: entries, warn: warn) { found.append(record.entry) }
            }
        }
        found.sort { ($0.created, $0.hash) > ($1.created, $1.hash) }
        for fallback in request.fallbackKeys {
            for entry in found where entry.isReached(by: request) && entry.isFound(by: fallback) {
                if let hit = take(entry.hash, .fallback(fallback), in: entries, warn: warn) { return hit }
            }
        }
        if let other = found.first(where: { $0.wouldServe(request) }) {
            warn(.otherIdentity(other, wanted: request.identity))
        }
        return nil
    }

    private func take(
        _ hash: String, _ match: CacheHit.Match, in entries: Directory, warn: (CacheWarning) -> Void
    ) -> CacheHit? {
        // Whoever removes layers holds their locks for a moment, and the record may be replaced while we look.
        for _ in 0..<1000 {
            switch read(hash, in: entries) {
            case .absent: return nil
            case .damaged, .unreadable:
                guard case .whole = recover(hash, in: entries, warn: warn) else { return nil }
            case .whole(let record):
                switch pin(record.entry.layers) {
                case .held(let pin):
                    let name = Self.recordName(hash)
                    // Fails in a store that is read only.
                    _ = name.withPlatformString {
                        utimensat(entries.descriptor.rawValue, $0, nil, AT_SYMLINK_NOFOLLOW)
                    }
                    return CacheHit(
                        entry: record.entry, match: match,
                        layers: record.entry.layers.map { layerDirectory($0.id).appending(Self.filesName) }, pin: pin)
                case .busy: usleep(1000)
                case .unreadable(let reason):
                    let path = entries.path.pushing(Self.recordName(hash))
                    warn(.damaged(path, "files of it cannot be read: \(reason)", isRemoved: false))
                    return nil
                case .lost:
                    // Records go before layers: one that is still the same has lost its layers in another way.
                    guard case .whole(let now) = read(hash, in: entries), now.entry.layers == record.entry.layers
                    else { continue }
                    let isRemoved = discard(hash, in: entries) { reading in
                        if case .whole(let now) = reading { now.entry.layers != record.entry.layers } else { false }
                    }
                    let path = entries.path.pushing(Self.recordName(hash))
                    warn(.damaged(path, "files of it are missing", isRemoved: isRemoved))
                    guard isRemoved, case .whole = read(hash, in: entries) else { return nil }
                }
            }
        }
        return nil
    }

    /// Takes a record away that cannot be used, and tells of it.
    /// - Returns: what is there then.
    private func recover(_ hash: String, in entries: Directory, warn: (CacheWarning) -> Void) -> Reading {
        let reading = read(hash, in: entries)
        // Meanwhile somebody may have saved it anew.
        guard let reason = reading.reason else { return reading }
        var isRemoved = false
        if case .damaged = reading {
            isRemoved = discard(hash, in: entries) { if case .damaged = $0 { false } else { true } }
        }
        warn(.damaged(entries.path.pushing(Self.recordName(hash)), reason, isRemoved: isRemoved))
        return read(hash, in: entries)
    }

    // MARK: Pins

    enum Pinning {
        case held(CachePin)
        /// Somebody is about to remove a layer.
        case busy
        /// A layer is not there.
        case lost
        /// Not now, and why; the layers may all be there.
        case unreadable(String)
    }

    func pin(_ layers: [CacheLayer]) -> Pinning {
        var locks: [FileLock] = []
        for layer in layers {
            do throws(FilesError) {
                guard let lock = try FileLock.acquireShared(layerLock(layer.id)) else { return .busy }
                locks.append(lock)
            } catch {
                // What else a lock file may be besides absent is none that a store has made.
                let isAbsent = [.noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels].contains(
                    error.underlying)
                return isAbsent ? .lost : .unreadable(error.underlying?.words ?? "\(error)")
            }
            // The lock may be that of a layer which was moved away after we had opened it; ids are given out once.
            if isMissing(layer.id) { return .lost }
        }
        return .held(CachePin(locks))
    }

    /// Whether a layer is gone, and not only out of reach for now.
    func isMissing(_ id: String) -> Bool {
        var status = stat()
        let files = layerDirectory(id).appending(Self.filesName)
        guard files.withPlatformString({ lstat($0, &status) }) != 0 else { return status.st_mode & S_IFMT != S_IFDIR }
        return errno == ENOENT || errno == ENOTDIR
    }
}

extension CacheEntry {
    /// Whether a fallback key is the beginning of this entry's key.
    func isFound(by fallback: String) -> Bool { key?.beginsWithBytes(of: fallback) ?? false }

    /// Whether a build would get this entry if it ran as who saved it.
    func wouldServe(_ request: CacheRequest) -> Bool {
        guard identity.text != request.identity.text, namespace.hasSameBytes(as: request.namespace),
            version == request.version
        else { return false }
        return isNamed(request.key) || request.fallbackKeys.contains(where: isFound)
    }

    /// Whether this is the entry of a key, or the one without.
    func isNamed(_ name: String?) -> Bool {
        switch (key, name) {
        case (nil, nil): true
        case (let key?, let name?): key.hasSameBytes(as: name)
        default: false
        }
    }
}
