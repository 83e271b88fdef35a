// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import DirectExecution
import Files
import Glibc
import Processes
import Secrets
import SystemPackage
import TestSupport
import Testing

/// A build without a sandbox over a small source, and what its commands wrote.
private final class DirectFixture: OutputSink {
    let execution: DirectExecution
    let source: FilePath
    let directory: FilePath
    let copy: FilePath
    let notices: [String]
    private(set) var bytes: [UInt8] = []
    var stopRequest: StopRequest?

    /// - Parameter state: blanks and quotes must not matter.
    init(tree: TemporaryTree, inPlace: Bool = false, state: FilePath = "it's a state") throws {
        source = try tree.directory("source")
        directory = try tree.directory(state).appending("build-\(UInt32.random(in: 0 ... .max))")
        copy = inPlace ? source : directory.appending("src1").appending("src")
        let settings = DirectExecution.Settings(
            directory: directory, sources: [.init(original: source, path: copy)],
            environment: [("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")],
            launcher: BuiltProgram.path("drydock-init"))
        (execution, notices) = try DirectExecution.start(settings, timing: StopTiming(grace: 0.5))
    }

    static func with(
        inPlace: Bool = false, test: String = #function, _ body: (DirectFixture) throws -> Void
    ) throws {
        try TemporaryTree.with(test) { tree in
            let fixture = try DirectFixture(tree: tree, inPlace: inPlace)
            defer { try? fixture.execution.close() }
            try body(fixture)
        }
    }

    func run(_ text: String, user: CommandRequest.UserIdentity? = nil, seconds: Double = 30) throws -> CommandOutcome {
        bytes = []
        return try execution.run(
            CommandRequest(script: .carryingState(text), user: user), deadline: .now() + seconds, sink: self)
    }

    func expect(
        _ text: String, user: CommandRequest.UserIdentity? = nil, seconds: Double = 30, ends expected: CommandOutcome,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run(text, user: user, seconds: seconds)
        #expect(outcome == expected, sourceLocation: sourceLocation)
    }

    var output: String { String(decoding: bytes, as: UTF8.self) }

    func receive(_ piece: UnsafeRawBufferPointer) { bytes += piece }
    var blockedDescriptor: Int32? { nil }
    func resume() {}
    func tick() {}
    var stopDescriptor: Int32? { nil }
}

