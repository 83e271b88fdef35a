// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import BuildModel
internal import Files
public import SystemPackage

/// Entries that several machines share, as archives at a ``SharedPlace``:
///
///     <namespace>/<paths>/<key>_<its beginning>.json    the index of an entry
///     <namespace>/<paths>/<key>.<sha256>.tar.zst        its archive
///
/// Namespace, paths and key stand there as digests. An index is written last and names its archive by content, so what was
/// broken off is not found, and writers do not get in each other's way. The beginning of the key in the index's name
/// is what fallback keys are looked up by: a listing is enough to know which indexes to read.
public struct CacheRemote {
    let objects: any SharedObjects

    public init(_ objects: any SharedObjects) { self.objects = objects }

    /// Fails where there is no such place, as one whose name is misspelt.
    public func checkPlace() throws(CacheError) { try objects.checkIsThere() }

    // MARK: Finding

    /// The index of the entry with the request's key, or the one without a key.
    /// - Parameter damaged: told the name of what stands in its place and is no index; it counts as not there.
    public func exact(
        _ request: CacheRequest, damaged: (String) -> Void = { _ in }
    ) throws(CacheError) -> CacheManifest? {
        let path = Self.indexPath(request)
        let content = try objects.read(path, limit: CacheManifest.indexLimit)
        let entry = Self.entry(content, of: request)
        if entry == nil, Self.isDamaged(content) { damaged(path) }
        return entry
    }

    /// Whether what was read is nothing that any version of this program may have written for an index.
    private static func isDamaged(_ content: SharedContent?) -> Bool {
        guard let bytes = content?.bytes else { return false }
        return manifest(content) == nil && !CacheManifest.isLater(bytes)
    }

    /// What stands where the index of a request does, if it is that.
    private static func entry(_ content: SharedContent?, of request: CacheRequest) -> CacheManifest? {
        manifest(content).flatMap { $0.isReached(by: request) && $0.isNamed(request.key) ? $0 : nil }
    }

    private static func indexPath(_ request: CacheRequest) -> String { scope(request) + indexName(request.key) }

    /// The index of the newest entry whose key begins with the first fallback key, then with the second, and so on.
    /// - Parameter damaged: told the names of what is no index; the others count.
    public func fallback(
        _ request: CacheRequest, damaged: (String) -> Void = { _ in }
    ) throws(CacheError) -> CacheManifest? {
        guard !request.fallbackKeys.isEmpty else { return nil }
        // Several fallback keys may lead to it; the request's own key was looked up before.
        var known: Set<String> = [Self.indexName(request.key)]
        let scope = Self.scope(request)
        let listed = try objects.list(scope).filter { $0.name.hasSuffix(".json") && !$0.name.hasPrefix(Self.unkeyed) }
            .sorted { ($0.modified, $0.name) > ($1.modified, $1.name) }
        for fallback in request.fallbackKeys {
            let start = Self.plain(fallback)
            var newest: CacheManifest?
            // The times of the place are those of its writing, which come in the order of the entries' own but for accidents.
            for object in listed.lazy.filter({ Self.mayBegin($0.name, with: start) }).prefix(10) {
                let content = try objects.read(scope + object.name, limit: CacheManifest.indexLimit)
                if Self.isDamaged(content), known.insert(object.name).inserted { damaged(scope + object.name) }
                guard let manifest = Self.manifest(content), manifest.isReached(by: request),
                    manifest.key?.beginsWithBytes(of: fallback) == true
                else { continue }
                if manifest.created > newest?.created ?? Timestamp(seconds: -.infinity) { newest = manifest }
            }
            if let newest { return newest }
        }
        return nil
    }

    /// Writes the archive of an entry into a file, which is empty.
    /// - Returns: false where it has been replaced since its index was read.
    public func fetch(_ manifest: CacheManifest, into file: FileDescriptor) throws(CacheError) -> Bool {
        guard let archive = manifest.archive else { return false }
        return try objects.fetch(Self.archiveName(manifest, archive), archive, into: file)
    }

    static func manifest(_ content: SharedContent?) -> CacheManifest? {
        guard let manifest = content?.bytes.flatMap(CacheManifest.init), manifest.archive != nil else { return nil }
        return manifest
    }

    // MARK: Storing

    public enum Outcome: Sendable, Equatable {
        case stored
        /// An entry with a key is never replaced, one without only by a newer one.
        case alreadyThere
    }

    /// Whether there would be nothing to store: the entry is there with its archive.
    /// - Parameter damaged: what turned out not to hold what it says, and is as good as not there.
    public func holds(_ manifest: CacheManifest, damaged: CacheManifest? = nil) throws(CacheError) -> Bool {
        let there = try objects.read(Self.indexPath(manifest.request), limit: CacheManifest.indexLimit)
        return try counts(there, more: manifest, damaged)
    }

