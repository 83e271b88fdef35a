// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Testing
import YAML

@Suite("YAML tree")
struct TreeTests {
    private func root(_ text: String) throws -> Node {
        try #require(try YAMLDocument(SourceText(path: "t.yml", text: text)).root)
    }

    private func failure(_ bytes: [UInt8]) -> Diagnostic? {
        do {
            _ = try YAMLDocument(SourceText(path: "t.yml", bytes: bytes))
            return nil
        } catch {
            return error.diagnostic
        }
    }

    private func failure(_ text: String) -> Diagnostic? { failure(Array(text.utf8)) }

    @Test("scalars keep their source text")
    func scalars() throws {
        let items = try #require(
            try root("[3.10, no, 010, 0x1F, 1e3, 2024-01-01, '3.10', \"a\\tb\", ~, null, '']").items)
        #expect(
            items.map { $0.scalar?.text }
                == ["3.10", "no", "010", "0x1F", "1e3", "2024-01-01", "3.10", "a\tb", "~", "null", ""])
        #expect(items.map(\.isNull) == Array(repeating: false, count: 8) + [true, true, false])
    }

    @Test("nodes have both ends, blocks end with their last child")
    func marks() throws {
        let tree = try root("a:\n  - x y\n  - {b: c}\n\n# comment\nd: e\n")
        let list = try #require(tree["a"])
        #expect(list.start == SourcePosition(line: 2, column: 3) && list.end == SourcePosition(line: 3, column: 11))
        let first = try #require(list.items?.first)
        #expect(first.start == SourcePosition(line: 2, column: 5) && first.end == SourcePosition(line: 2, column: 8))
        #expect(tree.end == SourcePosition(line: 6, column: 5))
    }

    @Test("100,000 nested lists end at once, and so do other deep texts")
    func nesting() {
        let clock = ContinuousClock()
        for text in [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 100_000),
            (0..<1000).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
        ] {
            var found: Diagnostic?
            let duration = clock.measure { found = failure(text) }
            #expect(found?.rule == "nesting-too-deep")
            #expect(duration < .seconds(1))
        }
        #expect(failure(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == nil)
        #expect(failure(String(repeating: "[", count: 65))?.rule == "nesting-too-deep")
    }

    @Test("aliases cannot nest deeper, or expand further, than what is written out")
    func aliases() {
        var chain = "a0: &a0 [x]\n"
        for index in 1...70 { chain += "a\(index): &a\(index) [*a\(index - 1)]\n" }
        #expect(failure(chain)?.rule == "nesting-too-deep")
        #expect(failure("a: &a [*a]\n")?.rule == "alias-cycle")
        #expect(failure("a: *b\n")?.rule == "undefined-alias")
        var wide = "a: &a [" + String(repeating: "x,", count: 1000) + "]\nb:\n"
        wide += String(repeating: "  - *a\n", count: 101)
        #expect(failure(wide)?.rule == "alias-expansion")
    }

    @Test("what the reader refuses has a line and a column")
    func readerErrors() {
        for (bytes, rule) in [
            (Array("ä: \u{1}".utf8), "control-character"), (Array("ä: ".utf8) + [0xFF], "invalid-utf-8"),
            (Array("ä: ".utf8) + [0xC0, 0x80], "invalid-utf-8"),
            (Array("ä: ".utf8) + [0xED, 0xA0, 0x80], "invalid-utf-8"),
            (Array("ä: ".utf8) + [0xE2, 0x82], "invalid-utf-8"), (Array("ä: ".utf8) + [0], "nul-character"),
            (Array("ä: \u{7F}".utf8), "control-character"), (Array("ä: \u{9F}".utf8), "control-character"),
        ] {
            let found = failure([0x78, 0x3A, 0x0A] + bytes)
            #expect(found?.rule == rule)
            #expect(found?.span?.start == SourcePosition(line: 2, column: 4))
        }
    }

    @Test("random bytes end in an error, never in a crash")
    func randomBytes() {
        var state: UInt64 = 7
        for length in 0..<300 {
            let alphabet = Array("[]{}:,-?&*!|>'\"%@`# \n\tab0~<=".utf8)
            let bytes = (0..<length).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return alphabet[Int(state >> 33) % alphabet.count]
            }
            _ = failure(bytes)
        }
    }

    @Test("text is quoted so that it is read back unchanged")
    func quoting() throws {
        for text in [
            "a: b", "it's", "\"a\" b", "it's \"x\"", "a\\b", "[ -f x ]", "# x", "it's\u{1B}", "漢字: x", "it's a\\b",
        ] {
            #expect(try root(YAMLQuoting.item(text)).items?.first?.scalar?.text == text)
        }
    }
}
