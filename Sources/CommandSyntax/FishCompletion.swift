// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A line an option; a condition says behind which command.
struct FishCompletion {
    let root: CommandSyntax
    let fallback: String

    var script: String {
        let program = root.name
        let names = root.subcommands.map(\.name)
        // Only the first words are verbs; a value may be spelt like one.
        var lines = [
            "# fish completion for \(program)", "complete -c \(program) -f",
            """
            function __\(program)_begins
                set -l typed (commandline -opc)
                set -e typed[1]
                for word in $argv
                    test "$typed[1]" = "$word"; or return 1
                    set -e typed[1]
                end
            end
            function __\(program)_is
                set -l typed (commandline -opc)
                set -e typed[1]
                test "$typed" = "$argv"
            end
            function __\(program)_has_no_verb
                set -l typed (commandline -opc)
                not contains -- "$typed[2]" \((names + ["help"]).joined(separator: " "))
            end
            """,
        ]
        for (path, syntax) in root.flattened() {
            let own = path.dropFirst().joined(separator: " ")
            for subcommand in syntax.subcommands {
                lines.append(
                    "complete -c \(program) -n '__\(program)_is \(own)' -a \(subcommand.name) -d \(Self.quoted(subcommand.abstract))"
                )
            }
            if path.count > 1 { lines += self.lines(syntax, condition: "__\(program)_begins \(own)") }
            if path.count == 2, syntax.name == fallback {
                lines += self.lines(syntax, condition: "__\(program)_has_no_verb")
            }
        }
        lines.append("complete -c \(program) -n '__\(program)_is' -a help -d 'Show what there is'")
        lines.append("complete -c \(program) -n '__\(program)_is help' -a '\(names.joined(separator: " "))'")
        for option in root.options {
            lines.append("complete -c \(program) -n '__\(program)_is' -l \(option.name) -d \(Self.quoted(option.help))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func lines(_ syntax: CommandSyntax, condition: String) -> [String] {
        let start = "complete -c \(root.name) -n '\(condition)'"
        var lines: [String] = []
        for option in syntax.options + [.help] {
            var line = start
            if let short = option.short { line += " -s \(short)" }
            for name in option.longNames { line += " -l \(name)" }
            if option.takesValue {
                line += " -x"
                if let words = candidates(option.words, option.completion) { line += " -a \(words)" }
            }
            lines.append(line + " -d \(Self.quoted(option.help))")
        }
        if let operands = syntax.operands, let words = candidates(operands.words, operands.completion) {
            lines.append(start + " -a \(words)")
        }
        return lines
    }

    private func candidates(_ words: [String], _ completion: Completion) -> String? {
        if !words.isEmpty { return "'\(words.joined(separator: " "))'" }
        return switch completion {
        case .nothing: nil
        case .files: "'(__fish_complete_path)'"
        case .directories, .identifiedDirectories: "'(__fish_complete_directories)'"
        case .answers(let question, let others):
            "'\((others + ["(\(root.name) \(question) 2>/dev/null)"]).joined(separator: " "))'"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "'"
        for character in text {
            if character == "'" || character == "\\" { quoted += "\\" }
            quoted.append(character)
        }
        return quoted + "'"
    }
}