    private func counts(
        _ there: SharedContent?, more manifest: CacheManifest, _ damaged: CacheManifest?
    ) throws(CacheError) -> Bool {
        guard let there else { return false }
        // Somebody who knows more than this program may read it.
        guard let bytes = there.bytes, !CacheManifest.isLater(bytes) else { return true }
        guard let known = Self.entry(there, of: manifest.request), known != damaged, let archive = known.archive,
            manifest.key != nil || known.created >= manifest.created
        else { return false }
        // One that was lost or cut short is stored anew.
        return try has(known, archive)
    }

    private func has(_ manifest: CacheManifest, _ archive: CacheManifest.Archive) throws(CacheError) -> Bool {
        try objects.has(
            Self.archiveName(manifest, archive), sha256: archive.sha256, byteCount: archive.byteCount)
    }

    /// Stores an entry, its index last: over the very index that was read before, so that of several writers one counts, and
    /// the others take away what they brought.
    public func store(
        _ manifest: CacheManifest, archive file: FileDescriptor, damaged: CacheManifest? = nil
    ) throws(CacheError) -> Outcome {
        var manifest = manifest
        let archive = try Self.digest(of: file)
        manifest.archive = archive
        let (path, name) = (Self.indexPath(manifest.request), Self.archiveName(manifest, archive))
        var isSent = false
        for _ in 0..<3 {
            let before = try objects.read(path, limit: CacheManifest.indexLimit)
            if try counts(before, more: manifest, damaged) { break }
            // Of an archive that a killed writer has put there all but the index is done.
            let known = Self.entry(before, of: manifest.request)
            let isDamaged = !isSent && known != nil && known == damaged && known?.archive == archive
            let isThere = isDamaged ? false : try has(manifest, archive)
            if !isThere {
                try objects.store(name, from: file)
                isSent = true
            }
            guard try replace(before, path, with: manifest) else { continue }
            // The entry is stored, whatever becomes of the one before it.
            if let known, let replaced = known.archive, replaced != archive {
                try? objects.remove([Self.archiveName(known, replaced)])
            }
            // What was found there may have been swept away until the index named it.
            if !isSent {
                let isStill = try has(manifest, archive)
                if !isStill { try objects.store(name, from: file) }
            }
            return .stored
        }
        if isSent, let now = try? objects.read(path, limit: CacheManifest.indexLimit),
            Self.manifest(now)?.archive != archive
        {
            try? objects.remove([name])
        }
        return .alreadyThere
    }

    /// - Returns: whether the index is this one by now.
    private func replace(
        _ before: SharedContent?, _ path: String, with manifest: CacheManifest
    ) throws(CacheError) -> Bool {
        if try objects.store(path, bytes: manifest.bytes, over: before) { return true }
        // It may have been an earlier attempt of ours, whose answer was lost.
        return try objects.read(path, limit: CacheManifest.indexLimit)?.bytes == manifest.bytes
    }

    /// What a file holds.
    static func digest(of file: FileDescriptor) throws(CacheError) -> CacheManifest.Archive {
        var sum = SHA256()
        var position = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count: Int
            do {
                count = try buffer.withUnsafeMutableBytes {
                    try file.read(fromAbsoluteOffset: Int64(position), into: $0)
                }
            } catch { throw .unreadableArchive(error as? Errno ?? .ioError) }
            if count == 0 { return .init(sha256: sum.finish(), byteCount: position) }
            buffer.withUnsafeBytes { sum.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            position += count
        }
    }

    // MARK: Names

    private static let unkeyed = "no-key"
    /// Bytes of a key's beginning; the longest name stays below the 255 bytes of a file's.
    private static let beginningLength = 120

    static func scope(_ request: CacheRequest) -> String {
        "\(CacheRequest.digest(of: request.namespace).prefix(32))/\(request.version.prefix(32))/"
    }

    static func indexName(_ key: String?) -> String {
        guard let key else { return unkeyed + ".json" }
        return "\(CacheRequest.digest(of: key).prefix(32))_\(beginning(plain(key))).json"
    }

    static func archiveName(_ manifest: CacheManifest, _ archive: CacheManifest.Archive) -> String {
        let name = manifest.key.map { String(CacheRequest.digest(of: $0).prefix(32)) } ?? unkeyed
        return "\(scope(manifest.request))\(name).\(archive.sha256).tar.zst"
    }

    /// Letters, digits, `-` and `.`, other bytes as `=XX`: as good in a file's name as in an object's.
    static func plain(_ key: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        for byte in key.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func beginning(_ plain: String) -> String { String(plain.prefix(beginningLength)) }

    /// Whether the index of that name may be of a key that begins so.
    static func mayBegin(_ name: String, with start: String) -> Bool {
        guard let mark = name.firstIndex(of: "_") else { return false }
        let known = name[name.index(after: mark)...].dropLast(".json".count)
        return known.hasPrefix(start)
            || known.utf8.count == beginningLength && start.hasPrefix(known)
    }
}

extension CacheManifest {
    /// What would find it; of nobody in particular.
    var request: CacheRequest {
        CacheRequest(namespace: namespace, identity: CacheIdentity(text: "", words: ""), paths: paths, key: key)
    }
}
