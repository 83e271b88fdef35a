// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Explaining what is found")
struct ExplanationTests {
    private func explain(
        _ cache: StoreFixture, _ request: CacheRequest, inputs: [KeyInput] = []
    ) throws -> CacheExplanation {
        CacheExplanation(
            request, inputs: inputs, entries: try cache.entries(), removed: cache.store.removedEntries)
    }

    @Test("it takes what a build would take, and says of each other entry why not")
    func verdicts() throws {
        try StoreFixture.with { cache in
            let root = CacheIdentity(text: "root", words: "root")
            try cache.save(cache.request("npm-1"), now: 1)
            try cache.save(cache.request("npm-2"), now: 2)
            try cache.save(cache.request("pip-1"), now: 3)
            try cache.save(cache.request("npm-3", identity: root), now: 4)
            try cache.save(cache.request("npm-3", paths: ["/root/.m2", "/old"]), now: 5)
            try cache.save(cache.request(nil), now: 6)
            try cache.save(cache.request("npm-3", namespace: "other"), now: 7)
            let request = cache.request("npm-3", fallback: ["npm-"])
            let explanation = try explain(cache, request)
            #expect(explanation.taken == (try cache.find(request).hit?.entry))
            let verdicts = explanation.candidates.map { ($0.entry.key ?? "-", $0.verdict) }
            #expect(verdicts.map(\.0) == ["npm-2", "-", "npm-3", "npm-3", "pip-1", "npm-1"])
            #expect(
                verdicts.map(\.1) == [
                    .fallback("npm-"), .otherKey, .otherPaths(added: [], removed: ["/old"]), .otherIdentity(root),
                    .otherKey, .outdone("npm-"),
                ])
            #expect(try explain(cache, cache.request("pip-1")).candidates.first?.verdict == .exact)
            #expect(try explain(cache, cache.request("x")).taken == nil)
        }
    }

    @Test("a miss names the input that changed, and the files in it")
    func changes() throws {
        try StoreFixture.with { cache in
            func inputs(_ branch: String, _ files: [(String, String)]) -> [KeyInput] {
                [
                    KeyInput(name: "$BRANCH", value: branch),
                    KeyInput(
                        name: "codebuild-hash-files **/lock", value: "\(files)",
                        files: files.map { KeyInput.File(path: $0.0, digest: $0.1) }),
                ]
            }
            try cache.save(cache.request("a"), inputs: inputs("main", [("a", "1"), ("b", "1")]), now: 1)
            try cache.save(cache.request("b"), inputs: inputs("main", [("a", "1"), ("b", "2"), ("c", "1")]), now: 2)
            try cache.save(cache.request("c"), inputs: [KeyInput(name: "other", value: "1")], now: 3)
            let new = inputs("work", [("a", "1"), ("b", "3"), ("d", "1")])
            let explanation = try explain(cache, cache.request("x"), inputs: new)
            #expect(explanation.compared?.key == "b")
            #expect(
                explanation.changes == [
                    .value(name: "$BRANCH", old: "main", new: "work"),
                    .files(name: "codebuild-hash-files **/lock", changed: ["b"], added: ["d"], removed: ["c"]),
                ])
            #expect(try explain(cache, cache.request("b"), inputs: new).compared == nil)
        }
    }

    @Test("an entry that was removed is remembered with its reason")
    func removed() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("a"), bytes: 10, now: 1)
            try cache.save(cache.request("b"), bytes: 10, now: 2)
            let limits = CacheLimits(size: CacheSize(bytes: 10))
            _ = try cache.store.evict(limits, StoreFixture.tools, now: StoreFixture.now)
            _ = try cache.store.remove([cache.request("b").hash], StoreFixture.tools, now: StoreFixture.now)
            let first = try explain(cache, cache.request("a")).removed
            #expect(first?.reason == .size && first?.time == StoreFixture.now)
            #expect(try explain(cache, cache.request("b")).removed?.reason == .asked)
            #expect(try explain(cache, cache.request("c")).removed == nil)
        }
    }

    @Test("a lookup is read as it was written")
    func lookup() throws {
        try TemporaryTree.with { tree in
            let request = CacheRequest(
                namespace: "n\u{0}\"", identity: StoreFixture.single, paths: ["/a b", "~/ü"], key: nil,
                fallbackKeys: ["", "%"])
            var lookup = CacheLookup(
                request: request, inputs: [KeyInput(name: "$A", value: "1")], found: nil,
                time: Timestamp(seconds: 12.5))
            try lookup.write(to: tree.path)
            #expect(CacheLookup(of: tree.path) == lookup)
            lookup.request.key = "k"
            lookup.found = request.hash
            #expect(CacheLookup(json: lookup.json) == lookup)
            for text in ["", "{}", "{\"v\":2}", "[]"] { #expect(CacheLookup(json: Array(text.utf8)) == nil) }
        }
    }
}
