// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A function a command, each with what `_arguments` understands.
struct ZshCompletion {
    let root: CommandSyntax
    let fallback: String

    var script: String {
        var text = "#compdef \(root.name)\n\n"
        text += """
            _\(root.name)_place() {
                compset -P '[[:alnum:]_]##:'
                _files -/
            }

            """ + "\n"
        for (path, syntax) in root.flattened() { text += function(path, syntax) + "\n" }
        if var bare = root.subcommands.first(where: { $0.name == fallback }) {
            bare.groups += root.groups
            text += function([root.name, ""], bare) + "\n"
        }
        return text + "_\(root.name) \"$@\"\n"
    }

    private func function(_ path: [String], _ syntax: CommandSyntax) -> String {
        let name = "_" + path.joined(separator: "_")
        guard !syntax.subcommands.isEmpty else {
            return "\(name)() {\n    _arguments -s -S \(arguments(syntax))\n}\n"
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
        text += "        *) \(meant == nil ? ":" : "\(name)_") ;;\n    esac\n}\n"
        return text
    }

    private static func operandCompletion(_ syntax: CommandSyntax) -> String {
        guard let operands = syntax.operands, !operands.words.isEmpty else { return "        :" }
        return "        compadd -- \(operands.words.joined(separator: " "))"
    }

    private func arguments(_ syntax: CommandSyntax) -> String {
        var words: [String] = []
        for option in syntax.options + [.help] {
            let value =
                option.placeholder.map { ":\(Self.quoted($0)):\(action(option.words, option.completion))" } ?? ""
            let times = option.isRepeatable ? "*" : "(\(option.spellings.joined(separator: " ")))"
            for spelling in option.spellings {
                let joined = option.takesValue ? (spelling.hasPrefix("--") ? "=" : "+") : ""
                words.append("'\(times)\(spelling)\(joined)[\(Self.quoted(option.help))]\(value)'")
            }
        }
        if let operands = syntax.operands {
            let times = operands.count.upperBound > 1 ? "*" : ""
            words.append("'\(times):\(Self.quoted(operands.name)):\(action(operands.words, operands.completion))'")
        }
        return words.joined(separator: " \\\n        ")
    }

    private func action(_ words: [String], _ completion: Completion) -> String {
        if !words.isEmpty { return "(\(words.joined(separator: " ")))" }
        return switch completion {
        case .nothing: " "
        case .files: "_files"
        case .directories: "_files -/"
        case .identifiedDirectories: "_\(root.name)_place"
        case .answers(let question, let others):
            "{compadd -- \(others.joined(separator: " ")) ${(f)\"$(\(root.name) \(question) 2>/dev/null)\"}}"
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
