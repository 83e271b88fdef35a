// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// A directory that several machines or users see, as a shared disk.
public struct DirectoryPlace: SharedPlace {
    public let path: FilePath

    /// - Parameter path: its last directory need not be there before something is stored.
    public init(_ path: FilePath) { self.path = path }

    public var name: String { path.displayed }
    public var title: String { "cache" }

    public func open(isCancelled: @escaping () -> Bool) -> any SharedObjects {
        DirectoryObjects(root: path, isCancelled: isCancelled)
    }
}

struct DirectoryObjects: SharedObjects {
    let root: FilePath
    let isCancelled: () -> Bool

    /// What a killed writer left is removed by another: where a lock says that nobody is at it when it has not changed for some
    /// minutes, since a lock may be its own machine's alone while the disk is still given the last of it; without locks
    /// when it is older than any writing takes.
    private static let graceSeconds = 600.0
    private static let leftoverSeconds = 86_400.0

    func checkIsThere() throws(CacheError) {
        do throws(FilesError) { _ = try Directory(root) } catch { throw .place(root, error) }
    }

    /// The directory of an object. Of the place itself no more than its last directory is made: where more is missing, it is
    /// misspelt, or a disk that is not mounted.
    private func makeDirectory(of path: FilePath) throws(FilesError) {
        if let name = root.lastComponent, (try? Directory(root)) == nil {
            let parent = root.removingLastComponent()
            do throws(FilesError) {
                try Directory(parent.isEmpty ? "." : parent).makeDirectory(FilePath(root: nil, [name]))
            } catch { if error.underlying != .fileExists { throw error } }
        }
        _ = try Directory.make(path.removingLastComponent())
    }

    func list(_ prefix: String) throws(CacheError) -> [SharedObject] {
        do throws(FilesError) {
            let directory = try Directory(root.pushing(FilePath(prefix)))
            return try directory.entries().compactMap { entry in
                let name = String(decoding: entry.name, as: UTF8.self)
                guard !name.hasPrefix("."), let status = try? directory.status(FilePath(bytes: entry.name)),
                    status.kind == .regular
                else { return nil }
                return SharedObject(name: name, modified: Self.time(status))
            }
        } catch {
            if error.underlying == .noSuchFileOrDirectory { return [] }
            throw .place(root, error)
        }
    }

    /// What its content is, whoever fetches it finds out.
    func has(_ name: String, sha256: String, byteCount: Int) throws(CacheError) -> Bool {
        do throws(FilesError) { return try Directory(root).status(FilePath(name)).size == byteCount } catch {
            if Self.isAbsence(error) { return false }
            throw .place(root, error)
        }
    }

    func read(_ name: String, limit: Int) throws(CacheError) -> SharedContent? {
        do throws(FilesError) {
            let bytes = try FileContents.read(root.pushing(FilePath(name)), limit: limit)
            return SharedContent(bytes: bytes, version: Self.version(bytes))
        } catch {
            if error.code == .tooLarge || error.code == .notRegular { return SharedContent(bytes: nil, version: "") }
            if Self.isAbsence(error) { return nil }
            throw .place(root, error)
        }
    }

    private static func version(_ bytes: [UInt8]) -> String {
        var sum = SHA256()
        bytes.withUnsafeBytes { sum.update($0) }
        return sum.finish()
    }

