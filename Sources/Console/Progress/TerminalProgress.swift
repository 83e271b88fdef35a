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
    /// How to see the whole log, for the end of a failed build.
    public var logCommand: String?

    private let writer: DescriptorWriter
    private let style: Style
    private let verbosity: Verbosity
    private let size: () -> TerminalSize
    private var area = LiveArea()

    private var build: BuildIdentity?
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
    ///   - size: asked at each drawing, so that a change of the window is seen.
    ///   - verbosity: `verbose` shows all output instead of the last lines; for `quiet` use `QuietProgress`.
    public init(
        writer: DescriptorWriter, style: Style, verbosity: Verbosity = .normal, size: @escaping () -> TerminalSize
    ) {
        self.writer = writer
        self.style = style
        self.verbosity = verbosity
        self.size = size
    }

    // MARK: Events

    public func handle(_ event: TimedEvent) {
        switch event.event {
        case .buildStarted(let identity):
            build = identity
        case .notice(let text):
            if verbosity == .verbose { show(style.dim(text), at: event.time) }
        case .warning(let message, let hint):
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
            // A shell has the screen from here on.
            if let words = pause.words { show(warning(words.message, words.hint), at: event.time) }
        case .resumed: break
        case .retrying(let attempt, let limit, let type):
            failedTail = nil
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
        guard verbosity != .verbose else { return }
        redraw(at: time)
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
            return BuildReport.shortWords(failure.end) + style.separator + failure.text
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
                return SafeText.line(artifact.location.utf8, unicode: style.hasUnicode) + " (\(files))"
            }.joined(separator: ", ")
        default:
            return (running?.commands ?? []).joined(separator: style.separator)
        }
    }

    private func buildEnded(_ outcome: BuildOutcome) {
        let report = BuildReport(
            style: style, columns: size().usable.columns, source: source, logCommand: logCommand)
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
        let text = area.redrawn(liveLines(at: time), columns: size().usable.columns)
        if !text.isEmpty { writer.write(text) }
    }

    /// What takes the cursor to where a line may stand.
    private func begin() -> String {
        let text = area.erased(columns: size().usable.columns) + (endsInNewline ? "" : "\n")
        endsInNewline = true
        return text
    }

    private func live(at time: Timestamp) -> String {
        verbosity == .verbose ? "" : area.redrawn(liveLines(at: time), columns: size().usable.columns)
    }

    // MARK: Drawing

    private static let nameWidth = 15
    private static let tailLines = 3

    /// The phase at hand, and the last lines that its command printed.
    private func liveLines(at time: Timestamp) -> [LiveArea.Line] {
        guard let phase, verbosity != .verbose else { return [] }
        let size = size().usable
        let start = command?.start ?? phase.start
        let elapsed = Int(min(max(0, time.seconds - start.seconds), 1e9) * 1000)
        let detail =
            command == nil ? (phase.type == .downloadSource ? build?.source ?? "" : "") : phase.commands.last ?? ""
        let shownDetail = SafeText.line(detail.utf8, unicode: style.hasUnicode)
        var lines = [
            LiveArea.Line(
                text: phaseLine(style.running, phase.type, shownDetail, milliseconds: elapsed), width: size.columns - 1)
        ]
        // The last row of a small window belongs to the cursor.
        let room = min(Self.tailLines, size.rows - 3)
        guard command != nil, room > 0 else { return lines }
        for line in tail.lines(room) {
            let text = SafeText.line(line.suffix(4096), unicode: style.hasUnicode)
            let cut = SafeText.cut(text, to: size.columns - 5, ellipsis: style.ellipsis)
            lines.append(LiveArea.Line(text: "    " + style.dim(cut), width: 4 + SafeText.width(cut)))
        }
        return lines
    }

    private func phaseLine(_ sign: String, _ type: PhaseType, _ detail: String, milliseconds: Int) -> String {
        let columns = min(size().usable.columns, 100) - 1
        let time = CodeBuildLog.durationText(milliseconds)
        let name = label(type)
        // sign, blank, name, detail, blank, time
        let room = columns - 2 - Self.nameWidth - 1 - time.count
        guard room >= 8 else {
            return "\(sign) " + SafeText.cut("\(name) \(time)", to: max(1, columns - 2), ellipsis: style.ellipsis)
        }
        let cut = SafeText.cut(detail, to: room, ellipsis: style.ellipsis)
        return "\(sign) \(SafeText.pad(name, to: Self.nameWidth))\(SafeText.pad(cut, to: room)) \(style.dim(time))"
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

/// Lines at the bottom of a terminal that are drawn over again.
struct LiveArea {
    /// A line and how many columns it fills.
    struct Line: Equatable {
        var text: String
        var width: Int
    }

    private var lines: [Line] = []

    /// What takes the lines away and leaves the cursor where the first began.
    mutating func erased(columns: Int) -> String {
        guard !lines.isEmpty else { return "" }
        // A terminal that became narrower has wrapped what stood there.
        let rows = lines.reduce(0) { $0 + max(1, ($1.width + columns - 1) / max(columns, 1)) }
        lines = []
        return "\r\u{1B}[\(rows)A\u{1B}[J"
    }

    /// What draws the lines in place of those before; empty when nothing changed.
    mutating func redrawn(_ new: [Line], columns: Int) -> String {
        guard new != lines else { return "" }
        let text = erased(columns: columns)
        lines = new
        return text + new.map { $0.text + "\n" }.joined()
    }
}
