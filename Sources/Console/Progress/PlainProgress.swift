// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// CodeBuild's own log lines, and the output of commands as it comes: for pipes and CI.
public final class PlainProgress: BuildObserver {
    /// Whether the reason of a failure is drawn by somebody else, where this log goes too.
    public var isExplainedElsewhere = false

    private let writer: DescriptorWriter
    private let verbosity: Verbosity
    private var endsInNewline = true

    /// - Parameter verbosity: `verbose` adds how long each command took.
    public init(writer: DescriptorWriter, verbosity: Verbosity = .normal) {
        self.writer = writer
        self.verbosity = verbosity
    }

    public func handle(_ event: TimedEvent) {
        var event = event
        if isExplainedElsewhere, case .buildEnded(var outcome) = event.event {
            outcome.failure = nil
            event.event = .buildEnded(outcome)
        }
        var text = CodeBuildLog.text(of: event)
        if case .commandEnded(_, _, let milliseconds) = event.event {
            if verbosity == .verbose {
                text += CodeBuildLog.note("command took \(CodeBuildLog.durationText(milliseconds))", at: event.time)
            }
        } else if !endsInNewline, !text.isEmpty {
            text = "\n" + text
        }
        guard !text.isEmpty else { return }
        endsInNewline = true
        writer.write(text)
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        guard let last = bytes.last else { return }
        endsInNewline = last == UInt8(ascii: "\n")
        writer.write(bytes)
    }

    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }
}
