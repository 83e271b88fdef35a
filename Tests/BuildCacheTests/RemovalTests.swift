// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Removing cache entries")
struct RemovalTests {
    private func keys(_ cache: StoreFixture) throws -> [String] { try cache.entries().map { $0.key ?? "-" }.sorted() }

    private func layers(_ cache: StoreFixture) throws -> Int {
        try Directory(cache.store.layersDirectory).entries().count
    }

    @Test("an entry goes with its layers, to the last file; one in use stays")
    func removes() throws {
        try StoreFixture.with { cache in
            let bare = { try cache.tree.listing("cache").filter { !$0.hasSuffix("/") } }
            let saved = try #require(try cache.save(cache.request("k")))
            do {
                let hit = try #require(try cache.find(cache.request("k")).hit)
                let removal = try cache.store.remove([saved.hash], StoreFixture.tools, now: StoreFixture.now)
                #expect(removal.busy.map(\.key) == ["k"] && removal.entries.isEmpty && removal.layerCount == 0)
                #expect(try cache.content(cache.request("k")) == "x")
                withExtendedLifetime(hit) {}
            }
            let removal = try cache.store.remove([saved.hash], StoreFixture.tools, now: StoreFixture.now)
            #expect(removal.entries.map(\.key) == ["k"] && removal.layerCount == 1 && removal.byteCount == 1)
            #expect(try bare() == ["lock", "removed"])
        }
    }

