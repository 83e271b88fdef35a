// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("A build in a real terminal")
struct TerminalTests {
    /// Runs a buildspec whose command waits for the file `go` in the source directory, which the sandbox sees.
    private func withWindow(
        columns: Int = 80, rows: Int = 24, environment: [String: String] = [:], commands: [String],
        _ body: (TerminalWindow, Drydock) throws -> Void
    ) throws {
        guard TerminalWindow.isAvailable(), Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("terminal") { tree in
            let list = commands.map { "      - |\n        \($0)\n" }.joined()
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n" + list)
            let drydock = try Drydock(in: tree)
            let window = try TerminalWindow(drydock, columns: columns, rows: rows, environment: environment)
            try tree.write("source/d", "exec \(Drydock.program) \"$1\" --state-dir \(tree.path("state")) \"${@:2}\"\n")
            try body(window, drydock)
        }
    }

    private static let waits = "while ! test -e go; do sleep 0.05; done"

    /// A mounted source lets the test tell the build to go on.
    private func start(_ window: TerminalWindow) throws { try window.type("bash d run --mount-source", "Enter") }

    private func goOn(_ drydock: Drydock) throws { try drydock.tree.write("source/go") }

    @Test("shows the running command, its line, the time and the end of its output, and folds them again")
    func succeeds() throws {
        let command = "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; \(Self.waits)"
        try withWindow(commands: [command]) { window, drydock in
            try start(window)
            let live = try #require(window.wait { $0.contains("    line 9") && $0.contains("1.0s") })
            let text = live.joined(separator: "\n")
            #expect(text.contains("○ build "), "\(text)")
            #expect(live.contains { $0.hasPrefix("  buildspec.yml:5  for i in 1 2 3") && $0.hasSuffix("s") }, "\(text)")
            #expect(!text.contains("    line 3\n") && text.contains("    line 4\n"), "\(text)")
            try goOn(drydock)
            let end = try #require(window.wait { $0.contains("build 1 succeeded") })
            #expect(!end.joined().contains("line 9") && !end.joined().contains("○"), "\(end)")
            #expect(end.contains { $0.hasPrefix("● build          for i in 1") }, "\(end)")

            // The second time the first one's time is known.
            try drydock.tree.root.remove("source/go")
            try window.type("clear", "Enter")
            try start(window)
            let second = try #require(window.wait { $0.contains("last time") })
            #expect(second.contains { $0.hasPrefix("○ build ") && $0.contains("(last time ") }, "\(second)")
            #expect(second.contains { $0.hasPrefix("  buildspec.yml:5") && $0.contains("(last time ") }, "\(second)")
            try goOn(drydock)
            _ = try #require(window.wait { $0.contains("build 2 succeeded") })
        }
    }

    @Test("shows after a failure what failed, where, how, and what to type next")
    func fails() throws {
        let commands = ["mkdir sub; cd sub", "echo what went wrong; kill -SEGV $$", "echo never"]
        try withWindow(commands: commands) { window, _ in
            try window.type("bash d run", "Enter")
            let shown = try #require(window.wait { $0.contains("drydock run --resume") })
            let end = shown.joined(separator: "\n")
            for expected in [
                "✗ build          SIGSEGV · echo what went wrong; kill -SEGV $$", "  │ what went wrong\n",
                "  buildspec.yml:7:9\n", "       - |\n", "the shell was killed by SIGSEGV", "/src/sub\n",
                "build 1 failed after", "next: drydock logs 1 --state-dir", "\n      drydock shell --state-dir",
                "\n      drydock run --resume --state-dir",
            ] {
                #expect(end.contains(expected), "\(expected) in \(end)")
            }
        }
    }

    @Test("a window that becomes narrow and wide again is drawn anew")
    func resizes() throws {
        try withWindow(columns: 70, rows: 24, commands: ["for i in 1 2 3; do echo output 日本 $i; done; \(Self.waits)"]) {
            window, drydock in
            try start(window)
            _ = try #require(window.wait { $0.contains("output 日本 3") })
            for columns in [40, 25, 120] {
                try window.resize(columns: columns, rows: 24)
                let seen = window.wait { text in
                    let lines = text.components(separatedBy: "\n")
                    // The block is there once, and whole.
                    return lines.number { $0.hasPrefix("○") } == 1 && lines.number { $0.hasPrefix("    ou") } == 3
                }
                #expect(seen != nil, "\(columns): \(window.screen())")
            }
            try goOn(drydock)
            let end = try #require(window.wait { $0.contains("build 1 succeeded") })
            #expect(!end.joined().contains("○") && !end.joined().contains("    output"), "\(end)")
        }
    }

