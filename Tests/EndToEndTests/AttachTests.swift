// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Breakpoints, `drydock attach`, and a shell where a command failed.
@Suite("A build that is looked into", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct AttachTests {
    private func project(_ tree: TemporaryTree, _ phases: String, user: TestUser = TestUser()) throws -> Drydock {
        try tree.write("source/buildspec.yml", "version: 0.2\n" + phases)
        return try Drydock(in: tree, user: user)
    }

    /// Its last command leaves a shell that resumes the build the time to end by itself.
    private static let paused = """
        env:
          variables:
            COLOUR: blue
        phases:
          build:
            commands:
              - STEP=two
              - |
                INNER=yes
                cd /usr
                codebuild-breakpoint
                echo went on with $(cat /tmp/note)
              - sleep 1

        """

    // MARK: Breakpoints

    @Test("passes a breakpoint without a debug session, and says so")
    func passes() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(
                tree, "phases:\n  build:\n    commands:\n      - codebuild-breakpoint\n      - codebuild-resume\n")
            let result = try drydock("run")
            #expect(result.status == 0)
            #expect(result.output.contains("codebuild-breakpoint: the build has no debug session and goes on"))
        }
    }

    @Test("waits at a breakpoint for a shell with its variables, and goes on when that says so")
    func pausesAndResumes() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree, Self.paused)
            let running = try RunningDrydock(drydock, ["run", "--debug-session"])
            #expect(running.wait(for: "paused at a breakpoint"), "\(running.text)")
            #expect(running.wait(for: "hint: `drydock attach 1` opens a shell there"))
            let socket = try #require(try tree.listing("state/builds").first { $0.hasSuffix("/attach") })
            #expect(try tree.root.status(FilePath("state/builds/" + socket)).mode & 0o777 == 0o600)

            let asked = try drydock("attach", "-c", "echo $COLOUR $STEP $INNER $PWD; echo in >&2; exit 9")
            #expect(asked.output == "blue two yes /usr\n")
            #expect(asked.errors == "in\n")
            #expect(asked.status == 9)
            #expect(try drydock.run(["attach", "1"], input: "echo hello >/tmp/note\n").status == 0)

            let shell = try DrydockOnTerminal(drydock, ["attach"], rows: 30, columns: 90)
            #expect(shell.wait(for: "# "), "\(shell.text)")
            shell.type("echo \"<$INNER $PWD $(stty size)>\"\n")
            #expect(shell.wait(for: "<yes /usr 30 90>"), "\(shell.text)")
            shell.resize(rows: 41, columns: 99)
            shell.type("sleep 0.2; echo \"<$(stty size)>\"\n")
            #expect(shell.wait(for: "<41 99>"), "\(shell.text)")
            shell.type("codebuild-resume; exit 6\n")
            #expect(shell.end() == 6, "\(shell.text)")
            #expect(shell.isCooked)

            #expect(running.end() == 0, "\(running.text)")
            #expect(running.text.contains("the build goes on, after "))
            #expect(running.text.contains("\nwent on with hello\n"))
            #expect(try !tree.listing("state/builds").contains(socket))
            let events = try drydock("logs", "--json").output
            #expect(events.contains("\"event\":\"paused\",\"reason\":\"breakpoint\",\"build\":1,"))
            #expect(events.contains("\"event\":\"resumed\",\"milliseconds\":"))
        }
    }

    @Test("goes on with `drydock attach --resume`, by every kind of user", arguments: TestUser.all)
    func resumesFromOutside(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try project(tree, Self.paused, user: user)
            let running = try DrydockOnTerminal(drydock, ["run"], columns: 200)
            #expect(running.wait(for: "paused at a breakpoint"), "\(running.text)")
            if user.name != nil {
                // Not even root is let in by the build itself.
                for words in [["attach", "--resume"], ["attach", "1"]] {
                    let other = try Drydock(in: tree).run(words)
                    #expect(other.status == 2)
                    #expect(other.errors.contains("build 1 is run by the user with id "), "\(other.errors)")
                }
            }
            #expect(try drydock("attach", "--resume").status == 0)
            #expect(running.end() == 0, "\(running.text)")
            let late = try drydock("attach", "1")
            #expect(late.status == 2)
            #expect(late.errors == "error: build 1 is not paused at a breakpoint: it is over\n")
        }
    }

    @Test("runs the shell at a breakpoint as the phase's user", arguments: TestUser.all.filter(\.hasRange))
    func runAs(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try project(
                tree,
                "phases:\n  build:\n    run-as: nobody\n    commands:\n      - A=1\n      - codebuild-breakpoint\n",
                user: user)
            let running = try DrydockOnTerminal(drydock, ["run"], columns: 200)
            #expect(running.wait(for: "paused at a breakpoint"), "\(running.text)")
            let asked = try drydock("attach", "-c", "id -un; echo $A; codebuild-resume")
            #expect(asked.output == "nobody\n1\n", "\(asked.errors)")
            #expect(running.end() == 0, "\(running.text)")
        }
    }

    @Test("is timed out at a breakpoint too, and whoever is attached is told")
    func timeGoesOn() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree, Self.paused)
            let running = try RunningDrydock(drydock, ["run", "--debug-session", "--timeout", "0.06"])
            #expect(running.wait(for: "paused at a breakpoint"), "\(running.text)")
            let attached = try drydock("attach", "-c", "trap '' TERM HUP; sleep 100; sleep 100")
            #expect(attached.status == 137 || attached.status == 129, "\(attached)")
            #expect(running.end() == 124, "\(running.text)")
            #expect(running.text.contains("hint: it was paused at a breakpoint, where time goes on"))
        }
    }

    @Test("says that nothing is paused")
    func nothingPaused() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree, "phases:\n  build:\n    commands:\n      - \"true\"\n")
            let none = try drydock("attach")
            #expect(none.status == 2)
            #expect(none.errors.hasPrefix("error: no build is paused at a breakpoint\nhint: "))
            let both = try drydock("attach", "--resume", "-c", "true")
            #expect(both.status == 2)
            #expect(both.errors == "error: `--resume` and `--command` exclude each other\n")
        }
    }

    // MARK: A shell on failure

    @Test("opens a shell where a command failed, and goes on to its failed end", arguments: TestUser.all)
    func shellOnFailure(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try project(
                tree,
                """
                phases:
                  build:
                    commands:
                      - cd /usr; STEP=two
                      - echo broken; exit 4
                  post_build:
                    commands:
                      - echo post $(cat /tmp/note)

                """, user: user)
            let running = try DrydockOnTerminal(drydock, ["run", "--shell-on-failure", "--verbose"])
            #expect(running.wait(for: "command exited with 4"), "\(running.text)")
            #expect(running.wait(for: "# "), "\(running.text)")
            running.type("echo \"<$STEP $PWD $CODEBUILD_BUILD_SUCCEEDING>\"; echo mine >/tmp/note\n")
            #expect(running.wait(for: "<two /usr 0>"), "\(running.text)")
            running.type("codebuild-breakpoint; echo went-on $((1 + 1))\n")
            #expect(running.wait(for: "a shell is open here already, so nothing pauses"), "\(running.text)")
            #expect(running.wait(for: "went-on 2"), "\(running.text)")
            running.type("exit\n")
            #expect(running.wait(for: "post mine"), "\(running.text)")
            #expect(running.end() == 1, "\(running.text)")
            #expect(running.isCooked)
        }
    }

    @Test("opens no shell on failure without a terminal, and says so")
    func shellOnFailureWithoutTerminal() throws {
        try TemporaryTree.with { tree in
            let drydock = try project(tree, "phases:\n  build:\n    commands:\n      - \"false\"\n")
            let result = try drydock("run", "--shell-on-failure")
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "warning: `--shell-on-failure` needs a terminal, and there is none: a command that fails ends the "
                    + "build\n")
        }
    }
}
