// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Diagnostics

/// Says the result of a build at its end, and what failed; before it, on standard error, what the build goes without (`-q`).
public final class QuietProgress: BuildObserver {
    /// The buildspec, to draw the place of a command that failed; set once it is read.
    public var source: SourceText?
    /// What to type next, after a build that ended like this.
    public var nextCommands: (BuildOutcome) -> [NextCommand] = { _ in [] }
    /// Whether the reason of a failure is drawn by somebody else.
    public var isExplainedElsewhere = false

    private let writer: DescriptorWriter
    private let errors: DescriptorWriter
    private let style: Style
    private let errorStyle: Style
    private let size: () -> TerminalSize
    private var build: BuildIdentity?
    private var tail = OutputTail()
    private var failedTail: OutputTail?
    private var retries = 0
    /// Each attempt of a build would say it again.
    private var warned: Set<String> = []

    /// - Parameters:
    ///   - writer: takes the result and what failed.
    ///   - errors: takes what the build goes without.
    public init(
        writer: DescriptorWriter, style: Style, errors: DescriptorWriter, errorStyle: Style,
        size: @escaping () -> TerminalSize
    ) {
        self.writer = writer
        self.style = style
        self.errors = errors
        self.errorStyle = errorStyle
        self.size = size
    }

    public func handle(_ event: TimedEvent) {
        switch event.event {
        case .buildStarted(let identity): build = identity
        case .commandStarted: tail.clear()
        case .warning(let message, let hint, isGrave: true):
            func safe(_ text: String) -> String { SafeText.line(text.utf8, unicode: errorStyle.hasUnicode) }
            guard warned.insert(message).inserted else { return }
            errors.write("\(errorStyle.yellow("warning:")) \(safe(message))\n")
            if let hint { errors.write("\(errorStyle.cyan("hint:")) \(safe(hint))\n") }
        case .commandEnded(_, let end, _):
            if !end.succeeded, failedTail == nil { failedTail = tail }
        case .retrying:
            failedTail = nil
            retries += 1
        case .paused(let pause):
            if let words = pause.words { writer.write("\(words.message)\n\(style.cyan("hint:")) \(words.hint)\n") }
            if case .shell(let failure) = pause.reason {
                let report = BuildReport(style: style, columns: size().usable.columns, source: source)
                writer.write(report.text(failure, tail: failedTail))
            }
        case .buildEnded(let outcome):
            let report = BuildReport(
                style: style, columns: size().usable.columns, source: source, nextCommands: nextCommands(outcome),
                retries: retries, isExplainedElsewhere: isExplainedElsewhere)
            let text = report.text(outcome, build: build, tail: failedTail)
            writer.write(String(text.drop { $0 == "\n" }))
        default: break
        }
    }

    public func output(_ bytes: UnsafeRawBufferPointer) { tail.append(bytes) }
    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }
}
