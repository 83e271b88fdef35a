// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Buildspec
import CommandExecution
import Glibc
import Processes
import Sandbox
import SystemPackage

// INSTALL, PRE_BUILD, BUILD and POST_BUILD.
extension BuildRunner {
    /// Looks up the phase's user; a user that the build's image does not know fails the phase before its first command.
    func enter(_ phase: PhaseType) -> PhaseMachine.End {
        user = nil
        guard let plan, let sandbox, let planned = plan[phase] else { return .succeeded }
        if !planned.commands.isEmpty || !planned.finally.isEmpty { mark(phase) }
        relay.phaseTail = planned.retryPattern == nil ? nil : OutputTail(limit: 1 << 20)
        guard let name = planned.runAs, !planned.commands.isEmpty || !planned.finally.isEmpty else { return .succeeded }
        do {
            guard let identity = UserDatabase(in: try sandbox.tree()).identity(of: name) else {
                fail(
                    phase, .unknownUser(name),
                    message: "`run-as` names the user `\(name)`, whom the image does not know",
                    hints: ["users are those of the image's /etc/passwd; `useradd` in an earlier phase makes one"])
                return .failed
            }
            user = identity.userIdentifier == sandbox.ordinaryUser ? nil : identity
            return .succeeded
        } catch {
            noteFault(error, in: phase)
            return .fault
        }
    }

    func runCommand(_ phase: PhaseType, index: Int, isFinally: Bool) -> PhaseMachine.End {
        if let end = interruption {
            noteInterruption(end, in: phase)
            return end
        }
        guard let plan, let sandbox, let planned = plan[phase] else { return .fault }
        let command = (isFinally ? planned.finally : planned.commands)[index]
        var shown = command
        shown.text = masked(command.text)
        emit(.commandStarted(shown))
        surroundings.debugger?.willRun(debugged(shown, plan))
        relay.commandWillStart()
        ranCommand = true
        let start = surroundings.clock.monotonic
        let outcome: CommandOutcome
        do {
            outcome = try sandbox.run(commandRequest(command.text, plan), deadline: deadline, sink: relay)
        } catch {
            relay.commandDidEnd()
            guard error.code == .command else {
                noteFault(error, in: phase, command: shown)
                return .fault
            }
            // No such shell, or a user that the sandbox cannot become: what the buildspec asks for is not to be had.
            fail(
                phase, .commandFailed(shown.text, reason: error.message), command: shown, message: error.message,
                hints: error.hints)
            return .failed
        }
        relay.commandDidEnd()
        let end = CommandEnd(outcome)
        emit(.commandEnded(shown, end, milliseconds: surroundings.clock.monotonic.milliseconds(since: start)))
        if case .outOfMemory(let limit, status: 0) = outcome { warn(.memoryUsedUp(limit: limit)) }
        return judge(end, of: shown, in: phase, plan)
    }

    private func commandRequest(_ text: String, _ plan: BuildPlan) -> CommandRequest {
        CommandRequest(
            script: plan.buildspec.version == .v0_1 ? .isolated(text) : .carryingState(text), shell: plan.shell,
            user: user, buildSucceeding: machine.buildSucceeding)
    }

    private func judge(
        _ end: CommandEnd, of command: CommandReference, in phase: PhaseType, _ plan: BuildPlan
    ) -> PhaseMachine.End {
        switch end {
        case .exited(0): return .succeeded
        case .timedOut:
            noteInterruption(.timedOut, in: phase, command: command)
            return .timedOut
        case .stopped:
            noteInterruption(.stopped, in: phase, command: command)
            return .stopped
        case .exited, .signaled, .outOfMemory:
            let hints = FailureHints(
                command: command.text, end: end, output: relay.commandTail.text, shell: plan.shell,
                imageIsHost: plan.image == .host, networkIsHost: plan.network == .host,
                callerIsRoot: request.callerIsRoot,
                cacheMode: plannedCache?.mountsSomething == true ? request.caches?.mode : nil,
                place: { Self.place(of: $0, in: plan.image) })
            if hints.isRenameRefused { noteRefusedRename(hints.output) }
            fail(
                phase, .commandFailed(command.text, reason: end.reason ?? ""), command: command, end: end,
                hints: hints.hints)
            debugFailure(end, of: command, in: phase, hints: hints.hints, plan)
            return .failed
        }
    }

    /// Where the image has a program, in one of the usual directories.
    private static func place(of program: String, in image: SandboxSettings.Image) -> String? {
        let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return directories.map { "\($0)/\(program)" }.first { path in
            // Its links lead into the image, so they are not followed here.
            let place = (image.root ?? "/").appending(String(path.dropFirst()))
            var status = stat()
            return place.withPlatformString { lstat($0, &status) } == 0 && status.st_mode & S_IFMT != S_IFDIR
        }
    }

    // MARK: Questions

    /// Asks the shell, once, what the end of the build depends on: exported variables, and names in `artifacts`.
    ///
    /// It is asked at the end of POST_BUILD; a build that does not come so far is asked when it ends, since what is
    /// known then is exported too.
    func askShell() {
        guard answer == nil, interruption == nil, let plan, let sandbox else { return }
        answer = ShellQuestion.Answer()
        let question = question(plan)
        guard !question.isEmpty else { return }
        let sink = AnswerSink(stop: surroundings.stop)
        let request = CommandRequest(
            script: .observing(question.script), shell: plan.shell, buildSucceeding: machine.buildSucceeding)
        guard let outcome = try? sandbox.run(request, deadline: deadline, sink: sink), outcome == .exited(0),
            let answer = question.answer(from: sink.bytes)
        else {
            if interruption == nil { warn(.answersMissing) }
            return
        }
        self.answer = answer
        record.exportedEnvironmentVariables = plan.buildspec.environment.exportedVariables.compactMap { name in
            guard !name.value.hasPrefix("AWS_") else { return nil }
            return answer.variables[name.value].map { .init(name: name.value, value: masked($0)) }
        }
    }

    private func question(_ plan: BuildPlan) -> ShellQuestion {
        var question = ShellQuestion(nonce: plan.identity.uuid)
        for name in plan.buildspec.environment.exportedVariables {
            if name.value.hasPrefix("AWS_") {
                warn(.notExported(name.value))
            } else {
                question.ask(variable: name.value)
            }
        }
        guard plan.artifactsDirectory != nil else { return question }
        for artifact in plan.artifacts {
            if let name = artifact.definition.name?.value, ShellQuestion.isExpanded(name) { question.ask(text: name) }
            let texts =
                [artifact.definition.baseDirectory] + artifact.definition.files + artifact.definition.excludePaths
            for text in texts {
                for name in ShellQuestion.variables(in: text?.value ?? "") { question.ask(variable: name) }
            }
        }
        return question
    }
}

extension CommandEnd {
    fileprivate init(_ outcome: CommandOutcome) {
        switch outcome {
        case .exited(let status): self = .exited(status)
        case .signaled(let signal): self = .signaled(signal)
        case .timedOut: self = .timedOut
        case .stopped: self = .stopped
        // Something was killed, and the command went on to succeed without it.
        case .outOfMemory(_, status: 0): self = .exited(0)
        case .outOfMemory(let limit, let status): self = .outOfMemory(limit: limit, status: status)
        }
    }
}
