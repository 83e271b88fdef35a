// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Glibc
import Sandbox
import SystemPackage
import TestSupport
import Testing

@Suite("A limit", .sandboxed, .serialized)
struct LimitTests {
    @Test("on memory is named when it kills, where this user may set one")
    func memory() throws {
        try TemporaryTree.with { tree in
            let limits = SandboxSettings.Limits(memoryBytes: 64 << 20)
            let fixture = try SandboxFixture(tree: tree, limits: limits)
            guard fixture.notices.isEmpty else {
                #expect(fixture.notices.map(\.message).allSatisfy { $0.contains("memory limit is not enforced") })
                #expect(geteuid() != 0, "as root in CI a limit can be set: \(fixture.notices)")
                return
            }
            let outcome = try fixture.run("perl -e '$x = \"a\" x (300 << 20)'; echo survived $?")
            // The shell lives on, as it does in CodeBuild; the next command tells that its child was killed.
            #expect(outcome == .exited(0) && fixture.output.contains("137"))
            try #expect(fixture.run("perl -e '$x = \"a\" x (300 << 20)'") == .outOfMemory(limit: 64 << 20, status: 137))
            try fixture.close()
            #expect(
                try runTool("sh", ["-c", "ls -d /sys/fs/cgroup/memory/drydock-one"]).lines == [])
        }
    }

    @Test("on processors holds, where this user may set one")
    func processors() throws {
        try SandboxFixture.with(limits: .init(cpus: 0.2)) { fixture in
            guard fixture.notices.isEmpty else { return }
            // A fifth of a processor: a second of work takes five.
            _ = try fixture.run("perl -e '1 while (times)[0] < 0.3'; cat /proc/uptime", seconds: 30)
            let times = try runTool(
                "sh",
                ["-c", "cat /sys/fs/cgroup/cpu/drydock-one/cpu.stat /sys/fs/cgroup/drydock-one/cpu.stat 2>/dev/null"])
            #expect(times.lines.contains { $0.hasPrefix("nr_throttled ") && $0 != "nr_throttled 0" })
        }
    }
}
