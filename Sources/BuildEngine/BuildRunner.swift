// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import BuildCache
import BuildEnvironment
public import BuildModel
import Buildspec
import CommandExecution
import Files
import Processes
import Sandbox
public import SystemPackage
import TextPatterns

/// Runs one build from SUBMITTED to COMPLETED: asks the phase machine, does what it says, tells the observers.
///
/// Everything a build needs from outside comes in through `Surroundings`; nothing here reads the process's environment,
/// its clock or its descriptors. One runner serves one build.
public final class BuildRunner {
    /// What a build needs besides its request.
    public struct Surroundings {
        /// Which build this is.
        public var identifiers: BuildIdentifiers
        /// Where sources are checked out; made and removed by the runner.
        public var checkouts: FilePath
        /// Where the sandbox keeps what the build writes; made and removed by the sandbox.
        public var scratch: FilePath
        /// The program that becomes the sandbox.
        public var launcher: FilePath
        /// Where the build has its places when there is no sandbox; nil for a sandbox.
        public var hostPlaces: HostPlaces?
        public var sandboxes: any CommandRunnerMaking
        public var observers: [any BuildObserver]
        public var clock: BuildClock
        public var stop: any StopSource
        /// Looks into the build while it runs; nil where nobody does.
        public var debugger: (any BuildDebugging)?
        /// Where the log is kept, for the record.
        public var logPath: String
        public var processIdentifier: Int
        /// drydock's version, for the record.
        public var version: String
        /// Keeps the record: called at the ends of phases, at most once a second, and at the end of the build.
        public var keep: (BuildRecord) -> Void = { _ in }
        /// Where the state of a failed build goes (`KeptPlace`); nil keeps none.
        public var keptDirectory: FilePath?
        /// Told the plan as soon as there is one.
        public var didPlan: (BuildPlan) -> Void = { _ in }
        /// Told why there is none, before the phase that this ends.
        public var didFailToPlan: (EngineError) -> Void = { _ in }

        public init(
            identifiers: BuildIdentifiers, checkouts: FilePath, scratch: FilePath, launcher: FilePath,
            sandboxes: any CommandRunnerMaking, observers: [any BuildObserver] = [], clock: BuildClock,
            stop: any StopSource = NoStop(), logPath: String = "", processIdentifier: Int = 0,
            version: String = ""
        ) {
            self.identifiers = identifiers
            self.checkouts = checkouts
            self.scratch = scratch
            self.launcher = launcher
            self.sandboxes = sandboxes
            self.observers = observers
            self.clock = clock
            self.stop = stop
            self.logPath = logPath
            self.processIdentifier = processIdentifier
            self.version = version
        }
    }

    /// What became of a build.
    public struct Result: Sendable {
        public var outcome: BuildOutcome
        public var meaning: ExitMeaning
        /// Why it could not be planned, with the findings to draw; nil when it ran.
        public var planningError: EngineError?
        public var record: BuildRecord
    }

    let request: BuildRequest
    let surroundings: Surroundings
    let planner: BuildPlanner
    let relay: OutputRelay
    var deadline: MonotonicTime
    /// Whether a command stands at a breakpoint.
    var isAtBreakpoint = false

    var machine = PhaseMachine(scripts: [:])
    /// What the plan became: nil before it was tried.
    var planned: Swift.Result<BuildPlan, EngineError>?
    var sandbox: (any CommandRunning)?
    var sandboxCount = 0
    /// Where the sandbox keeps what the build writes.
    var scratch: FilePath?
    /// Phases with commands that this attempt has come to.
    var enteredPhases: [PhaseType] = []
    /// Whether there is anything to keep.
    var ranCommand = false
    /// What is restored and saved; nil before it was looked for, or where there is nothing of it.
    var plannedCache: PlannedCache?
    /// How long it took to have it in the sandbox.
    var cacheMilliseconds = 0
    /// Whether every phase with commands did what it should, whatever becomes of the artifacts: then the cache is saved, as in
    /// CodeBuild, which saves it at the end of POST_BUILD.
    var phasesSucceeded = false
    /// Whether what would be saved was looked through for secrets, and whether it may not be saved for what was found.
    var isCacheInspected = false
    var isCacheRefused = false
    /// Whether the user did not want to wait until the cache is saved, and stored where it is shared.
    var isSavingStopped = false
    /// Why caches are not used as the buildspec says.
    var cacheAdvice: Warning?
    /// Where artifacts go, opened before the first command.
    var artifactsDirectory: ArtifactDestination?
    var record: BuildRecord
    /// The user of the running phase's commands.
    var user: CommandRequest.UserIdentity?
    var answer: ShellQuestion.Answer?
    var failure: BuildOutcome.Failure?
    var failureMeaning = ExitMeaning.buildFailed
    /// Why the running phase fails, when it does.
    var phaseContext = PhaseContext()
    private var phaseStart: Timestamp
    /// When the record was kept last; the store keeps the first one itself.
    private var lastKept: MonotonicTime

