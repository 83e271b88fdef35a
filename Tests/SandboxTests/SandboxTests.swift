// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Files
import Glibc
import Processes
import Sandbox
import SystemPackage
import TestSupport
import Testing

@Suite("A sandbox", .sandboxed)
struct SandboxTests {
    @Test("runs a command and gives its output and status")
    func runsCommand() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("echo hello; exit 3") == .exited(3))
            #expect(fixture.output == "hello\n")
        }
    }

    @Test("carries variables and the directory from command to command")
    func carriesState() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("mkdir 'a b'; cd 'a b'; PLAIN=1; export EXPORTED='x\ny'") == .exited(0))
            try #expect(fixture.run("pwd; echo $PLAIN \"$EXPORTED\"; f() { :; }") == .exited(0))
            #expect(fixture.output == "/codebuild/output/src1/src/a b\n1 x\ny\n")
            try #expect(fixture.run("f") == .exited(127))
        }
    }

    @Test("loses the changes of a command that exits early, and nothing else")
    func keepsLastGoodState() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("A=1; cd /")
            try #expect(fixture.run("A=2; cd /usr; exit 4") == .exited(4))
            try #expect(fixture.run("A=3; exec true") == .exited(0))
            try #expect(fixture.run("kill -9 $$") == .signaled(9))
            _ = try fixture.run("echo $A $PWD")
            #expect(fixture.output == "1 /\n")
        }
    }

    @Test("names the user's line 4 in a shell's message, as CodeBuild does")
    func countsLinesAsCodeBuild() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("nonesuch") == .exited(127))
            #expect(fixture.output == "/codebuild/output/tmp/script.sh: 4: nonesuch: not found\n")
        }
    }

    @Test("gives commands standard input at its end")
    func standardInputIsEmpty() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("cat; echo done") == .exited(0))
            #expect(fixture.output == "done\n")
        }
    }

    @Test("lets a background process live on, and does not wait for it")
    func backgroundProcessLives() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("sleep 1000 & echo $! > pid")
            try #expect(fixture.run("kill -0 $(cat pid)") == .exited(0))
            try fixture.sandbox.quiesce()
        }
    }

    @Test("ends a command that ignores SIGTERM when its time is up")
    func deadline() throws {
        try SandboxFixture.with { fixture in
            let start = MonotonicTime.now()
            try #expect(fixture.run("trap '' TERM; while :; do sleep 1; done", seconds: 0.3) == .timedOut)
            #expect(MonotonicTime.now().milliseconds(since: start) < 10_000)
        }
    }

    @Test("ends a stopped process when its time is up")
    func deadlineOfStoppedProcess() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("kill -STOP $$", seconds: 0.3) == .timedOut)
        }
    }

    @Test("survives a command that kills everything it can")
    func killAll() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("sleep 100 & kill -9 -1; echo still") == .exited(0))
            try #expect(fixture.run("echo next") == .exited(0))
        }
    }

    @Test("leaves the user's source as it was, and shows it changed inside")
    func sourceIsCopyOnWrite() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/file", "old")
            let fixture = try SandboxFixture(tree: tree)
            _ = try fixture.run("cat file; echo new > file; rm -f file2; touch added; mkdir d; cat file")
            #expect(fixture.output == "oldnew\n")
            try fixture.close()
            #expect(try tree.listing("source") == ["file"])
            #expect(try tree.text("source/file") == "old")
            #expect(!tree.exists("sandboxes/one"))
        }
    }

    @Test("writes to the user's source when it is mounted writable")
    func writableSource() throws {
        try TemporaryTree.with { tree in
            let fixture = try SandboxFixture(tree: tree, writable: true)
            _ = try fixture.run("echo new > file")
            try fixture.close()
            #expect(try tree.text("source/file") == "new\n")
            #expect(try tree.root.status("source/file").owner == getuid())
        }
    }

    @Test("reads what the build left, whatever its permissions")
    func readsTree() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("mkdir closed; echo secret > closed/file; chmod 000 closed/file closed")
            try fixture.sandbox.quiesce()
            let file = try fixture.sandbox.tree()
                .open(SandboxFixture.inside.pushing("closed/file"), directory: false)
            #expect(try FileContents.read(file, path: "closed/file", limit: 100) == Array("secret\n".utf8))
        }
    }

    @Test("is gone with everything in it when drydock is killed")
    func diesWithOwner() throws {
        try TemporaryTree.with { tree in
            let fixture = try SandboxFixture(tree: tree)
            _ = try fixture.run("setsid sleep 87654 >/dev/null 2>&1 & :")
            // On a busy machine the shell's child takes a while to become what it is looked for as.
            for _ in 0..<200 where try runTool("pgrep", ["-xf", "sleep 87654"]).status != 0 { usleep(50_000) }
            #expect(try runTool("pgrep", ["-xf", "sleep 87654"]).status == 0)
            // What the kernel does to a killed process's descriptors.
            fixture.sandbox.abandon()
            #expect(try runTool("pgrep", ["-xf", "sleep 87654"]).status != 0)
            #expect(!tree.exists("sandboxes/one"))
        }
    }
}
