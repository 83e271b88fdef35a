// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Saving cache entries")
struct SavingTests {
    @Test("an entry with a key is never replaced, and the second saver leaves nothing where it counts")
    func second() throws {
        try StoreFixture.with { cache in
            let request = cache.request("k")
            #expect(try cache.save(request, "first") != nil)
            let before = try cache.tree.listing("cache/layers")
            #expect(try cache.save(request, "second") == nil)
            #expect(try cache.tree.listing("cache/layers") == before)
            #expect(try cache.tree.listing("cache/incoming").isEmpty)
            #expect(try cache.content(request) == "first")
        }
    }

    @Test("a save over an entry holds its layers below the new one, and sums both")
    func delta() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("a"), "base", bytes: 100)
            let base = try #require(try cache.find(cache.request("b", fallback: ["a"])).hit)
            let saved = try #require(try cache.save(cache.request("b"), "delta", over: base, bytes: 7))
            #expect(saved.layers.map(\.isDelta) == [true, false])
            #expect(saved.byteCount == 107 && saved.fileCount == 2)
            #expect(try cache.find(cache.request("b")).hit?.layers.count == 2)
            #expect(try cache.content(cache.request("a")) == "base")
            let incoming = try cache.incoming("whole")
            let whole = try cache.store.publish(
                incoming, layer: StoreFixture.layer(5), for: cache.request("c"), over: base, isWhole: true,
                inputs: [], build: "b:1", now: Timestamp(seconds: 1))
            #expect(whole?.layers.count == 1)
        }
    }

    @Test("a store that can only be read serves, and a save says clearly that it cannot be written")
    func readOnly() throws {
        guard getuid() == 0 else { return }
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"), "one", now: 1000)
            try cache.tree.write(cache.recordPath(cache.request("damaged")), "x")
            let place = cache.store.directory.string
            let mounted = try runTool(
                "sh", ["-c", "mount --bind \(place) \(place) && mount -o remount,ro,bind \(place)"])
            guard mounted.status == 0 else { return }
            defer { _ = try? runTool("umount", [place]) }
            #expect(try cache.content(cache.request("k")) == "one")
            #expect(try cache.entries().first?.lastUsed.seconds == 1000)
            // The record cannot be taken away, and is told of each time.
            for _ in 0..<2 {
                let (hit, warnings) = try cache.find(cache.request("damaged"))
                #expect(hit == nil && warnings.count == 1 && warnings.first?.hint == nil)
            }
            let attempts: [() throws -> Void] = [
                { try cache.save(cache.request("l")) },
                { _ = try cache.store.remove([cache.request("k").hash], StoreFixture.tools, now: StoreFixture.now) },
                { _ = try cache.store.collectLayers(StoreFixture.tools) }, { try cache.store.sync() },
            ]
            for attempt in attempts {
                let error = try #require(throws: CacheError.self) { try attempt() }
                #expect(error.code == .readOnly && error.message.hasPrefix("the cache cannot be written: "), "\(error)")
                #expect(error.message.hasSuffix("read-only file system"), "\(error)")
            }
            #expect(try cache.content(cache.request("k")) == "one")
        }
    }

    @Test("nothing to save is told, and changes nothing")
    func nothing() throws {
        try StoreFixture.with { cache in
            let incoming = try cache.store.begin()
            let error = try #require(throws: CacheError.self) {
                try cache.store.publish(
                    incoming, layer: StoreFixture.layer(0), for: cache.request("k"), over: nil, inputs: [],
                    build: "b:1", now: Timestamp(seconds: 1))
            }
            #expect(error.code == .incomplete)
            #expect(try cache.entries().isEmpty)
        }
    }

    @Test("more files of inputs than are worth it are left out of the record")
    func manyFiles() throws {
        try StoreFixture.with { cache in
            let many = (0...CacheRecord.maximumFiles).map { KeyInput.File(path: "file \($0)", digest: "0") }
            let few = [KeyInput.File(path: "one", digest: "1")]
            let inputs = [
                KeyInput(name: "many", value: "m", files: many), KeyInput(name: "few", value: "f", files: few),
            ]
            try cache.save(cache.request("k"), inputs: inputs)
            let found = try #require(try cache.find(cache.request("k")).hit?.entry.inputs)
            #expect(found.map(\.value) == ["m", "f"])
            #expect(found.map { $0.files?.count } == [nil, 1])
        }
    }

    @Test("a record is never larger than its reader takes, whatever its names are")
    func longNames() throws {
        try StoreFixture.with { cache in
            let long = String(repeating: "é\"", count: 80)
            let names = (0..<CacheRecord.maximumFiles).map { "\(long)\($0)" }
            let files = names.map { KeyInput.File(path: $0, digest: String(repeating: "0", count: 64)) }
            let request = cache.request(String(repeating: "é", count: CacheRequest.maximumKeyBytes / 2))
            let incoming = try cache.incoming()
            _ = try cache.store.publish(
                incoming, layer: StoreFixture.layer(1), for: request, over: nil,
                inputs: [KeyInput(name: "a", value: "b", files: files)], selected: names, build: "project:1",
                now: StoreFixture.now)
            let entry = try #require(try cache.find(request).hit?.entry)
            #expect(entry.selected == nil && entry.inputs.count == 1 && entry.inputs.first?.files == nil)
        }
    }

    @Test("what nothing is made of is taken back at once")
    func abandons() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"))
            let before = try cache.tree.listing("cache")
            cache.store.abandon(try cache.incoming())
            cache.store.abandon(try cache.store.begin())
            #expect(try cache.tree.listing("cache") == before)
        }
    }
}
