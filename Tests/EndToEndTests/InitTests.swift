// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock init")
struct InitTests {
    @Test("writes a buildspec that lints without a finding, says what it found, and never replaces one unasked")
    func writes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/Makefile", "all:\n\ttrue\n")
            let result = try drydock("init")
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.output
                    == "buildspec.yml: written for make (Makefile)\nnext: look it over, then type `drydock`\n")
            #expect(try tree.listing("source") == ["Makefile", "buildspec.yml"])
            let lint = try drydock("lint")
            #expect((lint.status, lint.output) == (0, ""))
            let written = try tree.text("source/buildspec.yml")
            try tree.write("source/buildspec.yml", "mine")
            let again = try drydock("init")
            #expect(again.status == 2)
            #expect(
                again.errors == "error: `buildspec.yml` is there already\n"
                    + "hint: `--force` replaces it, `--print` only shows what would be written\n")
            #expect(try tree.text("source/buildspec.yml") == "mine")
            #expect(try drydock("init", "--print").output == written)
            #expect(try drydock("init", "--force").status == 0)
            #expect(try tree.text("source/buildspec.yml") == written)
        }
    }

    @Test("a directory that is not there, and a package.json that is broken, write nothing")
    func wrongUse() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            #expect(try drydock("init", "nowhere").status == 2)
            try tree.write("source/package.json", "{\n  \"scripts\": {\n")
            let result = try drydock("init")
            #expect(result.status == 2)
            #expect(result.errors.contains("`package.json` is not JSON"), "\(result.errors)")
            #expect(try tree.listing("source") == ["package.json"])
        }
    }

    @Test("what it writes for make, for Python and for an empty directory builds")
    func builds() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        let trees = [
            ["Makefile": "all:\n\techo made > out\ncheck: all\n\tgrep -q made out && echo checked-it\n"],
            [
                "requirements.txt": "",
                "tests/test_sum.py":
                    "import unittest\nclass T(unittest.TestCase):\n  def test_it(self):\n    print('tested-it')\n",
            ],
            [:],
        ]
        for (files, word) in zip(trees, ["checked-it", "tested-it", "nothing to build yet"]) {
            if files.keys.contains("requirements.txt"), !canMakeVirtualEnvironments() { continue }
            try TemporaryTree.with { tree in
                var drydock = try Drydock(in: tree)
                drydock.environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
                for (name, text) in files { try tree.write(FilePath("source/\(name)"), text) }
                #expect(try drydock("init").status == 0)
                let result = try drydock("run", "--progress", "plain")
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                #expect(result.output.contains(word), "\(result.output)")
            }
        }
    }

    /// Debian keeps that in a package of its own.
    private func canMakeVirtualEnvironments() -> Bool {
        let answer = try? TemporaryTree.with { tree in
            try runTool("/usr/bin/python3", ["-m", "venv", tree.path("v").string]).status == 0
        }
        if answer == true { return true }
        let line = "SKIPPED: the system's python3 cannot make virtual environments (python3-venv)\n"
        _ = try? FileDescriptor.standardError.writeAll(line.utf8)
        return false
    }
}
