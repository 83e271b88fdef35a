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
    private let sections: [Section]

    public init(_ root: CommandSyntax, version: String, sections: [Section]) {
        self.root = root
        self.version = version
        self.sections = sections
    }

    public var description: String {
        var lines = [
            ".TH \(root.name.uppercased()) 1 \"\" \"\(root.name) \(version)\" \"User Commands\"",
            ".SH NAME", "\(root.name) \\- \(Self.escaped(root.abstract))", ".SH SYNOPSIS",
        ]
        let commands = root.flattened().dropFirst()
        for (path, syntax) in commands where syntax.subcommands.isEmpty {
            let name = path.joined(separator: " ")
            let rest = HelpText(syntax, path: "").usage.drop { $0 == " " }
            lines += [".br", "\\fB\(Self.escaped(name))\\fR \(Self.escaped(String(rest)))"]
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

    private static func text(_ text: String) -> [String] {
        text.split(separator: "\n").map { line in
            let escaped = escaped(String(line))
            // A line that begins so would be a macro.
            return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
        }
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
