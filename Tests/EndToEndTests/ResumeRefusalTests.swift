// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a build that goes on must have in common with the one that failed, and what it may not take away.
@Suite("What agrees with a kept state", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ResumeRefusalTests {
    private static let spec = """
        version: 0.2
        phases:
          install:
            commands: ['echo install-ran; export N=inst; echo made > made; date > ${CODEBUILD_SRC_DIR_lib:-/tmp}/layer']
          build:
            commands: ['echo "N=$N"; test -e made && test -e ${CODEBUILD_SRC_DIR_lib:-/tmp}/layer && test -e good']
          post_build:
            commands: ['echo post-ran']

        """

    private static func prepare(_ tree: TemporaryTree) throws -> Drydock {
        try tree.write("source/buildspec.yml", spec)
        try tree.write("lib/given", "given\n")
        try tree.write("lib2/given", "other\n")
        return try Drydock(in: tree)
    }

    private static func isRefused(_ result: ToolResult, hint: String) -> Bool {
        result.status == 2 && result.errors.contains(hint) && !result.output.contains("post-ran")
    }

    @Test("a source that is mounted now and was not, or was and is not, is refused")
    func mounted() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run").status == 1)
            let mounted = try drydock("run", "-m", "--resume")
            #expect(Self.isRefused(mounted, hint: "leave out `-m`"), "\(mounted.errors)")
            #expect(try drydock("run", "--resume").status == 1)

            #expect(try drydock("run", "-m").status == 1)
            let viewed = try drydock("run", "--resume")
            #expect(Self.isRefused(viewed, hint: "give `-m` too"), "\(viewed.errors)")
            #expect(try drydock("shell", "-c", "true").status == 2)
            #expect(try drydock("shell", "--fresh", "-c", "true").status == 0)
        }
    }

    @Test("a secondary source that is missing, another or new is refused, and its layer stays")
    func sources() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run", "-s", ".", "-s", "lib:../lib").status == 1)
            let missing = try drydock("run", "--resume")
            #expect(Self.isRefused(missing, hint: "give `-s lib:../lib`"), "\(missing.errors)")
            let other = try drydock("run", "--resume", "-s", ".", "-s", "lib:../lib2")
            #expect(Self.isRefused(other, hint: "give `-s lib:../lib`"), "\(other.errors)")
            let added = try drydock("run", "--resume", "-s", ".", "-s", "lib:../lib", "-s", "more:../lib2")
            #expect(Self.isRefused(added, hint: "leave out `-s more:../lib2`"), "\(added.errors)")
            usleep(20_000)
            try tree.write("source/good", "")
            // The same directory by another name.
            let same = try drydock("run", "--resume", "-s", ".", "-s", "lib:\(tree.path("lib"))")
            #expect(same.status == 0, "\(same.output)\(same.errors)")
        }
    }

    @Test("phases that leave out the one to begin at are refused")
    func phases() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run").status == 1)
            for words in [["run", "--resume", "post_build"], ["run", "--from", "build", "post_build"]] {
                let result = try drydock.run(words)
                #expect(Self.isRefused(result, hint: "name `build` among them"), "\(result.output)\(result.errors)")
            }
            // A phase that succeeds alone takes nothing away, before and after the state is used.
            #expect(try drydock("run", "install").status == 0)
            usleep(20_000)
            try tree.write("source/good", "")
            let alone = try drydock("run", "--resume", "build")
            #expect(alone.status == 0, "\(alone.output)\(alone.errors)")
            #expect(alone.text.contains("build 2 succeeded later and left no state"), "\(alone.text)")
            let rest = try drydock("run", "--resume")
            #expect(rest.status == 0 && rest.output.contains("post-ran"), "\(rest.output)\(rest.errors)")
            #expect(try drydock("run", "--resume").status == 3)
        }
    }

    @Test("a variable of one command line is not the next one's, and what the phase began with comes back")
    func variables() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run").output.contains("\nN=inst\n"))
            #expect(try drydock("run", "--resume", "-e", "N=cli").output.contains("\nN=cli\n"))
            #expect(try drydock("run", "--resume", "-e", "N=cli").output.contains("\nN=cli\n"))
            #expect(try drydock("run", "--resume").output.contains("\nN=inst\n"))
            #expect(try drydock("run", "--from", "install", "-e", "N=cli").output.contains("\nN=inst\n"))
            #expect(try drydock("run", "--resume").output.contains("\nN=inst\n"))
        }
    }

    @Test("another buildspec, and a later build that left no state, are said")
    func warnings() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            try tree.write("source/ci.yml", Self.spec)
            #expect(try drydock("run", "-b", "ci.yml").status == 1)
            #expect(try drydock("run", "--no-keep").status == 1)
            let resumed = try drydock("run", "--resume")
            #expect(
                resumed.text.contains("the failed build's buildspec was `ci.yml`, and this one's is `buildspec.yml`"),
                "\(resumed.text)")
            #expect(
                resumed.text.contains(
                    "build 2 failed later and left no state; this one goes on with what build 1 left"),
                "\(resumed.text)")
        }
    }

    @Test("a dry run shows what would go on, and refuses what a run refuses")
    func dryRun() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            #expect(try drydock("run", "--resume", "--dry-run").status == 3)
            #expect(try drydock("run").status == 1)
            let dry = try drydock("run", "--resume", "--dry-run")
            #expect(dry.status == 0 && dry.output.contains("resumes build 1 at BUILD"), "\(dry.text)")
            #expect(!dry.output.contains("phase INSTALL") && dry.output.contains("phase BUILD"), "\(dry.text)")
            #expect(try drydock("run", "--from", "post_build", "--dry-run").status == 2)
            #expect(try drydock("run", "--resume", "-m", "--print-sandbox").status == 2)
            let sandbox = try drydock("run", "--resume", "--print-sandbox")
            #expect(sandbox.status == 0 && sandbox.output.contains("/state/kept/"), "\(sandbox.text)")
            #expect(try drydock("run", "--dry-run", "--print-sandbox").status == 2)
            #expect(try drydock("run", "--resume").status == 1)
        }
    }
}

