// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A function a command, each with what `_arguments` understands.
struct ZshCompletion {
    let root: CommandSyntax
    let fallback: String

    var script: String {
        var text = "#compdef \(root.name)\n\n"
        for (path, syntax) in root.flattened() { text += function(path, syntax) + "\n" }
        return text + "_\(root.name) \"$@\"\n"
    }

    private func function(_ path: [String], _ syntax: CommandSyntax) -> String {
        let name = "_" + path.joined(separator: "_")
        guard !syntax.subcommands.isEmpty else {
            return "\(name)() {\n    _arguments -s -S \(Self.arguments(syntax))\n}\n"
        }
        let isRoot = path.count == 1
        let meant = isRoot ? root.subcommands.first { $0.name == fallback } : nil
        var words = syntax.subcommands.map { "'\($0.name):\(Self.quoted($0.abstract))'" }
        if isRoot { words.append("'help:Show what there is'") }
        var text = """
            \(name)() {
                local -a commands
                commands=(\(words.joined(separator: " ")))
                if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
                    _describe command commands
            \(meant.map { Self.operandCompletion($0) } ?? "        :")
                    return
                fi
                case $words[2] in

            """
        for subcommand in syntax.subcommands {
            text += "        \(subcommand.name)) shift words; (( CURRENT-- )); \(name)_\(subcommand.name) ;;\n"
        }
        if isRoot { text += "        help) _describe command commands ;;\n" }
        text += "        *) \(meant.map { "\(name)_\($0.name)" } ?? ":") ;;\n    esac\n}\n"
        return text
    }

    private static func operandCompletion(_ syntax: CommandSyntax) -> String {
        guard let operands = syntax.operands, !operands.words.isEmpty else { return "        :" }
        return "        compadd -- \(operands.words.joined(separator: " "))"
    }

    private static func arguments(_ syntax: CommandSyntax) -> String {
        var words: [String] = []
        for option in syntax.options + [.help] {
            let value = option.placeholder.map { ":\(quoted($0)):\(action(option.words, option.completion))" } ?? ""
            let times = option.isRepeatable ? "*" : "(\(option.spellings.joined(separator: " ")))"
            for spelling in option.spellings {
                let joined = option.takesValue ? (spelling.hasPrefix("--") ? "=" : "+") : ""
                words.append("'\(times)\(spelling)\(joined)[\(quoted(option.help))]\(value)'")
            }
        }
        if let operands = syntax.operands {
            let times = operands.count.upperBound > 1 ? "*" : ""
            words.append("'\(times):\(quoted(operands.name)):\(action(operands.words, operands.completion))'")
        }
        return words.joined(separator: " \\\n        ")
    }

    private static func action(_ words: [String], _ completion: Completion) -> String {
        if !words.isEmpty { return "(\(words.joined(separator: " ")))" }
        return switch completion {
        case .nothing: " "
        case .files: "_files"
        case .directories: "_files -/"
        }
    }

    /// What brackets, colons and quotes mean to `_arguments` and to the shell is taken from them.
    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for character in text {
            switch character {
            case "[", "]", ":", "\\": quoted += "\\\(character)"
            case "'": quoted += "'\\''"
            default: quoted.append(character)
            }
        }
        return quoted
    }
}
