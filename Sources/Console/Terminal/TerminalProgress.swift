// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Diagnostics

/// A build on a terminal: a line for each phase, the running command with its last output redrawn in place, and at the
/// end of a failed build the failing command's output and its place in the buildspec.
///
/// Output costs a copy; the screen is drawn ten times a second at most.
public final class TerminalProgress: BuildObserver {
    /// The buildspec, to draw the place of a command that failed; set once it is read.
    public var source: SourceText?
    /// What to type next, after a build that ended like this.
    public var nextCommands: (BuildOutcome) -> [NextCommand] = { _ in [] }
    /// Whether the reason of a failure is drawn by somebody else.
    public var isExplainedElsewhere = false
    /// How long the project's last successful build took; asked once, and only when a build takes a second.
    public var lastTimes: (BuildIdentity) -> BuildDurations? = { _ in nil }

    private let writer: DescriptorWriter
    private let style: Style
    private let verbosity: Verbosity
    private let surface: TerminalSurface
    private var area = LiveArea()
    private var lastDrawn: Timestamp?
    private var lastSize: TerminalSize?

    private var build: BuildIdentity?
    private var start: Timestamp?
    private var durations: BuildDurations?
    private var hasAsked = false
    private var retries = 0
    private var phase: RunningPhase?
    private var command: (reference: CommandReference, start: Timestamp)?
    private var tail = OutputTail()
    private var failedTail: OutputTail?
    private var artifacts: [ArtifactRecord] = []
    private var endsInNewline = true

    /// What has happened in the phase at hand.
    private struct RunningPhase {
        var type: PhaseType
        var start: Timestamp
        var commands: [String] = []
        var failure: (text: String, end: CommandEnd)?
    }

    /// - Parameters:
    ///   - verbosity: `verbose` shows all output instead of the last lines; for `quiet` use `QuietProgress`.
    public init(
        writer: DescriptorWriter, style: Style, verbosity: Verbosity = .normal, surface: TerminalSurface
    ) {
        self.writer = writer
        self.style = style
        self.verbosity = verbosity
        self.surface = surface
    }

    // MARK: Events

    public func handle(_ event: TimedEvent) {
        switch event.event {
        case .buildStarted(let identity):
            build = identity
            start = event.time
        case .notice(let text):
            if verbosity == .verbose { show(style.dim(text), at: event.time) }
        case .warning(let message, let hint, _):
            show(warning(message, hint), at: event.time)
        case .phaseStarted(let type):
            phase = RunningPhase(type: type, start: event.time)
            redraw(at: event.time)
        case .commandStarted(let reference):
            let text = SafeText.firstLine(reference.text, unicode: style.hasUnicode, ellipsis: style.ellipsis)
            phase?.commands.append(text)
            command = (reference, event.time)
            tail.clear()
            if verbosity == .verbose { show(style.bold("$ " + text), at: event.time) } else { redraw(at: event.time) }
        case .commandEnded(_, let end, _):
            if !end.succeeded, failedTail == nil { failedTail = tail }
            let text = phase?.commands.last ?? ""
            if !end.succeeded, phase?.failure == nil { phase?.failure = (text, end) }
            command = nil
        case .phaseEnded(let record):
            phaseEnded(record)
        case .artifactPacked(let artifact):
            artifacts.append(artifact)
        case .paused(let pause):
            switch pause.reason {
            case .breakpoint:
                if let words = pause.words { show(warning(words.message, words.hint), at: event.time) }
            case .shell(let failure):
                // A shell has the screen from here on.
                let report = BuildReport(style: style, columns: surface.size().usable.columns, source: source)
                writer.write(begin() + report.text(failure, tail: verbosity == .verbose ? nil : failedTail))
            }
        case .resumed: break
        case .cache(let cache):
            // With all output its notices are there too.
            if verbosity != .verbose, let sentence = cache.sentence(ellipsis: style.ellipsis) {
                let line = SafeText.firstLine(sentence, unicode: style.hasUnicode, ellipsis: style.ellipsis)
                show(style.dim(line), at: event.time)
            }
        case .reused(let resumption):
            for sentence in resumption.sentences(at: event.time) {
                show(SafeText.firstLine(sentence, unicode: style.hasUnicode, ellipsis: style.ellipsis), at: event.time)
            }
        case .retrying(let attempt, let limit, let type):
            failedTail = nil
            retries += 1
            artifacts = []
            show(
                style.yellow("retrying the build because \(label(type)) failed (\(attempt) of \(limit))"),
                at: event.time)
        case .buildEnded(let outcome):
            buildEnded(outcome)
        }
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        tail.append(bytes)
        guard verbosity == .verbose, let last = bytes.last else { return }
        endsInNewline = last == UInt8(ascii: "\n")
        writer.write(bytes)
    }

    public func tick(at time: Timestamp) {
        guard verbosity != .verbose, isDue(at: time) else { return }
        if !hasAsked, let build, let start, time.milliseconds - start.milliseconds >= 1000 {
            hasAsked = true
            durations = lastTimes(build)
        }
        redraw(at: time)
    }

