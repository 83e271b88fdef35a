// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Diagnostics
internal import Files
public import SystemPackage
internal import YAML

/// What a build asked for, and got: kept with the build's record, so that it can be explained later.
public struct CacheLookup: Sendable, Equatable {
    public var request: CacheRequest
    /// What the key was made of.
    public var inputs: [KeyInput]
    /// The hash of the entry that the build began with; nil for a miss.
    public var found: String?
    public var time: Timestamp

    public init(request: CacheRequest, inputs: [KeyInput], found: String?, time: Timestamp) {
        self.request = request
        self.inputs = inputs
        self.found = found
        self.time = time
    }

    /// The file's name in a build's directory.
    public static let fileName: FilePath.Component = "cache.json"

    /// As one JSON object; texts as in a record.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("v", 1)
            writer.member("namespace", CacheRecord.plain(request.namespace))
            writer.member("identity", CacheRecord.plain(request.identity.text))
            writer.member("identityWords", CacheRecord.plain(request.identity.words))
            writer.array("paths", of: request.paths.map(CacheRecord.plain))
            writer.member("key", ifPresent: request.key.map(CacheRecord.plain))
            writer.array("fallbackKeys", of: request.fallbackKeys.map(CacheRecord.plain))
            CacheRecord.write(inputs, into: &writer)
            writer.member("found", ifPresent: found)
            writer.member("time", epoch: time)
        }
        writer.newline()
        return writer.bytes
    }

    /// Reads what `json` wrote; nil when it is something else.
    public init?(json bytes: [UInt8]) {
        guard let root = CacheRecord.document(bytes), root["v"]?.scalar?.text == "1" else { return nil }
        func text(_ key: String) -> String? { (root[key]?.scalar?.text).map(CacheRecord.original) }
        func texts(_ key: String) -> [String]? {
            root[key]?.items?.map { CacheRecord.original($0.scalar?.text ?? "") }
        }
        guard let namespace = text("namespace"), let identity = text("identity"), let words = text("identityWords"),
            let paths = texts("paths"), let fallbackKeys = texts("fallbackKeys"),
            let inputs = root["inputs"]?.items?.map(CacheRecord.input), let time = text("time").flatMap({ Double($0) })
        else { return nil }
        self.init(
            request: CacheRequest(
                namespace: namespace, identity: CacheIdentity(text: identity, words: words), paths: paths,
                key: text("key"), fallbackKeys: fallbackKeys), inputs: inputs, found: text("found"),
            time: Timestamp(seconds: time))
    }

    /// Writes it into a build's directory.
    public func write(to build: FilePath) throws(CacheError) {
        do throws(FilesError) { try AtomicFile.write(json, to: build.appending(Self.fileName), mode: 0o600) } catch {
            throw .storage(error, store: build)
        }
    }

    /// What a build's directory has of it; nil when nothing that this version can read.
    public init?(of build: FilePath) {
        guard let bytes = try? FileContents.read(build.appending(Self.fileName), limit: CacheRecord.maximumSize) else {
            return nil
        }
        self.init(json: bytes)
    }
}
