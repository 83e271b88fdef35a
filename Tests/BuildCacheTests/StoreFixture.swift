// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import SystemPackage
import TestSupport

@testable import BuildCache

/// A store in a temporary tree, and what builds do with it.
struct StoreFixture {
    let tree: TemporaryTree
    let store: CacheStore

    init(_ tree: TemporaryTree) {
        self.tree = tree
        store = CacheStore(directory: tree.path("cache"))
    }

    static func with(_ test: String = #function, _ body: (StoreFixture) throws -> Void) throws {
        try TemporaryTree.with(test) { try body(StoreFixture($0)) }
    }

    static let single = CacheIdentity(text: "single 1000", words: "a user without subordinate ids")

    func request(
        _ key: String?, fallback: [String] = [], namespace: String = "project", paths: [String] = ["/root/.m2"],
        identity: CacheIdentity = single
    ) -> CacheRequest {
        CacheRequest(namespace: namespace, identity: identity, paths: paths, key: key, fallbackKeys: fallback)
    }

    /// A layer in the making, with one file.
    func incoming(_ content: String = "x", file: String = "files/root/data") throws -> IncomingLayer {
        let incoming = try store.begin()
        let file = incoming.directory.pushing(FilePath(file))
        _ = try Directory.make(file.removingLastComponent())
        try AtomicFile.write(Array(content.utf8), to: file)
        return incoming
    }

    static let now = Timestamp(seconds: 2_000_000_000)

    static func layer(_ bytes: Int, isDelta: Bool = false) -> CacheLayer {
        CacheLayer(id: "", byteCount: bytes, fileCount: 1, rootUser: 1000, rootGroup: 1000, isDelta: isDelta)
    }

    /// Saves a layer with one file.
    @discardableResult
    func save(
        _ request: CacheRequest, _ content: String = "x", over base: CacheHit? = nil, bytes: Int? = nil,
        inputs: [KeyInput] = [], now: Double = 1_000_000
    ) throws -> CacheEntry? {
        let incoming = try incoming(content)
        return try store.publish(
            incoming, layer: Self.layer(bytes ?? content.utf8.count, isDelta: base != nil), for: request, over: base,
            inputs: inputs, build: "project:1", now: Timestamp(seconds: now))
    }

    /// Looks without expecting a warning.
    func find(_ request: CacheRequest) throws -> (hit: CacheHit?, warnings: [CacheWarning]) {
        var warnings: [CacheWarning] = []
        let hit = try store.find(request) { warnings.append($0) }
        return (hit, warnings)
    }

    /// What lies in the top layer of what is found; nil for a miss.
    func content(_ request: CacheRequest) throws -> String? {
        try find(request).hit.map(text)
    }

    func text(of hit: CacheHit) throws -> String {
        guard let top = hit.layers.first else { return "" }
        return String(decoding: try FileContents.read(top.appending("root/data"), limit: 100), as: UTF8.self)
    }

    func recordPath(_ request: CacheRequest) -> FilePath { FilePath("cache/entries/\(request.hash).json") }

    func entries() throws -> [CacheEntry] { try store.entries { _ in } }

    /// Of files that belong to nobody else; each layer takes a byte.
    static var tools: LayerTools { LayerTools(remove: remove) { _ in 1 } }

    static func remove(_ directory: FilePath) throws {
        guard let name = directory.lastComponent else { return }
        try Directory(directory.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
    }
}
