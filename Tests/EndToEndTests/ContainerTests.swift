// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// drydock in real containers: podman over this machine's own root, copy-on-write, so that no image has to be had.
@Suite("In a container", .serialized) struct ContainerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var options: [String]
        var arguments: [String] = []
        var status = 0
        /// What it says, somewhere.
        var words: [String] = []
    }

    static let cases = [
        Case(
            testDescription: "default seccomp, root", options: [],
            words: ["does with less: its root is the root of this container", "list this container's processes"]),
        Case(testDescription: "default seccomp, a user", options: ["--user", "1000:1000"]),
        Case(testDescription: "no new privileges", options: ["--user", "1000", "--security-opt", "no-new-privileges"]),
        Case(
            testDescription: "privileged", options: ["--privileged"], words: ["its root is the root of this container"]),
        Case(testDescription: "a /proc that is not masked", options: ["--security-opt", "unmask=ALL"]),
        Case(
            testDescription: "read-only",
            options: ["--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,notmpcopyup,mode=1777"]),
        Case(testDescription: "no network", options: [], arguments: ["--network", "none"]),
        Case(
            testDescription: "no capabilities", options: ["--cap-drop", "ALL"], status: 4,
            words: ["root lacks the capability SETFCAP", "--cap-add SETFCAP"]),
        Case(
            testDescription: "Docker's seccomp", options: ["--security-opt", "seccomp=docker.json"], status: 4,
            words: ["the container's seccomp filter refuses it", "podman run --security-opt seccomp=unconfined"]),
        Case(
            testDescription: "Docker's seccomp, auto", options: ["--security-opt", "seccomp=docker.json"],
            arguments: ["--isolation", "auto"], words: ["no sandbox can be made here"]),
        Case(
            testDescription: "Docker's seccomp, a user, none",
            options: ["--user", "1000", "--security-opt", "seccomp=docker.json"], arguments: ["--isolation", "none"],
            words: ["the build is not isolated"]),
    ]

    @Test("a build runs, or says what to type", arguments: cases)
    func build(_ given: Case) throws {
        guard let podman = Self.podman else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases: {build: {commands: ["test -f buildspec.yml; A=1", "echo \\"A=$A\\"; echo new > new || :"]}}
                artifacts: {files: [buildspec.yml]}
                """)
            try tree.setMode("source", 0o777)
            try tree.write("docker.json", Self.dockerProfile)
            let programs = Drydock.program.removingLastComponent().removingLastComponent()
            let options = given.options.map { $0.replacingOccurrences(of: "=docker", with: "=\(tree.path("docker"))") }
            let command = Drydock.program.bytesBelow(programs)
            let words =
                ["-v", "\(programs):/media:ro", "-v", "\(tree.path("source")):/mnt", "-w", "/mnt"] + options
                + ["--rootfs", "/:O", "/media/\(command)", "run", "-a", "/tmp/out"] + given.arguments
            let result = try runTool(podman.name, podman.arguments + words, in: tree.path)
            let text = result.output + result.errors
            #expect(result.status == given.status, "\(text)")
            for words in given.words { #expect(text.contains(words), "\(words) in \(text)") }
            if given.status == 0 {
                #expect(text.contains("\nA=1\n"))
                #expect(text.contains("artifact written"))
            }
            if !given.arguments.contains("none") || given.arguments.contains("--network") {
                #expect(!tree.exists("source/new"))
            }
        }
    }

    @Test("a failed build's state is kept on a volume, a copied /etc with it, and gone on with in the next container")
    func resume() throws {
        guard let podman = Self.podman else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  pre_build: {commands: ["echo mine > /etc/mine; echo first > first; A=1"]}
                  build: {commands: ["echo A=$A $(cat first /etc/mine)", "test -e fixed"]}
                """)
            try tree.directory("state")
            func run(_ arguments: [String]) throws -> ToolResult {
                let programs = Drydock.program.removingLastComponent().removingLastComponent()
                let command = Drydock.program.bytesBelow(programs)
                return try runTool(
                    podman.name,
                    podman.arguments + [
                        "-v", "\(programs):/media:ro", "-v", "\(tree.path("source")):/mnt", "-w", "/mnt", "-v",
                        "\(tree.path("state")):/srv", "--rootfs", "/:O", "/media/\(command)", "run", "--state-dir",
                        "/srv",
                    ] + arguments, in: tree.path)
            }
            let failed = try run([])
            #expect(failed.status == 1 && !failed.output.contains("could not be kept"), "\(failed.output)")
            let again = try run(["--resume"])
            #expect(again.status == 1 && again.output.contains("\nA=1 first mine\n"), "\(again.output)\(again.errors)")
            try tree.write("source/fixed")
            let resumed = try run(["--resume"])
            #expect(resumed.status == 0, "\(resumed.output)\(resumed.errors)")
            #expect(resumed.output.contains("\nA=1 first mine\n"))
        }
    }

    @Test(
        "where the first process is no init, drydock leaves no zombie of its own",
        arguments: ["run", "run --isolation none", "doctor"])
    func zombies(arguments: String) throws {
        guard let podman = Self.podman else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases: {build: {commands: ['true']}}")
            let programs = Drydock.program.removingLastComponent().removingLastComponent()
            let command = "/media/\(Drydock.program.bytesBelow(programs))"
            // Takes nobody's end but that of the process it waits for.
            let script = """
                import os, time
                code = os.spawnv(os.P_WAIT, "\(command)", "\(command) \(arguments)".split())
                time.sleep(1)
                listing = os.popen("ps -e -o stat=,comm=").read().splitlines()
                print("code", code, "zombies", [line for line in listing if line.startswith("Z")])
                """
            try tree.write("source/first.py", script)
            let words = [
                "-v", "\(programs):/media:ro", "-v", "\(tree.path("source")):/mnt", "-w", "/mnt", "--rootfs", "/:O",
                "python3", "first.py",
            ]
            let result = try runTool(podman.name, podman.arguments + words, in: tree.path)
            #expect(result.output.hasSuffix("code 0 zombies []\n"), "\(result.output)\(result.errors)")
        }
    }

    @Test("doctor's remedies are those of a container", arguments: [[], ["--cap-drop", "ALL"]])
    func doctor(options: [String]) throws {
        guard let podman = Self.podman else { return }
        try TemporaryTree.with { tree in
            let programs = Drydock.program.removingLastComponent().removingLastComponent()
            let words =
                ["-v", "\(programs):/media:ro"] + options
                + ["--rootfs", "/:O", "/media/\(Drydock.program.bytesBelow(programs))", "doctor"]
            let result = try runTool(podman.name, podman.arguments + words, in: tree.path)
            #expect(result.status == (options.isEmpty ? 0 : 4), "\(result.output)\(result.errors)")
            for wrong in ["run drydock as root", "uidmap", "usermod"] {
                #expect(!result.output.contains(wrong), "\(result.output)")
            }
            #expect(result.output.contains("podman run --memory"), "\(result.output)")
            if !options.isEmpty {
                #expect(result.output.contains("--cap-add SETGID --cap-add SETUID --cap-add SETFCAP"))
            }
        }
    }

    @Test("where a failed build's state cannot be kept that is said with what gives it back, to the quiet too")
    func notKept() throws {
        guard let podman = Self.podman else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases: {build: {commands: ['false']}}")
            let programs = Drydock.program.removingLastComponent().removingLastComponent()
            let command = [
                "-v", "\(programs):/media:ro", "-v", "\(tree.path("source")):/mnt", "-w", "/mnt", "--rootfs", "/:O",
                "/media/\(Drydock.program.bytesBelow(programs))", "run", "-q",
            ]
            let result = try runTool(podman.name, podman.arguments + command, in: tree.path)
            #expect(result.status == 1)
            let words = "can hold no layer of an overlay, so it was all in memory"
            #expect(result.errors.contains(words), "\(result.output)\(result.errors)")
            #expect(result.errors.contains("\nhint: podman run -v drydock-state:/state, then --state-dir /state\n"))
        }
    }

    /// The words that start podman here; nil, loudly, where it is missing or does not run.
    private static let podman: (name: String, arguments: [String])? = {
        func skip(_ reason: String) {
            let line = "SKIPPED: no containers: \(reason)\n"
            _ = try? FileDescriptor.standardError.writeAll(line.utf8)
        }
        guard getuid() == 0, hasTool("podman"), hasTool("crun") else {
            skip("podman and crun are not installed, or we are not root")
            return nil
        }
        // Version 2 beside version 1 is more than crun takes; it need not see it.
        let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\""
        let storage = "/var/tmp/drydock-tests-podman"
        let words = [
            "-m", "sh", "-c", script, "sh", "podman", "--root", storage, "--runroot", storage + "-run", "--runtime",
            "crun", "run", "--rm", "--network=none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit",
            "nproc=1024:1024",
        ]
        guard let tried = try? runTool("unshare", words + ["--rootfs", "/:O", "true"]), tried.status == 0 else {
            skip("podman does not run here")
            return nil
        }
        return ("unshare", words)
    }()

    /// What Docker's own profile refuses of what a sandbox needs, to a container without CAP_SYS_ADMIN.
    private static let dockerProfile = """
        {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"], "syscalls": [
        {"names": ["unshare", "setns", "mount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick",
        "open_tree", "move_mount", "mount_setattr"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
        "args": [{"index": 0, "value": 268435456, "valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ"}]}]}
        """
}

extension FilePath {
    /// The path below a directory that it begins with.
    fileprivate func bytesBelow(_ directory: FilePath) -> String {
        var path = self
        _ = path.removePrefix(directory)
        return path.string
    }
}
