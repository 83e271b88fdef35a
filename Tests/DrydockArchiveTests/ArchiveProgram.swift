// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// drydock-archive, and what stands beside it in its tests.
struct ArchiveProgram {
    let tree: TemporaryTree

    static let path = BuiltProgram.path("drydock-archive")

    /// - Parameter script: with `$A` for the program; starts in the tree.
    func shell(_ script: String) throws -> ToolResult {
        var environment = ProcessInfo.processInfo.environment
        environment["A"] = Self.path.string
        environment["LC_ALL"] = "C.UTF-8"
        return try runTool("bash", ["-c", script], environment: environment, in: tree.path)
    }

    func unpack(_ archive: FilePath, into directory: FilePath, _ words: String...) throws -> ToolResult {
        try tree.directory(directory)
        let paths = words.contains { $0.contains("--below") } ? "" : " --below ."
        return try shell(
            "\"$A\" unpack '\(directory)' \(words.joined(separator: " "))\(paths) <'\(tree.path(archive))'")
    }

    /// All that a tree is made of but what cannot be the same twice.
    func listing(of directory: FilePath) throws -> String {
        let script = """
            cd '\(directory)' && find . -mindepth 1 ! -type s -printf '%p %y %m %U:%G %s %T@ %n %l\\n' | LC_ALL=C sort
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
            """
        return try shell(script).output
    }

    /// Whether programs are here that a test compares with; with `REQUIRE_SANDBOX=1` they have to be.
    static func require(_ tools: String..., sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
        let missing = tools.filter { !hasTool($0) }
        if missing.isEmpty { return true }
        if ProcessInfo.processInfo.environment["REQUIRE_SANDBOX"] == "1" {
            Issue.record("not here: \(missing)", sourceLocation: sourceLocation)
        } else {
            _ = try? FileDescriptor.standardError.writeAll("SKIPPED: not here: \(missing)\n".utf8)
        }
        return false
    }
}
