// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `drydock cache export` and `drydock cache import`, on caches of real builds.
@Suite("Caches as archives")
struct CacheArchiveTests {
    private static let tree = """
        mkdir -p n/deep/dir ~/.m2; echo one > n/deep/a; ln n/deep/a n/deep/b; ln -s ../a n/deep/dir/link
        printf '#!/bin/sh\\necho ran' > n/run; chmod 4751 n/run; mkdir n/closed; echo hidden > n/closed/file
        chmod 0 n/closed; echo 'odd' > "$(printf 'n/caf\\303\\251 \\n line')"; echo two > ~/.m2/settings; mkfifo n/pipe
        for u in '\\303\\274' 'u\\314\\210'; do echo $u > "$(printf "n/$u")"; ln -s "$(printf "/$u")" "n/to$u"; done
        truncate -s 5M n/sparse
        """
    private static let listing = """
        cd $CODEBUILD_SRC_DIR; find n /root/.m2 ! -name n -printf '%P %y %m %U:%G %s %n %l %T@\\n' | sort | sha256sum
        """

    private func buildspec(_ cache: String, _ command: String) -> String {
        "version: 0.2\ncache:\n  \(cache)\n  paths: [n/**/*, ~/.m2/**/*]\nphases:\n  build:\n    commands:\n      - |\n"
            + command.split(separator: "\n").map { "        \($0)\n" }.joined()
    }

