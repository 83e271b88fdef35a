// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing
import Watch

/// What `git check-ignore` says of the same patterns and paths decides.
@Suite("what git ignores")
struct IgnoreTests {
    /// Every pattern by itself against every path.
    private static let patterns = [
        "a", "a/", "/a", "a/b", "/a/b", "a/b/", "*", "*.c", "a*", "*a", "a*c", "?", "a?c", "**", "**/", "**/b", "a/**",
        "a/**/b", "**/a/**", "a**b", "**a", "a**", "/**", "/**/b", "*/b", "a/*", "a/*/", "*/*", "[ab]", "[!a]", "[^a]",
        "[a-c].c", "[]a]", "[]-a]", "[a-]", "[[:alpha:]]", "[[:digit:]x]*", "[[:nope:]]", "[a", "a[", "a]", "\\a",
        "\\*",
        "\\#x", "#x", "\\!x", "a\\", "a ", "a\\ ", "a  \\ ", " a", "x y", "foo/bar.c", "foo/*.c", "foo/**/*.c",
        "*.[ch]",
        "*.[!ch]", "/*", "/*/", "!a", "a//b", "./a", "../a", ".", "/", "//", "b/**/", "a/**/**/b", "***", "a***b",
        "*/**/c",
        "é*", "?é", "[é]", "\\[a\\]", "[\\]]", "[a\\-c]", "[--0]", "[/]", "a[/]b", "[a-c-e]", "**/.x", ".*",
        "a.b/**/c.*",
    ]
    private static let paths = [
        "a", "b", "c", "a/b", "a/b/c", "a/x/b", "a/x/y/b", "b/a/c", "abc", "aXc", "ab", "a.c", "b.c", "d.c", "x.h",
        "x.o",
        "foo/bar.c", "foo/x/bar.c", "foo/x/y/z.c", "x/foo/bar.c", "#x", "!x", "a ", " a", "x y", "*", "]", "[a]", "-",
        "a-b",
        "1x", "x1", ".x", ".x/y", "a/.x", "é", "aé", "a/b/a/b", "a]", "a[", "b/x/c", "a.b/c.d", "a.b/x/c.d", "a\\b",
        ".", "x/a b/c",
    ].filter { $0 != "." }

    private func decide(_ rules: IgnoreRules, _ path: String) -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        for count in 1...parts.count {
            let part = Array(parts[..<count].joined(separator: "/").utf8)
            if rules.ignores(part, isDirectory: count < parts.count) { return true }
        }
        return false
    }

    /// The paths that git ignores, asked in one go.
    private func git(_ tree: TemporaryTree, _ paths: [String]) throws -> Set<String> {
        let input = paths.flatMap { Array("\($0)\0".utf8) }
        let result = try runTool(
            "git", ["-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin"],
            environment: ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"],
            in: tree.path("repository"), input: input)
        #expect(result.status == 0 || result.status == 1, "\(result.errors)")
        return Set(result.standardOutput.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    }

    @Test("one pattern ignores exactly what it ignores for git, files and directories alike")
    func singlePatterns() throws {
        try TemporaryTree.with { tree in
            try tree.directory("repository")
            #expect(try runTool("git", ["init", "-q", tree.path("repository").string]).status == 0)
            for pattern in Self.patterns {
                let text = Array((pattern + "\n").utf8)
                try tree.write("repository/.gitignore", bytes: text)
                let rules = IgnoreRules(text)
                // What is below a path tells whether it is ignored as a directory.
                let paths = Self.paths + Self.paths.map { $0 + "/~" }
                let expected = try git(tree, paths)
                for path in paths {
                    #expect(decide(rules, path) == expected.contains(path), "`\(pattern)` on `\(path)`")
                }
            }
        }
    }

    @Test("of several patterns the last one decides, and nothing below an ignored directory comes back")
    func severalPatterns() throws {
        let texts = [
            "*\n!*.c\n", "*\n!*/\n!*.c\n", "*.c\n!a.c\n*.c\n", "a/\n!a/b\n", "a/*\n!a/b\n",
            "/*\n!/foo\n/foo/*\n!/foo/bar.c\n",
            "\u{FEFF}a\r\n# c\r\n!b\r\n*.h\r", "a\n\n\n!a\n", "**/x\n!foo/x/\n",
        ]
        try TemporaryTree.with { tree in
            try tree.directory("repository")
            #expect(try runTool("git", ["init", "-q", tree.path("repository").string]).status == 0)
            for text in texts {
                try tree.write("repository/.gitignore", text)
                let expected = try git(tree, Self.paths)
                let rules = IgnoreRules(Array(text.utf8))
                for path in Self.paths {
                    #expect(
                        decide(rules, path) == expected.contains(path),
                        "\(text.debugDescription) on `\(path)`")
                }
            }
        }
    }

    @Test("a pattern made to be slow is not")
    func takesLinearTime() {
        let pattern = String(repeating: "*a", count: 200) + "b"
        let path = Array(String(repeating: "a", count: 4000).utf8)
        let rules = IgnoreRules(Array((pattern + "\n" + String(repeating: "**/a/", count: 100) + "z").utf8))
        let start = ContinuousClock.now
        #expect(!rules.ignores(path, isDirectory: false))
        #expect(ContinuousClock.now - start < .seconds(5))
    }
}
