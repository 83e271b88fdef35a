// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
import Console
import Diagnostics
import Foundation
import Testing
import YAML

/// The files below `buildspecs/`, each with its exact findings beside it; `RECORD=1` writes those anew.
enum Corpus {
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: repository.path + "/buildspecs/\(folder)")
            .filter { $0.hasSuffix(".yml") }.map { String($0.dropLast(4)) }.sorted()
    }

    static func source(_ name: String, in folder: String) throws -> SourceText {
        let data = try Data(contentsOf: repository.appending(path: "buildspecs/\(folder)/\(name).yml"))
        return SourceText(path: "\(name).yml", bytes: Array(data))
    }

    /// Whether a single build would run, and every finding as text.
    static func report(_ source: SourceText) -> String {
        let (buildspec, diagnostics) = Buildspec.read(source, lint: true)
        let summary = DiagnosticRenderer.summary(of: diagnostics)
        return (buildspec == nil ? "rejected" : "accepted") + ": " + (summary.isEmpty ? "no findings" : summary) + "\n"
            + (diagnostics.isEmpty ? "" : "\n") + DiagnosticRenderer.text.render(diagnostics, in: [source])
    }

    static func expectRecorded(_ name: String, in folder: String) throws {
        let actual = report(try source(name, in: folder))
        let file = repository.appending(path: "buildspecs/\(folder)/\(name).expected")
        if ProcessInfo.processInfo.environment["RECORD"] == "1" {
            try Data(actual.utf8).write(to: file)
        }
        let expected = (try? String(contentsOf: file, encoding: .utf8)) ?? "(nothing recorded)"
        #expect(actual == expected, "\(folder)/\(name).yml")
    }
}

@Suite("corpus of buildspecs")
struct CorpusTests {
    @Test("a file CodeBuild accepts gives no error, and exactly its recorded findings")
    func valid() throws {
        for name in try Corpus.names(in: "valid") {
            let (buildspec, diagnostics) = Buildspec.read(try Corpus.source(name, in: "valid"), lint: true)
            #expect(buildspec != nil, "\(name).yml")
            #expect(diagnostics.allSatisfy { $0.severity != .error }, "\(name).yml")
            try Corpus.expectRecorded(name, in: "valid")
        }
    }

    @Test("a file CodeBuild rejects gives an error, and exactly its recorded findings")
    func invalid() throws {
        for name in try Corpus.names(in: "invalid") {
            let (buildspec, diagnostics) = Buildspec.read(try Corpus.source(name, in: "invalid"), lint: true)
            #expect(diagnostics.contains { $0.severity == .error }, "\(name).yml")
            // Only what a single build does not read may be wrong and yet leave a buildspec.
            #expect((buildspec == nil) != name.hasPrefix("batch-"), "\(name).yml")
            try Corpus.expectRecorded(name, in: "invalid")
        }
    }

    @Test("linting changes neither the buildspec nor the verdict")
    func lintingOnlyAdds() throws {
        for folder in ["valid", "invalid"] {
            for name in try Corpus.names(in: folder) {
                let source = try Corpus.source(name, in: folder)
                let plain = Buildspec.read(source, lint: false)
                let linted = Buildspec.read(source, lint: true)
                #expect(plain.buildspec == linted.buildspec, "\(name).yml")
                #expect(plain.diagnostics.allSatisfy(linted.diagnostics.contains), "\(name).yml")
                #expect(
                    plain.diagnostics.filter { $0.severity == .error }
                        == linted.diagnostics.filter { $0.severity == .error }, "\(name).yml")
            }
        }
    }
}

@Suite("lint rules")
struct RuleTests {
    /// Findings about a file that is not there, or too large for a corpus; `LoadTests` and `BoundTests` have them.
    private static let withoutCorpus: Set<String> = [
        "file-missing", "file-unreadable", "file-too-large", "too-many-findings",
    ]

    private static let rules = YAMLRule.allCases.map(\.rawValue) + BuildspecRule.allCases.map(\.rawValue)

    @Test("every rule has its line in docs/lint-rules.md, and every line its rule")
    func documented() throws {
        let page = try String(contentsOf: Corpus.repository.appending(path: "docs/lint-rules.md"), encoding: .utf8)
        var rows: [String] = []
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            rows.append(cells[0].trimmingCharacters(in: ["`"]))
            #expect(cells.count == 3 && cells[2].hasSuffix("."), "\(line)")
        }
        #expect(rows.sorted() == Self.rules.sorted())
    }

    @Test("every rule has a case in the corpus")
    func covered() throws {
        var found: Set<String> = []
        for folder in ["valid", "invalid"] {
            for name in try Corpus.names(in: folder) {
                found.formUnion(Buildspec.read(try Corpus.source(name, in: folder), lint: true).diagnostics.map(\.rule))
            }
        }
        #expect(Set(Self.rules).subtracting(found).subtracting(Self.withoutCorpus).sorted() == [])
        #expect(found.subtracting(Self.rules) == [])
    }

    @Test("messages are one lower-case sentence without a final period")
    func style() throws {
        for folder in ["valid", "invalid"] {
            for name in try Corpus.names(in: folder) {
                for diagnostic in Buildspec.read(try Corpus.source(name, in: folder), lint: true).diagnostics {
                    for text in [diagnostic.message] + diagnostic.hints {
                        #expect(!text.hasSuffix("."), "\(text)")
                        #expect(text.first?.isUppercase != true || text.contains("CodeBuild"), "\(text)")
                    }
                }
            }
        }
    }
}
