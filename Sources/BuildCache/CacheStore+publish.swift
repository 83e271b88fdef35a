// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// A layer in the making. When this goes without having been published, what was made is left over, and is removed with
/// the next ``CacheStore/collectLayers(_:)``.
public struct IncomingLayer: Sendable {
    public var id: String
    /// Where the layer is to be put, as `files/` in it. It is not there yet; the directory above it is.
    public var directory: FilePath
    let lock: FileLock

    /// What says that somebody is at work: a process that is given this descriptor, and goes on after drydock, keeps the
    /// layer from being taken for a leftover.
    public var lockDescriptor: FileDescriptor { lock.descriptor }
}

extension CacheStore {
    /// Begins a layer: gives it an id and a place, kept from being taken for a leftover.
    public func begin() throws(CacheError) -> IncomingLayer {
        do throws(FilesError) {
            try prepare()
            // A lock file that nobody has locked yet is a leftover to whoever holds this.
            let storeLock = try lock()
            defer { withExtendedLifetime(storeLock) {} }
            let id = CacheLayer.makeIdentifier()
            guard let lock = try FileLock.acquire(incomingLock(id), waiting: false) else {
                throw FilesError(.lock, path: incomingLock(id), underlying: .resourceTemporarilyUnavailable)
            }
            return IncomingLayer(id: id, directory: incomingDirectory.appending(id), lock: lock)
        } catch { throw .storage(error, store: directory) }
    }

    /// Takes back a layer that nothing is made of. What cannot be removed, because its owners are ids of a sandbox, goes with
    /// the next ``collectLayers(_:)``.
    public func abandon(_ incoming: IncomingLayer) {
        guard let root = try? Directory(directory), let place = try? Directory(incomingDirectory) else { return }
        do throws(FilesError) { try place.removeTree(FilePath(incoming.id)) } catch {
            let trash = FilePath("trash").appending(incoming.id)
            try? root.rename(FilePath("incoming").appending(incoming.id), to: trash, replacing: false)
        }
        try? place.remove(FilePath(incoming.id + ".lock"))
    }

    /// Makes what lies in `incoming` an entry, in one step: before it the entry is what it was, after it the new one.
    ///
    /// An entry with a key is never replaced: whoever comes second has saved nothing, and that is no error. The entry
    /// without a key is replaced; builds that use the one before it keep its layers.
    /// - Parameters:
    ///   - layer: what is known of the new layer; its id is that of `incoming`.
    ///   - base: what the build began with.
    ///   - isWhole: whether the layers of `base` are not wanted below the new one.
    ///   - inputs: what the key was made of.
    ///   - selected: what patterns among the paths selected.
    ///   - build: the id of the build.
    ///   - created: of an entry that was saved elsewhere; nil is now.
    /// - Returns: nil when somebody was first with that key.
    public func publish(
        _ incoming: IncomingLayer, layer: CacheLayer, for request: CacheRequest, over base: CacheHit?,
        isWhole: Bool = false, inputs: [KeyInput], selected: [String]? = nil, build: String,
        now: Timestamp, created: Timestamp? = nil
    ) throws(CacheError) -> CacheEntry? {
        var layer = layer
        layer.id = incoming.id
        let below = isWhole ? [] : base?.entry.layers ?? []
        let entry = CacheEntry(
            hash: request.hash, namespace: request.namespace, identity: request.identity, paths: request.paths,
            key: request.key, version: request.version, layers: [layer] + below, created: created ?? now,
            lastUsed: now,
            build: build, inputs: inputs, selected: selected)
        guard (try? Directory(incoming.directory.appending(Self.filesName))) != nil else {
            throw .incomplete(incoming.directory)
        }
        do throws(FilesError) { return try commit(incoming, entry) ? entry : nil } catch {
            throw .storage(error, store: directory)
        }
    }

    /// - Returns: false when there is a usable entry that must not be replaced.
    private func commit(_ incoming: IncomingLayer, _ entry: CacheEntry) throws(FilesError) -> Bool {
        try prepare()
        // Made now, so that nothing is left to make once the layer is in its place.
        let layerLock = try FileLock.acquire(incoming.directory.appending(Self.lockName), waiting: false)
        defer { withExtendedLifetime(layerLock) {} }
        let root = try Directory(directory)
        let entries = try Directory(entriesDirectory)
        let storeLock = try lock()
        defer { withExtendedLifetime(storeLock) {} }
        var isFirst = true
        if case .whole(let other) = read(entry.hash, in: entries),
            !other.entry.layers.contains(where: { isMissing($0.id) })
        {
            isFirst = entry.key == nil
            // What the disk is known to have is kept until it has what takes its place.
            if isFirst, other.boot == nil { keepEarlier(entry.hash, in: entries) }
        }
        let made = FilePath("incoming").appending(incoming.id)
        let place = FilePath(isFirst ? "layers" : "trash").appending(incoming.id)
        try root.rename(made, to: place, replacing: false)
        if isFirst {
            do throws(FilesError) { try write(CacheRecord(entry: entry, boot: bootIdentifier()), in: entries) } catch {
                // Left where it is it would be a leftover as well.
                try? root.rename(place, to: FilePath("trash").appending(incoming.id), replacing: false)
                try? root.remove(FilePath("incoming").appending(incoming.id + ".lock"))
                throw error
            }
        }
        try? root.remove(FilePath("incoming").appending(incoming.id + ".lock"))
        return isFirst
    }

    /// Keeps a record under a second name, before another takes its place. To be called with the lock.
    func keepEarlier(_ hash: String, in entries: Directory) {
        let descriptor = entries.descriptor.rawValue
        let (current, earlier) = (Self.recordName(hash), Self.earlierName(hash))
        try? entries.removeTree(earlier)
        _ = current.withPlatformString { old in
            earlier.withPlatformString { linkat(descriptor, old, descriptor, $0, 0) }
        }
    }

    /// Puts a record in its place, with the time of the entry's last use.
    func write(_ record: CacheRecord, in entries: Directory, synchronizing: Bool = false) throws(FilesError) {
        let file = try AtomicFile(replacing: Self.recordName(record.entry.hash), in: entries, mode: 0o600)
        var failure: FilesError?
        record.bytes.withUnsafeBytes { bytes in
            do throws(FilesError) { try file.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        let seconds = record.entry.lastUsed.seconds
        let whole = seconds.rounded(.down)
        let time = timespec(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
        _ = [time, time].withUnsafeBufferPointer { futimens(file.descriptor.rawValue, $0.baseAddress) }
        try file.commit(synchronizing: synchronizing)
    }
}
