// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A shell that can complete words.
public enum Shell: String, CaseIterable, Sendable {
    case bash, zsh, fish
}

extension CommandSyntax {
    /// The script that teaches a shell this program's words.
    /// - Parameter fallback: the command whose options are meant when no command is named.
    public func completionScript(for shell: Shell, fallback: String) -> String {
        switch shell {
        case .bash: BashCompletion(root: self, fallback: fallback).script
        case .zsh: ZshCompletion(root: self, fallback: fallback).script
        case .fish: FishCompletion(root: self, fallback: fallback).script
        }
    }

    /// This command and all below it, each with the words that lead to it from the program's name on.
    func flattened(_ path: [String] = []) -> [(path: [String], syntax: CommandSyntax)] {
        let own = path + [name]
        return [(own, self)] + subcommands.flatMap { $0.flattened(own) }
    }
}

extension OptionSpecification {
    static let help = OptionSpecification(
        name: "help", short: "h", aliases: [], placeholder: nil, words: [], completion: .nothing, isRepeatable: false,
        help: "Show this text.")

    /// Every way to write it.
    var spellings: [String] { (short.map { ["-\($0)"] } ?? []) + longNames.map { "--\($0)" } }
}

/// One function with a table: the command so far decides which words there are.
struct BashCompletion {
    let root: CommandSyntax
    let fallback: String

    var script: String {
        let program = root.name
        var text = """
            # bash completion for \(program)
            _\(program)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous command='' index
                COMPREPLY=()
                # readline takes `--name=value` and `name:value` for several words; the option stands before them all.
                for ((index = COMP_CWORD; index > 1; index--)); do
                    [[ ${COMP_WORDS[index]} == [=:]* || ${COMP_WORDS[index-1]} == [=:]* ]] || break
                done
                previous=${COMP_WORDS[index-1]}
                if ((index < COMP_CWORD)) && [[ ${COMP_WORDS[index]} == -* ]]; then previous=${COMP_WORDS[index]}; fi
                if [[ $current == [=:]* ]]; then current=''; fi
                # Only the first words are verbs; a value may be spelt like one.
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "$command ${COMP_WORDS[index]}" in

            """
        for (path, _) in root.flattened() where path.count > 1 {
            let before = path.dropFirst().dropLast().joined(separator: " ")
            let own = path.dropFirst().joined(separator: " ")
            text += "            '\(before) \(path.last ?? "")') command='\(own)' ;;\n"
        }
        text += """
                        ' help') command=help ;;
                        *) break ;;
                    esac
                done
                case "$command" in

            """
        for (path, syntax) in root.flattened() {
            let own = path.dropFirst().joined(separator: " ")
            text += "        '\(own)')\n" + body(syntax, isRoot: path.count == 1) + "            ;;\n"
        }
        return text + """
                    help) mapfile -t COMPREPLY < <(compgen -W '\(root.subcommands.map(\.name).joined(separator: " "))' -- "$current") ;;
                esac
            }
            complete -F _\(program) \(program)

            """
    }

    private func body(_ syntax: CommandSyntax, isRoot: Bool) -> String {
        let meant = isRoot ? root.subcommands.first { $0.name == fallback } ?? syntax : syntax
        let indent = "            "
        var text = ""
        let valued = meant.options.filter(\.takesValue)
        if !valued.isEmpty {
            text += indent + "case \"$previous\" in\n"
            for option in valued {
                let reply = Self.reply(words: option.words, completion: option.completion)
                text += indent + "    \(option.spellings.joined(separator: "|"))) \(reply); return ;;\n"
            }
            text += indent + "esac\n"
        }
        let own = isRoot ? root.options : []
        let options = (meant.options + own + [.help]).flatMap { $0.longNames.map { "--\($0)" } }.joined(separator: " ")
        text +=
            indent
            + "if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '\(options)' -- \"$current\")); return; fi\n"
        let words =
            (isRoot ? root.subcommands.map(\.name) + ["help"] : syntax.subcommands.map(\.name))
            + (meant.operands?.words ?? [])
        text += indent + Self.reply(words: words, completion: meant.operands?.completion ?? .nothing) + "\n"
        return text
    }

    private static func reply(words: [String], completion: Completion) -> String {
        var sources: [String] = []
        if !words.isEmpty { sources.append("-W '\(words.joined(separator: " "))'") }
        switch completion {
        case .nothing: break
        case .files: sources.append("-f")
        case .directories, .identifiedDirectories: sources.append("-d")
        case .answers(let question, let others):
            let words = (others + ["$(\"${COMP_WORDS[0]}\" \(question) 2>/dev/null)"]).joined(separator: " ")
            sources.append("-W \"\(words)\"")
        }
        // Names with spaces are one word each, which readline quotes.
        let names = sources.contains("-f") || sources.contains("-d") ? "compopt -o filenames 2>/dev/null; " : ""
        return sources.isEmpty
            ? ":" : names + "mapfile -t COMPREPLY < <(compgen \(sources.joined(separator: " ")) -- \"$current\")"
    }
}
