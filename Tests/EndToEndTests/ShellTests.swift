// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `drydock shell`: through pipes, and on a real terminal.
@Suite("A shell", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ShellTests {
    private func project(_ tree: TemporaryTree, user: TestUser = TestUser()) throws -> Drydock {
        try tree.write(
            "source/buildspec.yml",
            """
            version: 0.2
            env:
              variables:
                COLOUR: blue
            phases:
              build:
                commands:
                  - echo never
            """)
        try tree.write("source/file", "content\n")
        return try Drydock(in: tree, user: user)
    }

    // MARK: Without a terminal

    @Test("reads standard input where there is no terminal, and ends with the shell's status")
    func standardInput() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree)
            let result = try drydock.run(["shell"], input: "cat file\necho $COLOUR\npwd\necho err >&2\nexit 7\n")
            #expect(result.status == 7)
            #expect(result.lines.dropLast() == ["content", "blue"])
            #expect(result.lines.last?.hasPrefix("/codebuild/output/src") == true)
            #expect(
                result.errors == """
                    drydock: a fresh sandbox of `source`, before any phase; what changes in it is gone at its end
                    err

                    """)
        }
    }

    @Test("runs one command, with its arguments as they are, its input and its status")
    func commands() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree)
            #expect(try drydock("shell", "--", "printf", "[%s]", "a b", "it's", "").output == "[a b][it's][]")
            #expect(try drydock("shell", "-c", "echo $COLOUR; exit 3").status == 3)
            #expect(try drydock("shell", "-c", "kill -9 $$").status == 137)
            #expect(try drydock.run(["shell", "sh", "-c", "cat; echo -"], input: "in\n").output == "in\n-\n")
            #expect(
                try drydock("shell", "-e", "COLOUR=red", "-c", "echo $COLOUR $CODEBUILD_SRC_DIR").output.hasPrefix(
                    "red /"))
            #expect(try drydock("shell", "nonesuch").status == 127)
        }
    }

    @Test("is wrong use with a command said twice, or a user whom the image does not know")
    func wrongUse() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree)
            let both = try drydock("shell", "-c", "a", "b")
            #expect(both.status == 2)
            #expect(both.errors == "error: `--command` and `COMMAND` exclude each other\n")
            // A shell has no time limit, and offers none.
            #expect(try drydock("shell", "--timeout", "1", "-c", "true").status == 2)
            let user = try drydock("shell", "--user", "nonesuch", "true")
            #expect(user.status == 2)
            #expect(user.errors.contains("error: the image does not know the user `nonesuch`\n"))
        }
    }

    @Test("is not kept waiting by what it left in the background")
    func background() throws {
        try TemporaryTree.with { tree in
            let start = Date()
            let result = try project(tree)("shell", "-c", "sleep 1000 & echo done")
            #expect(result.output == "done\n")
            #expect(Date().timeIntervalSince(start) < 20)
        }
    }

    // MARK: On a terminal

    @Test("has a terminal of the sandbox's own, of the right type and size", arguments: TestUser.all)
    func ownTerminal(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let shell = try DrydockOnTerminal(try project(tree, user: user), ["shell"], rows: 31, columns: 97)
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.type("echo \"<$(tty) $(stty size) $TERM $COLOUR>\"\n")
            #expect(shell.wait(for: "</dev/pts/0 31 97 xterm blue>"), "\(shell.text)")
            shell.resize(rows: 40, columns: 120)
            shell.type("sleep 0.2; echo \"<$(stty size)>\"\n")
            #expect(shell.wait(for: "<40 120>"), "\(shell.text)")
            shell.type("exit 5\n")
            #expect(shell.end() == 5)
            #expect(shell.isCooked)
            // What a shell says that is not the leader of its terminal.
            #expect(!shell.text.contains("no job control"))
            #expect(!shell.text.contains("cannot set terminal process group"))
        }
    }

    @Test("gets Ctrl-C, Ctrl-Z and Ctrl-D, which drydock does not", arguments: TestUser.all)
    func keys(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let shell = try DrydockOnTerminal(try project(tree, user: user), ["shell"])
            #expect(shell.wait(for: "# "), "\(shell.text)")
            #expect(!shell.isCooked)
            shell.type("echo be''gin; sleep 1000\n")
            #expect(shell.wait(for: "begin"))
            // Either key throws away what was typed behind it before the prompt is there again, and comes to nothing while
            // the shell is about to start what it is meant for.
            #expect(shell.type("\u{3}", until: "# "), "\(shell.text)")
            shell.type("echo st''atus $?\n")
            #expect(shell.wait(for: "status 130"), "\(shell.text)")
            shell.type("sh -c 'echo sec''ond; sleep 1000'\n")
            #expect(shell.wait(for: "second"))
            // A stop in the middle of a vfork(2) stops only the child, and the shell would wait for it.
            usleep(500_000)
            #expect(shell.type("\u{1A}", until: "Stopped"), "\(shell.text)")
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.type("kill -9 %1; wait; echo go''ne; (exit 4)\n")
            #expect(shell.wait(for: "gone"), "\(shell.text)")
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.type("\u{4}")
            #expect(shell.end() == 4, "\(shell.text)")
            #expect(shell.isCooked)
        }
    }

    @Test("can run one command on the terminal, raw modes and all")
    func rawProgram() throws {
        try TemporaryTree.with { tree in
            let command =
                "stty raw -echo; echo rea''dy; dd bs=1 count=1 2>/dev/null | od -An -tx1; stty sane; test -t 2"
            let shell = try DrydockOnTerminal(try project(tree), ["shell", "-c", command])
            #expect(shell.wait(for: "ready"), "\(shell.text)")
            shell.type("\u{3}")
            #expect(shell.wait(for: "03"), "\(shell.text)")
            #expect(shell.end() == 0)
            #expect(shell.isCooked)
        }
    }

    @Test("gives the terminal back when it is killed", arguments: [SIGTERM, SIGHUP, SIGINT])
    func restoresTerminal(number: Int32) throws {
        try TemporaryTree.with { tree in
            let shell = try DrydockOnTerminal(try project(tree), ["shell"])
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.signal(number)
            #expect(shell.end() == -Int(number))
            #expect(shell.isCooked)
        }
    }

    @Test("gives the terminal and the main screen back when a program's shell is killed in the sandbox")
    func restoresScreen() throws {
        try TemporaryTree.with { tree in
            let shell = try DrydockOnTerminal(try project(tree), ["shell"])
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.type("printf '\\033[?1049h\\033[?25l'; kill -9 $$\n")
            #expect(shell.end() == 137)
            #expect(shell.isCooked)
            #expect(shell.text.contains("\u{1B}[?1049l"))
            #expect(shell.text.contains("\u{1B}[?25h"))
        }
    }

    @Test("cannot type on the caller's terminal", arguments: TestUser.all)
    func cannotInject(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/inject.py",
                "import fcntl,sys\nfor f in (0, open('/dev/tty')):\n"
                    + "  try:\n    for c in 'touch /tmp/injected\\n': fcntl.ioctl(f, 0x5412, c.encode())\n"
                    + "    print('IN' + 'JECTED')\n  except OSError as e: print('re' + 'fused')\n")
            let shell = try DrydockOnTerminal(try project(tree, user: user), ["shell", "python3", "inject.py"])
            #expect(shell.wait(for: "refused"), "\(shell.text)")
            #expect(shell.wait(for: "refused"), "\(shell.text)")
            #expect(shell.end() == 0)
            #expect(!shell.text.contains("INJECTED"))
        }
    }

    @Test("runs as another user, who owns the terminal", arguments: TestUser.all.filter(\.hasRange))
    func otherUser(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let shell = try DrydockOnTerminal(
                try project(tree, user: user),
                ["shell", "--user", "nobody", "-c", "id -un; : >$(tty) && echo o''pened"])
            #expect(shell.wait(for: "nobody"), "\(shell.text)")
            #expect(shell.wait(for: "opened"), "\(shell.text)")
            #expect(shell.end() == 0)
        }
    }

    @Test("is hung up when the caller's terminal goes away")
    func hangUp() throws {
        try TemporaryTree.with { tree in
            let marker = "8\(UInt32.random(in: 100_000_000...999_999_999))"
            let drydock = try project(tree)
            var shell: DrydockOnTerminal? = try DrydockOnTerminal(drydock, ["shell"])
            #expect(shell?.wait(for: "# ") == true)
            shell?.type("sleep \(marker)\n")
            #expect(shell?.wait(for: marker) == true)
            shell = nil
            var left = try runTool("pgrep", ["-f", "^sleep \(marker)$"]).lines
            for _ in 0..<50 where !left.isEmpty {
                usleep(100_000)
                left = try runTool("pgrep", ["-f", "^sleep \(marker)$"]).lines
            }
            #expect(left.isEmpty)
        }
    }
}
