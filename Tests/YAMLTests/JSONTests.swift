// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Testing
import YAML

@Suite("JSON as the same tree")
struct JSONTests {
    private func finding(_ text: String) -> String {
        do throws(YAMLError) {
            _ = try YAMLDocument(json: SourceText(path: "t.json", text: text))
            return ""
        } catch {
            let start = error.diagnostic.span?.start
            return "\(start?.line ?? 0):\(start?.column ?? 0) \(error.diagnostic.message)"
        }
    }

    @Test("values keep their text, and text its escapes undone")
    func values() throws {
        let text = #"["a\/b", "\ud83d\ude00\u00e9\n\t\"\\", 3.10, -0, 1e+3, true, null, {}, [], ""]"#
        let items = try #require(try YAMLDocument(json: SourceText(path: "t.json", text: text)).root?.items)
        #expect(items.prefix(6).map { $0.scalar?.text } == ["a/b", "😀é\n\t\"\\", "3.10", "-0", "1e+3", "true"])
        #expect(items.map(\.isNull) == [false, false, false, false, false, false, true, false, false, false])
    }

    @Test("nodes have their places, tabs and line breaks of each kind counted")
    func places() throws {
        let text = "{\t\"ä\":\r\n\t[1,\n  \"é x\" , {\"b\":\"\u{2028}\"}\n]}"
        let root = try #require(try YAMLDocument(json: SourceText(path: "t.json", text: text)).root)
        #expect(root.entries?[0].key.start == SourcePosition(line: 1, column: 3))
        let items = try #require(root["ä"]?.items)
        #expect(items[0].start == SourcePosition(line: 2, column: 3))
        #expect(
            items[1].start == SourcePosition(line: 3, column: 3) && items[1].end == SourcePosition(line: 3, column: 8))
        #expect(items[2].end == SourcePosition(line: 4, column: 3))
        #expect(root.end == SourcePosition(line: 5, column: 3))
    }

    @Test("of equal keys the last counts, with a warning")
    func duplicates() throws {
        let document = try YAMLDocument(json: SourceText(path: "t.json", text: #"{"a": 1, "a": 2}"#))
        #expect(document.root?["a"]?.scalar?.text == "2" && document.root?.entries?.count == 1)
        #expect(document.diagnostics.map(\.rule) == ["duplicate-key"])
    }

    @Test(
        "mistakes are named at their place",
        arguments: [
            (#"{"a": 1,}"#, "1:8 a comma before `}` has no place in JSON"), ("[1 2]", "1:4 `,` or `]` is due here"),
            ("{a: 1}", "1:2 a key in double quotes is due here"), ("['a']", "1:2 text stands in double quotes in JSON"),
            ("{\"a\" 1}", "1:6 `:` after the key is due here"), ("[01]", "1:2 `01` is no JSON value"),
            ("[yes]", "1:2 `yes` is no JSON value"), ("[1.]", "1:2 `1.` is no JSON value"),
            ("[\"a\nb\"]", "1:2 text in quotes does not end on its line"), ("[\"a", "1:2 text in quotes does not end"),
            (#"["\ud83d"]"#, "1:3 half of a surrogate pair stands alone"), (#"["\x"]"#, "1:3 JSON has no such escape"),
            (#"["\u12"]"#, "1:3 `\\u` takes four hexadecimal digits"),
            ("[1] 2", "1:5 text follows the end of the document"),
            ("{\n\"a\": [1", "2:8 the file ends before `]`"), ("[1, // x\n2]", "1:5 a value is due here"),
            (#"["\u0000"]"#, "1:3 the text holds a NUL character, which no command or variable can carry"),
        ])
    func mistakes(text: String, expected: String) {
        #expect(finding(text) == expected)
    }

    @Test("a megabyte on one line takes no longer than a megabyte")
    func longLine() throws {
        let text = "[" + Array(repeating: #"{"a": "é"}"#, count: 80_000).joined(separator: ",") + "]"
        #expect(try YAMLDocument(json: SourceText(path: "t.json", text: text)).root?.items?.count == 80_000)
    }

    @Test("local tags stay with their nodes where they are asked for")
    func tags() throws {
        let source = SourceText(path: "t.yml", text: "a: !Ref B\nb: !Join ['', [x]]\nc: !Sub {d: e}\n")
        let root = try #require(try YAMLDocument(source, keepsLocalTags: true).root)
        #expect(root.entries?.map(\.value.tag) == ["!Ref", "!Join", "!Sub"])
        #expect(try YAMLDocument(source).diagnostics.map(\.rule) == ["unknown-tag", "unknown-tag", "unknown-tag"])
    }
}
