// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock run --watch")
struct WatchTests {
    private static let buildspec = """
        version: 0.2
        phases:
          build:
            commands:
              - cat word
        """

    private func watching(
        _ tree: TemporaryTree, _ arguments: [String] = [], _ body: (RunningDrydock) throws -> Void
    ) throws {
        let drydock = try Drydock(in: tree)
        let running = try RunningDrydock(drydock, ["run", "--progress", "plain", "--watch"] + arguments)
        try body(running)
        running.signal(SIGINT)
        #expect(running.end() == -Int(SIGINT), "\(running.errors)")
    }

    /// Waits until standard error holds a text.
    private func says(_ running: RunningDrydock, _ text: String, times: Int = 1) -> Bool {
        for _ in 0..<600 {
            if running.errors.components(separatedBy: text).count > times { return true }
            usleep(20_000)
        }
        return false
    }

    @Test("builds, waits, builds again after a change, and ends with Ctrl-C")
    func buildsAgain() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write("source/word", "first\n")
            try tree.write("source/.gitignore", "*.log\n")
            try watching(tree) { running in
                #expect(running.wait(for: "first"))
                #expect(says(running, "watch: the build succeeded; waiting for a change\n"))
                try tree.write("source/x.log", "ignored")
                try tree.write("source/word", "second\n")
                #expect(running.wait(for: "second"))
                #expect(says(running, "watch: `word` changed; building again\n"))
                #expect(says(running, "waiting for a change", times: 2))
                // Renamed into place, as editors do.
                try tree.write("source/.word.new", "third\n")
                try tree.root.rename("source/.word.new", to: "source/word")
                #expect(running.wait(for: "third"))
                #expect(says(running, "waiting for a change", times: 3))
                try tree.write("source/new/deep/file", "1")
                #expect(says(running, "waiting for a change", times: 4))
                // A buildspec that cannot be read is no reason to give up.
                try tree.write("source/buildspec.yml", "phases: [")
                #expect(says(running, "waiting for a change", times: 5))
                try tree.write("source/buildspec.yml", Self.buildspec)
                try tree.write("source/word", "fourth\n")
                #expect(running.wait(for: "fourth"))
            }
        }
    }

    @Test("a change stops the build that runs, and the next one begins")
    func cancels() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec.replacingOccurrences(of: "cat word", with: "sh word"))
            try tree.write("source/word", "echo began; sleep 60; echo ended\n")
            try watching(tree) { running in
                #expect(running.wait(for: "began"))
                let start = Date()
                try tree.write("source/word", "echo other\n")
                #expect(running.wait(for: "other"))
                #expect(Date().timeIntervalSince(start) < 3)
                #expect(!running.text.contains("ended"))
                #expect(says(running, "watch: `word` changed; building again\n"))
            }
        }
    }

    @Test("the state of a build that failed can be looked into, and one that a change stopped leaves none")
    func keepsState() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec.replacingOccurrences(of: "cat word", with: "sh word"))
            try tree.write("source/word", "echo left > /opt/left; false\n")
            let drydock = try Drydock(in: tree)
            try watching(tree) { running in
                #expect(says(running, "watch: the build failed; waiting for a change\n"))
                let shell = try drydock("shell", "-c", "cat /opt/left")
                #expect(shell.output == "left\n", "\(shell.errors)")
                try tree.write("source/word", "echo other > /opt/left; echo began; sleep 60\n")
                #expect(running.wait(for: "began"))
                try tree.write("source/word", "echo last\n")
                #expect(running.wait(for: "last"))
                #expect(says(running, "watch: the build succeeded; waiting for a change\n"))
            }
            #expect(try drydock("run", "--resume").status == 3)
        }
    }

    @Test("what a build writes with -m, and artifacts inside the source, do not begin another one")
    func ownWriting() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let text = Self.buildspec + "\n      - date +%N > made\nartifacts:\n  files: word\n"
            try tree.write("source/buildspec.yml", text)
            try tree.write("source/word", "first\n")
            for arguments in [["-m"], ["-a", "out"], ["-a", "."]] {
                try watching(tree, arguments) { running in
                    #expect(says(running, "waiting for a change"))
                    usleep(300_000)
                    #expect(!running.errors.contains("building again"), "\(arguments): \(running.errors)")
                    try tree.write("source/word", "second\n")
                    #expect(says(running, "waiting for a change", times: 2))
                }
            }
        }
    }

    @Test("git that checks out many files begins one build")
    func gitCheckout() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let source = tree.path("source").string
            func git(_ arguments: String...) throws {
                let words = ["-C", source, "-c", "user.name=a", "-c", "user.email=a@b"] + arguments
                let result = try runTool("git", words)
                #expect(result.status == 0, "\(result.errors)")
            }
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write("source/word", "first\n")
            for number in 0..<500 { try tree.write(FilePath("source/d\(number % 20)/f\(number)"), "1") }
            try git("init", "-q", "-b", "one")
            try git("add", ".")
            try git("commit", "-qm", "1")
            try git("checkout", "-qb", "two")
            for number in 0..<500 { try tree.write(FilePath("source/d\(number % 20)/f\(number)"), "2") }
            try tree.write("source/word", "second\n")
            try git("commit", "-qam", "2")
            try watching(tree) { running in
                #expect(says(running, "waiting for a change"))
                try git("checkout", "-q", "one")
                #expect(running.wait(for: "first"))
                #expect(says(running, "waiting for a change", times: 2))
                usleep(200_000)
                #expect(running.errors.components(separatedBy: "building again").count == 2, "\(running.errors)")
            }
        }
    }

    @Test("a source that is a checkout, or is not there, and a run that builds nothing cannot be watched")
    func wrongUse() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let cases = [
                (["--dry-run"], 2, "`--watch` and `--dry-run` exclude each other"),
                (
                    ["-s", "https://example.invalid/x.git"], 2,
                    "`--watch` needs a directory, and this source is checked out by git"
                ),
                (["-s", "nowhere/there"], 3, "the directory `nowhere/there` is not there to be watched"),
            ]
            for (arguments, status, message) in cases {
                let result = try drydock.run(["run", "--watch"] + arguments)
                #expect((result.status, result.errors) == (status, "error: \(message)\n"))
            }
        }
    }
}
