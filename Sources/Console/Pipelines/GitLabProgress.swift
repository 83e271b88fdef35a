// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Diagnostics

/// A build as a step of a GitLab job: CodeBuild's log in a folded section for each phase, and
/// below them what failed.
///
/// Source: GitLab Docs, "Job logs", custom collapsible sections.
public final class GitLabProgress: BuildObserver {
    /// The buildspec, to draw the place of a command that failed; set once it is read.
    public var source: SourceText?
    /// What to type next, after a build that ended like this.
    public var nextCommands: (BuildOutcome) -> [NextCommand] = { _ in [] }
    /// Whether the reason of a failure is drawn by somebody else.
    public var isExplainedElsewhere = false

    private let writer: DescriptorWriter
    private let style: Style
    private var build: BuildIdentity?
    private var phase: PhaseType?
    private var section: String?
    private var sectionCount = 0
    private var endsInNewline = true
    private var tail = OutputTail()
    private var failedTail: OutputTail?
    private var retries = 0

    public init(writer: DescriptorWriter, style: Style) {
        self.writer = writer
        self.style = style
    }

    public func handle(_ event: TimedEvent) {
        switch event.event {
        case .buildStarted(let identity): build = identity
        case .phaseStarted(let type): phase = type
        case .commandStarted: tail.clear()
        case .commandEnded(_, let end, _): if !end.succeeded, failedTail == nil { failedTail = tail }
        case .retrying:
            failedTail = nil
            retries += 1
        case .buildEnded(let outcome):
            let report = BuildReport(
                style: style, columns: BuildReport.logColumns, source: source, nextCommands: nextCommands(outcome),
                retries: retries,
                isExplainedElsewhere: isExplainedElsewhere)
            write(report.text(outcome, build: build, tail: failedTail))
            return
        default: break
        }
        let text = CodeBuildLog.text(of: event)
        if !text.isEmpty {
            open(at: event.time)
            write(text)
        }
        if case .phaseEnded = event.event {
            phase = nil
            guard let section else { return }
            self.section = nil
            write("\u{1B}[0Ksection_end:\(event.time.milliseconds / 1000):\(section)\r\u{1B}[0K\n")
        }
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        guard let last = bytes.last else { return }
        tail.append(bytes)
        endsInNewline = last == UInt8(ascii: "\n")
        writer.write(bytes)
    }

    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }

    /// A phase has a section once it has something to show. Its name must be the only one in the job: several builds may be
    /// steps of it, and a build may be retried.
    private func open(at time: Timestamp) {
        guard let phase, section == nil else { return }
        sectionCount += 1
        let own = (build?.uuid ?? "build").prefix(8)
        let name = "drydock_\(own)_\(phase.rawValue.lowercased())_\(sectionCount)"
        section = name
        write(
            "\u{1B}[0Ksection_start:\(time.milliseconds / 1000):\(name)[collapsed=true]\r\u{1B}[0K\(style.bold(phase.rawValue))\n"
        )
    }

    private func write(_ text: String) {
        writer.write((endsInNewline ? "" : "\n") + text)
        endsInNewline = true
    }
}
