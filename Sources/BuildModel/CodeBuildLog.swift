// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The lines CodeBuild writes into a build's log, made from events.
///
/// Command output stands between these lines raw, without a prefix. Lines of drydock's own begin with `[drydock]`, so
/// that whoever compares a log with CodeBuild's can leave them out. The forms are those of real build logs; the AWS
/// CodeBuild User Guide, "View detailed build information", shows the phase lines.
public enum CodeBuildLog {
    /// The lines of an event, each ended by a newline; empty for an event that leaves no trace in the log.
    public static func text(of event: TimedEvent) -> String {
        let time = event.time
        switch event.event {
        case .buildStarted, .cache:
            return ""
        case .notice(let text):
            return line(text, at: time)
        case .warning(let message, let hint, _):
            return note("warning: " + message, at: time) + (hint.map { note("hint: " + $0, at: time) } ?? "")
        case .phaseStarted(let phase):
            return phaseStarted(phase, at: time)
        case .commandStarted(let command):
            return line("Running command " + command.text, at: time)
        case .commandEnded(let command, let end, _):
            // CodeBuild prints one line end after each command's output.
            let failure = end.reason.map { line("Command did not exit successfully \(command.text) \($0)", at: time) }
            return "\n" + (failure ?? "")
        case .phaseEnded(let phase):
            return phaseEnded(phase, at: time)
        case .artifactPacked(let artifact):
            let files = artifact.fileCount == 1 ? "1 file" : "\(artifact.fileCount) files"
            let name = artifact.artifactIdentifier.map { "artifact `\($0)`" } ?? "artifact"
            return note("\(name) written: \(artifact.displayLocation) (\(files))", at: time)
        case .paused(let pause):
            guard let words = pause.words else { return note("a shell was opened where the command failed", at: time) }
            return note(words.message, at: time) + note("hint: " + words.hint, at: time)
        case .resumed(let milliseconds):
            return note("the build goes on, after \(durationText(milliseconds))", at: time)
        case .reused(let resumption):
            return resumption.sentences(at: time).map { note($0, at: time) }.joined()
        case .retrying(let attempt, let limit, let phase):
            return note("retrying the build because \(phase.rawValue) failed (\(attempt) of \(limit))", at: time)
        case .buildEnded(let outcome):
            return buildEnded(outcome, at: time)
        }
    }

    /// `[Container] <time> <text>` and a newline; text of several lines keeps them.
    public static func line(_ text: String, at time: Timestamp) -> String {
        "[Container] " + time.logText + " " + text + "\n"
    }

    /// A line that CodeBuild would not have.
    public static func note(_ text: String, at time: Timestamp) -> String {
        "[drydock] " + time.logText + " " + text + "\n"
    }

    /// The notices that say which phases a buildspec has, with the number of commands in each (`1 commands`).
    ///
    /// The second and later lines begin with a blank of their own, and one command is `1 commands`, as in CodeBuild's logs.
    public static func phasesFound(_ phases: [(phase: PhaseType, commandCount: Int)]) -> [String] {
        ["Phases found in YAML: \(phases.count)"]
            + phases.map { " \($0.phase.rawValue): \($0.commandCount) commands" }
    }

    private static func phaseStarted(_ phase: PhaseType, at time: Timestamp) -> String {
        if PhaseType.commandPhases.contains(phase) { return line("Entering phase " + phase.rawValue, at: time) }
        if phase == .downloadSource { return line("Phase is " + phase.rawValue, at: time) }
        return ""
    }

    private static func phaseEnded(_ phase: PhaseRecord, at time: Timestamp) -> String {
        guard let status = phase.phaseStatus else { return "" }
        // Phases outside the container are not in CodeBuild's log; one that failed has to be somewhere.
        guard phase.phaseType.isInContainer || status != .succeeded else { return "" }
        var text = line("Phase complete: \(phase.phaseType.rawValue) State: \(status.rawValue)", at: time)
        for context in phase.contexts ?? [] {
            text += line("Phase context status code: \(context.statusCode) Message: \(context.message)", at: time)
        }
        return text
    }

    private static func buildEnded(_ outcome: BuildOutcome, at time: Timestamp) -> String {
        var text = note("build \(outcome.status.rawValue) after \(durationText(outcome.milliseconds))", at: time)
        guard let failure = outcome.failure else { return text }
        if let message = failure.message { text += note("error: " + message, at: time) }
        var hints = failure.hints
        if failure.isStateKept {
            hints.append(
                "`drydock run --resume` goes on at \(failure.phase.rawValue), in the state that this build left")
        }
        for hint in hints { text += note("hint: " + hint, at: time) }
        return text
    }

    /// `0.1s`, `12.9s`, `4m 02s`, `1h 00m 03s`.
    public static func durationText(_ milliseconds: Int) -> String {
        let tenths = (max(0, milliseconds) + 50) / 100
        guard tenths >= 600 else { return "\(tenths / 10).\(tenths % 10)s" }
        let seconds = tenths / 10
        func twoDigits(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        guard seconds >= 3600 else { return "\(seconds / 60)m \(twoDigits(seconds % 60))s" }
        return "\(seconds / 3600)h \(twoDigits(seconds / 60 % 60))m \(twoDigits(seconds % 60))s"
    }
}

extension PhaseType {
    /// Whether the phase runs inside the build container, where CodeBuild's agent logs it.
    public var isInContainer: Bool {
        switch self {
        case .downloadSource, .install, .preBuild, .build, .postBuild, .uploadArtifacts: true
        default: false
        }
    }
}

extension CommandEnd {
    /// The reason in CodeBuild's words: `exit status 1`; nil on success and when the build was ended from outside,
    /// which is not the command's doing.
    public var reason: String? {
        switch self {
        case .exited(0), .timedOut, .stopped: nil
        case .exited(let status), .outOfMemory(_, let status): "exit status \(status)"
        case .signaled(let signal): "signal: " + Self.signalText(signal)
        }
    }

    /// A signal as Go's `syscall.Signal.String()` spells it, since CodeBuild's agent is written in Go.
    private static func signalText(_ signal: Int) -> String {
        switch signal {
        case 1: "hangup"
        case 2: "interrupt"
        case 3: "quit"
        case 4: "illegal instruction"
        case 5: "trace/breakpoint trap"
        case 6: "aborted"
        case 7: "bus error"
        case 8: "floating point exception"
        case 9: "killed"
        case 11: "segmentation fault"
        case 13: "broken pipe"
        case 14: "alarm clock"
        case 15: "terminated"
        default: "signal \(signal)"
        }
    }
}
