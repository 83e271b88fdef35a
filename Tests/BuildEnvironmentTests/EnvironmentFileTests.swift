// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Diagnostics
import Secrets
import SystemPackage
import TestSupport
import Testing

@Suite("Environment files")
struct EnvironmentFileTests {
    private func values(_ text: String) -> [String: String] {
        let file = EnvironmentFile.parse(Array(text.utf8), path: ".env")
        #expect(file.diagnostics.filter { $0.severity == .error }.isEmpty)
        return Dictionary(uniqueKeysWithValues: file.variables.map { ($0.name, $0.value) })
    }

    /// `rule line:column` of each finding.
    private func findings(_ bytes: [UInt8]) -> [String] {
        EnvironmentFile.parse(bytes, path: ".env").diagnostics.map { finding in
            "\(finding.rule) \(finding.span?.start.line ?? 0):\(finding.span?.start.column ?? 0)"
        }
    }

    @Test(
        "values are read as documented",
        arguments: [
            ("A=1", "1"), ("A=1=2", "1=2"), ("A=", ""), ("A = 1 ", "1"), ("export A=1", "1"), ("  export\tA=1", "1"),
            ("A=a b  # c", "a b"), ("A=a#b", "a#b"), ("A=#b", "#b"), ("A=$B ${C}", "$B ${C}"), ("A=a\\nb", "a\\nb"),
            ("A='a # \"b\" \\n'", "a # \"b\" \\n"), ("A='x' # c", "x"), ("A=\"a # b\"", "a # b"),
            ("A=\"a\\nb\\t\\\"c\\\\\"", "a\nb\t\"c\\"),
            ("A=\"\\$x \\`y\\` \\z\"", "$x `y` \\z"), ("A=\"l1\nl2\r\nl3\"", "l1\nl2\nl3"), ("A=\"a\\\nb\"", "ab"),
            ("\u{FEFF}A=1", "1"), ("# c\n\n  # d\nA=1\n", "1"), ("A=1\r\n", "1"), ("A=é", "é"), ("A=a'b", "a'b"),
            ("A=1\nA=2", "2"),
        ])
    func valid(text: String, value: String) {
        #expect(values(text)["A"] == value)
    }

    @Test(
        "a literal file's value is everything behind the first `=`",
        arguments: [
            ("A=\"x\"", "\"x\""), ("A='x'", "'x'"), ("A=x # y", "x # y"), ("A= x ", " x "), ("A=a=b", "a=b"),
            ("A=", ""),
            ("A=\"x", "\"x"), ("A=a\\nb", "a\\nb"), ("A=x\r\n", "x"), ("A=$HOME", "$HOME"), ("A=é", "é"),
            ("\u{FEFF}A=1", "1"), ("# c\n#B=1\n\n  \n  A=1\n", "1"), ("A=1\nA=2", "2"),
        ])
    func literal(text: String, value: String) {
        let file = EnvironmentFile.parse(Array(text.utf8), path: ".env", format: .literal)
        #expect(file.diagnostics.filter { $0.severity == .error }.isEmpty)
        #expect(file.variables.map { [$0.name, $0.value] } == [["A", value]])
    }

    @Test("a literal file's lines are names and values", arguments: ["A", "=x", "A =1", "export A=1", "A=x\0y", "é=1"])
    func literalErrors(text: String) {
        let file = EnvironmentFile.parse(Array(text.utf8), path: ".env", format: .literal)
        #expect(file.diagnostics.map(\.severity) == [.error] && file.variables.isEmpty)
        #expect(!file.diagnostics.contains { $0.hints.joined().contains("quotes") }, "quotes mean nothing there")
    }

    @Test("names that no shell reads are taken with a warning")
    func oddNames() {
        #expect(values("1A=x\nA-B=y\nA.B=z\nexport=1\n") == ["1A": "x", "A-B": "y", "A.B": "z", "export": "1"])
        #expect(findings(Array("1A=x\nA-B=y".utf8)) == ["environment-odd-name 1:1", "environment-odd-name 2:1"])
    }

    @Test(
        "what is wrong is named by line and column",
        arguments: [
            ("A B=1", "environment-name 1:1"), ("=x", "environment-name 1:1"), ("ok=1\nA", "environment-line 2:1"),
            ("A='x", "environment-quote 1:3"), ("A='x\ny'", "environment-quote 1:3 environment-line 2:1"),
            ("A=\"x", "environment-quote 1:3"), ("A=\"x\" y", "environment-quote 1:7"),
            ("A=\"x\"y", "environment-quote 1:6"),
            ("A\0B=1", "environment-bytes 1:2"), ("A=x\0y", "environment-bytes 1:3"), ("é=1", "environment-name 1:1"),
            ("B=1\n  éA='x", "environment-name 2:3"), ("export", "environment-line 1:1"),
            ("A=1\nA=2", "environment-duplicate 2:1"),
        ])
    func invalid(text: String, expected: String) {
        #expect(findings(Array(text.utf8)).joined(separator: " ") == expected)
    }

