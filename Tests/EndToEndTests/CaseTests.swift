// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Cases on disk")
struct CaseTests {
    @Test("there are cases")
    func thereAreCases() { #expect(CaseFolder.all.count > 10) }

    @Test("a case builds as it says", arguments: CaseFolder.all, TestUser.all)
    func builds(folder: CaseFolder, user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        if let missing = try folder.missing(for: user) {
            let line = "SKIPPED: \(folder.testDescription) \(user.testDescription) needs \(missing)\n"
            _ = try? FileDescriptor.standardError.writeAll(line.utf8)
            return
        }
        try TemporaryTree.with(folder.testDescription) { tree in
            var drydock = try Drydock(in: tree, user: user)
            let copied = try runTool("cp", ["-a", folder.path.string + "/.", tree.path("source").string])
            #expect(copied.status == 0, "\(copied.errors)")
            try user.own(tree.path("source"))
            drydock.directory = tree.path("source")
            let arguments = try folder.lines("arguments") ?? []
            let result = try drydock.run(["run", "-a", tree.path("artifacts").string] + arguments)
            try check(result, folder, drydock)
        }
    }

    private func check(_ result: ToolResult, _ folder: CaseFolder, _ drydock: Drydock) throws {
        let exit = try folder.text("expected-exit").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        #expect(result.status == exit ?? 0, "\(result.output)\(result.errors)")
        let log = LogFilter.apply(result.standardOutput)
        if let expected = try folder.text("expected-log") {
            let expected = String(decoding: Array(expected.utf8), as: UTF8.self)
            #expect(log == expected, "\(Self.difference(expected, log))")
        }
        let lines = Set(log.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        for line in try folder.lines("expected-log-lines") ?? [] {
            #expect(lines.contains(line), "no line `\(line)` in:\n\(log)\(result.errors)")
        }
        if let expected = try folder.text("expected-artifacts") {
            #expect(try ArtifactListing.lines(of: drydock.tree.path("artifacts")) == expected)
        }
        let wanted = try folder.lines("expected-record") ?? []
        guard !wanted.isEmpty else { return }
        let shown = try drydock("show", "--json")
        let record = try JSONSerialization.jsonObject(with: Data(shown.standardOutput)) as? [String: Any] ?? [:]
        for line in wanted {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let expected = parts.count == 2 ? parts[1] : ""
            let actual = RecordQuery.value(parts[0], in: record)
            #expect(actual == (expected == "-" ? nil : expected), "\(line)")
        }
    }

    /// The first lines that differ: a whole log is hard to read.
    private static func difference(_ expected: String, _ actual: String) -> String {
        let one = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let other = actual.split(separator: "\n", omittingEmptySubsequences: false)
        let index =
            zip(one, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(one.count, other.count)
        let wanted = one.dropFirst(index).prefix(5).joined(separator: "\n")
        let got = other.dropFirst(index).prefix(5).joined(separator: "\n")
        return "line \(index + 1):\nexpected:\n\(wanted)\ngot:\n\(got)"
    }
}
