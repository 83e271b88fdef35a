// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEngine
import BuildEnvironment
import BuildModel
import CommandExecution
import SystemPackage
import TestSupport
import Testing

@testable import Sandbox

@Suite("Build runner")
struct BuildRunnerTests {
    @Test("logs a build as CodeBuild does")
    func logsABuild() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                """
                version: 0.2
                phases:
                  install:
                    commands:
                      - make deps
                  build:
                    commands:
                      - make
                      - make check
                """, in: tree)
            build.maker.commands["make"] = Scripted(output: "cc -c a.c\n")
            let result = build.run()
            #expect(result.outcome.status == .succeeded)
            #expect(result.meaning == .succeeded)
            try expectSnapshot(build.observer.log, "build.log")
            #expect(build.maker.commandTexts == ["make deps", "make", "make check"])
            #expect(build.maker.calls == ["start", "close"])
            let types = result.record.phases.map(\.phaseType)
            #expect(types == PhaseType.allCases)
            #expect(result.record.phases.last?.phaseStatus == nil)
            #expect(result.record.phases[3].contexts == [PhaseContext()])
            #expect(result.record.phases[0].contexts == nil)
        }
    }

    @Test("a failing build goes on to post_build and says what failed")
    func failingBuild() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                """
                version: 0.2
                phases:
                  build:
                    commands:
                      - ./publish.sh
                      - never
                    finally:
                      - clean
                  post_build:
                    commands:
                      - report
                """, in: tree)
            build.maker.commands["./publish.sh"] = Scripted(outcome: .exited(3))
            let result = build.run()
            #expect(result.meaning == .buildFailed)
            #expect(build.maker.commandTexts == ["./publish.sh", "clean", "report"])
            #expect(build.maker.requests.map(\.buildSucceeding) == [true, false, false])
            let context = PhaseContext(
                statusCode: "COMMAND_EXECUTION_ERROR",
                message: "Error while executing command: ./publish.sh. Reason: exit status 3")
            #expect(result.outcome.failure?.context == context)
            #expect(result.outcome.failure?.command?.location?.line == 5)
            #expect(result.record.phases.first { $0.phaseType == .build }?.contexts == [context])
            #expect(build.observer.log.contains("Command did not exit successfully ./publish.sh exit status 3"))
        }
    }

    @Test("an invalid buildspec fails DOWNLOAD_SOURCE with CodeBuild's words and starts nothing")
    func invalidBuildspec() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild("version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n", in: tree)
            let result = build.run()
            #expect(result.meaning == .wrongUse)
            #expect(build.maker.calls.isEmpty)
            let phase = result.record.phases.first { $0.phaseType == .downloadSource }
            #expect(phase?.phaseStatus == .failed)
            #expect(phase?.contexts?.first?.statusCode == "YAML_FILE_ERROR")
            #expect(phase?.contexts?.first?.message.hasPrefix("Expected Commands[0] to be of string type") == true)
            #expect(result.planningError?.source != nil)
            #expect(result.record.phases.map(\.phaseType).suffix(2) == [.finalizing, .completed])
        }
    }

    @Test("a buildspec that is not there is named as CodeBuild names it")
    func missingBuildspec() throws {
        try TemporaryTree.with { tree in
            var build = try FakeBuild("", in: tree)
            build.request.buildspec = .file("ci/buildspec.yml")
            let result = build.run()
            #expect(result.meaning == .wrongUse)
            let message = result.outcome.failure?.context.message ?? ""
            #expect(message.hasPrefix("stat /codebuild/output/src"))
            #expect(message.hasSuffix("/src/ci/buildspec.yml: no such file or directory"))
        }
    }

    @Test("a secret that resolves nowhere fails DOWNLOAD_SOURCE with CodeBuild's status")
    func unresolvedSecret() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nenv:\n  parameter-store:\n    TOKEN: /ci/token\nphases:\n  build:\n    commands: [a]\n",
                in: tree)
            let result = build.run()
            #expect(result.meaning == .inputUnavailable)
            #expect(
                result.outcome.failure?.context
                    == PhaseContext(
                        statusCode: "Decrypted Variables Error", message: "parameter does not exist: /ci/token"))
            #expect(result.outcome.failure?.message?.contains("`TOKEN`") == true)
        }
    }

    @Test("secrets are masked in output, in commands and in messages")
    func masking() throws {
        try TemporaryTree.with { tree in
            var build = try FakeBuild(
                """
                version: 0.2
                env:
                  parameter-store:
                    TOKEN: /ci/token
                  exported-variables: [TOKEN]
                phases:
                  build:
                    commands:
                      - use s3cr3t-value
                """, in: tree)
            build.request.variables = [.flag(try EnvironmentFlag("TOKEN=s3cr3t-value", caller: [:]))]
            build.maker.commands["use s3cr3t-value"] = Scripted(output: "got s3cr3t-value\n", outcome: .exited(1))
            build.maker.variables["TOKEN"] = "s3cr3t-value"
            let result = build.run()
            #expect(!build.observer.log.contains("s3cr3t"))
            #expect(build.observer.log.contains("Running command use ***"))
            #expect(build.observer.log.contains("got ***"))
            #expect(!"\(build.observer.events)".contains("s3cr3t"))
            #expect(!"\(result)".contains("s3cr3t"))
        }
    }

    @Test("RETRY runs everything again in a fresh sandbox when the output matches")
    func retry() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                """
                version: 0.2
                phases:
                  install:
                    on-failure: RETRY-2-timed out
                    commands: [fetch]
                """, in: tree)
            build.maker.commands["fetch"] = Scripted(output: "connection timed out\n", outcome: .exited(1))
            let result = build.run()
            #expect(result.outcome.status == .failed)
            #expect(build.maker.commandTexts == ["fetch", "fetch", "fetch"])
            #expect(build.maker.calls == ["start", "close", "start", "close", "start", "close"])
            #expect(build.observer.events.contains(.retrying(attempt: 2, limit: 2, phase: .install)))
            #expect(result.record.phases.filter { $0.phaseType == .install }.count == 3)
        }
    }

    @Test("RETRY does not run again when the output does not match")
    func noRetry() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nphases:\n  install:\n    on-failure: RETRY-timed out\n    commands: [fetch]\n", in: tree)
            build.maker.commands["fetch"] = Scripted(output: "not found\n", outcome: .exited(1))
            _ = build.run()
            #expect(build.maker.commandTexts == ["fetch"])
        }
    }

    @Test("a timeout ends the build and nothing follows")
    func timeout() throws {
        try TemporaryTree.with { tree in
            var build = try FakeBuild(
                "version: 0.2\nphases:\n  build:\n    commands: [a, b]\n    finally: [c]\n  post_build:\n    commands: [d]\n",
                in: tree)
            build.request.timeoutMinutes = 0.5
            build.maker.commands["a"] = Scripted(outcome: .timedOut)
            let result = build.run()
            #expect(result.meaning == .timedOut)
            #expect(result.record.buildStatus == .timedOut)
            #expect(build.maker.commandTexts == ["a"])
            let phase = result.record.phases.first { $0.phaseType == .build }
            #expect(phase?.contexts == [PhaseContext(statusCode: "BUILD_TIMED_OUT", message: "Build has timed out. ")])
            #expect(result.outcome.failure?.message == "the build was not done within 0.5 minutes")
            #expect(build.maker.calls == ["start", "close"])
        }
    }

    @Test("a stop between two commands ends the build before the second")
    func stopBetween() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nphases:\n  build:\n    commands: [a, b]\n    finally: [c]\n", in: tree)
            build.maker.commands["a"] = Scripted(requestsStop: true)
            let result = build.run()
            #expect(result.record.buildStatus == .stopped)
            #expect(result.meaning == .interrupted(signal: 2))
            #expect(build.maker.commandTexts == ["a"])
        }
    }

    @Test("a sandbox that cannot be made is the machine's fault")
    func cannotIsolate() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild("version: 0.2\nphases:\n  build:\n    commands: [a]\n", in: tree)
            build.maker.startError = SandboxError(
                code: .cannotIsolate, message: "cannot create the namespaces of a sandbox",
                hints: ["see `drydock doctor`"])
            let result = build.run()
            #expect(result.meaning == .machineUnable)
            #expect(result.record.buildStatus == .fault)
            #expect(result.outcome.failure?.phase == .provisioning)
            #expect(result.outcome.failure?.hints == ["see `drydock doctor`"])
        }
    }

    @Test("a sandbox that dies under a command is our fault")
    func sandboxDies() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild("version: 0.2\nphases:\n  build:\n    commands: [a, b]\n", in: tree)
            build.maker.commands["a"] = Scripted(
                error: SandboxError(code: .fault, message: "the sandbox ended while the build was running", hints: []))
            let result = build.run()
            #expect(result.meaning == .internalFault)
            #expect(build.maker.commandTexts == ["a"])
        }
    }

    @Test("run-as becomes the user of the sandbox's own passwd, and a phase's wins")
    func runAs() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                """
                version: 0.2
                run-as: builder
                phases:
                  install:
                    run-as: root
                    commands: [a]
                  build:
                    commands: [b]
                """, in: tree)
            _ = build.run()
            let builder = CommandRequest.UserIdentity(
                userIdentifier: 1001, groupIdentifier: 100, supplementaryGroups: [998])
            #expect(build.maker.requests.map(\.user) == [nil, builder])
        }
    }

    @Test("an unknown run-as user fails the phase before its first command")
    func unknownUser() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nphases:\n  install:\n    run-as: nobody-here\n    commands: [a]\n", in: tree)
            let result = build.run()
            #expect(build.maker.commandTexts.isEmpty)
            #expect(result.meaning == .buildFailed)
            #expect(result.outcome.failure?.context.message == "user: unknown user nobody-here")
        }
    }

    @Test("version 0.1 runs its commands apart from each other")
    func isolated() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild("version: 0.1\nphases:\n  build:\n    commands: [a]\n", in: tree)
            _ = build.run()
            #expect(build.maker.requests.map(\.script) == [.isolated("a")])
        }
    }

    @Test("exported variables are those that are set at the end, but AWS_ ones")
    func exportedVariables() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nenv:\n  exported-variables: [A, B, AWS_C]\nphases:\n  build:\n    commands: [a]\n",
                in: tree)
            build.maker.variables = ["A": "1", "AWS_C": "2"]
            let result = build.run()
            #expect(result.record.exportedEnvironmentVariables == [.init(name: "A", value: "1")])
            #expect(build.observer.log.contains("`AWS_C` is not exported"))
        }
    }

    @Test("a build that fails early exports what is known")
    func exportedVariablesOfAFailure() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nenv:\n  exported-variables: [A]\nphases:\n  install:\n    commands: [a]\n", in: tree)
            build.maker.commands["a"] = Scripted(outcome: .exited(1))
            build.maker.variables = ["A": "1"]
            #expect(build.run().record.exportedEnvironmentVariables == [.init(name: "A", value: "1")])
        }
    }

    @Test("a command killed for memory is told by its limit")
    func outOfMemory() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild("version: 0.2\nphases:\n  build:\n    commands: [a]\n", in: tree)
            build.maker.commands["a"] = Scripted(outcome: .outOfMemory(limit: 512 << 20, status: 137))
            let result = build.run()
            #expect(result.outcome.failure?.context.message.hasSuffix("Reason: exit status 137") == true)
            #expect(
                result.outcome.failure?.hints
                    == ["the build used up its memory limit of 512 MiB; `--memory` or `--compute` raises it"])
        }
    }

    @Test("only the chosen phases are entered")
    func chosenPhases() throws {
        try TemporaryTree.with { tree in
            var build = try FakeBuild(
                "version: 0.2\nphases:\n  install:\n    commands: [a]\n  build:\n    commands: [b]\n", in: tree)
            build.request.phases = [.build]
            let result = build.run()
            #expect(build.maker.commandTexts == ["b"])
            #expect(!result.record.phases.contains { $0.phaseType == .install })
        }
    }

    @Test("runtime versions on an image without runtimes are skipped in CodeBuild's words")
    func runtimes() throws {
        try TemporaryTree.with { tree in
            let build = try FakeBuild(
                "version: 0.2\nphases:\n  install:\n    runtime-versions:\n      nodejs: 20\n", in: tree)
            _ = build.run()
            #expect(
                build.observer.log.contains(
                    "[Container] Skipping install of runtimes. Runtime version selection is not supported by this build image\n"
                ))
        }
    }
}
