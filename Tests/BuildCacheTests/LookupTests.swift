// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Finding cache entries")
struct LookupTests {
    @Test("where nothing was saved nothing is found, and nothing is made")
    func empty() throws {
        try StoreFixture.with { cache in
            let (hit, warnings) = try cache.find(cache.request("k", fallback: [""]))
            #expect(hit == nil && warnings.isEmpty)
            #expect(try cache.entries().isEmpty)
            #expect(!cache.tree.exists("cache"))
        }
    }

    @Test("what was saved is found by its key, and by no other")
    func exact() throws {
        try StoreFixture.with { cache in
            let files = [KeyInput.File(path: "a b/ü%", digest: "00")]
            let inputs = [KeyInput(name: "codebuild-hash-files a", value: "1", files: files)]
            let saved = try cache.save(cache.request("key-1"), "one", inputs: inputs, now: 1_700_000_000.25)
            let found = try #require(try cache.find(cache.request("key-1")).hit)
            #expect(found.entry == saved && found.match == .exact)
            #expect(found.entry.inputs == inputs && found.entry.lastUsed.seconds == 1_700_000_000.25)
            #expect(try cache.content(cache.request("key-1")) == "one")
            for other in ["key-2", "key-", "KEY-1", "", nil] { #expect(try cache.content(cache.request(other)) == nil) }
            let used = try #require(try cache.entries().first?.lastUsed.seconds)
            #expect(used > 1_700_000_001, "the time of its use is kept")
            // What a build saved may hold secrets of its own, and setuid files.
            for place in ["cache", "cache/entries", "cache/layers"] {
                #expect(try cache.tree.root.status(.init(place)).mode == 0o700)
            }
        }
    }

    @Test("fallback keys are tried in order, each by its beginning, the newest entry first")
    func fallback() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("npm-a"), "old", now: 10)
            try cache.save(cache.request("npm-b"), "new", now: 30)
            try cache.save(cache.request("npm-c"), "middle", now: 20)
            try cache.save(cache.request("other"), "other", now: 99)
            try cache.save(cache.request(nil), "without", now: 100)
            #expect(try cache.content(cache.request("npm-x", fallback: ["nothing", "npm-", "other"])) == "new")
            #expect(try cache.content(cache.request("npm-x", fallback: ["other", "npm-"])) == "other")
            #expect(try cache.content(cache.request("npm-x", fallback: ["npm-a"])) == "old")
            #expect(try cache.content(cache.request("npm-x", fallback: ["NPM-"])) == nil)
            #expect(try cache.content(cache.request("npm-c", fallback: ["npm-b"])) == "middle", "its own key first")
            let hit = try cache.find(cache.request("npm-x", fallback: ["npm-"])).hit
            #expect(hit?.match == .fallback("npm-"))
        }
    }

    @Test("without a key there is one entry, which the next save replaces")
    func withoutKey() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request(nil), "one")
            let first = try #require(try cache.find(cache.request(nil)).hit)
            try cache.save(cache.request(nil), "two", over: first)
            #expect(try cache.content(cache.request(nil)) == "two")
            #expect(try cache.entries().map(\.layers.count) == [2])
            #expect(try cache.content(cache.request("")) == nil, "an empty key is a key")
        }
    }

    @Test("namespaces, lists of paths and identities are apart")
    func apart() throws {
        try StoreFixture.with { cache in
            let root = CacheIdentity(text: "root", words: "root")
            try cache.save(cache.request("k"), "one")
            #expect(try cache.find(cache.request("k", fallback: [""], namespace: "other")).hit == nil)
            for paths in [["/root/.m2", "/x"], ["/root/.m"], [], ["/root/", ".m2"]] {
                let (hit, warnings) = try cache.find(cache.request("k", fallback: [""], paths: paths))
                #expect(hit == nil && warnings.isEmpty)
            }
            for wanted in [cache.request("k", identity: root), cache.request("l", fallback: ["k"], identity: root)] {
                let (hit, warnings) = try cache.find(wanted)
                #expect(hit == nil && warnings.count == 1)
                let message = warnings.first?.message ?? ""
                #expect(
                    message.contains("saved by a user without subordinate ids")
                        && message.contains("this build runs as root"), "\(message)")
            }
            #expect(try cache.find(cache.request("l", identity: root)).warnings.isEmpty)
            try cache.save(cache.request("k", identity: root), "root's")
            #expect(try cache.content(cache.request("k", identity: root)) == "root's")
            #expect(try cache.content(cache.request("k")) == "one")
        }
    }

    @Test(
        "a key is any text: it is only hashed",
        arguments: [
            "a/b", "../../../etc/passwd", "/", ".", "..", "", "nul\u{0}byte", "new\nline", "%00", "%2F", "\u{1F600} ü",
            "e\u{301}", "\u{E9}", "\u{FFFE}\u{FEFF}\u{85}\u{2028}", "\"\\{}[]", "k repeated",
        ])
    func odd(text: String) throws {
        let key = text == "k repeated" ? String(repeating: "k", count: 10_000) : text
        try StoreFixture.with { cache in
            try cache.save(cache.request("before"), "before")
            try cache.save(cache.request(key), "it")
            #expect(try cache.content(cache.request(key)) == "it")
            #expect(try cache.entries().contains { $0.key.map { Array($0.utf8) } == Array(key.utf8) })
            #expect(try cache.content(cache.request("x", fallback: [key + "y"])) == nil)
            #expect(
                try cache.tree.listing().allSatisfy { !$0.contains("passwd") && !$0.contains("kkkk") },
                "no name is made of it")
        }
    }

    @Test("keys that look alike are not the same")
    func composed() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("e\u{301}"), "two letters")
            #expect(try cache.content(cache.request("\u{E9}")) == nil)
            #expect(try cache.content(cache.request("x", fallback: ["\u{E9}"])) == nil)
            #expect(try cache.content(cache.request("x", fallback: ["e"])) == "two letters")
        }
    }
}