    @Test("bytes that are not UTF-8 are an error")
    func invalidUTF8() {
        #expect(findings(Array("A=x".utf8) + [0xFF, 0x0A]) == ["environment-bytes 1:3"])
        #expect(findings([0xFF] + Array("A=x".utf8)) == ["environment-name 1:1"])
    }

    @Test("no finding repeats a value, nor a line that may be a piece of one")
    func silence() {
        let secret = "hunter2TOPSECRET"
        for text in [
            "\(secret)", "A='\(secret)", "A=\"\(secret)", "A=\"x\" \(secret)", "\(secret)+/==", "A=\(secret)\0",
            "\(secret) B=1",
        ] {
            let file = EnvironmentFile.parse(Array(text.utf8), path: ".env")
            #expect(!file.diagnostics.isEmpty)
            #expect(!"\(file.diagnostics)".contains(secret), "\(text)")
        }
    }

    @Test("a value that Linux would not pass on is an error with its name and size")
    func tooLarge() throws {
        let file = EnvironmentFile.parse(Array("BIG=".utf8) + [UInt8](repeating: 0x61, count: 140_000), path: ".env")
        let finding = try #require(file.diagnostics.first)
        #expect(finding.message.contains("`BIG`") && finding.message.contains("140000"))
        #expect(
            EnvironmentFile.parse(Array("BIG=".utf8) + [UInt8](repeating: 0x61, count: 131_067), path: "").diagnostics
                .isEmpty)
        #expect(
            !EnvironmentFile.parse(Array("BIG=".utf8) + [UInt8](repeating: 0x61, count: 131_068), path: "").diagnostics
                .isEmpty)
    }

    @Test("long files and long lines are read in time that grows with them")
    func large() {
        var text = ""
        for number in 0..<100_000 { text += "NAME_\(number)=value\n" }
        #expect(EnvironmentFile.parse(Array(text.utf8), path: "").variables.count == 100_000)
        let errors = String(repeating: "=\n", count: 100_000)
        #expect(EnvironmentFile.parse(Array(errors.utf8), path: "").diagnostics.count == 100)
        let quotes = String(repeating: "A=\"", count: 100_000)
        #expect(EnvironmentFile.parse(Array(quotes.utf8), path: "").diagnostics.count == 1)
    }

    @Test("any bytes end in variables or findings, never in a trap")
    func randomBytes() {
        var generator = SplitMix(state: 7)
        let alphabet = Array("A=\"'\\\n\r #export \t\0é$".utf8) + [0xFF]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            _ = EnvironmentFile.parse(bytes, path: "")
            _ = EnvironmentFile.parse(bytes, path: "", format: .literal)
        }
    }

    @Test("only regular files are read")
    func files() throws {
        try TemporaryTree.with { tree in
            try tree.write("good", "A=1\n")
            try tree.write("bad", "A\n")
            try tree.fifo("fifo")
            try tree.sparse("huge", size: 1 << 40)
            #expect(try EnvironmentFile.read(tree.path("good")).variables.map(\.value) == ["1"])
            let expected: [(FilePath, EnvironmentError.Code)] = [
                (tree.path("bad"), .invalidFile), (tree.path("fifo"), .unreadableFile),
                (tree.path("huge"), .unreadableFile),
                (tree.path, .unreadableFile), (tree.path("none"), .unreadableFile), ("/dev/zero", .unreadableFile),
            ]
            for (path, code) in expected {
                let error = try #require(throws: EnvironmentError.self) { try EnvironmentFile.read(path) }
                #expect(error.code == code, "\(path)")
                #expect(error.message.contains(path.string))
            }
        }
    }
}

@Suite("Environment flags")
struct EnvironmentFlagTests {
    @Test("NAME=VALUE is taken as it is, NAME from the caller")
    func valid() throws {
        #expect(try EnvironmentFlag("A=1=2", caller: [:]).value == "1=2")
        #expect(try EnvironmentFlag("A=", caller: [:]).value == "")
        #expect(try EnvironmentFlag("A=\n", caller: [:]).value == "\n")
        #expect(try EnvironmentFlag("A", caller: ["A": "own"]).value == "own")
    }

    @Test("what is wrong is said without the value", arguments: ["=secret", "A B=secret", "", "UNSET", "A=secret\0"])
    func invalid(raw: String) throws {
        let error = try #require(throws: EnvironmentError.self) { try EnvironmentFlag(raw, caller: [:]) }
        #expect(error.code == .invalidFlag)
        #expect(!error.message.contains("secret"))
    }

    @Test("a value above 128 KiB is named with its size")
    func large() throws {
        let raw = "BIG=" + String(repeating: "a", count: 140_000)
        let error = try #require(throws: EnvironmentError.self) { try EnvironmentFlag(raw, caller: [:]) }
        #expect(error.code == .valueTooLarge && error.message.contains("`BIG`") && error.message.contains("140000"))
    }
}
