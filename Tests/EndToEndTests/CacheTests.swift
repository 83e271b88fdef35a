// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Caches of builds")
struct CacheInBuildTests {
    func buildspec(_ cache: String, _ commands: String...) -> String {
        "version: 0.2\ncache:\n" + cache.split(separator: "\n").map { "  \($0)\n" }.joined()
            + "phases:\n  build:\n    commands:\n" + commands.map { "      - \($0)\n" }.joined()
    }

    func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in
            let drydock = try Drydock(in: tree, user: user)
            try body(tree, drydock)
        }
    }

    func run(_ drydock: Drydock, _ tree: TemporaryTree, _ text: String, _ words: String...) throws -> ToolResult {
        try run(drydock, tree, text, words: words)
    }

    func run(
        _ drydock: Drydock, _ tree: TemporaryTree, _ text: String, words: [String]
    ) throws -> ToolResult {
        try tree.write("source/buildspec.yml", text)
        try drydock.user.own(tree.path("source"))
        let result = try drydock.run(["run"] + words)
        return result
    }

    func says(_ result: ToolResult, _ text: String) -> Bool {
        result.lines.contains { $0.hasPrefix("[Container]") && $0.contains(text) }
    }

    @Test("without a key the last build's is there, wherever it lies", arguments: TestUser.all)
    func withoutKey(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let text = buildspec(
                "paths: [node_modules/**/*, /root/.m2/**/*, ~/.cache/pip, /data/cache/**, /opt/tool/**/*]",
                "for d in node_modules /root/.m2 ~/.cache/pip /data/cache /opt/tool; do mkdir -p $d; "
                    + "echo $(ls $d | wc -l) in $d; touch $d/$(ls $d | wc -l); done")
            let first = try run(drydock, tree, text)
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            #expect(says(first, "Expanded cache path node_modules/**/*"))
            #expect(says(first, "Unable to download cache: nothing is saved yet"))
            #expect(says(first, "Saved cache (no key): "))
            for count in 1...2 {
                let next = try run(drydock, tree, text)
                for place in ["node_modules", "/root/.m2", "/root/.cache/pip", "/data/cache", "/opt/tool"] {
                    #expect(next.lines.contains("\(count) in \(place)"), "\(next.output)")
                }
                #expect(says(next, "Restored cache (no key): ") && says(next, "5 files changed"), "\(next.output)")
            }
            #expect(!tree.exists("source/node_modules"))
            let unchanged = try run(drydock, tree, text.replacing("touch", with: "true"))
            #expect(says(unchanged, "Cache (no key) is unchanged"), "\(unchanged.output)")
            #expect(try tree.listing("state/cache/incoming") == [])
        }
    }

    @Test("without paths package managers keep what they fetched", arguments: TestUser.all)
    func withoutPaths(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let command =
                "for d in ~/.npm ~/.m2/repository $PIP_CACHE_DIR ~/.cache/ccache node_modules; do mkdir -p $d; "
                + "echo $(ls $d | wc -l) in $d; touch $d/$(ls $d | wc -l); done"
            for cache in ["key: lock-$(codebuild-hash-files lock)", "action:"] {
                try tree.write("source/lock", "one")
                let text = buildspec(cache, command)
                let words = ["-e", "PIP_CACHE_DIR=/opt/pip"]
                let first = try run(drydock, tree, text, words[0], words[1])
                #expect(first.status == 0, "\(first.output)\(first.errors)")
                #expect(says(first, "No cache paths are specified: caching what package managers keep below /root"))
                #expect(says(first, "3 files"), "\(first.output)")
                let next = try run(drydock, tree, text, words[0], words[1])
                for place in ["/root/.npm", "/root/.m2/repository", "/opt/pip"] {
                    #expect(next.lines.contains("1 in \(place)"), "\(next.output)")
                }
                // A compiler's results and what is installed into the source are for the buildspec to name.
                for place in ["/root/.cache/ccache", "node_modules"] {
                    #expect(next.lines.contains("0 in \(place)"), "\(next.output)")
                }
            }
        }
    }

    @Test(
        "a key is found again exactly, a fallback by its beginning, and nothing is written twice",
        arguments: TestUser.all)
    func keys(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let text = buildspec(
                "key: npm-$(codebuild-hash-files lock)\nfallback-keys: [other-, npm-]\npaths: [node_modules/**/*]",
                "mkdir -p node_modules; ls node_modules; touch node_modules/$(cat lock)")
            try tree.write("source/lock", "one")
            #expect(says(try run(drydock, tree, text), "Unable to download cache: no entry with the key `npm-"))
            let again = try run(drydock, tree, text)
            #expect(says(again, "Restored cache `npm-") && !says(again, "Saved") && again.lines.contains("one"))
            try tree.write("source/lock", "two")
            let other = try run(drydock, tree, text)
            #expect(says(other, "by the fallback key `npm-`") && says(other, "Saved cache `npm-"), "\(other.output)")
            // Other paths are another cache.
            let paths = try run(drydock, tree, text.replacing("node_modules/**/*]", with: "node_modules/**/*, x/**/*]"))
            #expect(says(paths, "Unable to download cache"))
            let off = try run(drydock, tree, text, "--no-cache")
            #expect(!says(off, "cache") && !off.lines.contains("one"), "\(off.output)")
        }
    }

    @Test("single files are linked beside directories, which still are saved as what changed", arguments: TestUser.all)
    func singleFiles(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            try tree.write("source/yarn.lock", "locked\n")
            let cache = "paths: [node_modules/**/*, yarn.lock, 'out/*.jar']"
            func build(_ command: String) throws -> ToolResult { try run(drydock, tree, buildspec(cache, command)) }
            let make =
                "mkdir -p node_modules/m out; touch $(seq -f node_modules/m/%g 200); echo 1 > out/a.jar; touch out/log"
            let first = try build(make)
            #expect(
                says(first, "202 files, 2 of them copied and linked: a pattern selects single files"), "\(first.output)"
            )
            let second = try build("ls out yarn.lock; echo 2 > node_modules/m/2; echo 2 > out/b.jar")
            #expect("\(second.output)\(second.errors)".contains("`yarn.lock` is in the source and in the cache"))
            #expect(second.lines.contains("a.jar") && !second.lines.contains("log"), "\(second.output)")
            #expect(says(second, "4 files changed, 3 of them copied and linked"), "\(second.output)")
            #expect(says(try build("cat out/*.jar node_modules/m/2 | grep -c ."), "Cache (no key) is unchanged"))
            // What is gone is gone for later builds too, whatever lies in the layers below.
            let fourth = try build("rm out/a.jar")
            #expect(says(fourth, "202 files, copied"), "\(fourth.output)")
            let fifth = try build("ls out node_modules/m | wc -l; cat out/*.jar yarn.lock; echo changed > yarn.lock")
            #expect(fifth.lines.contains("2") && fifth.lines.contains("locked") && !fifth.lines.contains("1"))
            #expect(says(fifth, "2 files changed, copied and linked: "), "\(fifth.output)")
            #expect(try build("cat yarn.lock").lines.contains("changed"))
            #expect(try tree.text("source/yarn.lock") == "locked\n")
        }
    }

    @Test("what only patterns select and nobody changed is unchanged, with a key as without", arguments: TestUser.all)
    func patternsAlone(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let cache = "paths: ['out/*.jar']"
            let made = try run(drydock, tree, buildspec(cache, "mkdir out; echo 1 > out/a.jar; echo 2 > out/b.jar"))
            #expect(says(made, "Saved cache (no key): ") && says(made, ", 2 files, "), "\(made.output)")
            for _ in 1...2 {
                let read = try run(drydock, tree, buildspec(cache, "cat out/*.jar; mkdir -p out; echo > out/log"))
                #expect(says(read, "Cache (no key) is unchanged") && read.lines.contains("2"), "\(read.output)")
            }
            let removed = try run(drydock, tree, buildspec(cache, "rm out/a.jar"))
            #expect(says(removed, "Saved cache (no key): ") && says(removed, ", 1 file, "), "\(removed.output)")
            let keyed = "key: $(cat lock)\nfallback-keys: [k]\npaths: ['out/*.jar']"
            try tree.write("source/lock", "k1")
            #expect(says(try run(drydock, tree, buildspec(keyed, "mkdir out; echo 1 > out/a.jar")), "Saved cache `k1`"))
            try tree.write("source/lock", "k2")
            #expect(says(try run(drydock, tree, buildspec(keyed, "cat out/a.jar")), "Saved cache `k2`"))
            let last = try run(drydock, tree, buildspec(keyed, "cat out/a.jar"))
            #expect(says(last, "Restored cache `k2`") && last.lines.contains("1"), "\(last.output)")
        }
    }

    @Test("what patterns select within a cached directory goes with it, and a changed link counts as changed")
    func overlappingPatterns() throws {
        try with(TestUser()) { tree, drydock in
            let text = buildspec(
                "paths: ['**/*.lock', node_modules/**/*, 'out/current*', vendor/bundle, vendor]",
                "mkdir -p node_modules/m out vendor/bundle; cat out/current vendor/bundle/v || true; touch node_modules/m/a.lock; "
                    + "echo $V > out/$V; ln -sfn $V out/current; cp out/current out/current-file; echo $V > vendor/bundle/v"
            )
            #expect(says(try run(drydock, tree, text, "-e", "V=v1"), "Saved cache (no key)"))
            #expect(says(try run(drydock, tree, text, "-e", "V=v2"), "Saved cache (no key)"))
            let third = try run(drydock, tree, text.replacing("cat out/current ", with: "readlink out/current; cat "))
            #expect(third.lines.contains("v2") && !third.lines.contains("v1"), "\(third.output)")
        }
    }

    @Test("one directory written in several ways is cached once, and a key may have several lines")
    func spellings() throws {
        try with(TestUser()) { tree, drydock in
            let cache = "paths: [d, d/**/*, d/, ./d/**, d/sub/**/*]\nkey: v-$(cat versions)"
            let text = buildspec(cache, "mkdir -p d/sub; ls d; touch d/$(wc -l <versions)")
            try tree.write("source/versions", "node 18\npython 3.11\n")
            #expect(says(try run(drydock, tree, text), "Saved cache `v-node 18"))
            #expect(says(try run(drydock, tree, text), "Restored cache"))
            try tree.write("source/versions", "node 18\npython 3.12\n")
            #expect(says(try run(drydock, tree, text), "Unable to download cache"))
        }
    }

    @Test("`action` and `--cache-save` say what is done, and a failed build saves nothing")
    func actions() throws {
        try with(TestUser()) { tree, drydock in
            func text(_ action: String, _ command: String = "mkdir -p n; ls n; date +%N > n/f") -> String {
                buildspec("\(action)paths: [n/**/*]", command)
            }
            #expect(!says(try run(drydock, tree, text("action: restore\n")), "Saved"))
            #expect(!says(try run(drydock, tree, text("", "mkdir n; touch n/g; exit 1")), "Saved"))
            #expect(
                says(try run(drydock, tree, text("", "mkdir n; touch n/g; exit 1"), "--cache-save", "always"), "Saved"))
            let saving = try run(drydock, tree, text("action: save\n"))
            #expect(!says(saving, "Restored") && says(saving, "Saved") && !saving.lines.contains("g"))
            #expect(!says(try run(drydock, tree, text(""), "--cache-save", "never"), "Saved"))
            #expect(!says(try run(drydock, tree, text(""), "build"), "Saved"))
            // As in CodeBuild the cache comes before the artifacts.
            let artifacts = text("action: save\n") + "artifacts:\n  files: [nope]\n"
            let without = try run(drydock, tree, artifacts, "-a", "out")
            #expect(without.status == 1 && says(without, "Saved"), "\(without.output)")
        }
    }

    @Test("paths that no cache can be made of are told with their places, and the rest is cached")
    func oddPaths() throws {
        try with(TestUser()) { tree, drydock in
            let text = buildspec(
                "paths: ['/**/*', '**/*', ../up, /proc/**/*, $NOTHING, '*.jar', deep/one.txt]",
                "mkdir deep; touch a.jar deep/one.txt deep/two.txt; ls")
            let first = try run(drydock, tree, text)
            #expect(first.status == 0)
            for reason in [
                "the whole file system", "the source itself", "leads out of the source", "a place of the kernel's",
                "nothing is left of it",
            ] {
                #expect(first.errors.contains(reason) || first.output.contains(reason), "\(reason)")
            }
            #expect(says(first, "2 files, 1 of them linked: a pattern selects single files"), "\(first.output)")
            let second = try run(drydock, tree, buildspec("paths: ['*.jar', deep/one.txt]", "true"))
            #expect(says(second, "Restored cache"))
            let third = try run(
                drydock, tree,
                text.replacing("mkdir deep; touch a.jar deep/one.txt deep/two.txt; ls", with: "ls . deep"))
            #expect(
                third.lines.contains("a.jar") && third.lines.contains("one.txt") && !third.lines.contains("two.txt"))
        }
    }

    @Test("a shell that does not answer leaves nothing restored and nothing saved", arguments: TestUser.all)
    func unanswered(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let text = buildspec(
                "key: k-$(test ! -e dies || kill -9 $$)one\npaths: [n/**/*]", "mkdir -p n; ls n; touch n/$RANDOM")
            try tree.write("source/dies", "")
            for _ in 0..<2 {
                let result = try run(drydock, tree, text)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                let warnings = (result.output + result.errors).components(separatedBy: "the shell did not answer")
                let words = " what `$(test ! -e dies || kill -9 $$)` in the cache's key is, so nothing"
                #expect(warnings.count == 2 && warnings[0].hasSuffix("buildspec.yml:3:8: "), "\(warnings)")
                #expect(warnings.last?.hasPrefix(words) == true && warnings.last?.contains("signal 9") == true)
                #expect(!says(result, "ave") && !says(result, "estored") && !says(result, "Unable"), "\(result.output)")
            }
            let warmed = try drydock("warm")
            #expect(warmed.status == 1 && warmed.errors.contains("the shell did not answer"), "\(warmed.errors)")
            #expect(try drydock("cache", "ls", "--json").output == "[]\n")
        }
    }

    @Test("a command in a key that gives nothing is told at its place, once")
    func emptyCommand() throws {
        try with(TestUser()) { tree, drydock in
            let text = buildspec(
                "key: npm-$(cat lock)\nfallback-keys:\n  - n-$(cat lock)\n  - x-`true`\n  - y-$(echo z)\n"
                    + "  - y-$(echo w; exit 4)-\npaths: [n/**/*]", "mkdir -p n; touch n/n")
            let result = try run(drydock, tree, text)
            #expect(result.status == 0 && says(result, "Saved cache `npm-`: "), "\(result.output)\(result.errors)")
            let told = (result.output + result.errors).split(separator: "\n").filter {
                $0.contains("in the cache's key")
            }
            let words = [
                "buildspec.yml:3:8: `$(cat lock)` in the cache's key fails with 1 and prints nothing: "
                    + "cat: lock: No such file or directory",
                "buildspec.yml:6:7: ``true`` in the cache's key prints nothing",
                "buildspec.yml:8:7: `$(echo w; exit 4)` in the cache's key fails with 4",
            ]
            #expect(told.count == words.count, "\(told)")
            for (line, words) in zip(told, words) { #expect(line.hasSuffix(words), "\(line)") }
            try tree.write("source/lock", "one")
            #expect(try !(run(drydock, tree, text)).output.contains("`$(cat lock)` in the cache's key"))
        }
    }

    @Test("`--dry-run` says what is known of the cache, and changes nothing", arguments: TestUser.all)
    func preview(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            func shown(_ cache: String, _ words: String...) throws -> [String] {
                let result = try run(
                    drydock, tree, buildspec(cache, "mkdir n; touch n/n"), words: ["--dry-run"] + words)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                guard let start = result.lines.firstIndex(where: { $0.hasPrefix("cache ") }) else { return [] }
                return result.lines[start...].map {
                    $0.replacingOccurrences(of: " {2,}", with: "|", options: .regularExpression)
                }.filter { !$0.isEmpty }
            }
            let plain = "key: k-$A\nfallback-keys: [k-]\npaths: [n/**/*, ~/.m2/**/*, /proc/x, n/deep]"
            let words = ["-e", "A=1", "--cache-namespace", "all"]
            let first = try shown(plain, words[0], words[1], words[2], words[3])
            #expect(
                first.prefix(5) == [
                    "cache|restored, and saved after a success, mounted", "|namespace|all", "|key|k-1", "|fallback|k-",
                    "|path|n/**/*",
                ], "\(first)")
            #expect(first.dropFirst(5).first == "|path|/root/.m2/**/*" && first.count == 8, "\(first)")
            #expect(
                first[6].hasSuffix("`/proc/x` is not cached: it is a place of the kernel's or of the build's machinery")
            )
            #expect(first.last == "|store|has none: the namespace has no cache")
            #expect(!tree.exists("state/cache"))
            #expect(says(try run(drydock, tree, buildspec(plain, "mkdir n; touch n/n"), words: words), "Saved"))
            #expect(try shown(plain, words[0], words[1], words[2], words[3]).last?.hasPrefix("|store|has it: ") == true)
            let other = try shown(plain, "-e", "A=2", words[2], words[3], "--cache-mode", "copy")
            #expect(
                other[0].hasSuffix(", copied") && other.last?.hasPrefix("|store|has `k-1`, by a fallback key: ") == true
            )
            let unknown = try shown(
                "key: k-$(cat lock)-$CODEBUILD_BUILD_NUMBER-$A\naction: restore\npaths: [$X/**/*]", "-e", "A=1")
            #expect(unknown[0] == "cache|restored, not saved, mounted")
            #expect(unknown.contains("|key|k-$(cat lock)-$CODEBUILD_BUILD_NUMBER-1 (known when the build begins)"))
            #expect(unknown.contains("|path|$X/**/* (known when the build begins)"), "\(unknown)")
            #expect(unknown.last == "|store|asked when the build begins")
            #expect(try shown(plain, "--no-cache") == ["cache|neither restored nor saved: `--no-cache`"])
            #expect(
                try shown(plain, "--isolation", "none") == ["cache|neither restored nor saved: that needs a sandbox"])
        }
    }

    @Test("ten builds at once share an entry, and none sees another's writes", arguments: TestUser.all)
    func concurrent(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let fill = buildspec("key: base-1\npaths: [n/**/*]", "mkdir n; echo base > n/base")
            #expect(says(try run(drydock, tree, fill), "Saved cache `base-1`"))
            let text = buildspec(
                "key: k-$CODEBUILD_BUILD_NUMBER\nfallback-keys: [base-]\npaths: [n/**/*]",
                "cat n/base; test $(ls n | wc -l) = 1 || exit 9; echo $CODEBUILD_BUILD_NUMBER > n/mine; sleep 0.3; "
                    + "test $(cat n/mine) = $CODEBUILD_BUILD_NUMBER; test $(ls n | wc -l) = 2")
            try tree.write("source/buildspec.yml", text)
            try user.own(tree.path("source"))
            let (program, words) = user.command(
                Drydock.program, ["run", "--state-dir", drydock.state.string])
            let (environment, directory) = (drydock.environment, drydock.directory)
            let results = Locked<[ToolResult]>([])
            let group = DispatchGroup()
            for _ in 0..<10 {
                DispatchQueue.global().async(group: group) {
                    let result = try? runTool(program, words, environment: environment, in: directory)
                    if let result { results.withLock { $0.append(result) } }
                }
            }
            group.wait()
            results.withLock { results in
                #expect(results.count == 10)
                for result in results {
                    #expect(result.status == 0 && says(result, "Saved cache `k-"), "\(result.output)\(result.errors)")
                }
            }
        }
    }

    @Test("a failed build goes on over the cache that it began with", arguments: TestUser.all)
    func resuming(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let fill = buildspec(
                "paths: [n/**/*, /root/.m2/**/*]", "mkdir -p n ~/.m2; echo one > n/a; echo two > ~/.m2/b")
            #expect(says(try run(drydock, tree, fill), "Saved cache"))
            let failing = buildspec(
                "paths: [n/**/*, /root/.m2/**/*]", "cat n/a ~/.m2/b", "rm n/a; echo three > ~/.m2/c", "test -e fixed")
            #expect(try run(drydock, tree, failing).status == 1)
            try tree.write("source/fixed", "")
            let text = failing.replacing("cat n/a ~/.m2/b", with: "cat ~/.m2/b; test ! -e n/a; ls ~/.m2")
                .replacing("rm n/a; echo three > ~/.m2/c", with: "true")
            let shell = try drydock("shell", "-c", "cat ~/.m2/b ~/.m2/c; test -e n/a || echo gone")
            #expect(shell.output.hasSuffix("two\nthree\ngone\n"), "\(shell.output)\(shell.errors)")
            let resumed = try run(drydock, tree, text, "--resume")
            #expect(resumed.status == 0 && resumed.lines.contains("two"), "\(resumed.output)\(resumed.errors)")
        }
    }

    @Test("a build that goes on and succeeds saves what both wrote", arguments: TestUser.all)
    func savingResumed(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let all = ["--cache-namespace", "all"]
            let paths = "paths: [n/**/*, /root/.m2/**/*, /opt/t/**/*]"
            func text(_ key: String) -> String {
                buildspec(
                    key + paths, "mkdir -p n ~/.m2 /opt/t; echo 1 > n/a; echo 1 > ~/.m2/a; echo 1 > /opt/t/a",
                    "test -e good",
                    "echo 2 > n/b; rm -f n/base")
            }
            func show(_ key: String) throws -> String {
                try run(drydock, tree, buildspec(key + paths, "cd n; echo $(ls . ~/.m2 /opt/t)"), words: all).output
            }
            try tree.write("other/buildspec.yml", buildspec(paths, "mkdir -p n; echo o > n/base"))
            try user.own(tree.path("other"))
            // Nothing to begin with; a key; the entry without a key under it; one that another build replaces meanwhile.
            for (index, key) in ["", "key: k-$(cat lock)\n", "", ""].enumerated() {
                try tree.write("source/lock", "x")
                let failed = try run(drydock, tree, text(key), words: all)
                #expect(failed.status == 1 && !says(failed, "Saved"), "\(failed.output)\(failed.errors)")
                if index == 3 {
                    let other = try drydock.run(["run", "-s", tree.path("other").string] + all)
                    #expect(other.status == 0 && says(other, "Saved"), "\(other.output)\(other.errors)")
                }
                try tree.write("source/good", "")
                let resumed = try run(drydock, tree, text(key), words: ["--resume"] + all)
                #expect(resumed.status == 0 && says(resumed, "Saved cache "), "\(resumed.output)\(resumed.errors)")
                #expect(
                    index != 3 || says(resumed, "the cache that it began with is not there any more"),
                    "\(resumed.output)")
                #expect(try show(key).contains("\n.: a b /opt/t: a /root/.m2: a\n"), "\(index)")
                #expect(try drydock("run", "--resume").status == 3)
                let states = try FileManager.default.contentsOfDirectory(atPath: tree.path("state/kept").string)
                #expect(states.allSatisfy { $0.hasSuffix(".lock") || $0.contains(".removed-") }, "\(states)")
                try FileManager.default.removeItem(atPath: tree.path("source/good").string)
            }
            // What the key is made of has changed.
            try tree.write("source/lock", "y")
            #expect(try run(drydock, tree, text("key: k-$(cat lock)\n")).status == 1)
            try tree.write("source/lock", "z")
            try tree.write("source/good", "")
            let changed = try run(drydock, tree, text("key: k-$(cat lock)\n"), "--resume")
            #expect(changed.status == 0 && !says(changed, "Saved"), "\(changed.output)")
            #expect((changed.output + changed.errors).contains("are not those of the failed build any more"))
            #expect(try !drydock("cache", "ls").output.contains("k-z"))
        }
    }

    @Test("what a failed build saves stays in its kept state too", arguments: TestUser.all)
    func savedAndKept(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let text = buildspec("paths: [n/**/*]", "mkdir -p n; echo one > n/a", "false")
            let failed = try run(drydock, tree, text, "--cache-save", "always")
            #expect(failed.status == 1 && says(failed, "Saved cache (no key): "), "\(failed.output)")
            #expect(try drydock("shell", "-c", "cat n/a").output.hasSuffix("one\n"))
            let next = try run(drydock, tree, buildspec("paths: [n/**/*]", "cat n/a"))
            #expect(next.status == 0 && next.lines.contains("one"))
        }
    }
}
