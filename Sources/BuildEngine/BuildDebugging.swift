// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Processes
public import Sandbox

/// Whoever looks into a build while it runs: opens shells in it, and lets breakpoints pause it.
public protocol BuildDebugging: AnyObject {
    /// A place for commands is there, and nothing runs in it yet.
    /// - Parameter tell: takes what the build's observers should hear.
    func began(_ runner: any CommandRunning, tell: @escaping (BuildEvent) -> Void)
    func willRun(_ place: DebuggedCommand)
    /// A command failed for a reason of its own. The build waits until this returns, and its time stands still.
    func failed(_ failure: BuildOutcome.Failure, at place: DebuggedCommand)
    /// The place for commands is about to go.
    func ended()
}

/// The command that a build is at, and what a shell beside it has to be like.
public struct DebuggedCommand: Sendable {
    public var command: CommandReference
    public var shell: String
    public var user: CommandRequest.UserIdentity?
    public var buildSucceeding: Bool
    public var deadline: MonotonicTime
}

extension BuildRunner {
    func debugged(_ command: CommandReference, _ plan: BuildPlan) -> DebuggedCommand {
        DebuggedCommand(
            command: command, shell: plan.shell, user: user, buildSucceeding: machine.buildSucceeding,
            deadline: deadline)
    }

    func debugBegins(_ runner: any CommandRunning) {
        surroundings.debugger?.began(runner) { [weak self] event in
            guard let self else { return }
            switch event {
            case .paused(let pause):
                if case .breakpoint = pause.reason { isAtBreakpoint = true }
            case .resumed: isAtBreakpoint = false
            default: break
            }
            emit(event)
        }
    }

    /// Lets the user look at what failed; the time that takes is not the build's.
    func debugFailure(
        _ end: CommandEnd, of command: CommandReference, in phase: PhaseType, hints: [String], _ plan: BuildPlan
    ) {
        guard let debugger = surroundings.debugger else { return }
        let failure = BuildOutcome.Failure(
            phase: phase, context: phaseContext, command: command, end: end, directory: directoryAtEnd,
            hints: hints.map(masked))
        let start = surroundings.clock.monotonic
        debugger.failed(failure, at: debugged(command, plan))
        deadline = deadline + Double(surroundings.clock.monotonic.milliseconds(since: start)) / 1000
    }
}
