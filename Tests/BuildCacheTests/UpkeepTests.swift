// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Keeping caches safe and flat")
struct UpkeepTests {
    private func boot(_ cache: StoreFixture, _ name: String) -> CacheStore {
        CacheStore(directory: cache.store.directory) { name }
    }

    private func save(_ store: CacheStore, _ cache: StoreFixture, _ key: String?, _ content: String) throws {
        _ = try store.publish(
            try cache.incoming(content), layer: StoreFixture.layer(1), for: cache.request(key), over: nil, inputs: [],
            build: "b:1", now: Timestamp(seconds: 1000))
    }

    private func content(_ store: CacheStore, _ cache: StoreFixture, _ key: String?) throws -> String? {
        try store.find(cache.request(key)) { _ in }.map { try cache.text(of: $0) }
    }

    @Test("what the disk has outlives a power cut, and keeps the time of its last use")
    func synchronizes() throws {
        try StoreFixture.with { cache in
            let (first, second) = (boot(cache, "1"), boot(cache, "2"))
            try save(first, cache, "k", "x")
            try save(first, cache, nil, "y")
            #expect(try first.sync() == 2)
            #expect(try first.entries { _ in }.map(\.lastUsed.seconds) == [1000, 1000])
            #expect(try first.sync() == 0)
            #expect(try content(second, cache, "k") == "x")
            #expect(try content(second, cache, nil) == "y")
        }
    }

    @Test("an entry that was replaced comes back when the disk has not had the new one")
    func earlier() throws {
        try StoreFixture.with { cache in
            let (first, second) = (boot(cache, "1"), boot(cache, "2"))
            try save(first, cache, nil, "synchronized")
            _ = try first.sync()
            try save(first, cache, nil, "lost")
            try save(first, cache, nil, "lost too")
            #expect(try content(first, cache, nil) == "lost too")
            // Neither the layers of the one that may be wanted again go nor those of the new one.
            #expect(try first.collectLayers(StoreFixture.tools).layerCount == 1)
            #expect(try content(second, cache, nil) == "synchronized")
            #expect(try content(first, cache, nil) == "synchronized")
            #expect(try first.collectLayers(StoreFixture.tools).layerCount == 1)
            try save(first, cache, nil, "new")
            _ = try first.sync()
            #expect(try first.collectLayers(StoreFixture.tools).layerCount == 1)
            #expect(try content(second, cache, nil) == "new")
            #expect(try cache.tree.listing("cache/entries").count == 1)
        }
    }

