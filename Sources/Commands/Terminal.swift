// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import Console
internal import Diagnostics
internal import Glibc

/// Standard output and standard error: what is asked for goes to the one, what went wrong to the other.
final class Terminal {
    let output = DescriptorWriter(descriptor: 1, name: "standard output")
    let errors = DescriptorWriter(descriptor: 2, name: "standard error")

    var outputIsTerminal: Bool { isatty(1) != 0 }
    var errorsAreTerminal: Bool { isatty(2) != 0 }

    /// The style of a log that a web page shows: all of them know colours and Unicode, whatever the job's locale says.
    var logStyle: Style { Style(ofLogIn: Caller.variable) }

    /// Whether output goes to a file.
    var outputIsFile: Bool { Self.isFile(1) }
    var errorsAreFile: Bool { Self.isFile(2) }

    private static func isFile(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether output and messages go to the same place, as with `2>&1`.
    var outputsAreOne: Bool {
        var one = stat()
        var other = stat()
        guard fstat(1, &one) == 0, fstat(2, &other) == 0 else { return false }
        return one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }

    /// Whether the terminal behind a descriptor listens to this program; in the background it belongs to the shell. A
    /// terminal that is not the controlling one belongs to nobody.
    static func isForeground(_ descriptor: Int32) -> Bool {
        let group = tcgetpgrp(descriptor)
        return group < 0 || group == getpgrp()
    }

    func style(isTerminal: Bool) -> Style { Style(isTerminal: isTerminal, environment: Caller.variable) }
    var outputStyle: Style { style(isTerminal: outputIsTerminal) }

    func print(_ text: String) { output.write(text) }
    func print(_ bytes: [UInt8]) { output.write(bytes) }

    /// Says why something cannot be done.
    func show(_ failure: CommandFailure) {
        if !failure.diagnostics.isEmpty { show(failure.diagnostics, in: failure.sources) }
        // Findings that are errors say what is wrong by themselves.
        if failure.diagnostics.contains(where: { $0.severity == .error }) { return }
        let style = style(isTerminal: errorsAreTerminal)
        var text = "\(style.red("error:")) \(DisplayText.escaped(failure.message))\n"
        for hint in failure.hints { text += hintLine(hint, style) }
        errors.write(text)
    }

    /// Says what is done, where standard output belongs to something else.
    func say(_ message: String) {
        errors.write("\(style(isTerminal: errorsAreTerminal).dim("drydock:")) \(DisplayText.escaped(message))\n")
    }

    func show(_ diagnostics: [Diagnostic], in sources: [SourceText]) {
        let style = style(isTerminal: errorsAreTerminal)
        errors.write(
            DiagnosticRenderer.text.render(
                diagnostics, in: sources, colour: style.hasColour, unicode: style.hasUnicode, columns: errorColumns))
    }

    func warn(_ message: String, hint: String? = nil) {
        let style = style(isTerminal: errorsAreTerminal)
        errors.write("\(style.yellow("warning:")) \(DisplayText.escaped(message))\n")
        if let hint { errors.write(hintLine(hint, style)) }
    }

    private func hintLine(_ hint: String, _ style: Style) -> String {
        "\(style.cyan("hint:")) \(DisplayText.wrapped(DisplayText.escaped(hint), indent: 6, columns: errorColumns))\n"
    }

    /// How wide lines of messages may be; nil where no terminal would wrap them.
    private var errorColumns: Int? { errorsAreTerminal ? TerminalSize.of(2).columns : nil }

    func warn(_ warning: Warning) { warn(warning.message, hint: warning.hint) }

    /// Waits until the messages are written. Output is waited for by whoever wrote it, and knows how long.
    func finish() { errors.finish() }

    /// What a command that only prints ends with: the reader may have gone away, or the disk may be full.
    func meaning(_ meaning: ExitMeaning = .succeeded) -> ExitMeaning {
        output.finish()
        guard let failure = output.failure else { return meaning }
        if failure.isBrokenPipe { return .interrupted(signal: SIGPIPE) }
        show(.outputFailed("\(failure)"))
        return .machineUnable
    }
}
