// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Testing

@Suite("Glob")
struct GlobTests {
    @Test(
        "a pattern matches the paths it should",
        arguments: [
            ("file", "file"), ("dir/file", "dir/file"), ("./dir//file", "dir/file"), ("**/*", "file"),
            ("**/*", "a/b/c"), ("**/*", ".hidden"), ("**/*", ".git/config"), ("**", "a/b"), ("dir/**", "dir/a/b"),
            ("dir/**/*", "dir/a"), ("dir/**/*", "dir/a/b/c"), ("dir/*", "dir/a"), ("*/name", "x/name"),
            ("*.jar", "a.jar"), ("*.jar", ".jar"), ("target/*.jar", "target/app-1.0.jar"),
            ("**/*.txt", "a.txt"), ("**/*.txt", "x/y/a.txt"), ("a/**/b/**/c", "a/b/c"),
            ("a/**/b/**/c", "a/x/b/y/z/c"), ("**.*", "a.b"), ("**/.*", "x/.env"), ("**/.*/**/*", ".git/a/b"),
            ("**/node_modules/**/*", "a/node_modules/b/c.js"), ("?", "a"), ("?", "é"), ("a?c", "abc"),
            ("[abc]", "b"), ("[!abc]", "d"), ("[^abc]", "d"), ("[a-c]x", "bx"), ("[]]", "]"), ("[a", "[a"),
            ("[à-ü]", "é"), ("a\\*b", "a*b"), ("{a,b}", "{a,b}"), ("a/../b", "b"), ("*a*b*", "xaxbx"),
            ("**/**/**/a", "a"), ("*", "with space"), ("dir/***", "dir/a"),
        ])
    func matches(pattern: String, path: String) {
        #expect(Glob(pattern.utf8).matches(path.utf8))
    }

    @Test(
        "a pattern does not match other paths",
        arguments: [
            ("file", "dir/file"), ("dir", "dir/file"), ("dir/*", "dir/a/b"), ("*/name", "name"),
            ("*/name", "a/b/name"), ("**/*.txt", "a.txt/b"), ("*.jar", "a.jar.sha1"), ("a?c", "ac"), ("?", "ab"),
            ("[abc]", "d"), ("[!abc]", "a"), ("[a-c]", "[a-c]"), ("dir/**", "dir"), ("a\\*b", "axb"),
            ("{a,b}", "a"), ("**.*", "x/a.b"), ("", "a"), (".", "a"), ("Dir", "dir"),
        ])
    func doesNotMatch(pattern: String, path: String) {
        #expect(!Glob(pattern.utf8).matches(path.utf8))
    }

    @Test("bytes that are not UTF-8 match as bytes")
    func rawBytes() {
        #expect(Glob("a?b".utf8).matches([0x61, 0xFF, 0x62]))
        #expect(Glob([0x61, 0xFF, UInt8(ascii: "*")]).matches([0x61, 0xFF, 0x62]))
        #expect(!Glob([0x61, 0xFF]).matches([0x61, 0xFE]))
    }

    @Test("no pattern takes more than its length for each name")
    func linearTime() {
        let pattern = String(repeating: "**/", count: 50) + "*a*a*a*a*a*a*a*a*b"
        let path = String(repeating: "a/", count: 100) + String(repeating: "a", count: 250)
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<10 { #expect(!Glob(pattern.utf8).matches(path.utf8)) }
        }
        #expect(time < .seconds(5))
    }

    @Test("a set of more than 64 places steps as one of few does")
    func longSets() {
        let globs = (0..<100).map { Glob("dir\($0)/**/file\($0).txt".utf8) }
        let set = GlobSet(globs)
        var state = set.start
        for name in ["dir77", "x", "y", "file77.txt"] { state = set.step(state, Array(name.utf8)) }
        #expect(set.isAccepted(state, pattern: 77))
        #expect(!set.isAccepted(state, pattern: 76))
    }

    @Test("a set knows which names alone lead on")
    func onlyNames() {
        let set = GlobSet([Glob("b/x/*".utf8), Glob("a".utf8), Glob("b/y".utf8)])
        #expect(set.onlyNames(set.start) == [Array("a".utf8), Array("b".utf8)])
        let inB = set.step(set.start, Array("b".utf8))
        #expect(set.onlyNames(inB) == [Array("x".utf8), Array("y".utf8)])
        #expect(set.onlyNames(set.step(inB, Array("x".utf8))) == nil)
        let everything = GlobSet([Glob("**/*".utf8)])
        #expect(everything.matchesAllBelow(everything.start))
    }
}
