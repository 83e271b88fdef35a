// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a failed build leaves, and how another goes on with it.
@Suite("Kept state", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct KeptStateTests {
    private static let spec = """
        version: 0.2
        phases:
          install:
            commands:
              - export STAGE=installed; mkdir -p sub /opt/tool; echo tool > /opt/tool/x; echo conf > /etc/made
              - cd sub; echo install-ran
          build:
            commands:
              - export IN_BUILD=1
              - cat /opt/tool/x /etc/made; echo "in $(basename $PWD) $STAGE ${IN_BUILD:-}"; cat ../input
              - grep -q good ../input
        artifacts:
          files: input
        """

    private static func prepare(_ tree: TemporaryTree, _ user: TestUser = TestUser(), spec: String = spec) throws
        -> Drydock
    {
        try tree.write("source/buildspec.yml", spec)
        try tree.write("source/input", "bad\n")
        let drydock = try Drydock(in: tree, user: user)
        try user.own(tree.path("source"))
        return drydock
    }

    /// Of a directory, and not of what may be going away below it.
    private static func names(_ directory: FilePath) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.string)
    }

    @Test("goes on at the failed phase with what was edited since", arguments: TestUser.all)
    func resume(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree, user)
            let failed = try drydock("run")
            #expect(failed.status == 1)
            #expect(failed.output.contains("install-ran"))
            #expect(failed.text.contains("drydock run --resume"), "\(failed.output)\(failed.errors)")

            let again = try drydock("run", "--resume")
            #expect(again.status == 1, "\(again.output)\(again.errors)")
            #expect(!again.output.contains("install-ran"))
            #expect(again.output.contains("resumes build 1 at BUILD"))
            #expect(again.output.contains("not run again: INSTALL"))
            #expect(again.output.contains("tool\nconf\nin sub installed 1\nbad\n"))

            usleep(20_000)
            try tree.write("source/input", "good\n")
            try user.own(tree.path("source/input"))
            let artifacts = tree.path("artifacts").string
            let done = try drydock("run", "--resume", "-a", artifacts, "--packaging", "directory")
            #expect(done.status == 0, "\(done.output)\(done.errors)")
            #expect(done.output.contains("resumes build 2 at BUILD"))
            #expect(done.output.contains("takes in 1 change: input"))
            #expect(try drydock("show", "--json").output.contains("\"reusedPhases\": ["))

            let nothing = try drydock("run", "--resume")
            #expect(nothing.status == 3)
            #expect(nothing.errors.contains("no state of a failed build"))
        }
    }

    @Test("is what `drydock shell` opens, and what is done there stays for --resume", arguments: TestUser.all)
    func shell(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree, user)
            #expect(try drydock("run").status == 1)

            let looked = try drydock(
                "shell", "-c", "cat /opt/tool/x /etc/made; basename $PWD; echo $STAGE; echo /opt > /opt/note")
            #expect(looked.output == "tool\nconf\nsub\ninstalled\n", "\(looked.errors)")
            #expect(
                looked.errors.contains("what build 1 of `source` left in BUILD, where `grep -q good ../input` failed"))
            #expect(try drydock("shell", "-c", "cat /opt/note; exit 3").status == 3)
            let fresh = try drydock("shell", "--fresh", "-c", "ls /opt/note /opt/tool")
            #expect(fresh.status != 0)
            #expect(fresh.errors.contains("a fresh sandbox of `source`"))

            #expect(try drydock("shell", "-c", "echo good > ../input").status == 0)
            let done = try drydock("run", "--resume")
            #expect(done.status == 0, "\(done.output)\(done.errors)")
            #expect(try drydock("shell", "-c", "true").errors.contains("a fresh sandbox of `source`"))
        }
    }

    @Test("begins at an earlier phase, and at none behind the failed one")
    func from() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run").status == 1)
            let behind = try drydock("run", "--from", "post_build")
            #expect(behind.status == 2 && behind.errors.contains("failed in BUILD"), "\(behind.errors)")
            let install = try drydock("run", "--from", "install")
            #expect(install.status == 1)
            #expect(install.output.contains("install-ran") && install.output.contains("resumes build 1 at INSTALL"))
            #expect(try drydock("run", "--resume", "--image", "dir:/").status == 2)
        }
    }

    @Test("lets flags and the buildspec change what the phase finds")
    func edits() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run", "-e", "FLAG=old", "-e", "SAME=1").status == 1)
            let spec = Self.spec.replacing("grep -q good ../input", with: "echo flag=$FLAG same=$SAME stage=$STAGE")
            try tree.write("source/buildspec.yml", spec)
            let result = try drydock("run", "--resume", "-e", "FLAG=new", "-e", "SAME=1")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("flag=new same=1 stage=installed"))
        }
    }

    @Test("keeps no secret on the disk, and resolves it anew", arguments: TestUser.all)
    func secrets(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let spec = """
                version: 0.2
                phases:
                  install:
                    commands:
                      - export DERIVED="https://me:$TOKEN@host/" MULTI="a'b
                        c" PLAIN=kept
                  build:
                    commands:
                      - test "$TOKEN" = sup3rs3cret-value && echo token-there
                      - echo "plain=$PLAIN derived=${DERIVED:-none} multi=$MULTI"; false
                """
            let drydock = try Self.prepare(tree, user, spec: spec)
            #expect(try drydock("run", "--secret", "TOKEN=sup3rs3cret-value").status == 1)
            let resumed = try drydock("run", "--resume", "--secret", "TOKEN=sup3rs3cret-value")
            #expect(resumed.output.contains("token-there"), "\(resumed.output)")
            #expect(resumed.output.contains("plain=kept derived=none multi=a'b"), "\(resumed.output)")
            #expect(resumed.text.contains("a secret stood in `DERIVED`"))
            let found = try runTool("grep", ["-rlF", "sup3rs3cret", tree.path("state").string])
            #expect(found.output.isEmpty, "\(found.output)")
        }
    }

    @Test("is removed by gc, by a success, and is not there when it is not wanted", arguments: TestUser.all)
    func collecting(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree, user)
            #expect(try drydock("run", "--no-keep").status == 1)
            #expect(try drydock("run", "--resume").status == 3)
            #expect(try drydock("run").status == 1)
            // It is put in its place in the background.
            for _ in 0..<100 where try drydock("gc", "--dry-run", "--all").output == "would free 0 bytes\n" {
                usleep(20_000)
            }
            let dry = try drydock("gc", "--dry-run", "--all")
            #expect(
                dry.output.contains("would remove the state of build 2 of `source`, failed in BUILD"), "\(dry.text)")
            #expect(try drydock("gc").output == "freed 0 bytes\n")
            #expect(try drydock("gc", "77").status == 2)
            let removed = try drydock("gc", "2")
            #expect(removed.status == 0 && removed.output.contains("removed the state of build 2"), "\(removed.text)")
            #expect(try Self.names(tree.path("state/kept")).filter { !$0.hasSuffix(".lock") } == [])

            #expect(try drydock("run").status == 1)
            // A success does not wait for what is still being put there.
            for _ in 0..<250 where try drydock("gc", "--dry-run", "--all").output == "would free 0 bytes\n" {
                usleep(20_000)
            }
            try tree.write("source/input", "good\n")
            #expect(try drydock("run").status == 0)
            for _ in 0..<100 where try drydock("gc", "--dry-run", "--all").output != "would free 0 bytes\n" {
                usleep(20_000)
            }
            #expect(try drydock("gc", "--dry-run", "--all").output == "would free 0 bytes\n")
            #expect(try drydock("gc", "--logs-older-than", "0d").output.contains("record and log of 4 builds"))
        }
    }

    @Test("goes on with a checkout that the earlier build had made")
    func checkout() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            for arguments in [["init", "-q"], ["add", "."], ["commit", "-qm", "one"]] {
                let settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
                #expect(try runTool("git", settings + arguments, in: tree.path("source")).status == 0)
            }
            let words = ["run", "--source-version", "main", "-b", tree.path("source/buildspec.yml").string]
            #expect(try drydock.run(words).status == 1)
            let resumed = try drydock.run(words + ["--resume"])
            #expect(resumed.status == 1)
            #expect(resumed.output.contains("in sub installed 1\nbad\n"), "\(resumed.output)\(resumed.errors)")
        }
    }

    @Test("is not kept on a full disk, and the build's result stays")
    func fullDisk() throws {
        guard getuid() == 0 else { return }
        try TemporaryTree.with { tree in
            let spec = """
                version: 0.2
                phases:
                  build:
                    commands:
                      - head -c 40000000 /dev/zero > /etc/big && false
                """
            let drydock = try Self.prepare(tree, spec: spec)
            let state = tree.path("state").string
            let script =
                "mount -t tmpfs -o size=16m none \(state) && \(Drydock.program) run --state-dir \(state); "
                + "echo status=$?; sleep 0.2; ls \(state)/kept \(state)/sandboxes"
            let result = try runTool("unshare", ["-m", "sh", "-c", script], in: drydock.directory)
            #expect(result.output.contains("status=1"), "\(result.text)")
            #expect(result.output.contains("could not be kept"), "\(result.text)")
        }
    }

    @Test("leaves nothing half kept when everything is killed meanwhile")
    func killed() throws {
        try TemporaryTree.with { tree in
            let spec = """
                version: 0.2
                phases:
                  build:
                    commands:
                      - mkdir /etc/many; cd /etc/many; seq 1 10000 | xargs touch; head -c 100000000 /dev/zero > big; false
                """
            _ = try Self.prepare(tree, spec: spec)
            // Programs of its own, so that the right ones are killed.
            let programs = try tree.directory("programs")
            let own = programs.appending("drydock").string
            let origin = Drydock.program.removingLastComponent()
            let launcher = [
                origin.appending("drydock-init"),
                origin.removingLastComponent().appending("libexec/drydock/drydock-init"),
            ]
            .first { FileManager.default.fileExists(atPath: $0.string) }
            // By another process: a test beside this one could inherit a descriptor that keeps the copy from running.
            let copied = try runTool(
                "cp", [Drydock.program.string, try #require(launcher).string, programs.string])
            #expect(copied.status == 0, "\(copied.text)")
            let state = tree.path("state").string
            func run(_ words: String...) throws -> ToolResult {
                try runTool(own, words + ["--state-dir", state], in: tree.path("source"))
            }
            let failed = try run("run")
            #expect(failed.status == 1, "\(failed.text)")
            _ = try runTool("pkill", ["-9", "-f", "^\(programs.string)/drydock-init"])
            usleep(100_000)
            let kept = try Self.names(tree.path("state/kept")).filter { !$0.hasSuffix(".lock") }
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n")
            if kept.isEmpty { #expect(try run("run", "--resume").status == 3) }
            #expect(try run("run").status == 0)
            for _ in 0..<200
            where try Self.names(tree.path("state/sandboxes")).contains(where: { !$0.hasPrefix("slot-") }) {
                usleep(20_000)
            }
            #expect(try Self.names(tree.path("state/sandboxes")).filter { !$0.hasPrefix("slot-") } == [])
        }
    }
}

extension ToolResult {
    fileprivate var text: String { output + errors }
}