/// Who else wants the state.
@Suite("A state that is in use", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ContendedStateTests {
    @Test("whoever has to wait is told for whom, and goes on when the shell is closed")
    func waiting() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: ['false']\n")
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").status == 1)
            let shell = try RunningDrydock(drydock, ["shell", "-c", "echo open; sleep 600"])
            #expect(shell.wait(for: "open"), "\(shell.errors)")
            let second = try Drydock(in: tree)
            let waiting = try runTool(
                "timeout", ["2", Drydock.program.string, "run", "--resume", "--state-dir", drydock.state.string],
                environment: second.environment, in: second.directory)
            #expect(
                waiting.errors.contains("waiting for a `drydock shell` with process \(shell.process)"),
                "\(waiting.text)")
            // A newer failure cannot take its place either, and says so.
            let newer = try drydock("run")
            #expect(newer.text.contains("in use by a `drydock shell` with process \(shell.process)"), "\(newer.text)")
            shell.signal(SIGTERM)
            #expect(shell.end() == -Int(SIGTERM))
            #expect(try drydock("run", "--resume").status == 1)
        }
    }

    @Test("the later of two failures in quick succession is the one that is kept")
    func succession() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  build:
                    commands: ['mkdir /opt/many && cd /opt/many && seq 20000 | xargs touch; false']

                """)
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").status == 1)
            let second = try drydock("run")
            #expect(!second.text.contains("not kept"), "\(second.text)")
            #expect(try drydock("run", "--resume").output.contains("resumes build 2 at BUILD"))
        }
    }
}

extension ToolResult {
    fileprivate var text: String { output + errors }
}
