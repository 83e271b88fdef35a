// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The manual page of a program, in the macros of man(7).
public struct ManualPage: CustomStringConvertible {
    /// A section of the author's own, as `EXIT STATUS`: terms with what they mean.
    public struct Section: Sendable {
        public var title: String
        public var entries: [(term: String, text: String)]

        public init(_ title: String, _ entries: [(term: String, text: String)]) {
            self.title = title
            self.entries = entries
        }
    }

    private let root: CommandSyntax
    private let version: String
    private let date: String
    private let sections: [Section]

    /// - Parameter date: of the version, as `2026-11-23`.
    public init(_ root: CommandSyntax, version: String, date: String, sections: [Section]) {
        self.root = root
        self.version = version
        self.date = date
        self.sections = sections
    }

    public var description: String {
        var lines = [
            ".TH \(root.name.uppercased()) 1 \"\(date)\" \"\(root.name) \(version)\" \"User Commands\"",
            ".SH NAME", "\(root.name) \\- \(Self.escaped(root.abstract))", ".SH SYNOPSIS",
        ]
        let commands = root.flattened().dropFirst()
        for (index, (path, syntax)) in commands.filter(\.syntax.subcommands.isEmpty).enumerated() {
            let name = path.joined(separator: " ")
            let rest = HelpText(syntax, path: "").usage.drop { $0 == " " }
            let words = rest.isEmpty ? "" : " " + Self.escaped(String(rest))
            if index > 0 { lines.append(".br") }
            lines += ["\\fB\(Self.escaped(name))\\fR" + words]
        }
        lines += [".SH DESCRIPTION"] + Self.text(root.discussion) + [".SH COMMANDS"]
        for (path, syntax) in commands {
            lines += [".SS \"\(Self.escaped(path.joined(separator: " ")))\""] + Self.text(syntax.abstract + ".")
            if !syntax.discussion.isEmpty { lines += [".PP"] + Self.text(syntax.discussion) }
            if let operands = syntax.operands {
                lines += Self.entry("\\fI\(Self.escaped(HelpText.operandWords(operands)))\\fR", operands.help)
            }
            for option in syntax.options { lines += Self.entry(Self.term(option), option.help) }
        }
        for section in sections {
            lines.append(".SH \"\(Self.escaped(section.title))\"")
            for entry in section.entries { lines += Self.entry("\\fB\(Self.escaped(entry.term))\\fR", entry.text) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func term(_ option: OptionSpecification) -> String {
        let names = option.spellings.map { "\\fB\(escaped($0))\\fR" }.joined(separator: ", ")
        return names + (option.placeholder.map { " \\fI\(escaped($0))\\fR" } ?? "")
    }

    private static func entry(_ term: String, _ text: String) -> [String] { [".TP", term] + self.text(text) }

    /// Running text in lines of at most 80 bytes, what stands between backticks in bold.
    private static func text(_ text: String) -> [String] {
        var lines: [String] = []
        for paragraph in text.split(separator: "\n") {
            var pieces = paragraph.split(separator: "`", omittingEmptySubsequences: false).map { escaped(String($0)) }
            // A backtick without a second one stands for itself.
            if pieces.count % 2 == 0, let last = pieces.popLast() { pieces[pieces.count - 1] += "`" + last }
            let marked = pieces.enumerated().map { $0 % 2 == 0 ? $1 : "\\fB\($1)\\fR" }.joined()
            var line = ""
            for word in marked.split(separator: " ") {
                if !line.isEmpty, line.utf8.count + 1 + word.utf8.count > 78 {
                    lines.append(line)
                    line = ""
                }
                line += (line.isEmpty ? "" : " ") + word
            }
            lines.append(line)
        }
        // A line that begins so would be a macro.
        return lines.map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : $0 }
    }

    /// A hyphen that is typed is not one that breaks words.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\e"
            case "-": escaped += "\\-"
            case "\"": escaped += "\\(dq"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
