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
            #expect(try drydock("init", "nowhere").status == 3)
            try tree.write("source/package.json", "{\n  \"scripts\": {\n")
            let result = try drydock("init")
            #expect(result.status == 2)
            #expect(result.errors.contains("`package.json` is not JSON"), "\(result.errors)")
            #expect(try tree.listing("source") == ["package.json"])
        }
    }

    @Test("the command that it names can be typed", arguments: [("v 2", "'v 2'"), ("-v3", "./-v3"), ("a:b", "./a:b")])
    func next(directory: String, word: String) throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.directory(FilePath("source/\(directory)"))
            let result = try drydock("init", "--", directory)
            #expect(result.output.hasSuffix("then type `drydock run -s \(word)`\n"), "\(result.output)")
        }
    }

    @Test("beside buildspec.yaml it says what builds read, and --force writes that")
    func otherSpelling() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yaml", "mine")
            let result = try drydock("init")
            #expect(result.status == 2)
            #expect(
                result.errors == "error: `buildspec.yaml` is there already\n"
                    + "hint: builds read `buildspec.yml` alone: rename it, or let `--force` write that beside it; "
                    + "`--print` only shows what would be written\n")
            #expect(try drydock("init", "--force").status == 0)
            #expect(try tree.listing("source") == ["buildspec.yaml", "buildspec.yml"])
        }
    }

    @Test("a full disk is this machine's matter")
    func fullDisk() throws {
        guard getuid() == 0 else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let text = "a:   1\n" + String(repeating: "# x\n", count: 4000)
            func onFullDisk(_ setUp: String, _ arguments: String...) throws -> ToolResult {
                try runTool(
                    "unshare",
                    ["-m", "sh", "-c", "mount -t tmpfs -o size=32k none . && cd \"$PWD\" && \(setUp); \"$@\"", "sh"]
                        + [Drydock.program.string] + arguments,
                    environment: drydock.environment, in: drydock.directory, input: Array(text.utf8))
            }
            let made = try onFullDisk("head -c 40000 /dev/zero > filler 2>/dev/null", "init")
            #expect(made.status == 4 && made.errors.contains("no space left on device"), "\(made.errors)")
            let formatted = try onFullDisk("cat > a.yml; head -c 40000 /dev/zero > filler 2>/dev/null", "fmt", "a.yml")
            #expect(formatted.status == 4 && formatted.errors.contains("no space left"), "\(formatted.errors)")
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