    func fetch(_ name: String, _ archive: CacheManifest.Archive, into file: FileDescriptor) throws(CacheError) -> Bool {
        let path = root.pushing(FilePath(name))
        let source: FileDescriptor
        do throws(FilesError) {
            source = try Directory(root).open(FilePath(name), flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
        } catch {
            if Self.isAbsence(error) { return false }
            throw .place(root, error)
        }
        defer { try? source.close() }
        // What was written is compared, not what might be there a moment later.
        guard try copy(source, into: file, path, limit: archive.byteCount) == archive.sha256 else {
            throw .damagedArchive(path.displayed)
        }
        return true
    }

    func store(_ name: String, from file: FileDescriptor) throws(CacheError) {
        let path = root.pushing(FilePath(name))
        let made: AtomicFile
        do throws(FilesError) {
            try makeDirectory(of: path)
            made = try AtomicFile(replacing: path)
            _ = FileLock.hold(made.descriptor)
        } catch { throw .place(root, error) }
        _ = try copy(file, into: made.descriptor, path)
        do throws(FilesError) { try made.commit(synchronizing: true) } catch { throw .place(root, error) }
    }

    func store(_ name: String, bytes: [UInt8], over before: SharedContent?) throws(CacheError) -> Bool {
        let path = root.pushing(FilePath(name))
        do throws(FilesError) {
            try makeDirectory(of: path)
            guard let before else {
                try AtomicFile.write(bytes, to: path, synchronizing: true, replacing: false)
                return true
            }
            let lock = writersLock(path.removingLastComponent())
            defer { withExtendedLifetime(lock) {} }
            guard current(name)?.version == before.version else { return false }
            try AtomicFile.write(bytes, to: path, synchronizing: true)
            return true
        } catch {
            if before == nil, error.underlying == .fileExists { return false }
            throw .place(root, error)
        }
    }

    private func current(_ name: String) -> SharedContent? {
        try? read(name, limit: CacheManifest.indexLimit)
    }

    /// Between looking and replacing nobody else replaces. Where there are no locks, or somebody holds it for seconds, both are
    /// stored, and the later one counts.
    private func writersLock(_ scope: FilePath) -> FileLock? {
        for _ in 0..<250 {
            do throws(FilesError) {
                // Others write there, too, where the umask lets them.
                let lock = try FileLock.acquire(scope.appending(".lock"), waiting: false, mode: 0o666)
                if let lock { return lock }
            } catch { return nil }
            usleep(20_000)
        }
        return nil
    }

    func remove(_ names: [String]) throws(CacheError) {
        for name in names {
            do throws(FilesError) { try Directory(root).remove(FilePath(name)) } catch {
                if !Self.isAbsence(error) { throw .place(root, error) }
            }
        }
    }

    // MARK: Parts

    /// - Parameter limit: what is longer is not copied to its end.
    /// - Returns: the SHA-256 of what went over; nil where that is too long.
    private func copy(
        _ source: FileDescriptor, into file: FileDescriptor, _ path: FilePath, limit: Int = .max
    ) throws(CacheError) -> String? {
        if let status = try? FileStatus(of: source, path: path), status.size > limit { return nil }
        var sum = SHA256()
        var position = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            if isCancelled() { throw .cancelled }
            do {
                let count = try buffer.withUnsafeMutableBytes {
                    try source.read(fromAbsoluteOffset: Int64(position), into: $0)
                }
                if count == 0 { return sum.finish() }
                if count > limit - position { return nil }
                try buffer.withUnsafeBytes {
                    let piece = UnsafeRawBufferPointer(rebasing: $0[..<count])
                    sum.update(piece)
                    _ = try file.writeAll(piece)
                }
                position += count
            } catch {
                throw .place(root, FilesError(.read, path: path, underlying: error as? Errno))
            }
        }
    }

    /// Below `<namespace>/<paths>/`, whoever's they are.
    func tidy(_ scope: String) {
        guard let top = try? Directory(root) else { return }
        for namespace in Self.digestNames(top) {
            guard let open = try? top.directory(namespace) else { continue }
            for paths in Self.digestNames(open) {
                if let scope = try? open.directory(paths) { removeLeftovers(scope) }
            }
        }
    }

    private static func digestNames(_ directory: Directory) -> [FilePath] {
        ((try? directory.entries()) ?? []).filter { entry in
            entry.name.count == 32
                && entry.name.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }.map { FilePath(bytes: $0.name) }
    }

    private func removeLeftovers(_ directory: Directory) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        for entry in (try? directory.entries()) ?? [] where entry.name.first == UInt8(ascii: ".") {
            let name = FilePath(bytes: entry.name)
            guard entry.name.suffix(5).elementsEqual(".part".utf8), let status = try? directory.status(name),
                status.kind == .regular
            else { continue }
            let age = Double(now.tv_sec) - Self.time(status).seconds
            guard age > Self.graceSeconds else { continue }
            let file = try? directory.open(name, flags: O_RDWR | O_NONBLOCK | O_NOFOLLOW)
            defer { try? file?.close() }
            switch file.flatMap(FileLock.hold) {
            case true?: try? directory.remove(name)
            case false?: continue
            case nil: if age > Self.leftoverSeconds { try? directory.remove(name) }
            }
        }
    }

    private static func time(_ status: FileStatus) -> Timestamp {
        Timestamp(seconds: Double(status.modificationSeconds) + Double(status.modificationNanoseconds) / 1e9)
    }

    private static func isAbsence(_ error: FilesError) -> Bool {
        error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory
    }
}
