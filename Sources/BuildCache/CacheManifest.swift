// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Diagnostics
internal import YAML

/// What is told of an entry where it leaves its store: the record in an archive, and the index beside one at a remote place.
/// Nothing in it says whose files they were.
public struct CacheManifest: Sendable, Equatable {
    public var namespace: String
    public var paths: [String]
    /// Nil for the entry without a key.
    public var key: String?
    public var created: Timestamp
    public var build: String
    public var inputs: [KeyInput]
    /// The archive that this is the index of; nil in the archive itself.
    public var archive: Archive?

    public struct Archive: Sendable, Equatable {
        /// Of all of it, in 64 hexadecimal digits.
        public var sha256: String
        public var byteCount: Int

        public init(sha256: String, byteCount: Int) {
            self.sha256 = sha256
            self.byteCount = byteCount
        }
    }

    public init(_ entry: CacheEntry) {
        (namespace, paths, key) = (entry.namespace, entry.paths, entry.key)
        (build, inputs) = (entry.build, entry.inputs)
        // As precise as it is written, so that it compares equal when it is read again.
        created = Timestamp(seconds: Double(entry.created.milliseconds) / 1000)
    }

    /// Larger indexes are not ours; a record may be as large as one of the store.
    static let indexLimit = 256 << 10

    /// As JSON. Texts are as in the store's records: other bytes than printable ASCII as `%XX`. What the key was made of
    /// stands in the archive alone, since an index is read often.
    public var bytes: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("namespace", CacheRecord.plain(namespace))
            writer.array("paths", of: paths.map(CacheRecord.plain))
            writer.member("key", ifPresent: key.map(CacheRecord.plain))
            writer.member("created", epoch: created)
            writer.member("build", CacheRecord.plain(build))
            if let archive {
                writer.object("archive") { writer in
                    writer.member("sha256", archive.sha256)
                    writer.member("bytes", archive.byteCount)
                }
            } else {
                CacheRecord.write(inputs, into: &writer)
            }
        }
        writer.newline()
        return writer.bytes
    }

    /// Reads what somebody wrote; nil where that is something else, or of a later version.
    public init?(_ bytes: [UInt8]) {
        var limits = YAMLLimits()
        limits.bytes = CacheRecord.maximumSize
        guard bytes.count <= CacheRecord.maximumSize,
            let root = try? YAMLDocument(json: SourceText(path: "manifest.json", bytes: bytes), limits: limits).root
        else { return nil }
        func text(_ key: String) -> String? { (root[key]?.scalar?.text).map(CacheRecord.original) }
        guard text("v") == "1", let namespace = text("namespace"), !namespace.isEmpty,
            let paths = root["paths"]?.items?.map({ CacheRecord.original($0.scalar?.text ?? "") }), !paths.isEmpty,
            let created = text("created").flatMap(CacheRecord.time)
        else { return nil }
        self.namespace = namespace
        self.paths = paths
        key = text("key")
        self.created = created
        build = text("build") ?? ""
        inputs = root["inputs"]?.items?.map(CacheRecord.input) ?? []
        guard let archive = root["archive"] else { return }
        guard let digest = archive["sha256"]?.scalar?.text, isHexadecimal(digest, count: 64),
            let count = (archive["bytes"]?.scalar?.text).flatMap({ Int($0) }), count >= 0
        else { return nil }
        self.archive = Archive(sha256: digest, byteCount: count)
    }

    /// Whether bytes are what a later version of this program may have written.
    static func isLater(_ bytes: [UInt8]) -> Bool {
        var limits = YAMLLimits()
        limits.bytes = CacheRecord.maximumSize
        let root = try? YAMLDocument(json: SourceText(path: "manifest.json", bytes: bytes), limits: limits).root
        return (root?["v"]?.scalar?.text).flatMap { Int($0) }.map { $0 > 1 } ?? false
    }

    /// Whether this is an entry of whom a request asks for, whatever its key.
    func isReached(by request: CacheRequest) -> Bool {
        namespace.hasSameBytes(as: request.namespace) && paths.count == request.paths.count
            && zip(paths, request.paths).allSatisfy { $0.hasSameBytes(as: $1) }
    }

    func isNamed(_ name: String?) -> Bool {
        switch (key, name) {
        case (nil, nil): true
        case (let key?, let name?): key.hasSameBytes(as: name)
        default: false
        }
    }
}