    public init(request: BuildRequest, surroundings: Surroundings) {
        self.request = request
        self.surroundings = surroundings
        var planner = BuildPlanner(
            request: request, identifiers: surroundings.identifiers, checkouts: surroundings.checkouts)
        planner.hostPlaces = surroundings.hostPlaces
        self.planner = planner
        relay = OutputRelay(
            observers: surroundings.observers, stop: surroundings.stop, clock: surroundings.clock)
        deadline = surroundings.clock.monotonicStart + request.timeoutMinutes * 60
        phaseStart = surroundings.clock.start
        lastKept = surroundings.clock.monotonicStart
        record = Self.newRecord(request, surroundings)
    }

    /// Runs the build to its end, whatever that is.
    public func run() -> Result {
        emit(.buildStarted(planner.provisionalIdentity))
        let first = request.resumption?.phase ?? .install
        machine = PhaseMachine(scripts: [:], selection: request.phases.filter { $0 >= first })
        var action = machine.start()
        while true {
            switch action {
            case .begin(let phase):
                begin(phase)
                action = machine.workEnded(doWork(of: phase))
            case .run(let phase, let index, let isFinally):
                action = machine.commandEnded(runCommand(phase, index: index, isFinally: isFinally))
            case .end(let phase, let status):
                action = end(phase, status)
            case .retry(let attempt, let limit, let phase):
                emit(.retrying(attempt: attempt, limit: limit, phase: phase))
                startOver()
                action = machine.restarted()
            case .complete(let status):
                return complete(status)
            }
        }
    }

    // MARK: Phases

    private func begin(_ phase: PhaseType) {
        phaseContext = PhaseContext()
        phaseStart = surroundings.clock.now
        record.currentPhase = phase
        emit(.phaseStarted(phase), at: phaseStart)
    }

    /// What a phase does before its commands, or instead of any.
    private func doWork(of phase: PhaseType) -> PhaseMachine.End {
        if phase != .finalizing, let end = interruption {
            noteInterruption(end, in: phase)
            return end
        }
        switch phase {
        case .provisioning: return provision()
        case .downloadSource: return download()
        case .install, .preBuild, .build, .postBuild: return enter(phase)
        case .uploadArtifacts: return upload()
        case .finalizing: return finalize()
        case .submitted, .queued, .completed: return .succeeded
        }
    }

    private func end(_ phase: PhaseType, _ status: BuildStatus) -> PhaseMachine.Action {
        if phase == .postBuild { askShell() }
        let contexts: [PhaseContext]? =
            switch status {
            case .succeeded, .inProgress: phase.isInContainer ? [PhaseContext()] : nil
            case .timedOut: [.timedOut]
            case .stopped: [PhaseContext()]
            case .failed, .fault: [phaseContext]
            }
        let ended = PhaseRecord(
            phaseType: phase, phaseStatus: status, startTime: phaseStart, endTime: surroundings.clock.now,
            contexts: contexts)
        record.phases.append(ended)
        keepRecord()
        emit(.phaseEnded(ended))
        guard machine.asksForRetryMatch else { return machine.phaseEnded() }
        return machine.phaseEnded(retryMatches: retryMatches(phase))
    }

    /// At most once a second: replacing a file costs a wait for the disk, and phases may follow each other at once.
    private func keepRecord() {
        let now = surroundings.clock.monotonic
        guard now.milliseconds(since: lastKept) >= 1000 else { return }
        lastKept = now
        surroundings.keep(record)
    }

    /// Whether the pattern of the phase's `on-failure: RETRY-<regex>` occurs in what went wrong.
    private func retryMatches(_ phase: PhaseType) -> Bool {
        guard let pattern = plan?[phase]?.retryPattern else { return true }
        return pattern.occurs(in: phaseContext.message) || pattern.occurs(in: relay.phaseTail?.text ?? "")
    }

    private func startOver() {
        closeSandbox()
        failure = nil
        failureMeaning = .buildFailed
        phasesSucceeded = false
        isCacheInspected = false
        isCacheRefused = false
        enteredPhases = []
        answer = nil
        record.exportedEnvironmentVariables = []
    }