    private func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in
            try body(tree, try Drydock(in: tree, user: user))
        }
    }

    private func run(_ drydock: Drydock, _ text: String, _ words: String...) throws -> ToolResult {
        try drydock.tree.write("source/buildspec.yml", text)
        try drydock.user.own(drydock.tree.path("source"))
        return try drydock.run(["run", "--cache-namespace", "web"] + words)
    }

    private func digest(_ result: ToolResult) -> String? {
        result.lines.first { $0.hasSuffix("  -") && $0.utf8.count == 67 }
    }

    @Test("an exported cache is one again after it was removed, to the last attribute", arguments: TestUser.all)
    func roundTrip(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let owner = user.hasRange ? "\nchown 12:34 n/run; chmod 4751 n/run" : ""
            let fill = buildspec("key: k/1", Self.tree + owner + "\nsync -d . || true\n" + Self.listing)
            let saved = try run(drydock, fill)
            #expect(saved.output.contains("Saved cache `k/1`"), "\(saved.output)\(saved.errors)")
            let before = try #require(digest(saved))

            let exported = try drydock("cache", "export", "k/1")
            #expect(exported.status == 0, "\(exported.errors)")
            #expect(exported.output.hasPrefix("exported the cache `k/1` of `web` ("))
            #expect(exported.output.contains("to `k_1.tar.zst`: "), "\(exported.output)")
            #expect(try tree.listing("source").filter { $0.contains(".part") }.isEmpty)
            #expect(try drydock("cache", "rm", "k/1").status == 0)
            let imported = try drydock("cache", "import", "k_1.tar.zst")
            #expect(imported.status == 0, "\(imported.errors)")
            #expect(imported.output.hasPrefix("imported the cache `k/1` of `web` ("), "\(imported.output)")
            let again = try drydock("cache", "import", "k_1.tar.zst", "--json")
            #expect(again.status == 0 && again.output.contains("\"isNew\": false"), "\(again.output)\(again.errors)")

            let use = buildspec(
                "key: k/1", Self.listing + "\ncat n/deep/dir/link n/closed/file; ls n/pipe; du -k n/sparse")
            let restored = try run(drydock, use)
            #expect(restored.output.contains("Restored cache `k/1`"), "\(restored.output)\(restored.errors)")
            #expect(digest(restored) == before, "\(restored.output)")
            for line in ["one", "hidden", "n/pipe", "0\tn/sparse"] {
                #expect(restored.lines.contains(line), "\(line): \(restored.output)")
            }
            let sandboxes = try FileManager.default.contentsOfDirectory(atPath: tree.path("state/sandboxes").string)
            #expect(!sandboxes.contains { $0.hasPrefix("cache-") }, "\(sandboxes)")
        }
    }

    @Test("an archive goes where a link leads, and through a pipe, as with a shell's redirection")
    func specialFiles() throws {
        try with(TestUser()) { tree, drydock in
            _ = try run(drydock, buildspec("key: a", "mkdir n; echo content > n/file"))
            let script = """
                cd "$1" && ln -s target link && mkfifo pipe && { cat pipe > piped & }
                "$0" cache export --state-dir "$2" a -o link && "$0" cache export --state-dir "$2" a -o pipe && wait
                "$0" cache export --state-dir "$2" a -o /dev/stdout > out
                test -L link && test -p pipe && cmp target piped && cmp target out && echo same
                """
            let place = tree.path("").string
            let result = try runTool("bash", ["-c", script, Drydock.program.string, place, drydock.state.string])
            #expect(result.lines.last == "same", "\(result.output)\(result.errors)")
            #expect(result.lines.contains { $0.hasSuffix("to `pipe`") }, "\(result.output)")
            for words in [["-o", "missing/a"], ["-o", "."]] {
                let refused = try drydock.run(["cache", "export", "a"] + words)
                #expect(refused.status == 3, "\(refused.errors)")
            }
        }
    }

    @Test("a cache that a build has changed in layers is packed as the builds see it")
    func layers() throws {
        try with(TestUser()) { tree, drydock in
            _ = try run(drydock, buildspec("key: a", "mkdir -p n/gone n/new; touch n/gone/x n/new/old n/stays"))
            let text = buildspec(
                "key: b\n  fallback-keys: [a]", "rm -r n/gone; rm -r n/new; mkdir n/new; touch n/new/fresh n/more")
            #expect(try run(drydock, text).output.contains("by the fallback key `a`"))
            #expect(try drydock("cache", "export", "b", "-o", "../b.tar.zst").status == 0)
            var other = drydock
            other.state = tree.path("other")
            #expect(try other("cache", "import", "../b.tar.zst").status == 0)
            let seen = try run(other, buildspec("key: b", "(cd n && find . | sort | xargs echo)"))
            #expect(seen.lines.contains(". ./more ./new ./new/fresh ./stays"), "\(seen.output)\(seen.errors)")
        }
    }

    @Test("what root has saved another user goes on with, through a pipe")
    func otherIdentity() throws {
        guard let other = TestUser.all.dropFirst().first, getuid() == 0, Drydock.requireSandbox(other) else { return }
        try with(TestUser()) { tree, drydock in
            let saved = try run(drydock, buildspec("key: shared", Self.tree + "\n" + Self.listing))
            var mine = drydock
            mine.state = tree.path("mine")
            #expect(try runTool("mv", [drydock.state.string, mine.state.string]).status == 0)
            let theirs = try Drydock(in: tree, user: other)
            let (program, words) = other.command(
                Drydock.program, ["cache", "import", "--state-dir", theirs.state.string, "-"])
            let piped = try runTool(
                "bash",
                [
                    "-c", "set -o pipefail; \"$0\" cache export --state-dir \"$1\" shared -o - | \"${@:2}\"",
                    Drydock.program.string, mine.state.string, program,
                ] + words, environment: drydock.environment, in: drydock.directory)
            #expect(piped.status == 0, "\(piped.output)\(piped.errors)")
            let restored = try run(theirs, buildspec("key: shared", Self.listing))
            #expect(restored.output.contains("Restored cache `shared`"), "\(restored.output)\(restored.errors)")
            #expect(digest(restored) == digest(saved) && digest(saved) != nil, "\(restored.output)")
        }
    }

    @Test("archives that are damaged, foreign or hostile are refused, and nothing of them stays")
    func refused() throws {
        try with(TestUser()) { tree, drydock in
            _ = try run(drydock, buildspec("key: good", "mkdir n; seq 100000 > n/many"))
            #expect(try drydock("cache", "export", "good", "-o", "../good.tar.zst").status == 0)
            #expect(try drydock("cache", "rm", "good").status == 0)
            let script = """
                import io, json, sys, tarfile
                good = open("good.tar.zst", "rb").read()
                open("short", "wb").write(good[:len(good) // 2])
                open("start", "wb").write(good[:300])
                open("flipped", "wb").write(good[:len(good) // 2] + bytes([good[len(good) // 2] ^ 64]) + good[len(good) // 2 + 1:])
                open("text", "w").write("no archive at all\\n" * 100)
                def archive(name, members, **record):
                    record = {"v": 1, "namespace": "web", "paths": ["n/**/*"], "key": "evil", "created": 1.0, "build": "x", **record}
                    with tarfile.open(name, "w") as tar:
                        def add(path, content=b"x", **values):
                            info = tarfile.TarInfo(path)
                            info.size = len(content)
                            for key, value in values.items(): setattr(info, key, value)
                            tar.addfile(info, io.BytesIO(content))
                        add("drydock-cache.json", json.dumps(record).encode())
                        add("source/n/fine")
                        for path, values in members: add(path, b"" if "type" in values else b"x", **values)
                archive("outside", [("root/etc/cron.d/job", {})])
                archive("beside", [("source/m/file", {})])
                archive("above", [("source/n/../../../up", {})])
                archive("absolute", [("/etc/passwd", {})])
                archive("through", [("source/n/link", dict(type=tarfile.SYMTYPE, linkname="/")), ("source/n/link/tmp/x", {})])
                archive("device", [("source/n/null", dict(type=tarfile.CHRTYPE))])
                archive("everything", [], paths=["/**/*"])
                archive("kernel", [], paths=["/proc/**/*"])
                archive("version", [], v=2)
                """
            let made = try runTool("python3", ["-c", script], in: tree.path)
            #expect(made.status == 0, "\(made.errors)")
            let before = try tree.listing("state/cache/entries")
            let reasons = [
                "short": "Truncated", "start": "incomplete or damaged", "flipped": "checksum",
                "text": "no archive of a kind that is read",
                "outside": "`root/etc/cron.d/job` lies outside", "beside": "`source/m/file` lies outside",
                "above": "`source/n/../../../up` leads upwards", "absolute": "`/etc/passwd` has an absolute path",
                "through": "`source/n/link/tmp/x`", "device": "`source/n/null` is a device",
                "everything": "its path `/**/*` is the whole file system", "kernel": "its path `/proc/**/*` is a place",
                "version": "its record is damaged, or of another version",
            ]
            for (name, reason) in reasons.sorted(by: { $0.key < $1.key }) {
                let result = try drydock("cache", "import", "../\(name)")
                #expect(result.status == 3, "\(name): \(result.output)\(result.errors)")
                #expect(result.errors.contains("error: `../\(name)` cannot be imported: "), "\(name): \(result.errors)")
                #expect(result.errors.contains(reason), "\(name): \(result.errors)")
                // Only one that another program has made becomes a cache by saying what it is.
                #expect(!result.errors.contains("--project"), "\(name): \(result.errors)")
                let isDamaged = ["short", "start", "flipped"].contains(name)
                #expect(result.errors.contains("hint: fetch the archive again") == isDamaged, "\(result.errors)")
            }
            #expect(try tree.listing("state/cache/entries") == before)
            #expect(try tree.listing("state/cache/layers").isEmpty)
            #expect(try drydock("cache", "import", "../nothing").status == 3)
            #expect(try drydock("cache", "import", "..").status == 3)
        }
    }

    @Test("a cache that CodeBuild has saved to S3 is imported with its paths and key given", arguments: TestUser.all)
    func codeBuildArchive(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let script = """
                import json, zipfile
                with zipfile.ZipFile("cache.zip", "w", zipfile.ZIP_DEFLATED) as z:
                    z.writestr("codebuild.json", json.dumps({"version": "1.0", "content": {"files": [
                        {"path": "n", "rel": "src"}, {"path": ".m2", "rel": "home"}]}}))
                    z.writestr("n/deep/a", "from the cloud\\n")
                    z.writestr(".m2/settings", "<settings/>\\n")
                """
            #expect(try runTool("python3", ["-c", script], in: tree.path).status == 0)
            let bare = try drydock("cache", "import", "../cache.zip")
            #expect(bare.status == 3 && bare.errors.contains("`--path PATH`"), "\(bare.errors)")
            let words = ["--project", "web", "--key", "k", "--path", "n/**/*", "--path", "~/.m2/**/*"]
            let imported = try drydock.run(["cache", "import", "../cache.zip"] + words)
            #expect(imported.status == 0 && imported.output.contains("`k` of `web`"), "\(imported.errors)")
            let restored = try run(drydock, buildspec("key: k", "cat n/deep/a ~/.m2/settings; touch n/deep/b ~/.m2/x"))
            #expect(restored.status == 0, "\(restored.output)\(restored.errors)")
            #expect(restored.lines.contains("from the cloud") && restored.lines.contains("<settings/>"))
            let wrong = try drydock("cache", "import", "../cache.zip", "--project", "web", "--path", "/proc/**")
            #expect(wrong.status == 2, "\(wrong.errors)")
            let unexpanded = try drydock("cache", "import", "../cache.zip", "--project", "web", "--path", "$HOME/x")
            #expect(unexpanded.status == 2 && unexpanded.errors.contains("no shell expands it"), "\(unexpanded.errors)")
            #expect(try runTool("tar", ["-cf", "empty.tar", "-T", "/dev/null"], in: tree.path).status == 0)
            let empty = try drydock("cache", "import", "../empty.tar", "--project", "web", "--key", "e", "--path", "n")
            #expect(empty.status == 3 && empty.errors.contains("the archive is empty"), "\(empty.errors)")
        }
    }

    @Test("words that mean nothing are wrong use, and an archive that cannot be written is told")
    func words() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            #expect(try drydock("cache", "export").status == 2)
            #expect(try drydock("cache", "export", "k", "-o", "-", "--json").status == 2)
            #expect(try drydock("cache", "export", "k").status == 3)
            #expect(try drydock("cache", "import").status == 2)
            #expect(try drydock("cache", "import", "x", "--key", "").status == 2)
        }
    }
}
