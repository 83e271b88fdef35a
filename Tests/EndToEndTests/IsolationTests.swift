// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Isolation") struct IsolationTests {
    private static let buildspec = """
        version: 0.2
        env:
          exported-variables: [B]
        phases:
          build:
            commands:
              - A=1; mkdir sub; cd sub
              - echo "$A ${PWD##*/}"; test -d "$HOME" && test -w "${TMPDIR:-/tmp}" && cd "$CODEBUILD_SRC_DIR"
              - (sleep 98765 & echo $! > pid); B=$A; rm old; echo new > new
        artifacts:
          files: [new]
        """

    private func prepare(_ tree: TemporaryTree, _ user: TestUser = TestUser()) throws -> Drydock {
        try tree.write("source/buildspec.yml", Self.buildspec)
        try tree.write("source/old", "text")
        try user.own(tree.path("source"))
        return try Drydock(in: tree, user: user)
    }

    @Test("without a sandbox a build works on a copy, and leaves nothing", arguments: TestUser.all)
    func none(_ user: TestUser) throws {
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree, user)
            let result = try drydock(
                "run", "--isolation", "none", "-a", tree.path("artifacts").string)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("1 sub\n"))
            #expect(result.output.components(separatedBy: "the build is not isolated").count == 2)
            let warned = try #require(result.output.range(of: "the build is not isolated"))
            let started = try #require(result.output.range(of: "Running command"))
            #expect(warned.lowerBound < started.lowerBound)
            #expect(try tree.listing("source") == ["buildspec.yml", "old"])
            #expect(try tree.listing("artifacts") == ["artifacts.zip"])
            #expect(try tree.listing("state/direct") == ["lock"])
            let left = try runTool("pgrep", ["-u", user.name ?? "root", "-f", "^sleep 98765$"])
            #expect(left.output.isEmpty)
        }
    }

    @Test("what only a sandbox can do is refused without one")
    func refused() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            let wanted = [
                ["--network", "none"], ["--image", "dir:/"], ["--image", "nosuch"], ["--print-sandbox"],
                ["--debug-session"], ["--shell-on-failure"], ["--resume"], ["--from", "build"],
            ]
            for words in wanted {
                let result = try drydock.run(["run", "--isolation", "none"] + words)
                #expect(result.status == 2)
                #expect(result.errors.contains("needs a sandbox, and `--isolation none` has none"))
            }
            #expect(try drydock("run", "--isolation", "nnoe").status == 2)
            let shell = try drydock("shell", "--isolation", "none", "-c", "true")
            #expect(shell.status == 2 && shell.errors.contains("`drydock shell` opens a shell in a sandbox"))
        }
    }

    @Test(
        "a signal that would end drydock alone ends a build without a sandbox too",
        arguments: [SIGQUIT, SIGUSR1, SIGALRM])
    func signals(number: Int32) throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nphases: {build: {commands: ['echo $$ > \(tree.path("pid")); echo go; exec sleep 1000']}}"
            )
            let running = try RunningDrydock(try Drydock(in: tree), ["run", "--isolation", "none"])
            #expect(running.wait(for: "\ngo\n"))
            running.signal(number)
            #expect(running.end() == -Int(number), "\(running.text)\(running.errors)")
            let process = try #require(Int32(try tree.text("pid").dropLast()))
            #expect(kill(process, 0) != 0)
            #expect(try tree.listing("state/direct") == ["lock"])
        }
    }

    @Test("that there is no sandbox is said to the quiet too, and stands in the record and in GitHub's summary")
    func told() throws {
        try TemporaryTree.with { tree in
            var drydock = try prepare(tree)
            let quiet = try drydock("run", "--isolation", "none", "--cpus", "1", "-q")
            #expect(quiet.errors.hasPrefix("warning: the build is not isolated"), "\(quiet.errors)")
            #expect(quiet.errors.contains("\nwarning: the cpu limit is not enforced"))
            #expect(quiet.lines.count == 1 && quiet.output.hasPrefix("build 1 succeeded"), "\(quiet.output)")
            #expect(try drydock("show", "--json").output.contains("\"isolation\": \"none\""))
            #expect(try drydock("show").output.contains("isolation    none\n"))
            drydock.environment["GITHUB_STEP_SUMMARY"] = tree.path("summary").string
            #expect(try drydock("run", "--isolation", "none", "--progress", "github").status == 0)
            #expect(try tree.text("summary").contains("the build is not isolated"))
            guard Drydock.requireSandbox(TestUser()) else { return }
            #expect(try drydock("run", "-q").status == 0)
            #expect(try drydock("show").output.contains("isolation    namespaces\n"))
        }
    }

    @Test("the next build clears what a killed one left")
    func killed() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nphases: {build: {commands: ['echo $$ > \(tree.path("pid")); echo go; exec sleep 1000']}}"
            )
            let drydock = try Drydock(in: tree)
            let running = try RunningDrydock(drydock, ["run", "--isolation", "none"])
            #expect(running.wait(for: "\ngo\n"))
            running.signal(SIGKILL)
            #expect(running.end() == -Int(SIGKILL))
            if let left = Int32(try tree.text("pid").dropLast()) { kill(left, SIGKILL) }
            #expect(try tree.listing("state/direct").count > 1)
            try tree.write("source/buildspec.yml", "version: 0.2\nphases: {build: {commands: ['true']}}")
            #expect(try drydock("run", "--isolation", "none").status == 0)
            #expect(try tree.listing("state/direct") == ["lock"])
        }
    }

    // MARK: Refusals and limits, without a container

    /// Runs drydock below a shell script that first takes something away.
    private func run(
        _ drydock: Drydock, below script: String, unshare flags: [String] = ["-Ur", "-m"], _ arguments: [String]
    ) throws -> ToolResult {
        let words = Drydock.withState(arguments, drydock.tree.path("state"))
        return try runTool(
            "unshare", flags + ["sh", "-c", script + "\nexec \"$@\"", "sh", Drydock.program.string] + words,
            environment: drydock.environment, in: drydock.directory)
    }

    @Test(
        "where no user namespace is allowed a build ends with 4 and the setting; `auto` goes on without, and says why")
    func noNamespaces() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            let script = "echo 0 > /proc/sys/user/max_user_namespaces || exit 99"
            let refused = try run(drydock, below: script, ["run"])
            #expect(refused.status == 4)
            #expect(refused.errors.contains("the setting `user.max_user_namespaces` is 0"), "\(refused.errors)")
            #expect(refused.errors.contains("sudo sysctl user.max_user_namespaces="))
            #expect(refused.errors.contains("`--isolation none` builds without a sandbox"))
            let doctor = try run(drydock, below: script, ["doctor"])
            #expect(doctor.status == 4)
            #expect(doctor.output.contains("the setting `user.max_user_namespaces` is 0"))
            let auto = try run(drydock, below: script, ["run", "--isolation", "auto"])
            #expect(auto.status == 0, "\(auto.output)\(auto.errors)")
            #expect(auto.output.contains("no sandbox can be made here (cannot create the namespaces"))
            #expect(try tree.listing("source") == ["buildspec.yml", "old"])
            for words in [["--network", "none"], ["--resume"], ["--print-sandbox"], ["--debug-session"]] {
                let needy = try run(drydock, below: script, ["run", "--isolation", "auto"] + words)
                #expect(needy.status == 4)
                #expect(needy.errors.contains("needs a sandbox, and none can be made here: "), "\(needy.errors)")
                #expect(!needy.errors.contains("--isolation none"), "\(needy.errors)")
            }
            for words in [["run", "--network", "none"], ["shell", "-c", "true"]] {
                let needy = try run(drydock, below: script, words)
                #expect(needy.status == 4)
                let text = needy.output + needy.errors
                #expect(text.contains("max_user_namespaces") && !text.contains("--isolation none"), "\(text)")
            }
        }
    }

    @Test("`auto` lets what only a sandbox has be asked for where there is one")
    func autoWithNeeds() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            #expect(try drydock("run", "--isolation", "auto", "--print-sandbox").status == 0)
            #expect(try drydock("run", "--isolation", "auto", "--network", "none").status == 0)
            let resumed = try drydock("run", "--isolation", "auto", "--resume")
            #expect(resumed.status == 3 && resumed.errors.contains("no state of a failed build"), "\(resumed.errors)")
        }
    }

    @Test("env and --dry-run show the places that a build without a sandbox would have")
    func places() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            for words in [["env"], ["run", "--dry-run"]] {
                let result = try drydock.run(words + ["--isolation", "none"])
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output.contains("\(tree.path("state/direct"))/"), "\(result.output)")
                #expect(!result.output.contains("/codebuild/output"), "\(result.output)")
            }
        }
    }

    @Test("without /proc every command says so, and ends with 4", arguments: [["run"], ["--version"], ["lint"]])
    func withoutProcesses(words: [String]) throws {
        guard getuid() == 0 else { return skip("not root: nothing can be unmounted") }
        try TemporaryTree.with { tree in
            let result = try run(
                try prepare(tree), below: "umount -l /proc || exit 99", unshare: ["-m"], words)
            #expect(result.status == 4)
            #expect(
                result.errors == """
                    error: /proc is not mounted, and drydock cannot do without it
                    hint: mount -t proc proc /proc

                    """)
        }
    }

    @Test("`auto` takes a sandbox where there is one")
    func auto() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let result = try prepare(tree)("run", "--isolation", "auto")
            #expect(result.status == 0)
            #expect(result.output.contains("CODEBUILD_SRC_DIR=/codebuild/output/"))
            #expect(!result.output.contains("not isolated"))
        }
    }

    @Test("a partly hidden /proc is shared read-only, and what is hidden stays hidden")
    func hiddenProcesses() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  build:
                    commands:
                      - "test ! -s /proc/version && echo hidden"
                      - "for p in /proc/[0-9]*; do cat $p/environ; done 2>/dev/null | tr '\\\\0' '\\\\n' | grep -c ^OUTSIDE= || :"
                      - "cat /dev/stdin; echo out > /dev/stdout; (echo 1 > /proc/self/oom_score_adj) 2>/dev/null || echo kept"
                """)
            var drydock = try Drydock(in: tree)
            drydock.environment["OUTSIDE"] = "secret"
            let result = try run(
                drydock, below: "mount --bind /dev/null /proc/version || exit 99", unshare: ["-Ur", "-m"],
                ["run"])
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("it can list this container's processes"))
            for line in ["\nhidden\n", "\n0\n", "\nout\n", "\nkept\n"] {
                #expect(result.output.contains(line), "\(line) in \(result.output)")
            }
        }
    }

    // MARK: Poor surroundings

    @Test("a full /tmp and a umask of 077 change nothing")
    func fullTemporaryDirectory() throws {
        guard getuid() == 0, Drydock.requireSandbox(TestUser()) else { return skip("not root: /tmp cannot be filled") }
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            let program = Drydock.program.lastComponent?.string ?? ""
            let place = Drydock.program.removingLastComponent()
            let script = """
                mount --bind "$1" /mnt && mount --bind "$2" /media && mount -t tmpfs -o size=64k tmpfs /tmp || exit 99
                head -c 1000000 /dev/zero > /tmp/fill; umask 077; cd /mnt/source
                exec /media/"$3" run --state-dir /mnt/state -a /mnt/artifacts --isolation "$4"
                """
            for isolation in ["namespaces", "none"] {
                let words = [
                    tree.path.string, place.removingLastComponent().string,
                    "\(place.lastComponent?.string ?? "")/\(program)", isolation,
                ]
                let result = try runTool(
                    "unshare", ["-m", "sh", "-c", script, "sh"] + words, environment: drydock.environment, in: "/")
                #expect(result.status == 0, "\(isolation): \(result.output)\(result.errors)")
                #expect(try tree.listing("artifacts") == ["artifacts.zip"])
            }
        }
    }

    @Test("where shared memory is full, what a shell saves is kept on the disk, which is said")
    func fullMemory() throws {
        guard getuid() == 0 else { return skip("not root: /dev/shm cannot be filled") }
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            let script = "mount -t tmpfs -o size=8k tmpfs /dev/shm && head -c 99999 /dev/zero > /dev/shm/full; true"
            let result = try run(drydock, below: script, unshare: ["-m"], ["run", "--isolation", "none"])
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("variables, secrets among them, are kept in `"))
        }
    }

    @Test("without a home, or with one on a read-only root, builds are kept where there is room; without any, 4")
    func nowhereToWrite() throws {
        guard getuid() == 0, Drydock.requireSandbox(TestUser()) else { return skip("not root: nothing can be mounted") }
        try TemporaryTree.with { tree in
            let drydock = try prepare(tree)
            let place = Drydock.program.removingLastComponent()
            let script = """
                mount --bind "$1" /mnt && mount --bind "$2" /media && mount -t tmpfs tmpfs /tmp || exit 99
                mount -t tmpfs -o ro tmpfs /var/lib && mount -t tmpfs -o $3 tmpfs /var/tmp || exit 99
                mount -o remount,$3 /tmp || exit 99
                unset HOME; cd /mnt/source; shift 3
                /media/"$@" --isolation none; code=$?; ls /var/tmp; exit $code
                """
            func run(_ options: String) throws -> ToolResult {
                let words = [
                    tree.path.string, place.removingLastComponent().string, options,
                    "\(place.lastComponent?.string ?? "")/\(Drydock.program.lastComponent?.string ?? "")", "run",
                ]
                return try runTool(
                    "unshare", ["-m", "sh", "-c", script, "sh"] + words, environment: drydock.environment, in: "/")
            }
            let kept = try run("rw")
            #expect(kept.status == 0, "\(kept.output)\(kept.errors)")
            #expect(kept.output.hasSuffix("drydock-0\n"))
            let refused = try run("ro")
            #expect(refused.status == 4)
            #expect(
                refused.errors == """
                    error: there is no place to keep builds: cannot write `/var/lib/drydock`, `/var/tmp/drydock-0`, \
                    `/tmp/drydock-0`
                    hint: choose a directory that can be written, with `--state-dir DIR` or in XDG_STATE_HOME

                    """)
        }
    }

    private func skip(_ reason: String) {
        _ = try? FileDescriptor.standardError.writeAll("SKIPPED: \(reason)\n".utf8)
    }
}
