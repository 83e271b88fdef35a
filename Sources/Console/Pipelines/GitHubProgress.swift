// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Diagnostics

/// A build as a step of a GitHub Actions workflow: CodeBuild's log in a group for each phase, annotations for warnings and
/// for the command that failed, and Markdown for the step's summary.
///
/// Everything that is not this type's own stands between `::stop-commands::` and its token, which the build cannot know:
/// otherwise a line of output, or of the buildspec, could set the workflow's variables.
public final class GitHubProgress: BuildObserver {
    /// The buildspec, to draw the place of a command that failed; set once it is read.
    public var source: SourceText?
    /// What to type next, after a build that ended like this.
    public var nextCommands: (BuildOutcome) -> [NextCommand] = { _ in [] }
    /// Whether the reason of a failure is annotated by somebody else, with its place.
    public var isExplainedElsewhere = false
    /// The step's summary in Markdown, once the build has ended.
    public private(set) var summary = ""

    private let writer: DescriptorWriter
    private let style: Style
    private let workspace: GitHubWorkspace
    private let token: String
    private let verbosity: Verbosity
    private var build: BuildIdentity?
    private var phases: [PhaseRecord] = []
    private var artifacts: [ArtifactRecord] = []
    private var graveWarnings: [String] = []
    private var phase: PhaseType?
    private var isGrouped = false
    private var isStopped = false
    private var endsInNewline = true
    private var tail = OutputTail()
    private var failedTail: OutputTail?
    private var retries = 0

    /// - Parameters:
    ///   - token: unknown to the build, and no word that a line of a log may be.
    ///   - verbosity: `quiet` leaves out the log; what the runner reads stays.
    public init(
        writer: DescriptorWriter, style: Style, workspace: GitHubWorkspace, token: String,
        verbosity: Verbosity = .normal
    ) {
        self.verbosity = verbosity
        self.writer = writer
        self.style = style
        self.workspace = workspace
        self.token = token
    }

    /// Has the runner hide values in everything that the job prints, later steps too. To be called before output.
    public func mask(_ values: [String]) {
        command(values.map { GitHubCommand.line("add-mask", [], $0) }.joined())
    }

    // MARK: Events

    public func handle(_ event: TimedEvent) {
        switch event.event {
        case .buildStarted(let identity): build = identity
        case .phaseStarted(let type): phase = type
        case .commandStarted: tail.clear()
        case .commandEnded(_, let end, _): if !end.succeeded, failedTail == nil { failedTail = tail }
        case .artifactPacked(let artifact): artifacts.append(artifact)
        case .warning(let message, let hint, let isGrave):
            if isGrave, !graveWarnings.contains(message) { graveWarnings.append(message) }
            let text = message + (hint.map { "\nhint: \($0)" } ?? "")
            command(GitHubCommand.line("warning", [("title", "drydock")], DisplayText.escapedLines(text)))
            return
        case .retrying:
            failedTail = nil
            retries += 1
            (phases, artifacts) = ([], [])
        case .buildEnded(let outcome):
            end(outcome)
            return
        default: break
        }
        if verbosity != .quiet || event.event.isPause { content(CodeBuildLog.text(of: event)) }
        if case .phaseEnded(let record) = event.event {
            if record.phaseStatus != nil { phases.append(record) }
            phase = nil
            if isGrouped {
                isGrouped = false
                command(GitHubCommand.line("endgroup"))
            }
        }
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        guard let last = bytes.last else { return }
        tail.append(bytes)
        guard verbosity != .quiet else { return }
        openGroup()
        stop()
        endsInNewline = last == UInt8(ascii: "\n")
        writer.write(bytes)
    }

    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }

    private func end(_ outcome: BuildOutcome) {
        let report = BuildReport(
            style: style, columns: BuildReport.logColumns, source: source, nextCommands: nextCommands(outcome),
            retries: retries, isExplainedElsewhere: isExplainedElsewhere)
        content(report.text(outcome, build: build, tail: failedTail))
        if let failure = outcome.failure, !isExplainedElsewhere { annotate(failure) }
        command("")
        summary =
            GitHubSummary(
                outcome: outcome, title: report.resultLine(outcome, build: build), project: build?.project ?? "",
                phases: phases, artifacts: artifacts, warnings: graveWarnings,
                tail: failedTail?.lines(BuildReport.tailLines) ?? []
            ).markdown
    }

    private func annotate(_ failure: BuildOutcome.Failure) {
        var properties: [(String, String)] = []
        if let place = failure.command?.location, !place.path.hasPrefix("<") {
            properties = [
                ("file", workspace.path(place.path)), ("line", "\(place.line)"), ("col", "\(place.column)"),
                ("endLine", "\(place.endLine)"),
            ]
        }
        let end = failure.end.map(\.words)
        properties.append(("title", "\(failure.phase.rawValue) failed" + (end.map { ": \($0)" } ?? "")))
        var lines = [failure.message ?? failure.context.message].filter { !$0.isEmpty }
        lines += failure.hints.map { "hint: \($0)" }
        if lines.isEmpty { lines = [end ?? failure.phase.rawValue] }
        command(GitHubCommand.line("error", properties, DisplayText.escapedLines(lines.joined(separator: "\n"))))
    }

    // MARK: Writing

    /// Writes what is not ours to the letter: lines of a log that hold texts of the buildspec.
    private func content(_ text: String) {
        guard !text.isEmpty else { return }
        openGroup()
        stop()
        writer.write((endsInNewline ? "" : "\n") + text)
        endsInNewline = text.hasSuffix("\n")
    }

    /// Writes workflow commands, which the runner obeys only where it is not told to stop.
    private func command(_ lines: String) {
        var text = endsInNewline ? "" : "\n"
        if isStopped { text += "::\(token)::\n" }
        isStopped = false
        endsInNewline = true
        writer.write(text + lines)
    }

    /// A phase has a group once it has something to show.
    private func openGroup() {
        guard let phase, !isGrouped else { return }
        isGrouped = true
        command(GitHubCommand.line("group", [], phase.rawValue))
    }

    private func stop() {
        guard !isStopped else { return }
        isStopped = true
        writer.write((endsInNewline ? "" : "\n") + GitHubCommand.line("stop-commands", [], token))
        endsInNewline = true
    }
}

extension BuildEvent {
    /// Whether the build waits for somebody, who has to be told.
    fileprivate var isPause: Bool { if case .paused = self { true } else { false } }
}

extension DisplayText {
    /// A text of several lines, each made safe.
    static func escapedLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { escaped(String($0)) }.joined(
            separator: "\n")
    }
}
