// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
public import SystemPackage

/// Images on disk, below one directory:
///
///     lock                      held exclusively by whoever builds or removes an image
///     <name>/current            a link to the version that the name means, replaced in one step
///     <name>/<version>/root/    the root file system
///     <name>/<version>/image.json
///     <name>/<version>/lock     shared by the builds that use the version, exclusive while it is made or removed
///
/// A version never changes once it is whole. What `current` does not name and nobody has locked is left over, and goes
/// when the store is tidied.
public struct ImageStore: Sendable {
    public let directory: FilePath
    /// Removes a version's directory with all its files, which may belong to ids that only a sandbox has.
    let removeTree: @Sendable (FilePath) -> Bool
    /// A directory of recipes that can be built by their names.
    let recipes: FilePath?

    public init(
        directory: FilePath, recipes: FilePath? = nil, removeTree: @escaping @Sendable (FilePath) -> Bool
    ) {
        self.directory = directory
        self.recipes = recipes
        self.removeTree = removeTree
    }

    static let current = "current"
    static let recordName = "image.json"
    static let lockName = "lock"
    static let rootName = "root"

    /// Whether a word can be an image's name.
    public static func isName(_ word: String) -> Bool {
        guard let first = word.utf8.first, word.utf8.count <= 64, word != "host", first != UInt8(ascii: ".") else {
            return false
        }
        let isWordByte: (UInt8) -> Bool = { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        return isWordByte(first) && word.utf8.allSatisfy { isWordByte($0) || ".-_".utf8.contains($0) }
            && word != lockName
    }

    // MARK: Reading

    /// The names of all images, in order.
    public var names: [String] {
        let entries = (try? Directory(directory).entries()) ?? []
        return entries.compactMap { String(validating: $0.name, as: UTF8.self) }
            .filter { Self.isName($0) && version(of: $0) != nil }.sorted()
    }

    /// What the images are, by name; of one that is damaged there is no record.
    /// - Throws: when the store itself cannot be read. One that is not there is empty.
    public func list() throws(ImageStoreError) -> [(name: String, record: ImageRecord?)] {
        try checkReadable()
        var images: [(name: String, record: ImageRecord?)] = []
        for name in names {
            do throws(ImageStoreError) { images.append((name, try open(name).record)) } catch {
                // It may have been removed meanwhile.
                if error.code == .damaged { images.append((name, nil)) }
            }
        }
        return images
    }

    private func checkReadable() throws(ImageStoreError) {
        do throws(FilesError) { _ = try Directory(directory).entries() } catch {
            guard error.underlying != .noSuchFileOrDirectory else { return }
            throw .storage(error)
        }
    }

    /// The image of that name, kept from being removed as long as the result lives.
    public func open(_ name: String) throws(ImageStoreError) -> StoredImage {
        guard Self.isName(name) else { throw .invalid(name: name) }
        // A new version may take the old one's place while we look.
        for _ in 0..<100 {
            guard let version = version(of: name) else {
                try checkReadable()
                throw .notFound(name, known: names, recipes: ImageRecipe.names(in: recipes))
            }
            let place = directory.appending(name).appending(version)
            if let lock = try? FileLock.acquireShared(place.appending(Self.lockName)),
                let bytes = try? FileContents.read(place.appending(Self.recordName), limit: 1 << 20)
            {
                guard let record = ImageRecord(json: bytes) else { throw .damaged(name) }
                return StoredImage(record: record, root: place.appending(Self.rootName), lock: lock)
            }
            usleep(10_000)
        }
        throw .damaged(name)
    }

    func version(of name: String) -> String? {
        guard let link = try? Directory(directory.appending(name)).readLink(FilePath(Self.current)),
            link.components.count == 1
        else { return nil }
        return link.lastComponent?.string
    }

    // MARK: Changing

    /// Clears what killed builds of images left, unless somebody is at work.
    public func tidy() {
        guard (try? Directory(directory)) != nil else { return }
        _ = try? beginChange { false }
    }

    /// Waits until nobody else builds or removes an image, then clears what they left.
    /// - Parameter isPatient: asked ten times a second; once it says no, the result is nil.
    public func beginChange(isPatient: () -> Bool) throws(ImageStoreError) -> ImageChange? {
        do throws(FilesError) {
            _ = try Directory.make(directory, mode: 0o700)
            while true {
                if let lock = try FileLock.acquire(directory.appending(Self.lockName), waiting: false) {
                    let change = ImageChange(store: self, lock: lock)
                    change.clear()
                    return change
                }
                guard isPatient() else { return nil }
                usleep(100_000)
            }
        } catch { throw .storage(error) }
    }
}

/// An image that is there, and stays as long as this lives.
public final class StoredImage: Sendable {
    public let record: ImageRecord
    /// The root file system, on the host.
    public let root: FilePath
    private let lock: FileLock

    init(record: ImageRecord, root: FilePath, lock: FileLock) {
        self.record = record
        self.root = root
        self.lock = lock
    }
}