    @Test("a window of few rows and columns shows what fits", arguments: [(10, 4), (30, 1), (80, 2), (80, 3), (3, 3)])
    func tiny(columns: Int, rows: Int) throws {
        try withWindow(columns: columns, rows: rows, commands: ["echo one; echo two; \(Self.waits)"]) {
            window, drydock in
            try start(window)
            usleep(500_000)
            if rows > 1 { #expect(window.wait { $0.contains("○") } != nil, "\(window.screen())") }
            let before = window.history().number({ $0.hasPrefix("○") })
            usleep(500_000)
            #expect(window.history().number({ $0.hasPrefix("○") }) <= max(before, 1), "\(window.history())")
            try goOn(drydock)
            try window.resize(columns: 80, rows: 24)
            let end = try #require(window.wait { $0.contains("succeeded") })
            #expect(end.number({ $0.hasPrefix("● build") }) == 1, "\(end)")
        }
    }

    @Test("a build that was suspended begins a new block below what the shell wrote")
    func suspends() throws {
        try withWindow(commands: ["echo first output; \(Self.waits)"]) { window, drydock in
            try start(window)
            _ = try #require(window.wait { $0.contains("    first output") })
            try window.type("C-z")
            _ = try #require(window.wait { $0.contains("Stopped") }, "\(window.screen())")
            try window.type("echo typed meanwhile", "Enter")
            _ = try #require(window.wait { $0.contains("\ntyped meanwhile") })
            try window.type("fg", "Enter")
            _ = try #require(window.wait { $0.components(separatedBy: "○ build").count == 3 }, "\(window.screen())")
            usleep(300_000)
            let text = window.screen().joined(separator: "\n")
            #expect(text.contains("Stopped") && text.contains("\ntyped meanwhile\n$ fg\n"), "\(text)")
            #expect(text.components(separatedBy: "○ build").count == 3, "\(text)")
            try goOn(drydock)
            let end = try #require(window.wait { $0.contains("build 1 succeeded") }).joined(separator: "\n")
            #expect(end.contains("\ntyped meanwhile\n"), "\(end)")
        }
    }

    @Test("what the build prints neither steers the terminal nor breaks the block")
    func hostile() throws {
        let print =
            #"printf '\033[2J\033]0;owned\007\033[31mred\033[0m\ttab\n\r10%%\r20%%\n'; "#
            + #"printf '\033[?1049hwide 日本語 👩‍👩‍👧 e\314\201 \342\200\256x\n'"#
        try withWindow(commands: ["\(print); \(Self.waits)"]) { window, drydock in
            try start(window)
            let live = try #require(window.wait { $0.contains("    20%") && $0.contains("    wide") })
            #expect(live.contains("    red     tab"), "\(live)")
            #expect(live.contains { $0.hasPrefix("    wide 日本語") }, "\(live)")
            try goOn(drydock)
            let end = try #require(window.wait { $0.contains("build 1 succeeded") })
            #expect(end.number({ $0.contains("20%") || $0.hasPrefix("    wide") }) == 0, "\(end)")
        }
    }

    @Test("without colour, without Unicode and on a terminal that cannot move its cursor the build is still told")
    func plainTerminals() throws {
        try withWindow(environment: ["LANG": "C", "NO_COLOR": "1"], commands: ["echo é; false"]) { window, _ in
            try window.type("bash d run", "Enter")
            let end = try #require(window.wait { $0.contains("next:") })
            #expect(end.contains { $0.hasPrefix("x build          exit 1 - echo ?; false") }, "\(end)")
            #expect(end.contains("  | ?"), "\(end)")
            #expect(!end.joined().utf8.contains { $0 >= 0x80 }, "\(end)")
        }
        for terminal in ["dumb", ""] {
            try withWindow(environment: ["TERM": terminal], commands: ["echo said"]) { window, _ in
                try window.type("bash d run", "Enter")
                let end = try #require(window.wait { $0.contains("build SUCCEEDED") })
                #expect(end.contains("said") && end.joined().contains("[Container]"), "\(end)")
            }
        }
    }

    @Test("a flood of output neither slows the build down nor stays on the screen")
    func flood() throws {
        try withWindow(commands: ["seq 1 2000000; echo flooded; \(Self.waits)"]) { window, drydock in
            try start(window)
            let begin = Date()
            _ = try #require(window.wait { $0.contains("    flooded") })
            #expect(Date().timeIntervalSince(begin) < 15)
            #expect(window.history().count < 40)
            try goOn(drydock)
            _ = try #require(window.wait { $0.contains("build 1 succeeded") })
        }
    }
}

extension [String] {
    fileprivate func number(_ isWanted: (String) -> Bool) -> Int { filter(isWanted).count }
}
