// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Linter {
    mutating func lintCommands() {
        var bash: [(word: String, command: Command)] = []
        for command in commands {
            lintCharacters(command.text, in: command.span)
            lintKnownSecrets(command)
            if command.text == "command" { add(.placeholderCommand(at: command.span)) }
            guard !isWindows else { continue }
            let scan = ShellScan(command.text)
            lintQuotes(command, scan)
            if scan.isIncomplete {
                let opener = scan.commandWords.first { ["if", "for", "while", "until", "case"].contains($0) } ?? ""
                add(.incompleteCommand(opener, at: command.span))
            } else if command.hasSuccessor, endsInBackslash(command.text) {
                add(.continuedCommand(at: command.span))
            }
            if scan.commandWords.contains(where: { $0 == "dockerd" || $0.hasSuffix("/dockerd") }) {
                add(.dockerDaemon(at: place(of: "dockerd", in: command.span)))
            }
            if let word = scan.bashSyntax.first, !command.text.hasPrefix("#!") { bash.append((word, command)) }
        }
        if let first = bash.first, runsInSh {
            add(.bashSyntax(first.word, at: place(of: first.word, in: first.command.span), more: bash.count - 1))
        }
        lintLostState()
    }

    private var runsInSh: Bool {
        guard let shell = partial.environment.shell?.value else { return true }
        return shell == "sh" || shell.hasSuffix("/sh")
    }

    /// An odd number of backslashes at the end continues nothing: the next item is a script of its own.
    private func endsInBackslash(_ text: String) -> Bool {
        text.utf8.reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 1
    }

    /// A ` #` in a plain scalar begins a comment, inside the shell's quotes too.
    private mutating func lintQuotes(_ command: Command, _ scan: ShellScan) {
        if let word = scan.typographicWords.first {
            add(.typographicQuote(in: "a command", at: place(of: word, in: command.span)))
        }
        guard command.style == .plain, let quote = scan.openQuote else { return }
        let line = Array(source.line(command.span.end.line).unicodeScalars)
        let rest = line.dropFirst(command.span.end.column - 1)
        guard let sign = rest.firstIndex(where: { $0 != " " && $0 != "\t" }), line[sign] == "#",
            rest[sign...].contains(quote)
        else { return }
        let number = command.span.end.line
        let whole = source.text(
            from: command.span.start, to: SourcePosition(line: number, column: line.count + 1))
        let span = SourceSpan(
            path: source.path, start: SourcePosition(line: number, column: sign + 1),
            end: SourcePosition(line: number, column: line.count + 1))
        add(.commentCutsCommand(whole, isOneLine: command.span.start.line == number, at: span))
    }

    /// In version 0.1 each command begins in the source directory with the build's own variables.
    private mutating func lintLostState() {
        guard partial.version == .v0_1, partial.phases.count > 0 else { return }
        let lost = commands.dropLast().first { command in
            guard !command.text.mentions("&&"), !command.text.mentions(";"), !command.text.mentions("\n") else {
                return false
            }
            return command.text.hasPrefix("cd ") || command.text.hasPrefix("export ")
        }
        if let lost { add(.lostState(at: lost.span)) }
    }

    /// Keys whose form gives them away.
    private mutating func lintKnownSecrets(_ command: Command) {
        if let kind = SecretShape.kind(in: command.text) { add(.secretInCommand(kind, at: command.span)) }
    }

    /// Characters that cannot be seen, or that make text read in another order than it runs.
    mutating func lintCharacters(_ text: String, in span: SourceSpan) {
        guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return }
        for scalar in text.unicodeScalars {
            let isSeen = !DisplayText.isUnsafe(scalar) || scalar.value < 0x20
            if isSeen, scalar.value != 0xA0 { continue }
            add(.invisibleCharacter(scalar, at: place(of: String(scalar), in: span)))
            return
        }
    }
}