    /// Ten drawings a second are enough, however often there is something new; a window of another size has to be met at
    /// once.
    private func isDue(at time: Timestamp) -> Bool {
        guard let lastDrawn, surface.size().usable == lastSize else { return true }
        // The clock may have been set back.
        return abs(time.milliseconds - lastDrawn.milliseconds) >= 100
    }

    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }

    // MARK: Lines that stay

    private func phaseEnded(_ record: PhaseRecord) {
        let running = phase
        phase = nil
        command = nil
        let succeeded = record.phaseStatus == .succeeded || record.phaseStatus == nil
        guard isShown(record, running, succeeded) else { return show(nil, at: record.startTime) }
        let seconds = max(0, (record.endTime ?? record.startTime).seconds - record.startTime.seconds)
        let line = phaseLine(
            succeeded ? style.success : style.failure, record.phaseType, detail(of: record, running),
            milliseconds: Int(min(seconds * 1000, 1e12)))
        show(line, at: record.endTime ?? record.startTime)
    }

    /// Phases in which nothing of the user's happened are not worth a line.
    private func isShown(_ record: PhaseRecord, _ running: RunningPhase?, _ succeeded: Bool) -> Bool {
        if !succeeded || verbosity == .verbose { return record.phaseStatus != nil }
        switch record.phaseType {
        case .downloadSource: return true
        case .install, .preBuild, .build, .postBuild: return !(running?.commands.isEmpty ?? true)
        case .uploadArtifacts: return !artifacts.isEmpty
        default: return false
        }
    }

    private func detail(of record: PhaseRecord, _ running: RunningPhase?) -> String {
        if let failure = running?.failure {
            return failure.end.shortWords + style.separator + failure.text
        }
        if let context = record.contexts?.first, !context.message.isEmpty {
            return SafeText.firstLine(context.message, unicode: style.hasUnicode, ellipsis: style.ellipsis)
        }
        switch record.phaseType {
        case .downloadSource:
            return SafeText.line((build?.source ?? "").utf8, unicode: style.hasUnicode)
        case .uploadArtifacts:
            return artifacts.map { artifact in
                let files = artifact.fileCount == 1 ? "1 file" : "\(artifact.fileCount) files"
                return SafeText.line(artifact.displayLocation.utf8, unicode: style.hasUnicode) + " (\(files))"
            }.joined(separator: ", ")
        default:
            return (running?.commands ?? []).joined(separator: style.separator)
        }
    }

    private func buildEnded(_ outcome: BuildOutcome) {
        let report = BuildReport(
            style: style, columns: surface.size().usable.columns, source: source, nextCommands: nextCommands(outcome),
            retries: retries, isExplainedElsewhere: isExplainedElsewhere)
        let isOnScreen = verbosity == .verbose
        writer.write(begin() + report.text(outcome, build: build, tail: isOnScreen ? nil : failedTail))
    }

    private func warning(_ message: String, _ hint: String?) -> String {
        func safe(_ text: String) -> String { SafeText.line(text.utf8, unicode: style.hasUnicode) }
        return "\(style.yellow("warning:")) \(safe(message))"
            + (hint.map { "\n  \(style.cyan("hint:")) \(safe($0))" } ?? "")
    }

    /// Puts a line above the live area.
    private func show(_ line: String?, at time: Timestamp) {
        writer.write(begin() + (line.map { $0 + "\n" } ?? "") + live(at: time))
    }

    private func redraw(at time: Timestamp) {
        let text = live(at: time)
        if !text.isEmpty { writer.write(text) }
    }

    /// What takes the cursor to where a line may stand.
    private func begin() -> String {
        leaveWhatOthersCovered()
        let text = area.erased(surface.size().usable, reflows: surface.reflows) + (endsInNewline ? "" : "\n")
        endsInNewline = true
        return text
    }

    /// A shell wrote below the live lines while drydock was suspended: they stay, and new ones begin below.
    private func leaveWhatOthersCovered() {
        if surface.wasLeft() { area.abandon() }
    }

    private func live(at time: Timestamp) -> String {
        leaveWhatOthersCovered()
        let size = surface.size().usable
        (lastDrawn, lastSize) = (time, size)
        guard verbosity != .verbose, surface.isForeground() else { return "" }
        return area.redrawn(liveLines(at: time, size), size, reflows: surface.reflows)
    }

    // MARK: Drawing

    /// The phase at hand, and the last lines that its command printed.
    private func liveLines(at time: Timestamp, _ size: TerminalSize) -> [LiveArea.Line] {
        guard let phase else { return [] }
        func elapsed(since start: Timestamp) -> Int { min(max(0, time.milliseconds - start.milliseconds), 1 << 40) }
        let source = phase.type == .downloadSource ? build?.source ?? "" : ""
        var view = LiveView(
            style: style, size: size, phase: label(phase.type),
            detail: SafeText.line(source.utf8, unicode: style.hasUnicode), elapsed: elapsed(since: phase.start),
            lastTime: durations?.phases[phase.type], tail: [])
        if let command {
            let location = command.reference.location
            view.command = LiveView.Command(
                text: phase.commands.last ?? "", number: phase.commands.count,
                path: location.map { SafeText.line($0.path.utf8, unicode: style.hasUnicode) },
                line: location?.line ?? 0, elapsed: elapsed(since: command.start),
                lastTime: durations?[command.reference])
            view.tail = tail.lines(LiveView.tailLines)
        }
        return view.lines
    }

    private func phaseLine(_ sign: String, _ type: PhaseType, _ detail: String, milliseconds: Int) -> String {
        let columns = min(surface.size().usable.columns, 100) - 1
        let time = CodeBuildLog.durationText(milliseconds)
        let name = label(type)
        // sign, blank, name, detail, blank, time
        let room = columns - 2 - LiveView.nameWidth - 1 - time.count
        guard room >= 8 else {
            return "\(sign) " + SafeText.cut("\(name) \(time)", to: max(1, columns - 2), ellipsis: style.ellipsis)
        }
        let cut = SafeText.cut(detail, to: room, ellipsis: style.ellipsis)
        return "\(sign) \(SafeText.pad(name, to: LiveView.nameWidth))\(SafeText.pad(cut, to: room)) \(style.dim(time))"
    }

    private func label(_ type: PhaseType) -> String {
        switch type {
        case .downloadSource: "source"
        case .uploadArtifacts: "artifacts"
        case .provisioning: "sandbox"
        default: type.rawValue.lowercased()
        }
    }
}