    private func complete(_ status: BuildStatus) -> Result {
        let now = surroundings.clock.now
        record.phases.append(PhaseRecord(phaseType: .completed, startTime: now))
        record.currentPhase = .completed
        record.buildStatus = status
        record.buildComplete = true
        record.endTime = now
        let meaning = meaning(of: status)
        record.drydock.exitCode = Int(meaning.code)
        record.drydock.failure = failure.map { $0.message ?? $0.context.message }
        surroundings.keep(record)
        let duration = surroundings.clock.monotonic.milliseconds(since: surroundings.clock.monotonicStart)
        let outcome = BuildOutcome(
            status: status, milliseconds: duration, failure: status == .succeeded ? nil : failure)
        emit(.buildEnded(outcome), at: now)
        var error: EngineError?
        if case .failure(let reason) = planned { error = reason }
        return Result(outcome: outcome, meaning: meaning, planningError: error, record: record)
    }

    private func meaning(of status: BuildStatus) -> ExitMeaning {
        switch status {
        case .succeeded: .succeeded
        case .failed: failureMeaning
        case .timedOut: .timedOut
        case .stopped: surroundings.stop.meaning
        case .fault, .inProgress: failureMeaning == .buildFailed ? .internalFault : failureMeaning
        }
    }

    // MARK: Interruption

    /// What ends the build from outside, if anything does now.
    var interruption: PhaseMachine.End? {
        if surroundings.stop.request != nil { return .stopped }
        return surroundings.clock.monotonic >= deadline ? .timedOut : nil
    }

    func noteInterruption(
        _ end: PhaseMachine.End, in phase: PhaseType, command: CommandReference? = nil
    ) {
        switch end {
        case .timedOut:
            let minutes = BuildPlan.number(request.timeoutMinutes)
            failure = BuildOutcome.Failure(
                phase: phase, context: .timedOut, command: command, end: command == nil ? nil : .timedOut,
                directory: command == nil ? nil : directoryAtEnd,
                message: "the build was not done within \(minutes) minute\(minutes == "1" ? "" : "s")",
                hints: (isAtBreakpoint ? ["it was paused at a breakpoint, where time goes on"] : [])
                    + ["`--timeout MINUTES` gives it more time"])
        case .stopped:
            failure = BuildOutcome.Failure(
                phase: phase, context: PhaseContext(), command: command, end: command == nil ? nil : .stopped,
                directory: command == nil ? nil : directoryAtEnd,
                message: "the build was stopped")
        default: break
        }
    }

    /// Notes why a phase fails; the first reason of a build is the one that is shown at its end.
    func fail(
        _ phase: PhaseType, _ context: PhaseContext, meaning: ExitMeaning = .buildFailed,
        command: CommandReference? = nil, end: CommandEnd? = nil, message: String? = nil, hints: [String] = []
    ) {
        let context = PhaseContext(statusCode: context.statusCode, message: masked(context.message))
        // Of several failures of one phase the first is its context: a `finally` that fails too explains nothing.
        if phaseContext.statusCode.isEmpty { phaseContext = context }
        guard failure == nil else { return }
        failureMeaning = meaning
        failure = BuildOutcome.Failure(
            phase: phase, context: context, command: command, end: end,
            directory: end == nil ? nil : directoryAtEnd, message: message.map(masked), hints: hints.map(masked))
    }

    /// Where the command that just ended left the shell.
    var directoryAtEnd: String? {
        guard let plan, let sandbox else { return nil }
        let saved = plan.buildspec.version == .v0_1 ? nil : sandbox.savedDirectory
        return masked(saved ?? plan.sources[0].path)
    }

    // MARK: Telling

    var plan: BuildPlan? {
        if case .success(let plan) = planned { return plan }
        return nil
    }

    func masked(_ text: String) -> String { relay.mask.isEmpty ? text : relay.mask.mask(text) }

    func emit(_ event: BuildEvent) { emit(event, at: surroundings.clock.now) }

    private func emit(_ event: BuildEvent, at time: Timestamp) {
        let timed = TimedEvent(time: time, event: event)
        for observer in surroundings.observers { observer.handle(timed) }
    }

    func notice(_ text: String) { emit(.notice(masked(text))) }

    func warn(_ warning: Warning) {
        emit(.warning(message: masked(warning.message), hint: warning.hint.map(masked), isGrave: warning.isGrave))
    }
}