/// Each in a process of its own: a build without a sandbox ends whatever came below its process, and other tests run in ours.
@Suite("Builds without a sandbox") struct DirectExecutionTests {
    @Test("variables and directory are carried from command to command")
    func state() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                try build.expect("A='x y'; mkdir -p deep/er; cd deep/er", ends: .exited(0))
                try build.expect("echo \"$A $PWD\"; exit 3", ends: .exited(3))
                #expect(build.output == "x y \(build.copy)/deep/er\n")
                try build.expect("kill -9 $$", ends: .signaled(9))
                try build.expect("rmdir \"$PWD\"", ends: .exited(0))
                try build.expect("umask 077; pwd; echo \"$PWD\"", ends: .exited(0))
                #expect(
                    build.output.contains("script.sh: line 1: cd: \(build.copy)/deep/er: No such file or directory\n"))
                #expect(build.output.hasSuffix("\n\(build.copy)\n\(build.copy)\n"))
            }
        }
    }

    @Test("a command's umask keeps nothing from whom the next command runs as", .enabled(if: geteuid() == 0))
    func umaskAndUser() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                try build.expect("A=1; umask 077", ends: .exited(0))
                let nobody = CommandRequest.UserIdentity(userIdentifier: 65_534, groupIdentifier: 65_534)
                try build.expect("echo \"$A $(id -u)\"", user: nobody, ends: .exited(0))
                #expect(build.output == "1 65534\n")
            }
        }
    }

    @Test("the source is a copy, with modes, times, links and holes as they are")
    func copy() async {
        await #expect(processExitsWith: .success) {
            try TemporaryTree.with { tree in
                try tree.write("source/run", "#!/bin/sh\n", mode: 0o755)
                try tree.write("source/.hidden/file", "text")
                try tree.link("source/link", to: "run")
                try tree.fifo("source/fifo")
                try tree.sparse("source/holes", size: 64 << 20)
                let build = try DirectFixture(tree: tree)
                let command = """
                    stat -c '%n %A %Y' run > listing; readlink link; cat .hidden/file; du -k holes | cut -f 1
                    rm run .hidden/file; echo changed > new
                    """
                try build.expect(command, ends: .exited(0))
                #expect(build.output == "run\ntext0\n")
                #expect(try tree.root.status("source/run").mode == 0o755)
                #expect(try tree.text("source/.hidden/file") == "text")
                #expect(!tree.exists("source/new"))
                let copy = try Directory(build.copy)
                let listing = String(decoding: try copy.read("listing", limit: 999), as: UTF8.self)
                let moment = try tree.root.status("source/run").modificationSeconds
                #expect(listing == "run -rwxr-xr-x \(moment)\n")
                #expect(try copy.status("fifo").kind == .fifo)
                try build.execution.close()
            }
        }
    }

    @Test("a build in the source itself writes there")
    func inPlace() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with(inPlace: true) { build in
                try build.expect("echo text > new; pwd", ends: .exited(0))
                #expect(build.output == "\(build.source)\n")
                #expect(try Directory(build.source).status("new").size == 5)
            }
        }
    }

    @Test("processes in the background live on, and end with the build, also when they have detached themselves")
    func background() async {
        await #expect(processExitsWith: .success) {
            try TemporaryTree.with { tree in
                let build = try DirectFixture(tree: tree)
                let command = """
                    sleep 1000 & echo $! > pids
                    setsid sh -c 'sleep 1000 & echo $! >> pids' &
                    wait $!; (trap '' TERM; setsid sleep 1000) >/dev/null 2>&1 & echo $! >> pids
                    sleep 0.1
                    """
                try build.expect(command, ends: .exited(0))
                try build.expect("cat pids; for p in $(cat pids); do kill -0 $p || echo gone; done", ends: .exited(0))
                let processes = build.output.split(separator: "\n").compactMap { Int32($0) }
                #expect(processes.count == 3)
                #expect(!build.output.contains("gone"))
                try build.execution.close()
                for process in processes { #expect(kill(process, 0) != 0) }
                #expect(!tree.exists(FilePath("it's a state/\(build.directory.lastComponent?.string ?? "")")))
                #expect(
                    try Directory("/dev/shm").entries().allSatisfy { entry in
                        String(decoding: entry.name, as: UTF8.self)
                            != "drydock-\(build.directory.lastComponent?.string ?? "")"
                    })
            }
        }
    }

    @Test("children that drydock had before are left alone")
    func strangers() async {
        await #expect(processExitsWith: .success) {
            let child = try ChildProcess.spawn(
                executable: "/bin/sleep", arguments: ["1000"], environment: [], descriptors: [])
            try DirectFixture.with { build in try build.expect("true", ends: .exited(0)) }
            #expect(!child.hasEnded)
            child.kill(SIGKILL)
            #expect(child.wait() == .signaled(9))
        }
    }

    @Test("a command that is too slow is ended, and whoever ignores SIGTERM is killed")
    func timeout() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                let start = MonotonicTime.now()
                try build.expect("trap '' TERM; while :; do sleep 0.1; done", seconds: 0.3, ends: .timedOut)
                #expect(MonotonicTime.now().milliseconds(since: start) < 10_000)
                try build.expect("trap 'echo bye; exit 0' TERM; sleep 9 & wait", seconds: 0.3, ends: .timedOut)
                #expect(build.output == "bye\n")
            }
        }
    }

    @Test("a stop ends the command")
    func stop() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                build.stopRequest = .atOnce
                try build.expect("sleep 1000", ends: .stopped)
            }
        }
    }

    @Test("output keeps its order, and a megabyte of it arrives whole")
    func output() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                try build.expect("echo a; echo b >&2; echo c", ends: .exited(0))
                #expect(build.output == "a\nb\nc\n")
                try build.expect("head -c 3000000 /dev/zero", ends: .exited(0))
                #expect(build.output.utf8.count == 3_000_000)
            }
        }
    }

    @Test("nothing of the caller's environment or descriptors reaches a command, and standard input is empty")
    func environment() async {
        await #expect(processExitsWith: .success) {
            setenv("DRYDOCK_TEST_LEAK", "yes", 1)
            defer { unsetenv("DRYDOCK_TEST_LEAK") }
            try DirectFixture.with { build in
                try build.expect("echo \"[$DRYDOCK_TEST_LEAK]\"; cat; ls /proc/self/fd | wc -l", ends: .exited(0))
                #expect(build.output == "[]\n4\n")
            }
        }
    }

    @Test("the saved state is in memory and its caller's alone")
    func secrets() async {
        await #expect(processExitsWith: .success) {
            try DirectFixture.with { build in
                try build.expect("SECRET=value", ends: .exited(0))
                try build.expect("stat -f -c %T \"${0%/*}\"; stat -c %a \"${0%/*}\"", ends: .exited(0))
                let isMemory = build.output.hasPrefix("tmpfs\n")
                #expect(build.output.hasSuffix("700\n"))
                #expect(isMemory != build.notices.contains { $0.contains("secrets") })
            }
        }
    }

    @Test("run-as needs root")
    func runAs() async {
        await #expect(processExitsWith: .success) {
            let nobody = CommandRequest.UserIdentity(userIdentifier: 65_534, groupIdentifier: 65_534)
            try DirectFixture.with { build in
                if getuid() == 0 {
                    try build.expect("A=1; id -u; id -g; id -G", user: nobody, ends: .exited(0))
                    #expect(build.output == "65534\n65534\n65534\n")
                    try build.expect("id -u; echo $A", ends: .exited(0))
                    #expect(build.output == "0\n1\n")
                } else {
                    #expect(throws: DirectExecutionError.self) { try build.run("id", user: nobody) }
                }
            }
        }
    }

    @Test("a user whom a directory above keeps out is told which")
    func outOfReach() async {
        guard getuid() == 0 else { return }
        await #expect(processExitsWith: .success) {
            let nobody = CommandRequest.UserIdentity(userIdentifier: 65_534, groupIdentifier: 65_534)
            try TemporaryTree.with { tree in
                let build = try DirectFixture(tree: tree, state: "home/state/direct")
                try tree.setMode("home", 0o700)
                let error = #expect(throws: DirectExecutionError.self) { try build.run("id", user: nobody) }
                #expect(error?.message.hasSuffix("it may not enter `\(tree.path)/home`") == true)
                #expect(error?.code == .state)
                try tree.setMode("home", 0o755)
                try build.expect("ls > /dev/null", user: nobody, ends: .exited(0))
                try build.execution.close()
            }
        }
    }

    @Test("CodeBuild's programs for breakpoints do nothing, for any user")
    func breakpoints() async {
        await #expect(processExitsWith: .success) {
            let nobody = CommandRequest.UserIdentity(userIdentifier: 65_534, groupIdentifier: 65_534)
            try DirectFixture.with { build in
                for user in getuid() == 0 ? [nil, nobody] : [nil] {
                    try build.expect(
                        "codebuild-breakpoint && codebuild-resume && echo on", user: user, ends: .exited(0))
                    #expect(build.output.hasSuffix("there is no debug session, and the build goes on\non\n"))
                }
            }
        }
    }

    @Test("what a killed drydock left is cleared, and what is in use is not")
    func leftovers() async {
        await #expect(processExitsWith: .success) {
            try TemporaryTree.with { tree in
                let build = try DirectFixture(tree: tree)
                let parent = build.directory.removingLastComponent()
                try tree.write("it's a state/abandoned/src1/file", "text")
                try tree.write("it's a state/abandoned/lock")
                DirectExecution.clearLeftovers(in: parent)
                #expect(!tree.exists("it's a state/abandoned"))
                try build.expect("pwd", ends: .exited(0))
                try build.execution.close()
            }
        }
    }

    @Test("a source that lies around the state directory is copied without it")
    func stateInSource() async {
        await #expect(processExitsWith: .success) {
            try TemporaryTree.with { tree in
                try tree.write("source/file", "text")
                let source = tree.path("source")
                let directory = source.appending("state").appending("one")
                let copy = directory.appending("src")
                let (execution, _) = try DirectExecution.start(
                    .init(
                        directory: directory, sources: [.init(original: source, path: copy)], environment: [],
                        launcher: BuiltProgram.path("drydock-init")))
                #expect(try Directory(copy).entries().map { String(decoding: $0.name, as: UTF8.self) } == ["file"])
                try execution.close()
            }
        }
    }
}
