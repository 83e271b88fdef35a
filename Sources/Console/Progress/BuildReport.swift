// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics

/// The end of a build in words: the result, and when it failed what failed, where and what to do.
struct BuildReport {
    var style: Style
    var columns: Int
    /// The buildspec, to draw the failing command's place.
    var source: SourceText?
    /// What to type next, after a build that ended like this.
    var nextCommands: [NextCommand] = []
    /// How often the build began anew.
    var retries = 0
    /// Whether the reason is drawn by somebody else, with its place in the user's file.
    var isExplainedElsewhere = false

    /// For a log that no terminal wraps.
    static let logColumns = TerminalSize.widest
    /// More would push the phases out of a window.
    static let tailLines = 50

    /// - Parameter tail: the failing command's output; nil when it is on the screen already.
    func text(_ outcome: BuildOutcome, build: BuildIdentity?, tail: OutputTail?) -> String {
        var text = ""
        if let failure = outcome.failure, !isExplainedElsewhere {
            if let tail, failure.command != nil { text += output(tail) }
            text += self.failure(failure)
        }
        let result = resultLine(outcome, build: build)
        text += "\n" + (outcome.status == .succeeded ? style.green(result) : style.red(result)) + "\n"
        if outcome.status != .succeeded { text += NextCommand.list(nextCommands, columns: columns, style) }
        return text
    }

    /// `build 12 failed after 3.2s and 1 retry`.
    func resultLine(_ outcome: BuildOutcome, build: BuildIdentity?) -> String {
        let name = build.map { "build \($0.number)" } ?? "build"
        let again = retries == 0 ? "" : " and \(retries) \(retries == 1 ? "retry" : "retries")"
        return "\(name) \(words(outcome.status)) after \(CodeBuildLog.durationText(outcome.milliseconds))\(again)"
    }

    /// What failed, while the build is not over.
    func text(_ failure: BuildOutcome.Failure, tail: OutputTail?) -> String {
        (tail.map(output) ?? "") + self.failure(failure) + "\n"
    }

    private func words(_ status: BuildStatus) -> String {
        switch status {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .fault: "could not go on"
        case .timedOut: "timed out"
        case .stopped: "was stopped"
        case .inProgress: "is in progress"
        }
    }

    private func output(_ tail: OutputTail) -> String {
        var lines = tail.lines(Self.tailLines + 1)
        guard !lines.isEmpty else { return "" }
        var text = "\n"
        if lines.count > Self.tailLines || tail.isCut {
            lines = lines.suffix(Self.tailLines)
            let place = nextCommands.first.map { ": \($0.words)" } ?? ""
            text += "  \(style.dim("\(style.gutter) \(style.ellipsis) what came before is in the log\(place)"))\n"
        }
        for line in lines {
            let shown = SafeText.line(line, unicode: style.hasUnicode)
            text += shown.isEmpty ? "\n" : "  \(style.dim(style.gutter)) \(shown)\n"
        }
        return text
    }

    private func failure(_ failure: BuildOutcome.Failure) -> String {
        var text = "\n"
        let end = failure.end.map(\.words)
        let message = failure.message ?? (failure.command == nil || end == nil ? contextText(failure.context) : nil)
        if let message {
            let safe = message.split(separator: "\n").map { line in
                DisplayText.wrapped(
                    SafeText.line(line.utf8, unicode: style.hasUnicode), indent: 9, columns: columns)
            }
            text += "  \(style.red("error:")) \(safe.joined(separator: "\n         "))\n"
        }
        if let command = failure.command { text += place(of: command, label: end) }
        if let directory = failure.directory {
            text += "  \(style.dim("cwd:")) \(SafeText.line(directory.utf8, unicode: style.hasUnicode))\n"
        }
        for hint in failure.hints {
            let safe = SafeText.line(hint.utf8, unicode: style.hasUnicode)
            text += "  \(style.cyan("hint:")) \(DisplayText.wrapped(safe, indent: 8, columns: columns))\n"
        }
        return text
    }

    private func contextText(_ context: PhaseContext) -> String? {
        let parts = [context.statusCode, context.message].filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: ": ")
    }

    /// The command where it stands in the buildspec, or by itself where no place is known.
    private func place(of command: CommandReference, label: String?) -> String {
        guard let location = command.location, let source else {
            let text = SafeText.firstLine(command.text, unicode: style.hasUnicode, ellipsis: style.ellipsis)
            return "  \(text)\n" + (label.map { "  \(style.red($0))\n" } ?? "")
        }
        let span = SourceSpan(
            path: location.path, start: SourcePosition(line: location.line, column: location.column),
            end: SourcePosition(line: location.endLine, column: location.endColumn))
        let snippet = DiagnosticSnippet(span, in: source, columns: columns - 2)
        var text = "  \(style.bold(snippet.location))\n"
        let blank = String(repeating: " ", count: snippet.lines.first?.number.count ?? 1)
        var isLabelled = false
        for line in snippet.lines {
            let gutter = style.dim("\(line.number) \(style.gutter)")
            text += "  \(gutter)" + (line.text.isEmpty ? "" : " \(shown(line.text))") + "\n"
            guard !line.carets.isEmpty else { continue }
            isLabelled = true
            let room = columns - 2 - blank.count - 3
            let carets = SafeText.cut(line.carets, to: max(room, 1), ellipsis: "^")
            let suffix = label.map { " " + $0 } ?? ""
            let fits = carets.count + suffix.count <= room
            text += "  \(style.dim(blank + " " + style.gutter)) \(style.red(carets + (fits ? suffix : "")))\n"
            if !fits, let label { text += "  \(style.dim(blank + " " + style.gutter)) \(style.red(label))\n" }
        }
        if !isLabelled, let label { text += "  \(style.red(label))\n" }
        return text
    }

    private func shown(_ text: String) -> String {
        style.hasUnicode ? text : SafeText.line(text.utf8, unicode: false)
    }
}