    @Test("on a file system that loses its power, an entry is whole or not there")
    func powerCut() throws {
        guard getuid() == 0 else { return }
        try TemporaryTree.with { tree in
            let script = """
                set -e; cd "$1"; mkdir -p cache snapshot; truncate -s 48M disk; mkfs.ext4 -q disk; mount -o loop disk cache
                """
            // A container may have no loop devices.
            guard try runTool("sh", ["-c", script, "sh", tree.path.string]).status == 0 else { return }
            tree.atEnd { _ = try? runTool("umount", ["-l", tree.path("cache").string]) }
            let cache = StoreFixture(tree)
            let first = boot(cache, "1")
            var lost = 0
            for round in 0..<6 {
                try save(first, cache, "k\(round)", "content \(round)")
                try save(first, cache, nil, "latest \(round)")
                if round % 2 == 0 { _ = try first.sync() }
                // What the disk has at this moment, without what is only in memory.
                let snapshot = try runTool(
                    "sh", ["-c", "cd $1 && cp disk copy && mount -o loop copy snapshot", "sh", tree.path.string])
                #expect(snapshot.status == 0, "\(snapshot.errors)")
                defer { _ = try? runTool("umount", [tree.path("snapshot").string]) }
                let later = CacheStore(directory: tree.path("snapshot")) { "2" }
                for index in 0...round {
                    let hit = try later.find(cache.request("k\(index)")) { _ in }
                    // Synchronized with an even round, at the latest.
                    if index <= round - round % 2 { #expect(hit != nil, "\(index) of \(round)") }
                    if let hit { #expect(try cache.text(of: hit) == "content \(index)") } else { lost += 1 }
                }
                let latest = try #require(try later.find(cache.request(nil)) { _ in })
                #expect(try cache.text(of: latest) == "latest \(round - round % 2)")
            }
            #expect(lost == 3, "what was not synchronized is not trusted")
        }
    }

    /// What the launcher does with overlays, on trees without whiteouts.
    private func merge(_ layers: [CacheStore.PlacedLayer], into place: FilePath) throws -> CacheLayer {
        var count = 0
        for layer in layers.reversed() {
            let root = layer.directory.appending("root")
            for entry in try Directory(root).entries() {
                let bytes = try FileContents.read(root.pushing(FilePath(bytes: entry.name)), limit: 100)
                let target = place.appending("files/root")
                _ = try Directory.make(target)
                try AtomicFile.write(bytes, to: target.pushing(FilePath(bytes: entry.name)))
                count += 1
            }
        }
        return StoreFixture.layer(count)
    }

    @Test("deep stacks become one layer, which entries over one another share")
    func flattens() throws {
        try StoreFixture.with { cache in
            for index in 1...12 {
                let base = try cache.find(cache.request("k\(index)", fallback: ["k\(index - 1)"])).hit
                let name = "files/root/data\(index % 5)"
                _ = try cache.store.publish(
                    try cache.incoming("\(index)", file: name), layer: StoreFixture.layer(1, isDelta: base != nil),
                    for: cache.request("k\(index)"), over: base, inputs: [], build: "b:1",
                    now: Timestamp(seconds: Double(index)))
            }
            let before = try cache.entries().sorted { $0.created < $1.created }
            #expect(before.map(\.layers.count) == Array(1...12))
            let used = try #require(try cache.find(cache.request("k12")).hit)
            #expect(try cache.store.flatten(merge) == 1)
            let after = try cache.entries().sorted { $0.created < $1.created }
            #expect(after.map(\.layers.count) == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4])
            #expect(after.map(\.lastUsed).dropLast() == before.map(\.lastUsed).dropLast())
            #expect(after[8].layers.last == after[11].layers.last)
            #expect(after[8].layers.first?.isDelta == false)
            // The highest of each name: 5…9.
            let top = try #require(try cache.find(cache.request("k9")).hit?.layers.first)
            let names = try Directory(top.appending("root")).entries().map(\.name).sorted { $0.precedes($1) }
            #expect(names.map { String(decoding: $0, as: UTF8.self) } == (0..<5).map { "data\($0)" })
            #expect(try FileContents.read(top.appending("root/data0"), limit: 9) == Array("5".utf8))
            #expect(used.layers.allSatisfy { (try? Directory($0)) != nil }, "a build that uses the old ones has them")
            withExtendedLifetime(used) {}
        }
    }

    @Test("a merge that fails changes nothing, and leaves nothing")
    func failingMerge() throws {
        try StoreFixture.with { cache in
            for index in 1...3 {
                let base = try cache.find(cache.request(nil)).hit
                try cache.save(cache.request(nil), "\(index)", over: base)
            }
            let before = try cache.tree.listing("cache")
            var told = 0
            let count = try cache.store.flatten(deeperThan: 2, warn: { _ in told += 1 }) { _, into in
                _ = try Directory.make(into.appending("files/root"))
                throw Errno.noSpace
            }
            #expect(count == 0 && told == 1)
            _ = try cache.store.collectLayers(StoreFixture.tools)
            #expect(try cache.tree.listing("cache") == before)
            #expect(try cache.store.flatten(deeperThan: 2, merge) == 1)
            #expect(try cache.store.collectLayers(StoreFixture.tools).layerCount == 3)
            #expect(try cache.content(cache.request(nil)) == "3")
        }
    }
}
