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
}
