// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
import Diagnostics
import Testing

@Suite("bounds of reading")
struct BoundTests {
    /// Each just below 1 MiB.
    private static let hostile: [String: String] = [
        "duplicate keys": "version: 0.2\nenv:\n  variables:\n" + String(repeating: "    a: 1\n", count: 100_000),
        "empty items": "version: 0.2\nphases:\n  build:\n    commands:\n"
            + String(repeating: "     -\n", count: 130_000),
        "maps on one line": "{version: 0.2, phases: {build: {commands: ["
            + String(repeating: "{a: b},", count: 100_000) + "]}}}",
        "quotes in quotes": "version: 0.2\nphases:\n  build:\n    commands:\n      - '"
            + String(repeating: "\"$(${a:-`", count: 80_000) + "'\n",
        "unknown keys": (0..<80_000).map { "k\($0): v\n" }.joined(),
        "unknown dependencies": "batch:\n  build-graph:\n"
            + (0..<12_000).map { "  - {identifier: n\($0), depend-on: [n\($0 + 1), zz\($0)]}\n" }.joined(),
        "aliases": "version: 0.2\nx: &a [b, c, d, e, f]\ny: [" + String(repeating: "*a,", count: 16_000) + "]\n",
        "brackets": "version: 0.2\nphases: {build: {commands: [" + String(repeating: "[a],", count: 100_000) + "]}}\n",
    ]

    @Test(
        "a hostile file costs seconds at most and gives a bounded number of findings", arguments: hostile.keys.sorted())
    func bounded(name: String) throws {
        let source = SourceText(path: "t.yml", text: try #require(Self.hostile[name]))
        #expect(source.bytes.count <= Buildspec.maximumBytes)
        let clock = ContinuousClock()
        var found: [Diagnostic] = []
        let duration = clock.measure { found = Buildspec.read(source, lint: true).diagnostics }
        #expect(found.count <= 401)
        // A debug build is some ten times slower than the program.
        #expect(duration < .seconds(20))
    }

    @Test("what is not shown is counted, and no number of warnings hides an error")
    func counted() throws {
        let items = String(repeating: "      -\n", count: 300)
        let text = "version: 0.2\nphases:\n  build:\n    commands:\n\(items)      - a: b\n"
        let diagnostics = Buildspec.read(SourceText(path: "t.yml", text: text), lint: false).diagnostics
        #expect(diagnostics.last?.rule == "too-many-findings")
        #expect(diagnostics.last?.message == "100 more findings are not shown")
        #expect(diagnostics.contains { $0.rule == "command-is-a-map" })
    }
}
