// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Glibc
import Sandbox
import SystemPackage
import TestSupport
import Testing

/// Each test pushes a wall of docs/threat-model.md from inside.
@Suite("A build cannot", .sandboxed)
struct WallTests {
    @Test(
        "see the host's private places",
        arguments: ["/home", "/root", "/run", "/tmp", "/mnt", "/var/log", "/var/tmp"])
    func hostDirectories(path: String) throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("find \(path) -mindepth 1 ! -type d | head -3")
            #expect(fixture.output == "")
        }
    }

    @Test("see drydock's own state or the host's path of its source")
    func ownState() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("ls -d '\(fixture.scratch)' '\(fixture.source)'") != .exited(0))
        }
    }

    @Test("see or signal a process of the host")
    func hostProcesses() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("ls -d /proc/[0-9]* | wc -l; kill -0 \(getpid())")
            #expect(fixture.output.hasPrefix("3\n") || fixture.output.hasPrefix("4\n"), "\(fixture.output)")
            #expect(fixture.output.contains("No such process"))
        }
    }

    @Test("look into its pid 1", arguments: ["environ", "exe", "fd/3", "mem", "root/etc", "cwd/etc", "maps"])
    func pidOne(file: String) throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("ls -L /proc/1/\(file)/ || head -c 1 /proc/1/\(file) | grep .") != .exited(0))
        }
    }

    @Test("read the host's secrets in /etc", arguments: ["/etc/shadow", "/etc/gshadow", "/etc/shadow-"])
    func secretsOfTheHost(file: String) throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("cut -d: -f2 \(file) 2>/dev/null | grep -vE '^[*!]?$'")
            #expect(fixture.output == "")
            // What it may write anew it does not uncover by that.
            _ = try fixture.run("rm -f \(file); cut -d: -f2 \(file) 2>/dev/null | grep -vE '^[*!]?$'")
            #expect(fixture.output == "")
        }
    }

    @Test(
        "make namespaces or mounts",
        arguments: [
            "unshare -U true", "unshare -m true", "unshare -n true", "unshare -p true", "mount -t tmpfs none /mnt",
            "mount -o remount,rw /sys", "umount /proc/kcore", "umount /proc/sys", "chroot / mount --bind / /mnt",
            "nsenter -t 1 -m true", "mknod null c 1 3", "mknod disk b 8 0", "hostname evil",
            "date -s 2001-01-01", "sysctl -w kernel.hostname=evil", "swapon /dev/null", "dmesg",
        ])
    func privileges(command: String) throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run(command + " >/dev/null 2>&1") != .exited(0))
        }
    }

    @Test(
        "write to the kernel's settings",
        arguments: [
            "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/sys/power/state",
            "/sys/kernel/uevent_helper", "/proc/irq/default_smp_affinity", "/proc/sys/vm/overcommit_memory",
            "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent",
        ])
    func kernelSettings(file: String) throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("echo 1 > \(file)") != .exited(0))
        }
    }

    @Test(
        "read what the kernel says of the host",
        arguments: [
            "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kallsyms", "/proc/interrupts", "/proc/config.gz",
            "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun",
        ])
    func kernelSecrets(file: String) throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("head -c 10 \(file) 2>/dev/null | wc -c")
            #expect(fixture.output == "0\n")
        }
    }

    @Test("have the host's root among its ids, more capabilities than it needs, or new privileges")
    func identity() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("cat /proc/self/uid_map; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status")
            let lines = fixture.output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace) }
            #expect(lines.first?[1] != "0")
            let fields = Dictionary(
                lines.filter { $0.count == 2 }.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
            #expect(fields["CapEff:"] == "00000000800405fb")
            #expect(fields["CapBnd:"] == "00000000800405fb")
            #expect(fields["CapInh:"] == "0000000000000000")
            #expect(fields["CapAmb:"] == "0000000000000000")
            #expect(fields["NoNewPrivs:"] == "1")
            #expect(fields["Seccomp:"] == "2")
        }
    }

    @Test("find an open descriptor that is not its own")
    func descriptors() throws {
        let leaked = open("/etc/hostname", O_RDONLY)
        defer { close(leaked) }
        try SandboxFixture.with { fixture in
            // The shell's own expansion opens the directory, and closes it before `ls` runs.
            _ = try fixture.run("for f in $(echo /proc/$$/fd/*); do readlink $f; done | grep -v script.sh")
            let lines = fixture.output.split(separator: "\n").map(String.init)
            #expect(lines.count == 3, "\(lines)")
            #expect(lines.allSatisfy { $0.contains("/dev/null") || $0.contains("pipe:") }, "\(lines)")
        }
    }

    @Test("inherit blocked or ignored signals")
    func signals() throws {
        try SandboxFixture.with { fixture in
            _ = try fixture.run("sh -c 'grep -E \"Sig(Blk|Ign)\" /proc/self/status'")
            #expect(fixture.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
        }
    }

    @Test("reach a terminal")
    func terminal() throws {
        try SandboxFixture.with { fixture in
            try #expect(fixture.run("echo x > /dev/tty") != .exited(0))
        }
    }

    @Test("reach any network when it is given none")
    func network() throws {
        try SandboxFixture.with(network: .none) { fixture in
            _ = try fixture.run("tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/unix | grep -c @")
            #expect(fixture.output.split(whereSeparator: \.isWhitespace) == ["lo", "0"])
        }
    }

    @Test("bring the machine down with processes")
    func forkBomb() throws {
        try SandboxFixture.with(limits: .init(processes: 60)) { fixture in
            let outcome = try fixture.run("f() { f | f & }; f; sleep 1; echo after", seconds: 20)
            #expect(outcome != .exited(0) || fixture.output.contains("fork"), "\(outcome)")
            try fixture.sandbox.quiesce()
        }
    }

    @Test("open its launcher's program for writing, not even one that belongs to whoever runs the build")
    func launcherProgram() throws {
        try TemporaryTree.with { tree in
            let own = tree.path("drydock-init")
            #expect(try runTool("cp", [BuiltProgram.path("drydock-init").string, own.string]).status == 0)
            for launcher in [BuiltProgram.path("drydock-init"), own] {
                let fixture = try SandboxFixture(tree: tree, launcher: launcher)
                // The interpreter line makes the kernel execute the launcher again, inside, where the build may look into it.
                _ = try fixture.run("printf '#!/proc/self/exe\\n' > s; chmod +x s; ./s; true")
                _ = try fixture.run("for p in /proc/[0-9]*; do (exec 8>>$p/exe) 2>/dev/null && echo writable $p; done")
                #expect(!fixture.output.contains("writable"))
                try fixture.close()
            }
        }
    }
}
