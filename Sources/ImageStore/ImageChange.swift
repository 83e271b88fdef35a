// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Files
internal import Glibc
public import SystemPackage

/// The right to change the store, which one has at a time.
public final class ImageChange {
    private let store: ImageStore
    private let lock: FileLock

    init(store: ImageStore, lock: FileLock) {
        self.store = store
        self.lock = lock
    }

    /// Removes what killed builds of images left, and versions that were replaced while a build used them.
    func clear() {
        for entry in (try? Directory(store.directory).entries()) ?? [] {
            guard let name = String(validating: entry.name, as: UTF8.self), ImageStore.isName(name) else { continue }
            clear(name)
        }
    }

    private func clear(_ name: String) {
        let place = store.directory.appending(name)
        let current = store.version(of: name)
        for entry in (try? Directory(place).entries()) ?? [] {
            let version = FilePath(bytes: entry.name)
            if version == FilePath(ImageStore.current) || version.string == current { continue }
            let path = place.pushing(version)
            if (try? Directory(place).status(version))?.kind != .directory {
                try? Directory(place).remove(version)
                continue
            }
            guard let held = try? FileLock.acquire(path.appending(ImageStore.lockName), waiting: false) else {
                continue
            }
            _ = store.removeTree(path)
            withExtendedLifetime(held) {}
        }
        // Refused while there is something in it.
        try? Directory(store.directory).removeDirectory(FilePath(name))
    }

    /// Removes an image; refused while a build uses it.
    public func remove(_ name: String) throws(ImageStoreError) {
        guard ImageStore.isName(name) else { throw .invalid(name: name) }
        guard let version = store.version(of: name) else {
            throw .notFound(name, known: store.names, recipes: ImageRecipe.names(in: store.recipes))
        }
        do { try removeName(name, of: version) } catch { throw .storage(error) }
        guard store.version(of: name) == nil else { throw .inUse(name) }
        clear(name)
    }

    /// Takes the name away, unless a build uses the version.
    private func removeName(_ name: String, of version: String) throws(FilesError) {
        let place = store.directory.appending(name)
        // Held until the name is gone: no build can take the image in between.
        let held = try lockIfThere(place.appending(version))
        guard held.isOurs else { return }
        try Directory(place).remove(FilePath(ImageStore.current))
        withExtendedLifetime(held.lock) {}
    }

    /// The exclusive lock of a version; a version whose directory is gone needs none.
    private func lockIfThere(_ version: FilePath) throws(FilesError) -> (lock: FileLock?, isOurs: Bool) {
        guard (try? Directory(version)) != nil else { return (nil, true) }
        let lock = try FileLock.acquire(version.appending(ImageStore.lockName), waiting: false)
        return (lock, lock != nil)
    }

    /// Makes the place for a new version of an image.
    public func newImage(_ name: String) throws(ImageStoreError) -> NewImage {
        guard ImageStore.isName(name) else { throw .invalid(name: name) }
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        let version = String(repeating: "0", count: 16 - digits.count) + digits
        let path = store.directory.appending(name).appending(version)
        do throws(FilesError) {
            let place = try Directory.make(path, mode: 0o700)
            // Nobody else knows the name.
            guard let held = try FileLock.acquire(path.appending(ImageStore.lockName), waiting: true) else {
                throw FilesError(.lock, path: path, underlying: nil)
            }
            try place.makeDirectory(FilePath(ImageStore.rootName), mode: 0o755)
            // The root's mode is the image's, whatever the caller's umask.
            _ = path.appending(ImageStore.rootName).withPlatformString { chmod($0, 0o755) }
            return NewImage(store: store, change: self, name: name, version: version, lock: held)
        } catch {
            clear(name)
            throw .storage(error)
        }
    }

    fileprivate func clearAfter(_ name: String) { clear(name) }
}

/// A version of an image in the making. Unless it is committed it goes with this object.
public final class NewImage {
    private let store: ImageStore
    private let change: ImageChange
    private let name: String
    private let version: String
    private var lock: FileLock?

    init(store: ImageStore, change: ImageChange, name: String, version: String, lock: FileLock) {
        self.store = store
        self.change = change
        self.name = name
        self.version = version
        self.lock = lock
    }

    /// Where the root file system is to be made; an empty directory.
    public var root: FilePath { place.appending(ImageStore.rootName) }

    private var place: FilePath { store.directory.appending(name).appending(version) }

    /// Gives the name to this version, in one step; the old one goes as soon as no build uses it.
    public func commit(_ record: ImageRecord) throws(ImageStoreError) {
        let names = store.directory.appending(name)
        do throws(FilesError) {
            try AtomicFile.write(
                record.json, to: place.appending(ImageStore.recordName), mode: 0o600, synchronizing: true)
            let directory = try Directory(names)
            // All of it reaches the disk before its name does.
            _ = linux_sync_file_system(directory.descriptor.rawValue)
            let temporary = FilePath(".\(version).link")
            try directory.makeLink(temporary, to: FilePath(version))
            try directory.rename(temporary, to: FilePath(ImageStore.current))
        } catch {
            throw .storage(error)
        }
        lock = nil
        change.clearAfter(name)
    }

    deinit {
        guard lock != nil else { return }
        lock = nil
        change.clearAfter(name)
    }
}
