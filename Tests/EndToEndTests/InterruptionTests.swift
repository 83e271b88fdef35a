// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// How a build ends before its time, and that nothing is left of it.
@Suite("Interruption", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct InterruptionTests {
    /// A build whose only command can be recognised among the machine's processes.
    private func build(_ tree: TemporaryTree, command: String) throws -> Drydock {
        try tree.write(
            "source/buildspec.yml",
            "version: 0.2\nphases:\n  build:\n    commands:\n      - \(command)\n    finally:\n      - echo finally\n"
                + "  post_build:\n    commands:\n      - echo post\n")
        return try Drydock(in: tree)
    }

    private func processes(_ marker: String) throws -> [String] {
        try runTool("pgrep", ["-f", "^sleep \(marker)$"]).lines
    }

    private func record(_ drydock: Drydock) throws -> [String: Any] {
        let shown = try drydock("show", "--json")
        return try JSONSerialization.jsonObject(with: Data(shown.standardOutput)) as? [String: Any] ?? [:]
    }

    private func marker() -> String { "9\(UInt32.random(in: 100_000_000...999_999_999))" }

    @Test("the first signal stops politely", arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM])
    func firstSignal(number: Int32) throws {
        try TemporaryTree.with { tree in
            let marker = marker()
            let drydock = try build(tree, command: "echo started; sleep \(marker)")
            let running = try RunningDrydock(drydock, ["run", "-a", tree.path("artifacts").string])
            #expect(running.wait(for: "\nstarted\n"))
            running.signal(number)
            #expect(running.end() == -Int(number), "\(running.text)\(running.errors)")
            #expect(running.text.contains("Phase complete: BUILD State: STOPPED"))
            #expect(!running.text.contains("finally\n\n"))
            #expect(!running.text.contains("Entering phase POST_BUILD"))
            #expect(try processes(marker).isEmpty)
            #expect(try tree.listing("artifacts").isEmpty)
            #expect(RecordQuery.value("buildStatus", in: try record(drydock)) == "STOPPED")
        }
    }

    @Test("the second signal kills a command that does not listen")
    func secondSignal() throws {
        try TemporaryTree.with { tree in
            let marker = marker()
            let drydock = try build(tree, command: "trap '' TERM INT; echo started; while :; do sleep \(marker); done")
            let running = try RunningDrydock(drydock, ["run"])
            #expect(running.wait(for: "\nstarted\n"))
            running.signal(SIGINT)
            usleep(300_000)
            running.signal(SIGINT)
            let begin = Date()
            #expect(running.end() == -Int(SIGINT), "\(running.text)\(running.errors)")
            #expect(Date().timeIntervalSince(begin) < 3)
            #expect(try processes(marker).isEmpty)
        }
    }

    @Test("a timeout ends the build with 124")
    func timeout() throws {
        try TemporaryTree.with { tree in
            let marker = marker()
            let drydock = try build(tree, command: "sleep \(marker)")
            let result = try drydock("run", "--timeout", "0.01")
            #expect(result.status == 124, "\(result.output)\(result.errors)")
            #expect(result.output.contains("Phase complete: BUILD State: TIMED_OUT"))
            #expect(result.output.contains("BUILD_TIMED_OUT Message: Build has timed out. \n"))
            #expect(try processes(marker).isEmpty)
        }
    }

    @Test("a reader that goes away ends the build")
    func closedPipe() throws {
        try TemporaryTree.with { tree in
            let marker = marker()
            let drydock = try build(
                tree, command: "echo started; while :; do echo x; sleep 0.05; done; sleep \(marker)")
            let running = try RunningDrydock(drydock, ["run"])
            #expect(running.wait(for: "\nstarted\n"))
            running.closeOutput()
            #expect(running.end(reading: false) == -Int(SIGPIPE), "\(running.errors)")
            #expect(RecordQuery.value("buildStatus", in: try record(drydock)) == "STOPPED")
        }
    }

    @Test("a reader of events that goes away does not end the build, and is told of with 141")
    func closedEvents() throws {
        try TemporaryTree.with { tree in
            let drydock = try build(tree, command: "echo started; sleep 0.5")
            try tree.fifo("events")
            let events = try FileDescriptor.open(tree.path("events"), .readWrite, options: .closeOnExec)
            let running = try RunningDrydock(drydock, ["run", "--events", tree.path("events").string])
            #expect(running.wait(for: "\nstarted\n"))
            try events.close()
            #expect(running.end() == -Int(SIGPIPE), "\(running.errors)")
            #expect(running.errors.contains("events`: the reader went away"), "\(running.errors)")
            #expect(RecordQuery.value("buildStatus", in: try record(drydock)) == "SUCCEEDED")
        }
    }

    @Test("a timeout holds although nobody reads the output")
    func stuckReader() throws {
        try TemporaryTree.with { tree in
            let drydock = try build(tree, command: "yes")
            let running = try RunningDrydock(drydock, ["run", "--timeout", "0.02"])
            #expect(running.end(reading: false) == 124, "\(running.errors)")
        }
    }

    @Test("closed descriptors are no trouble", arguments: [[0], [1], [2], [0, 1, 2]] as [[Int32]])
    func closedDescriptors(closed: [Int32]) throws {
        try TemporaryTree.with { tree in
            let drydock = try build(tree, command: "echo started; test ! -t 0 && ! read line")
            let running = try RunningDrydock(drydock, ["run"], closed: closed)
            #expect(running.end() == 0, "\(running.text)\(running.errors)")
            #expect(try drydock("logs").output.contains("\nstarted\n"))
        }
    }

    @Test("a full disk behind standard output is told")
    func fullOutput() throws {
        try TemporaryTree.with { tree in
            let drydock = try build(tree, command: "echo started")
            let words = [Drydock.program.string, "run", "--state-dir", tree.path("state").string]
            let result = try runTool(
                "sh", ["-c", "\"$@\" >/dev/full", "sh"] + words, environment: drydock.environment, in: drydock.directory
            )
            #expect(result.status == 4, "\(result.errors)")
            #expect(result.errors.contains("cannot write standard output: no space left on device"))
        }
    }

    @Test("kill -9 leaves no process, and the record says so")
    func killed() throws {
        try TemporaryTree.with { tree in
            let marker = marker()
            let drydock = try build(tree, command: "sleep \(marker) & echo started; sleep \(marker)")
            let running = try RunningDrydock(drydock, ["run"])
            #expect(running.wait(for: "\nstarted\n"))
            running.signal(SIGKILL)
            #expect(running.end() == -Int(SIGKILL))
            for _ in 0..<50 where try !processes(marker).isEmpty { usleep(100_000) }
            #expect(try processes(marker).isEmpty)
            #expect(RecordQuery.value("buildStatus", in: try record(drydock)) == "STOPPED")
            #expect(try drydock("run", "--timeout", "0.01").status == 124)
        }
    }
}
