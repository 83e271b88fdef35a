// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a build says of a cache that it does without, or that is not what somebody meant.
@Suite("Warnings of caches")
struct CacheWarningTests {
    private func buildspec(_ cache: String, _ commands: String...) -> String {
        "version: 0.2\ncache:\n" + cache.split(separator: "\n").map { "  \($0)\n" }.joined()
            + "phases:\n  build:\n    commands:\n" + commands.map { "      - \($0)\n" }.joined()
    }

    private func with(_ test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void) throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with(test) { tree in try body(tree, try Drydock(in: tree)) }
    }

    private func run(_ drydock: Drydock, _ text: String, _ words: String...) throws -> ToolResult {
        try drydock.tree.write("source/buildspec.yml", text)
        let result = try drydock.run(["run"] + words)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        return result
    }

    @Test("`-q` says on standard error what a build does without of its caches, and nothing of what went well")
    func quiet() throws {
        try with { tree, drydock in
            let text = buildspec(
                "key: k-$(false)\npaths: [n/**/*, /]", "mkdir -p n; echo $TOKEN >n/file")
            try tree.write("file", "no directory")
            let result = try run(
                drydock, text, "-q", "--secret", "TOKEN=hunter2hunter2", "--cache-to", "../file/place")
            for words in [
                "buildspec.yml:3:8: `$(false)` in the cache's key fails with 1", "`/` is not cached",
                "the cache holds the value of `TOKEN` at", "the cache is not stored in `",
            ] { #expect(result.errors.components(separatedBy: words).count == 2, "\(words): \(result.errors)") }
            #expect(result.lines.count == 1 && result.output.hasPrefix("build 1 succeeded"), "\(result.output)")

            // The process that looks after caches is done when the record is one that the disk has.
            let damage = """
                for i in $(seq 600); do grep -q '"boot"' "$0"/*.json || break; sleep 0.05; done
                for f in "$0"/*.json; do echo x >"$f"; done
                """
            let entries = drydock.state.appending("cache/entries").string
            #expect(try runTool("sh", ["-c", damage, entries]).status == 0)
            let own = try run(drydock, text, "-q")
            #expect(own.errors.contains("is left out"), "\(own.errors)")
            let good = buildspec("paths: [n/**/*]", "mkdir -p n; echo 1 >n/file")
            for _ in 0..<2 { #expect(try run(drydock, good, "-q").errors.isEmpty) }
        }
    }

    @Test(
        "a key that the shell cannot read, or that ends it, is told at its place, with the reason",
        arguments: ["sh", "bash"])
    func unreadable(_ shell: String) throws {
        try with { tree, drydock in
            for (key, reason) in [
                ("a$((", ""), ("$(echo \"unclosed)", ""), ("a-$(kill -9 $$)", "the shell is killed by signal 9"),
            ] {
                let text = buildspec("key: '\(key)'\npaths: [n/**/*]", "mkdir -p n; echo 1 >n/a")
                    .replacing("phases:", with: "env: {shell: \(shell)}\nphases:")
                let result = try run(drydock, text, "-q")
                let told = result.errors.split(separator: "\n").first.map(String.init) ?? ""
                let end = " in the cache's key is, so nothing is restored or saved: "
                let parts = told.components(separatedBy: end)
                #expect(parts.count == 2 && parts[1].hasSuffix(reason) && !parts[1].isEmpty, "\(result.errors)")
                #expect(parts[0].hasPrefix("warning: buildspec.yml:3:8: the shell did not answer what `"), "\(told)")
                #expect(!told.contains("line ") && !told.contains("\(shell): "), "\(told)")
            }
            #expect(try drydock("cache", "ls", "--json").output == "[]\n")
        }
    }

    @Test("a key that is empty is told, and why a command of one fails")
    func emptyKey() throws {
        try with { tree, drydock in
            for (key, words) in [
                ("\"\"", "the cache's key is empty"), ("$UNSET", "the cache's key is empty"),
                ("${UNSET}$OTHER", "the cache's key is empty"),
                ("$(true)", "`$(true)` in the cache's key prints nothing"),
                (
                    "h-$(codebuild-hash-files nothere*)",
                    "fails with 1 and prints nothing: codebuild-hash-files: no file below"
                ),
            ] {
                let text = buildspec("key: \(key)\npaths: [n/**/*]", "mkdir -p n; echo 1 >n/a")
                let result = try run(drydock, text, "-q")
                #expect(result.errors.components(separatedBy: "warning: ").count == 2, "\(result.errors)")
                #expect(result.errors.hasPrefix("warning: buildspec.yml:3:8: "), "\(result.errors)")
                #expect(result.errors.contains(words), "\(key): \(result.errors)")
            }
        }
    }

    @Test("files of a pattern that hide the source's are told, the first by its name")
    func overSource() throws {
        try with { tree, drydock in
            let text = buildspec("paths: ['o/*.x']", "mkdir -p o; echo new >o/a.x; echo new >o/b.x; echo 1 >o/new.x")
            let words = "in the source and in the cache, whose files hide the source's"
            #expect(!(try run(drydock, text)).output.contains(words))
            #expect(!(try run(drydock, text)).output.contains(words))
            try tree.write("source/o/b.x", "source")
            #expect(try run(drydock, text).output.contains("`o/b.x` is \(words)"))
            try tree.write("source/o/a.x", "source")
            #expect(try run(drydock, text).output.contains("`o/a.x` and 1 other file are \(words)"))
        }
    }

    @Test("a shared place that is not there, or is no directory, is told, and only its last directory is made")
    func places() throws {
        try with { tree, drydock in
            func text(_ key: String) -> String { buildspec("key: \(key)\npaths: [n/**/*]", "mkdir -p n; echo 1 >n/a") }
            try tree.write("file", "no directory")
            for (number, place) in ["../typo", "../file"].enumerated() {
                let result = try run(drydock, text("k\(number)"), "-q", "--cache-from", place)
                #expect(result.errors.contains("warning: nothing is restored from `"), "\(place): \(result.errors)")
                try tree.write("source/buildspec.yml", text("w\(number)"))
                let warm = try drydock("warm", "-q", "--cache-from", place)
                #expect(warm.status == 0 && warm.errors.contains("nothing is restored from `"), "\(warm.errors)")
            }
            let typo = try run(drydock, text("k2"), "-q", "--cache-to", "../typo/place")
            #expect(typo.errors.contains("the cache is not stored in `"), "\(typo.errors)")
            #expect(access(tree.path("typo").string, F_OK) != 0)
            #expect(try run(drydock, text("k3"), "-q", "--cache-to", "../new").errors.isEmpty)
            #expect(try tree.listing("new").contains { $0.hasSuffix(".tar.zst") })
        }
    }

    @Test("a cache that alone is larger than all may be is told by the build that saves it, and missed as removed")
    func tooLarge() throws {
        try with { tree, drydock in
            let text = buildspec("paths: [n/**/*]", "mkdir -p n; head -c 2000000 /dev/urandom >n/file")
            let result = try run(drydock, text, "-q", "--cache-size", "1M")
            #expect(
                result.errors.contains("may take 1 MiB: it is removed again\nhint: `--cache-size"), "\(result.errors)")
            let gone = "for i in $(seq 600); do ls \"$0\"/*.json >/dev/null 2>&1 || break; sleep 0.05; done"
            _ = try runTool("sh", ["-c", gone, drydock.state.appending("cache/entries").string])
            let next = try run(drydock, text)
            #expect(
                next.output.contains("was removed because it alone was larger than all caches may be"), "\(next.output)"
            )
        }
    }
}