    @Test("a layer stays as long as a record names it or a build uses it")
    func sharedLayers() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("a"), "base")
            var base = try cache.find(cache.request("a")).hit
            let b = try #require(try cache.save(cache.request("b"), "delta", over: base))
            let a = try #require(base?.entry)
            base = nil
            _ = try cache.store.remove([a.hash], StoreFixture.tools, now: StoreFixture.now)
            #expect(try layers(cache) == 2)
            #expect(try cache.find(cache.request("b")).hit?.layers.count == 2)
            _ = try cache.store.remove([b.hash], StoreFixture.tools, now: StoreFixture.now)
            #expect(try layers(cache) == 0)

            // Replaced while it is used.
            try cache.save(cache.request(nil), "one")
            var used = try cache.find(cache.request(nil)).hit
            try cache.save(cache.request(nil), "two")
            _ = try cache.store.collectLayers(StoreFixture.tools)
            #expect(try layers(cache) == 2)
            #expect(try used.map { try cache.text(of: $0) } == "one")
            used = nil
            #expect(try cache.store.collectLayers(StoreFixture.tools).layerCount == 1)
            #expect(try cache.content(cache.request(nil)) == "two")
        }
    }

    @Test("what died savers left goes, what is in the making stays")
    func leftovers() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"))
            let before = try cache.tree.listing("cache")
            let making = try cache.incoming("half")
            do { _ = try cache.incoming("abandoned") }
            do { _ = try cache.store.begin() }
            let id = CacheLayer.makeIdentifier()
            try cache.tree.write(FilePath("cache/incoming/\(CacheLayer.makeIdentifier())/files/x"), "no lock")
            try cache.tree.write(FilePath("cache/layers/\(id)/files/x"), "no record")
            try cache.tree.write(FilePath("cache/layers/\(id)/lock"), "")
            try cache.tree.write(FilePath("cache/trash/\(CacheLayer.makeIdentifier())/files/x"), "half removed")
            try cache.tree.write(FilePath("cache/entries/.\(String(repeating: "a", count: 64)).json.12.part"), "half")
            let removal = try cache.store.collectLayers(StoreFixture.tools)
            #expect(removal.layerCount == 4 && removal.warnings.isEmpty)
            #expect(cache.tree.exists(FilePath("cache/incoming/\(making.id)/files/root/data")))
            #expect(
                try cache.store.publish(
                    making, layer: StoreFixture.layer(1), for: cache.request("l"), over: nil, inputs: [], build: "b",
                    now: Timestamp(seconds: 1)) != nil)
            _ = try cache.store.remove([cache.request("l").hash], StoreFixture.tools, now: StoreFixture.now)
            #expect(try cache.tree.listing("cache").filter { $0 != "removed" } == before)
        }
    }

    @Test("a layer that a kept state lies over stays until the state goes")
    func needed() throws {
        try StoreFixture.with { cache in
            let saved = try #require(try cache.save(cache.request("k")))
            let lock = cache.store.layerLock(try #require(saved.layers.first?.id))
            var tools = StoreFixture.tools
            tools.needed = {
                // Asked when no build can take the layer any more: an answer from before might be of before the state.
                #expect((try? FileLock.acquireShared(lock)) == nil)
                return Set(saved.layers.map(\.id))
            }
            #expect(try cache.store.remove([saved.hash], tools, now: StoreFixture.now).layerCount == 0)
            #expect(try cache.find(cache.request("k")).hit == nil)
            #expect(try layers(cache) == 1)
            #expect(try cache.store.collectLayers(StoreFixture.tools).layerCount == 1)
        }
    }

    @Test("what cannot be removed is told, and tried again")
    func failing() throws {
        try StoreFixture.with { cache in
            let saved = try #require(try cache.save(cache.request("k")))
            let failing = LayerTools(remove: { _ in throw Errno.permissionDenied })
            let removal = try cache.store.remove([saved.hash], failing, now: StoreFixture.now)
            #expect(removal.entries.count == 1 && removal.layerCount == 0 && removal.warnings.count == 1)
            #expect(try cache.find(cache.request("k")).hit == nil)
            #expect(try cache.store.collectLayers(StoreFixture.tools).layerCount == 1)
            #expect(try cache.tree.listing("cache/trash").isEmpty)
        }
    }

    @Test("records that cannot be used go, and their layers")
    func damaged() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"))
            try cache.save(cache.request("l"))
            try cache.tree.write(cache.recordPath(cache.request("k")), "x")
            let removal = try cache.store.collectLayers(StoreFixture.tools)
            #expect(removal.damaged.count == 1 && removal.layerCount == 1)
            #expect(try keys(cache) == ["l"])
        }
    }

    @Test("the longest unused go until the rest fits; what does not fit at all goes first")
    func evicts() throws {
        try StoreFixture.with { cache in
            for (index, key) in ["a", "b", "c", "d"].enumerated() {
                try cache.save(cache.request(key), key, bytes: 100, now: Double(1000 + index))
            }
            func evict(_ size: Int) throws -> [String?] {
                try cache.store.evict(
                    CacheLimits(size: CacheSize(bytes: size)), StoreFixture.tools, now: StoreFixture.now
                ).entries.map(\.key)
            }
            #expect(try evict(400).isEmpty)
            #expect(try evict(399) == ["a"])
            // Used again, so the longest unused is another.
            _ = try cache.find(cache.request("b"))
            #expect(try evict(200) == ["c"])
            try cache.save(cache.request("huge"), "huge", bytes: 1000, now: 5_000_000_000)
            #expect(try evict(900) == ["huge"])
            #expect(try keys(cache) == ["b", "d"])
            let used = try #require(try cache.find(cache.request("d")).hit)
            let removal = try cache.store.evict(
                CacheLimits(size: CacheSize(bytes: 0)), StoreFixture.tools, now: StoreFixture.now)
            #expect(removal.entries.map(\.key) == ["b"] && removal.busy.map(\.key) == ["d"])
            #expect(try cache.text(of: used) == "d")
        }
    }

    @Test("sizes that no disk has add up to the largest that there is")
    func impossibleSizes() throws {
        try StoreFixture.with { cache in
            for key in ["a", "b", "c"] { try cache.save(cache.request(key), key, bytes: .max) }
            let hit = try cache.find(cache.request("a")).hit
            try cache.save(cache.request("over"), "over", over: hit, bytes: .max)
            #expect(try cache.entries().allSatisfy { $0.byteCount == .max })
            #expect(try CacheStore.total(of: cache.entries()) == .max)
            for isTrial in [true, false] {
                let removal = try cache.store.evict(
                    CacheLimits(size: CacheSize(bytes: 1), floor: CacheSize(bytes: .max)), StoreFixture.tools,
                    isTrial: isTrial, now: StoreFixture.now)
                #expect(removal.entries.count + removal.busy.count == 4)
            }
        }
    }

    @Test("a layer of several entries counts once, and frees nothing while one is left")
    func countsOnce() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("a"), "base", bytes: 1000, now: 1)
            do {
                let base = try cache.find(cache.request("a")).hit
                try cache.save(cache.request("b"), "b", over: base, bytes: 10, now: 2_000_000_000)
                try cache.save(cache.request("c"), "c", over: base, bytes: 10, now: 2_000_000_001)
            }
            let fits = try cache.store.evict(
                CacheLimits(size: CacheSize(bytes: 1020)), StoreFixture.tools, now: StoreFixture.now)
            #expect(fits.entries.isEmpty)
            let tight = try cache.store.evict(
                CacheLimits(size: CacheSize(bytes: 1015)), StoreFixture.tools, now: StoreFixture.now)
            #expect(tight.entries.map(\.key) == ["a", "b"])
            #expect(try cache.find(cache.request("c")).hit?.layers.count == 2)
        }
    }

    @Test("a trial says all that a removal does, and changes nothing")
    func trial() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("old"), "base", bytes: 1000, now: 1)
            let base = try cache.find(cache.request("old")).hit
            try cache.save(cache.request("over"), "over", over: base, bytes: 10, now: 2)
            try cache.save(cache.request("bad"), bytes: 10, now: 3)
            try cache.tree.write(cache.recordPath(cache.request("bad")), "x")
            try cache.save(cache.request(nil), "one", now: 4)
            try cache.save(cache.request(nil), "two", bytes: 10, now: 5)
            do { _ = try cache.incoming("abandoned") }
            try cache.tree.write(FilePath("cache/trash/\(CacheLayer.makeIdentifier())/files/x"), "half removed")
            let making = try cache.incoming("half")
            let before = try cache.tree.listing("cache")
            func evict(isTrial: Bool) throws -> CacheRemoval {
                try cache.store.evict(
                    CacheLimits(size: CacheSize(bytes: 15)), StoreFixture.tools, isTrial: isTrial,
                    now: StoreFixture.now)
            }
            let trial = try evict(isTrial: true)
            #expect(try cache.tree.listing("cache") == before)
            #expect(Set(trial.entries.map(\.key)) == ["old", "over"] && trial.damaged.count == 1)
            withExtendedLifetime(base) {}
            withExtendedLifetime(making) {}
        }
        try StoreFixture.with { cache in
            for key in ["old", "new"] { try cache.save(cache.request(key), bytes: 10, now: key == "old" ? 1 : 2) }
            try cache.save(cache.request("bad"), bytes: 10, now: 3)
            try cache.tree.write(cache.recordPath(cache.request("bad")), "x")
            do { _ = try cache.incoming("abandoned") }
            let removals = try [true, false].map {
                try cache.store.evict(
                    CacheLimits(size: CacheSize(bytes: 10)), StoreFixture.tools, isTrial: $0, now: StoreFixture.now)
            }
            #expect(removals[0] == removals[1])
            #expect(removals[0].layerCount == 3 && removals[0].byteCount == 12 && removals[0].damaged.count == 1)
        }
    }

    @Test("what was not used for long goes, and only that")
    func expires() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("old"), now: 1000)
            try cache.save(cache.request("new"), now: 2000)
            let limits = CacheLimits(unusedSince: Timestamp(seconds: 1500))
            #expect(
                try cache.store.evict(limits, StoreFixture.tools, now: StoreFixture.now).entries.map(\.key) == ["old"])
            #expect(try keys(cache) == ["new"])
        }
    }

    @Test("a floor of free disk that cannot be kept costs everything, one that is kept nothing")
    func floor() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"))
            let kept = CacheLimits(floor: CacheSize(bytes: 1))
            #expect(try cache.store.evict(kept, StoreFixture.tools, now: StoreFixture.now).entries.isEmpty)
            let never = CacheLimits(floor: CacheSize(bytes: 1 << 60))
            #expect(try cache.store.evict(never, StoreFixture.tools, now: StoreFixture.now).entries.count == 1)
        }
    }

    @Test(
        "sizes are numbers with a letter",
        arguments: [
            ("20G", 20 << 30), ("500M", 500 << 20), ("1.5T", 3 << 39), ("7000000", 7_000_000), ("2048k", 2 << 20),
            ("20GiB", 20 << 30), ("20GB", 20 << 30), ("2000000B", 2_000_000),
        ])
    func sizes(word: String, bytes: Int) throws { #expect(try CacheSize(word).bytes == bytes) }

    @Test(
        "other words are no size",
        arguments: ["", "G", "-1", "1.G", ".5G", "1.2.3", "20X", "1e3", "20 G", "20iB", "99999999999T", "٣G", "0x10"])
    func noSizes(word: String) {
        let error = #expect(throws: CacheError.self) { try CacheSize(word) }
        #expect(error?.code == .invalidSize)
    }

    @Test(
        "what would leave no cache is a slip: a number alone gets its letter back",
        arguments: ["0", "10", "7B", "20k", "0.5M"])
    func tooSmall(word: String) {
        let error = #expect(throws: CacheError.self) { try CacheSize(word) }
        #expect(error?.code == .tooSmall)
        #expect(error?.hints.first?.contains("did you mean `10G`?") == (word == "10"))
    }

    @Test("the usual size is bounded by the disk's")
    func standard() throws {
        try StoreFixture.with { cache in
            let space = try #require(DiskSpace(of: cache.store.directory))
            #expect(CacheSize.standard(for: cache.store.directory).bytes == min(20 << 30, space.total / 4))
            #expect(CacheSize.standardFloor(for: cache.store.directory).bytes <= 2 << 30)
        }
    }
}
