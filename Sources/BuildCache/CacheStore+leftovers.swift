// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Files
internal import Glibc
internal import SystemPackage

/// What nobody names. Nothing here needs to make a file either.
extension CacheStore {
    /// Removes layers that no record names and no build uses, what savers that died left, and what is on its way out.
    public func collectLayers(_ tools: LayerTools) throws(CacheError) -> CacheRemoval {
        try collectLayers(tools, CacheRemoval())
    }

    /// - Parameters:
    ///   - removed: what was removed before, whose layers have known sizes.
    ///   - isTrial: changes nothing, and takes what was removed for gone.
    func collectLayers(
        _ tools: LayerTools, _ removed: CacheRemoval, isTrial: Bool = false
    ) throws(CacheError) -> CacheRemoval {
        var removal = removed
        let gone = isTrial ? removed.entries : []
        let goneLayers = Set(gone.flatMap(\.layers).map(\.id))
        var doomed: [(path: FilePath, lock: FileLock?)] = []
        do throws(FilesError) {
            guard (try? Directory(entriesDirectory)) != nil else { return removal }
            let lock = isTrial ? try? lockForRemoval() : try lockForRemoval()
            defer { withExtendedLifetime(lock) {} }
            if let named = try namedLayers(&removal, gone: Set(gone.map(\.hash)), isTrial: isTrial) {
                var idle: [(id: String, lock: FileLock?)] = []
                for id in try identifiers(in: layersDirectory)
                where !named.layers.contains(id) && !mayBe(id, of: named.others) {
                    if goneLayers.contains(id) {
                        idle.append((id, nil))
                    } else if case .idle(let lock) = takeIdle(layerLock(id)) {
                        idle.append((id, lock))
                    }
                }
                let needed = idle.isEmpty ? [] : tools.needed()
                for (id, lock) in idle where !needed.contains(id) {
                    let place = layerDirectory(id)
                    doomed.append((isTrial ? place : moveToTrash(place), lock))
                }
            }
            for id in try identifiers(in: incomingDirectory) {
                guard case .idle(let lock) = takeIdle(incomingLock(id)) else { continue }
                let place = incomingDirectory.appending(id)
                if exists(place) { doomed.append((isTrial ? place : moveToTrash(place), lock)) }
                if !isTrial { try? Directory(incomingDirectory).remove(FilePath(id + ".lock")) }
            }
        } catch { throw .storage(error, store: directory) }
        // Without the lock: this may take long.
        let moved = Set(doomed.map(\.path))
        for id in (try? identifiers(in: trashDirectory)) ?? [] where !moved.contains(trashDirectory.appending(id)) {
            let place = trashDirectory.appending(id)
            guard case .idle(let lock) = takeIdle(place.appending(Self.lockName)) else { continue }
            doomed.append((place, lock))
        }
        for (path, lock) in doomed { remove(path, tools, lock, &removal, isTrial: isTrial) }
        return removal
    }

    private func remove(
        _ path: FilePath, _ tools: LayerTools, _ lock: FileLock?, _ removal: inout CacheRemoval, isTrial: Bool
    ) {
        let id = path.lastComponent?.string
        let known = removal.entries.lazy.flatMap(\.layers).first { $0.id == id }?.byteCount
        let size = known ?? tools.measure(path) ?? 0
        do { if !isTrial { try tools.remove(path) } } catch {
            // Somebody else may have been at it as well.
            if exists(path) {
                removal.warnings.append(.notRemoved(path, "\(error)"))
                return
            }
        }
        removal.layerCount += 1
        removal.byteCount = removal.byteCount.addingSaturated(size)
        withExtendedLifetime(lock) {}
    }

    /// The layers that records name; nil where a record cannot be read now, and may name any. Records that nobody can use
    /// go, and files that were to become some.
    /// - Parameter gone: the hashes of records that count as removed.
    private func namedLayers(
        _ removal: inout CacheRemoval, gone: Set<String>, isTrial: Bool
    ) throws(FilesError) -> NamedLayers? {
        let entries = try Directory(entriesDirectory)
        var named: Set<String> = []
        var others: Set<UInt32> = []
        var isSure = true
        // Layers are shared within one identity only, so another user's record names none of this user's.
        func isOfOther(_ name: FilePath) -> Bool {
            guard let owner = try? entries.status(name).owner, owner != geteuid() else { return false }
            others.insert(owner)
            return true
        }
        for entry in try entries.entries() {
            let name = FilePath(bytes: entry.name)
            if let hash = Self.hash(ofRecord: entry.name) {
                if gone.contains(hash) { continue }
                switch read(hash, in: entries) {
                case .absent: continue
                case .whole(let record): named.formUnion(record.entry.layers.map(\.id))
                case .damaged:
                    removal.damaged.append(entries.path.pushing(name))
                    // A trial leaves the one before it where it is, and meets it there.
                    if !isTrial, removeRecord(hash, in: entries), case .whole(let earlier) = read(hash, in: entries) {
                        named.formUnion(earlier.entry.layers.map(\.id))
                    }
                case .unreadable(let reason):
                    if isOfOther(name) { continue }
                    removal.warnings.append(.damaged(entries.path.pushing(name), reason, isRemoved: false))
                    isSure = false
                }
            } else if let hash = Self.hash(ofRecord: entry.name, suffix: ".before") {
                if gone.contains(hash) { continue }
                // Without the one that took its place it is nobody's.
                if case .absent = read(hash, in: entries) {
                    if !isTrial { try? entries.removeTree(name) }
                    continue
                }
                switch read(hash, named: name, in: entries) {
                case .whole(let record): named.formUnion(record.entry.layers.map(\.id))
                case .absent: continue
                case .damaged: if !isTrial { try? entries.removeTree(name) }
                case .unreadable: isSure = isOfOther(name) && isSure
                }
            } else if entry.name.first == UInt8(ascii: "."), entry.name.suffix(5).elementsEqual(".part".utf8), !isTrial
            {
                try? entries.remove(name)
            }
        }
        return isSure ? NamedLayers(layers: named, others: others) : nil
    }

    /// What records name.
    private struct NamedLayers {
        var layers: Set<String>
        /// The owners of records that this user may not read: they name layers of these owners, and of nobody else.
        var others: Set<UInt32>
    }

    private func mayBe(_ id: String, of owners: Set<UInt32>) -> Bool {
        guard !owners.isEmpty else { return false }
        guard let layer = try? Directory(layerDirectory(id)), let lock = try? layer.status(FilePath(Self.lockName))
        else {
            return true
        }
        return owners.contains(lock.owner)
    }

    /// - Returns: where it lies then: a directory that is full of names may not take another.
    private func moveToTrash(_ place: FilePath) -> FilePath {
        guard let name = place.lastComponent else { return place }
        let target = trashDirectory.appending(name)
        let isMoved = place.withPlatformString { old in target.withPlatformString { rename(old, $0) } } == 0
        return isMoved ? target : place
    }

    /// The ids in the names of a directory, which may be missing.
    private func identifiers(in place: FilePath) throws(FilesError) -> [String] {
        let names: [DirectoryEntry]
        do throws(FilesError) { names = try Directory(place).entries() } catch {
            if error.underlying == .noSuchFileOrDirectory { return [] }
            throw error
        }
        let ids = names.map { entry in
            String(decoding: entry.name.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
        }
        return Set(ids.filter(CacheLayer.isIdentifier)).sorted()
    }

    func exists(_ path: FilePath) -> Bool {
        path.withPlatformString { access($0, F_OK) } == 0
    }
}
