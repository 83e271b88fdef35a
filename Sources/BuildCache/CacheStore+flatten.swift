// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

extension CacheStore {
    /// More layers than this are made one. A lookup of a name that is not there asks each of them.
    public static let usefulDepth = 8

    /// A layer and where its tree lies.
    public struct PlacedLayer: Sendable, Equatable {
        public var layer: CacheLayer
        public var directory: FilePath
    }

    /// Makes one layer of those of each entry that has too many. The entries stay what they are, with the time of their
    /// last use; builds that use them go on with the old layers.
    ///
    /// Where one stack is the lower part of another, as with keys that fell back on one another, both get the same layer.
    /// - Parameters:
    ///   - depth: entries with more layers are flattened.
    ///   - isMeant: whether an entry can be flattened here; those of other identities cannot.
    ///   - flatten: merges the trees of the first argument, top first, into `files/` in the directory of the second, which
    ///     is not there yet: what a lower one has and an upper one does not hide or replace, without whiteouts. It says
    ///     what is known of the new layer.
    /// - Returns: how many stacks were merged. The old layers go with the next ``collectLayers(_:)``.
    @discardableResult
    public func flatten(
        deeperThan depth: Int = usefulDepth, where isMeant: (CacheEntry) -> Bool = { _ in true },
        warn: (CacheWarning) -> Void = { _ in },
        _ flatten: (_ layers: [PlacedLayer], _ into: FilePath) throws -> CacheLayer
    ) throws(CacheError) -> Int {
        var count = 0
        var failed: Set<[String]> = []
        while true {
            // The shortest first: it may be the lower part of the others.
            let deep = try entries { _ in }.filter {
                $0.layers.count > max(1, depth) && !failed.contains($0.stack) && isMeant($0)
            }
            guard let entry = deep.min(by: { ($0.layers.count, $0.hash) < ($1.layers.count, $1.hash) }) else {
                return count
            }
            guard case .held(let pin) = pin(entry.layers) else {
                failed.insert(entry.stack)
                continue
            }
            defer { withExtendedLifetime(pin) {} }
            let incoming = try begin()
            var merged: CacheLayer
            do {
                merged = try flatten(
                    entry.layers.map {
                        PlacedLayer(layer: $0, directory: layerDirectory($0.id).appending(Self.filesName))
                    }, incoming.directory)
            } catch {
                warn(.notFlattened(entry, "\(error)"))
                failed.insert(entry.stack)
                continue
            }
            merged.id = incoming.id
            merged.isDelta = false
            do throws(FilesError) { try replace(entry.stack, by: merged, incoming) } catch {
                throw .storage(error, store: directory)
            }
            count += 1
        }
    }

    /// Puts a merged layer in the place of a stack, in every record that has it at its bottom.
    private func replace(_ stack: [String], by merged: CacheLayer, _ incoming: IncomingLayer) throws(FilesError) {
        let layerLock = try FileLock.acquire(incoming.directory.appending(Self.lockName), waiting: false)
        defer { withExtendedLifetime(layerLock) {} }
        let root = try Directory(directory)
        let entries = try Directory(entriesDirectory)
        let storeLock = try lock()
        defer { withExtendedLifetime(storeLock) {} }
        try root.rename(
            FilePath("incoming").appending(incoming.id), to: FilePath("layers").appending(incoming.id),
            replacing: false)
        try? root.remove(FilePath("incoming").appending(incoming.id + ".lock"))
        for name in try entries.entries() {
            guard let hash = Self.hash(ofRecord: name.name), case .whole(var record) = read(hash, in: entries),
                record.entry.stack.suffix(stack.count).elementsEqual(stack)
            else { continue }
            let wasSynchronized = record.boot == nil
            record.entry.layers.replaceSubrange((record.entry.layers.count - stack.count)..., with: [merged])
            record.boot = bootIdentifier()
            if wasSynchronized { keepEarlier(hash, in: entries) }
            try write(record, in: entries)
        }
    }
}

extension CacheEntry {
    /// The ids of its layers.
    fileprivate var stack: [String] { layers.map(\.id) }
}
