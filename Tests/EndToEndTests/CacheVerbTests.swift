// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `drydock cache` and the part of `drydock gc` that is about caches, on a store that this test has filled.
@Suite("The verbs of caches")
struct CacheVerbTests {
    private static let identity = CacheIdentity(text: "single 1000", words: "a user without subordinate ids")

    private static func request(_ key: String?, namespace: String = "web", fallback: [String] = []) -> CacheRequest {
        CacheRequest(
            namespace: namespace, identity: identity, paths: ["/root/.npm", "node_modules"], key: key,
            fallbackKeys: fallback)
    }

    /// Saves an entry of one file, said to be of that size.
    @discardableResult
    private static func save(
        _ drydock: Drydock, _ request: CacheRequest, bytes: Int = 3 << 20, inputs: [KeyInput] = [], age: Double = 3600
    ) throws -> CacheEntry {
        let store = CacheStore(directory: drydock.state.appending("cache"))
        let incoming = try store.begin()
        let place = incoming.directory.appending("files/root")
        _ = try Directory.make(place)
        try AtomicFile.write(Array("x".utf8), to: place.appending("data"))
        let layer = CacheLayer(
            id: "", byteCount: bytes, fileCount: 12, rootUser: 0, rootGroup: 0, isDelta: false)
        let time = Timestamp(seconds: Date().timeIntervalSince1970 - age)
        return try #require(
            try store.publish(
                incoming, layer: layer, for: request, over: nil, inputs: inputs, build: "web:42", now: time))
    }

    private static func inputs(_ lock: String, branch: String = "main") -> [KeyInput] {
        [
            KeyInput(
                name: "codebuild-hash-files package-lock.json", value: lock,
                files: [KeyInput.File(path: "package-lock.json", digest: lock)]),
            KeyInput(name: "$BRANCH", value: branch),
        ]
    }

    /// The output as JSON, which is as its schema says; of an array each element is.
    private func json(_ result: ToolResult, _ name: String) throws -> Any {
        let docs = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let schema = try JSONSchema(docs.appending("docs/schemas/\(name).schema.json"))
        let value = try JSONSerialization.jsonObject(with: Data(result.standardOutput))
        for element in value as? [Any] ?? [value] {
            let bytes = Array(try JSONSerialization.data(withJSONObject: element))
            #expect(schema.violations(in: bytes) == [])
        }
        return value
    }

    @Test("without caches every verb says so, and makes nothing")
    func empty() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let list = try drydock("cache", "ls")
            #expect(list.status == 0 && list.output.isEmpty && list.errors.contains("there is no cache yet"))
            #expect(try drydock("cache", "ls", "--json").output == "[]\n")
            #expect(try drydock("cache", "prune").output == "freed 0 bytes\n")
            #expect(try drydock("cache", "rm", "--all").output == "freed 0 bytes\n")
            #expect(try drydock("gc").output == "freed 0 bytes\n")
            for words in [["show", "x"], ["explain"], ["explain", "x"], ["rm", "x"]] {
                let result = try drydock.run(["cache"] + words)
                #expect(result.status == 3 && result.errors.hasPrefix("error: "), "\(words): \(result.errors)")
            }
            #expect(try drydock("cache", "rm").status == 2)
            #expect(try drydock("cache", "rm", "--all", "--project", "x").status == 2)
            #expect(try drydock("cache", "prune", "--cache-size", "much").status == 2)
            for words in [["run"], ["cache", "prune"], ["gc"]] {
                let slip = try drydock.run(words + ["--cache-size", "10"])
                #expect(slip.status == 2 && slip.errors.contains("a number alone is bytes: did you mean `10G`?"))
            }
            for word in ["3", "0s", "2m", "d"] {
                let age = try drydock("cache", "prune", "--older-than", word)
                #expect(age.status == 2 && age.errors.contains("weeks, days or hours"), "\(age.errors)")
            }
            #expect(try drydock("cache", "prune", "--older-than", "2w").status == 0)
            #expect(try drydock("cache").status == 2)
            #expect(try tree.listing("state").isEmpty)
        }
    }

    @Test("lists and shows what there is, for people and for programs")
    func shows() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let entry = try Self.save(drydock, Self.request("npm-1"), inputs: Self.inputs("aa"))
            try Self.save(drydock, Self.request(nil, namespace: "other"), age: 7200)
            try Self.save(drydock, Self.request("odd\u{1B}[31m key\n"), age: 90_000)
            let list = try drydock("cache", "ls")
            let lines = list.lines.map { $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init) }
            #expect(lines[0] == ["KEY", "NAMESPACE", "SIZE", "FILES", "LAYERS", "SAVED", "USED", "HASH", "PATHS"])
            #expect(lines[1].prefix(6) == ["npm-1", "web", "3.0", "MiB", "12", "1"], "\(list.output)")
            #expect(lines[1].contains(String(entry.hash.prefix(12))))
            #expect(list.lines[3].hasPrefix("odd\\u{1B}[31m key\\n"), "\(list.lines[3])")
            #expect(list.lines[1].hasSuffix("/root/.npm and 1 more") && list.lines[1].contains("1 hour ago"))
            #expect(list.lines[2].hasPrefix("(no key)") && list.lines[2].contains("other"))
            #expect(!list.output.contains("\u{1B}") && list.lines.count == 4)
            #expect(try drydock("cache", "ls", "--project", "other").lines.count == 2)
            #expect(try drydock("cache", "ls", "--keys").lines.first == "npm-1")
            let objects = try #require(try json(drydock("cache", "ls", "--json"), "cache") as? [[String: Any]])
            #expect(objects.map { $0["key"] as? String } == ["npm-1", nil, "odd\u{1B}[31m key\n"])
            #expect(objects.first?["bytes"] as? Int == 3 << 20)

            let shown = try drydock("cache", "show", "npm-1")
            for words in [
                "npm-1", entry.hash, "3.0 MiB in 12 files", "web:42", "/root/.npm", "node_modules",
                "codebuild-hash-files package-lock.json = aa (1 file)", "$BRANCH = main",
            ] { #expect(shown.output.contains(words), "\(words): \(shown.output)") }
            #expect(try drydock("cache", "show", String(entry.hash.prefix(8))).output == shown.output)
            let one = try #require(try json(drydock("cache", "show", "npm-1", "--json"), "cache") as? [[String: Any]])
            #expect((one.first?["layers"] as? [Any])?.count == 1)
            #expect(try drydock("cache", "show", "npm-2").errors.contains("did you mean `npm-1`?"))
            let short = try drydock("cache", "show", String(entry.hash.prefix(2)))
            #expect(short.status == 3 && short.errors.contains("at least 4 digits are needed"), "\(short.errors)")
            try Self.save(drydock, Self.request("e-"))
            try Self.save(drydock, Self.request(""))
            #expect(try !drydock("cache", "show", "z").errors.contains("did you mean"))
            #expect(try drydock("cache", "ls").output.contains("(empty key)"))
            // A name that is none is told apart from an empty store.
            let unknown = try drydock("cache", "ls", "--project", "othr")
            #expect(unknown.status == 0 && unknown.errors.contains("the project `othr` has no cache"))
            #expect(unknown.errors.contains("did you mean `other`?"), "\(unknown.errors)")
            #expect(try drydock("cache", "ls", "--project", "othr", "--json").output == "[]\n")
            #expect(try drydock("cache", "rm", "--project", "othr").status == 3)
            let elsewhere = try drydock("cache", "show", "npm-1", "--project", "other")
            #expect(elsewhere.status == 3 && elsewhere.errors.contains("`web` has one of that key"))
        }
    }

    @Test("removes what is named, by key, hash, project or all, and keeps the rest")
    func removes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try Self.save(drydock, Self.request("a"))
            let second = try Self.save(drydock, Self.request("b"))
            try Self.save(drydock, Self.request("c", namespace: "other"))
            try Self.save(drydock, Self.request("d"))
            let wrong = try drydock("cache", "rm", "a", "nothing")
            #expect(wrong.status == 3 && wrong.errors.contains("no cache with the key or hash `nothing`"))
            #expect(try drydock("cache", "ls", "--keys").lines.count == 4, "nothing goes when a name is wrong")
            let removed = try drydock("cache", "rm", "a", second.hash)
            #expect(removed.status == 0 && removed.output.contains("removed the cache `a` of `web` (3.0 MiB)"))
            #expect(removed.output.hasSuffix("freed 6.0 MiB\n"), "\(removed.output)")
            #expect(try drydock("cache", "rm", "--project", "other", "--json").status == 0)
            #expect(try drydock("cache", "ls", "--keys").output == "d\n")
            let store = CacheStore(directory: drydock.state.appending("cache"))
            do {
                let hit = try #require(try store.find(Self.request("d")) { _ in })
                let busy = try drydock("cache", "rm", "--all")
                #expect(busy.status == 2 && busy.errors.contains("is used by a running build, or by one"))
                withExtendedLifetime(hit) {}
            }
            #expect(try drydock("cache", "rm", "--all").status == 0)
            #expect(try tree.listing("state/cache/layers").isEmpty)
        }
    }

    @Test("a key that several caches have is removed only where one, or all, are meant")
    func ambiguous() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try Self.save(drydock, Self.request("k"))
            let second = try Self.save(drydock, Self.request("k", namespace: "other"))
            var paths = Self.request("k", namespace: "other")
            paths.paths = ["/root/.m2"]
            try Self.save(drydock, paths)
            for words in [["rm", "k"], ["export", "k"], ["rm", "k", "--project", "other"]] {
                let refused = try drydock.run(["cache"] + words)
                #expect(refused.status == 2, "\(words)")
                #expect(
                    refused.errors.contains("caches have the key `k`: `\(second.hash.prefix(12))` of `other`")
                        || refused.errors.contains("`\(second.hash.prefix(12))` of `other`"), "\(refused.errors)")
                #expect(refused.errors.contains("`--all` removes all of them") == (words[0] == "rm"))
            }
            #expect(try drydock("cache", "ls", "--keys").lines.count == 3)
            #expect(try drydock("cache", "rm", "k", "--project", "web").output.contains("`k` of `web`"))
            #expect(try drydock("cache", "rm", "k", second.hash).status == 2, "nothing goes when a name is not clear")
            #expect(try drydock("cache", "rm", String(second.hash.prefix(12))).status == 0)
            #expect(try drydock("cache", "rm", "k").status == 0)
            try Self.save(drydock, Self.request("k"))
            try Self.save(drydock, Self.request("k", namespace: "other"))
            try Self.save(drydock, Self.request("l"))
            #expect(try drydock("cache", "rm", "--all", "k").output.hasSuffix("freed 6.0 MiB\n"))
            #expect(try drydock("cache", "ls", "--keys").output == "l\n")
        }
    }

    @Test("what is this user's goes, though the store has records of root's")
    func otherOwner() throws {
        guard getuid() == 0, let user = TestUser.all.dropFirst().first else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            try Self.save(drydock, Self.request("mine"))
            try user.own(drydock.state)
            try Self.save(drydock, Self.request("roots"))
            let layers = { try FileManager.default.contentsOfDirectory(atPath: tree.path("state/cache/layers").string) }
            #expect(try layers().count == 2)
            let removed = try drydock("cache", "rm", "mine")
            #expect(
                removed.status == 0 && removed.output.hasSuffix("freed 3.0 MiB\n"), "\(removed.output)\(removed.errors)"
            )
            #expect(removed.errors.contains("permission denied"), "what cannot be read is told all the same")
            #expect(try drydock("cache", "prune").status == 0)
            #expect(try layers().count == 1)
            let roots = try Drydock(in: tree)
            #expect(try roots("cache", "ls", "--keys").output == "roots\n")
        }
    }

    @Test("prunes to a size and an age, and gc does the same within the usual size")
    func prunes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            for (index, key) in ["a", "b", "c", "d"].enumerated() {
                try Self.save(drydock, Self.request(key), bytes: 1 << 20, age: Double(5 - index) * 86_400)
            }
            let trial = try drydock("cache", "prune", "--cache-size", "3M", "--dry-run")
            #expect(
                trial.output
                    == "would remove the cache `a` of `web` (1.0 MiB), last used 5 days ago\nwould free 1.0 MiB\n")
            #expect(try drydock("cache", "prune", "--cache-size", "3M").output.hasPrefix("removed the cache `a`"))
            let told = try drydock("cache", "ls").errors
            #expect(told.contains("1 cache was removed for want of room within a day"), "\(told)")
            #expect(told.contains("when all caches together were too large") && told.split(separator: "\n").count == 1)
            let aged = try drydock("cache", "prune", "--older-than", "80h", "--json")
            let object = try #require(try json(aged, "cache-removal") as? [String: Any])
            #expect((object["removed"] as? [[String: Any]])?.map { $0["key"] as? String } == ["b"])
            #expect(object["bytes"] as? Int == 1 << 20)
            try tree.write(
                FilePath("state/cache/layers/\(String(repeating: "a", count: 32))/files/root/x"), "left over")
            let counted = try drydock("gc", "--dry-run").output
            #expect(counted.hasPrefix("would remove 1 directory that no cache needs\nwould free "), "\(counted)")
            let collected = try drydock("gc")
            #expect(collected.output.contains("removed 1 directory that no cache needs"), "\(collected.output)")
            #expect(try drydock("gc", "--cache-size", "1M").output.contains("removed the cache `c`"))
            #expect(try drydock("cache", "ls", "--keys").output == "d\n")
        }
    }

    @Test("explains the last build's lookup: what changed, what else there is")
    func explains() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: ['true']\n")
            #expect(try drydock("run", "--isolation", "none").status == 0)
            let before = try Self.save(drydock, Self.request("npm-aa"), inputs: Self.inputs("aa"))
            try Self.save(drydock, Self.request("pip-1"), age: 7200)
            var other = Self.request("npm-bb")
            other.paths = ["/root/.npm"]
            try Self.save(drydock, other, age: 9000)
            let builds = try FileManager.default.contentsOfDirectory(atPath: tree.path("state/builds").string)
            let build = try #require(builds.first)
            // Where no build has told, what was saved last tells.
            try Self.save(drydock, Self.request("npm-ab"), inputs: Self.inputs("ab"), age: 1800)
            let untold = try drydock("cache", "explain").output
            #expect(untold.contains("`npm-ab` is found") && untold.contains("changed since `npm-aa`"), "\(untold)")
            _ = try drydock("cache", "rm", "npm-ab")
            let lookup = CacheLookup(
                request: Self.request("npm-bb", fallback: ["npm-"]), inputs: Self.inputs("bb", branch: "work"),
                found: before.hash, time: Timestamp(seconds: Date().timeIntervalSince1970))
            try lookup.write(to: tree.path(FilePath("state/builds/\(build)")))

            let result = try drydock("cache", "explain")
            for words in [
                "1 of source", "`npm-aa` was found", "`npm-aa` is found by the fallback key `npm-`",
                "changed since `npm-aa`, saved 1 hour ago:", "package-lock.json (changed)",
                "`$BRANCH`: was `main`, is `work`", "taken by the fallback key `npm-`",
                "other paths: without `node_modules`", "another key",
            ] { #expect(result.output.contains(words), "\(words): \(result.output)\(result.errors)") }
            let object = try #require(
                try json(drydock("cache", "explain", "--json"), "cache-explanation") as? [String: Any])
            #expect(object["taken"] as? String == before.hash && object["compared"] as? String == before.hash)
            #expect((object["changes"] as? [Any])?.count == 2 && (object["candidates"] as? [Any])?.count == 3)

            // What the build saved then does not hide why it had to.
            try Self.save(drydock, lookup.request, inputs: lookup.inputs, age: 0)
            let saved = try drydock("cache", "explain").output
            #expect(saved.contains("`npm-bb` is found\n") && saved.contains("changed since `npm-aa`"), "\(saved)")
            _ = try drydock("cache", "rm", lookup.request.hash)

            let known = try drydock("cache", "explain", "pip-1")
            #expect(known.output.contains("`pip-1` is found\n") && known.errors.isEmpty, "\(known.errors)")
            let hash = try drydock("cache", "explain", String(before.hash.prefix(12)))
            #expect(hash.output.contains("`npm-aa` is found\n") && hash.errors.isEmpty, "\(hash.output)\(hash.errors)")
            let unknown = try drydock("cache", "explain", "none-1")
            #expect(
                unknown.status == 0 && unknown.output.contains("another key"), "\(unknown.output)")
            var elsewhere = drydock
            elsewhere.directory = try tree.directory("elsewhere")
            for words in [[], ["pip-1"]] {
                let foreign = try elsewhere.run(["cache", "explain"] + words)
                let warning = "no build of `elsewhere` asked for a cache: this is about `source`"
                #expect(foreign.status == 0 && foreign.errors.contains(warning), "\(foreign.errors)")
            }
            _ = try drydock("cache", "rm", "npm-aa")
            let gone = try drydock("cache", "explain")
            #expect(gone.output.contains("a cache was found that is not there any more"), "\(gone.output)")
            #expect(gone.output.contains(/a miss: it was removed \d+ seconds? ago, by `drydock cache rm`/))
            let asked = try drydock("cache", "explain", "npm-aa").output
            #expect(asked.contains(/removed \d+ seconds? ago, by `drydock cache rm`/), "\(asked)")
        }
    }

    @Test("what builds save is looked after when they are over: on the disk, and flat", arguments: TestUser.all)
    func upkeep(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            let spec = """
                version: 0.2
                cache:
                  paths: ['/root/.m2/**/*']
                phases:
                  build:
                    commands:
                      - mkdir -p /root/.m2/sub; rm -f /root/.m2/gone; touch /root/.m2/$N /root/.m2/gone
                      - echo "found $(ls -x /root/.m2/*)"
                """
            try tree.write("source/buildspec.yml", spec)
            for number in 1...10 {
                let result = try drydock("run", "-e", "N=\(number)")
                #expect(result.status == 0, "\(result.output)\(result.errors)")
            }
            let pruned = try drydock("cache", "prune")
            #expect(pruned.status == 0, "\(pruned.output)\(pruned.errors)")
            // Each build starts another, which may still be at it.
            var layers = 0
            var isSafe = false
            for _ in 0..<100 {
                let record = try runTool("sh", ["-c", "cat \(tree.path("state/cache/entries"))/*.json"]).output
                isSafe = !record.contains("\"boot\"")
                layers = record.split(separator: "\"delta\":").count - 1
                if isSafe, layers <= CacheStore.usefulDepth { break }
                usleep(50_000)
            }
            #expect(isSafe && (1...CacheStore.usefulDepth).contains(layers), "\(layers)")
            let last = try drydock("run", "-e", "N=11")
            for name in (1...11).map(String.init) + ["gone", "sub"] {
                #expect(last.output.contains("/root/.m2/\(name)"), "\(name): \(last.output)")
            }
            _ = try drydock("cache", "rm", "--all")
        }
    }

    @Test(
        "`gc --all` takes the state of a build that has just failed, which is still being put aside",
        arguments: TestUser.all)
    func justFailed(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            // In memory, so that it has to be copied.
            let spec = """
                version: 0.2
                phases: {build: {commands: ['for i in $(seq 3000); do echo $i > /root/$i; done; head -c 20000000 /dev/zero > /x; false']}}
                """
            try tree.write("source/buildspec.yml", spec)
            for _ in 0..<3 {
                #expect(try drydock("run").status == 1)
                let collected = try drydock("gc", "--all")
                #expect(
                    collected.output.contains("removed the state of build"), "\(collected.output)\(collected.errors)")
            }
        }
    }

    @Test("on a full disk what is there is listed and removed; a save says what is missing and costs nothing")
    func fullDisk() throws {
        guard getuid() == 0 else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let state = drydock.state.string
            guard try runTool("mount", ["-t", "tmpfs", "-o", "size=1m,nr_inodes=100", "none", state]).status == 0 else {
                return
            }
            tree.atEnd { _ = try? runTool("umount", ["-l", state]) }
            for key in ["a", "b"] { try Self.save(drydock, Self.request(key)) }
            let fill =
                "cat /dev/zero > \(state)/fill; i=0; while [ $i -lt 200 ]; do (: > \(state)/f$i); i=$((i+1)); done"
            _ = try runTool("sh", ["-c", fill])
            let error = #expect(throws: CacheError.self) { try Self.save(drydock, Self.request("c")) }
            #expect(
                error?.code == .diskFull && error?.message.contains("are free") == true, "\(error.debugDescription)")
            #expect(error?.message.contains("\(state)/cache/incoming/") == true)
            #expect(try drydock("cache", "ls", "--keys").lines.sorted() == ["a", "b"])
            let removed = try drydock("cache", "rm", "a")
            #expect(removed.status == 0 && removed.output.contains("removed the cache `a`"), "\(removed.errors)")
            let pruned = try drydock("gc", "--cache-size", "2M")
            #expect(pruned.status == 0 && pruned.output.contains("removed the cache `b`"), "\(pruned.errors)")
            #expect(try tree.listing("state/cache/layers").isEmpty)
        }
    }
}
