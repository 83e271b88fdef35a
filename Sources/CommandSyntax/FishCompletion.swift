// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A line an option; a condition says behind which command.
struct FishCompletion {
    let root: CommandSyntax
    let fallback: String

    var script: String {
        let program = root.name
        let names = root.subcommands.map(\.name)
        let none = "not __fish_seen_subcommand_from \((names + ["help"]).joined(separator: " "))"
        var lines = ["# fish completion for \(program)", "complete -c \(program) -f"]
        for subcommand in root.subcommands {
            lines.append(
                "complete -c \(program) -n '__fish_use_subcommand' -a \(subcommand.name) -d \(Self.quoted(subcommand.abstract))"
            )
        }
        lines.append("complete -c \(program) -n '__fish_use_subcommand' -a help -d 'Show what there is'")
        lines.append(
            "complete -c \(program) -n '__fish_seen_subcommand_from help' -a '\(names.joined(separator: " "))'")
        for (path, syntax) in root.flattened() where path.count > 1 {
            var conditions = path.dropFirst().map { "__fish_seen_subcommand_from \($0)" }
            if !syntax.subcommands.isEmpty {
                let inner = syntax.subcommands.map(\.name).joined(separator: " ")
                for subcommand in syntax.subcommands {
                    let condition = (conditions + ["not __fish_seen_subcommand_from \(inner)"]).joined(
                        separator: "; and ")
                    lines.append(
                        "complete -c \(program) -n '\(condition)' -a \(subcommand.name) -d \(Self.quoted(subcommand.abstract))"
                    )
                }
            }
            lines += self.lines(syntax, condition: conditions.joined(separator: "; and "))
            if path.count == 2, syntax.name == fallback {
                conditions = [none]
                lines += self.lines(syntax, condition: none)
            }
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
                if let words = Self.candidates(option.words, option.completion) { line += " -a \(words)" }
            }
            lines.append(line + " -d \(Self.quoted(option.help))")
        }
        if let operands = syntax.operands, let words = Self.candidates(operands.words, operands.completion) {
            lines.append(start + " -a \(words)")
        }
        return lines
    }

    private static func candidates(_ words: [String], _ completion: Completion) -> String? {
        if !words.isEmpty { return "'\(words.joined(separator: " "))'" }
        return switch completion {
        case .nothing: nil
        case .files: "'(__fish_complete_path)'"
        case .directories: "'(__fish_complete_directories)'"
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
