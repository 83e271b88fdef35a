// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What is written beside a build, and what must be clear before it begins.
@Suite("Files that a build writes beside itself", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct EventsFileTests {
    private static let spec = "version: 0.2\nphases:\n  build:\n    commands: [echo hello]\n"

    @Test("a file for events that cannot be is refused before there is a build")
    func refused() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.spec)
            try tree.write("source/variables", "A=b\n")
            let drydock = try Drydock(in: tree)
            #expect(mkfifo(tree.path("source/fifo").string, 0o600) == 0)
            let cases = [
                ("..", "cannot write `..`"), ("fifo", "cannot write `fifo`"), ("-", "`-` is none"),
                ("./buildspec.yml", "would write over a file"), ("variables", "would write over a file"),
            ]
            for (file, message) in cases {
                let result = try drydock("run", "--env-file", "variables", "--events", file)
                #expect(result.status == 2 && result.errors.contains(message), "\(file): \(result.errors)")
            }
            #expect(try tree.text("source/buildspec.yml") == Self.spec)
            #expect(try tree.text("source/variables") == "A=b\n")
            #expect(!tree.exists("source/-"))
            // No number was used up.
            #expect(try drydock("run", "--events", "events").status == 0)
            #expect(try drydock("history").output.split(separator: "\n").count == 2)
            #expect(try tree.text("source/events").contains("\"number\":1,"))
            #expect(try drydock("run", "--events", "events").status == 0)
            #expect(try !tree.text("source/events").contains("\"number\":1,"), "an old file is replaced")
        }
    }

    @Test("how a build ended is recorded although its log has filled the disk", .enabled(if: getuid() == 0))
    func fullDisk() throws {
        try TemporaryTree.with { tree in
            let spec = "version: 0.2\nphases:\n  build:\n    commands: [seq 3000000]\n"
            try tree.write("source/buildspec.yml", spec)
            let drydock = try Drydock(in: tree)
            let state = tree.path("state").string
            let script =
                "mount -t tmpfs -o size=16m none \(state) && \(Drydock.program) run --state-dir \(state) | tail -n 3; "
                + "\(Drydock.program) history --state-dir \(state)"
            let result = try runTool("unshare", ["-m", "sh", "-c", script], in: drydock.directory)
            #expect(result.errors.contains("no space left on device"), "\(result)")
            #expect(result.output.contains("SUCCEEDED"), "\(result.output)\(result.errors)")
            #expect(!result.output.contains("STOPPED"), "\(result.output)\(result.errors)")
        }
    }
}
