// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// CodeBuild's rules of what follows what in a build: which phase, which command, and how the build ends.
///
/// A value without clock or effects. Its owner performs the action it was given and tells the machine how that went; the
/// answer is the next action:
///
/// ```swift
/// var action = machine.start()
/// while case let .begin(phase) = action { … action = machine.workEnded(.succeeded) }
/// ```
///
/// Sources: "Build phase transitions" and "Build specification reference", AWS CodeBuild User Guide. Where the guide is
/// silent the choice is listed in docs/differences.md.
public struct PhaseMachine: Sendable, Equatable {
    /// What the buildspec asks of one phase, as far as the order of things depends on it.
    public struct Script: Sendable, Equatable {
        public var commands: Int
        public var finally: Int
        public var onFailure: FailureRule?

        public init(commands: Int = 0, finally: Int = 0, onFailure: FailureRule? = nil) {
            self.commands = commands
            self.finally = finally
            self.onFailure = onFailure
        }
    }

    /// A phase's `on-failure`.
    public enum FailureRule: Sendable, Equatable {
        case abort
        case proceed
        /// Runs the build again from the start, at most so many times.
        case retry(limit: Int)
    }

    /// How a command, or a phase's own work, ended.
    public enum End: Sendable, Equatable {
        case succeeded
        /// The build's fault.
        case failed
        /// Ours, or the machine's.
        case fault
        case timedOut
        case stopped

        var status: BuildStatus {
            switch self {
            case .succeeded: .succeeded
            case .failed: .failed
            case .fault: .fault
            case .timedOut: .timedOut
            case .stopped: .stopped
            }
        }
    }

    /// What the owner is to do now.
    public enum Action: Sendable, Equatable {
        /// Enter the phase and do its own work, then call `workEnded`.
        case begin(PhaseType)
        /// Run this command of the phase, then call `commandEnded`. The index counts from 0 in its list.
        case run(PhaseType, index: Int, isFinally: Bool)
        /// The phase is over: report it, then call `phaseEnded`.
        case end(PhaseType, BuildStatus)
        /// Throw the sandbox away and call `restarted`; `attempt` counts from 1.
        case retry(attempt: Int, limit: Int, phase: PhaseType)
        /// Nothing more to do.
        case complete(BuildStatus)
    }

    /// What the variable `CODEBUILD_BUILD_SUCCEEDING` says: false from the first failure on, within `finally` too.
    public private(set) var buildSucceeding = true

    private var scripts: [PhaseType: Script]
    private let order: [PhaseType]
    private var phase = PhaseType.submitted
    private var phaseEnd = End.succeeded
    private var isInFinally = false
    private var nextIndex = 0
    private var result = End.succeeded
    private var retries = 0
    private var skipsToFinalizing = false

    /// - Parameters:
    ///   - scripts: the phases of the buildspec; one that is missing is entered and has nothing to do.
    ///   - selection: the command phases to enter; the others are left out of the build.
    public init(scripts: [PhaseType: Script], selection: Set<PhaseType> = Set(PhaseType.commandPhases)) {
        self.scripts = scripts
        self.order = PhaseType.allCases.filter { phase in
            phase != .completed && (phase.buildspecName == nil || selection.contains(phase))
        }
    }

    /// Tells what the buildspec asks for, once it has been read: until DOWNLOAD_SOURCE nobody knows.
    public mutating func replaceScripts(_ scripts: [PhaseType: Script]) { self.scripts = scripts }

    /// The first action.
    public mutating func start() -> Action { begin(.submitted) }

    /// The phase's own work ended: for a phase with commands, what must be right before the first of them.
    public mutating func workEnded(_ end: End) -> Action {
        guard end == .succeeded else { return endPhase(worseOf: end) }
        return phase.buildspecName == nil ? endPhase(worseOf: .succeeded) : nextCommand()
    }

    /// A command ended, or could not be run.
    ///
    /// The first failure ends its list. `finally` follows a failure and a success, but neither a stop nor a timeout: the
    /// time is up for it too. Several failures count once.
    public mutating func commandEnded(_ end: End) -> Action {
        switch end {
        case .succeeded:
            return nextCommand()
        case .failed:
            note(.failed)
            guard !isInFinally else { return endPhase(worseOf: .failed) }
            isInFinally = true
            nextIndex = 0
            return nextCommand()
        case .fault, .timedOut, .stopped:
            return endPhase(worseOf: end)
        }
    }

    /// Whether `phaseEnded` depends on the `on-failure: RETRY-<regex>` of the phase that just ended.
    public var asksForRetryMatch: Bool {
        guard phaseEnd == .failed, case .retry(let limit) = scripts[phase]?.onFailure else { return false }
        return retries < limit
    }

    /// The phase's end was reported.
    /// - Parameter retryMatches: whether the pattern of `on-failure: RETRY-<regex>` matches what went wrong; asked only
    ///   when `asksForRetryMatch`.
    public mutating func phaseEnded(retryMatches: Bool = true) -> Action {
        if phase == .finalizing { return complete() }
        if asksForRetryMatch, retryMatches, case .retry(let limit) = scripts[phase]?.onFailure {
            retries += 1
            return .retry(attempt: retries, limit: limit, phase: phase)
        }
        if skips(after: phaseEnd) { skipsToFinalizing = true }
        return begin(skipsToFinalizing ? .finalizing : following(phase))
    }

    /// The sandbox of the failed attempt is gone: the build starts again in a fresh one.
    public mutating func restarted() -> Action {
        buildSucceeding = true
        result = .succeeded
        skipsToFinalizing = false
        return begin(.provisioning)
    }

    // MARK: Steps

    private mutating func begin(_ next: PhaseType) -> Action {
        guard next != .completed else { return complete() }
        phase = next
        phaseEnd = .succeeded
        isInFinally = false
        nextIndex = 0
        return .begin(next)
    }

    private mutating func nextCommand() -> Action {
        let script = scripts[phase] ?? Script()
        if !isInFinally, nextIndex >= script.commands {
            isInFinally = true
            nextIndex = 0
        }
        guard !isInFinally || nextIndex < script.finally else { return endPhase(worseOf: .succeeded) }
        defer { nextIndex += 1 }
        return .run(phase, index: nextIndex, isFinally: isInFinally)
    }

    private mutating func endPhase(worseOf end: End) -> Action {
        note(end)
        return .end(phase, phaseEnd.status)
    }

    /// Keeps the first failure of a phase, unless it is overtaken by something that ends the whole build.
    private mutating func note(_ end: End) {
        guard end != .succeeded else { return }
        buildSucceeding = false
        if phaseEnd == .succeeded || end != .failed { phaseEnd = end }
        if result == .succeeded || result == .failed { result = end }
    }

    /// Whether the rest of the build is left out after a phase that ended like this.
    private func skips(after end: End) -> Bool {
        switch end {
        case .succeeded: return false
        case .fault, .timedOut, .stopped: return true
        case .failed: break
        }
        let rule = scripts[phase]?.onFailure
        switch phase {
        // A failure here leaves nothing worth going on with, unless the buildspec says so.
        case .install, .preBuild: return rule != .proceed
        // What a failed build left is still cleaned up and uploaded; `ABORT` forbids both.
        case .build, .postBuild: return rule == .abort
        default: return true
        }
    }

    private func following(_ phase: PhaseType) -> PhaseType {
        order.first { $0 > phase } ?? .completed
    }

    private mutating func complete() -> Action {
        phase = .completed
        return .complete(result.status)
    }
}
