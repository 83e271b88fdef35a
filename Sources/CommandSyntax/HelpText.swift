// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What `--help` prints.
public struct HelpText: CustomStringConvertible {
    private let syntax: CommandSyntax
    /// The words that lead to the command, as `drydock image build`.
    private let path: String
    private static let width = 80
    private static let column = 26

    public init(_ syntax: CommandSyntax, path: String) {
        self.syntax = syntax
        self.path = path
    }

    public var description: String {
        var blocks = [syntax.abstract, "Usage: \(usage)"]
        if !syntax.discussion.isEmpty { blocks.append(Self.wrapped(syntax.discussion, indent: 0)) }
        if let operands = syntax.operands {
            blocks.append("Arguments:\n" + Self.entry(Self.operandWords(operands), operands.help))
        }
        if !syntax.subcommands.isEmpty {
            let entries = syntax.subcommands.map { Self.entry($0.name, $0.abstract) }
            blocks.append("Commands:\n" + entries.joined(separator: "\n"))
        }
        for group in syntax.groups where !group.options.isEmpty {
            let entries = group.options.map { Self.entry(Self.optionWords($0), Self.helpWords($0)) }
            blocks.append("\(group.title):\n" + entries.joined(separator: "\n"))
        }
        blocks.append("Help:\n" + Self.entry("-h, --help", "Show this text."))
        return blocks.joined(separator: "\n\n") + "\n"
    }

    var usage: String {
        var words = [path]
        if !syntax.subcommands.isEmpty { words.append("COMMAND") }
        if !syntax.options.isEmpty { words.append("[OPTIONS]") }
        if let operands = syntax.operands {
            words.append(
                operands.count.lowerBound > 0 ? Self.operandWords(operands) : "[\(Self.operandWords(operands))]")
        }
        return words.joined(separator: " ")
    }

    static func operandWords(_ operands: Operands) -> String {
        operands.name.uppercased() + (operands.count.upperBound > 1 ? "..." : "")
    }

    static func optionWords(_ option: OptionSpecification) -> String {
        let short = option.short.map { "-\($0), " } ?? "    "
        return short + "--\(option.name)" + (option.placeholder.map { " <\($0)>" } ?? "")
    }

    private static func helpWords(_ option: OptionSpecification) -> String {
        guard !option.aliases.isEmpty else { return option.help }
        return option.help + " Also " + option.aliases.map { "`--\($0)`" }.joined(separator: ", ") + "."
    }

    private static func entry(_ name: String, _ help: String) -> String {
        let text = wrapped(help, indent: column)
        let start = "  " + name
        guard start.count + 2 <= column else { return start + "\n" + text }
        return start + String(repeating: " ", count: column - start.count) + text.dropFirst(column)
    }

    /// Breaks at spaces; a word longer than a line stands alone.
    private static func wrapped(_ text: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { paragraph in
            var lines: [String] = []
            var line = ""
            for word in paragraph.split(separator: " ") {
                if !line.isEmpty, indent + line.count + 1 + word.count > width {
                    lines.append(line)
                    line = ""
                }
                line += (line.isEmpty ? "" : " ") + word
            }
            return (lines + [line]).map { $0.isEmpty ? "" : margin + $0 }.joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
