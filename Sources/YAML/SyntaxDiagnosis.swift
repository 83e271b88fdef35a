// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Turns what libyaml says into what the user should know: the mistakes that buildspecs really hold have a cause that
/// the line shows and libyaml's words do not.
struct SyntaxDiagnosis {
    private let failure: EventStream.Failure
    private let source: SourceText
    private let line: String

    init(_ failure: EventStream.Failure, in source: SourceText) {
        self.failure = failure
        self.source = source
        self.line = source.line(failure.position.line)
    }

    var diagnostic: Diagnostic {
        if failure.isOutOfMemory { return .outOfMemory(source.path) }
        return tab ?? conflictMarker ?? testAsList ?? unclosedQuote ?? indicator ?? quotedPart ?? colon ?? generic
    }

    /// CodeBuild gives libyaml's problem with the line as libyaml counts it, from 0.
    /// Source: AWS CodeBuild User Guide, "Troubleshooting", and messages as users report them.
    private var verdict: String { "\(failure.problem) at line \(failure.line)" }

    private var tab: Diagnostic? {
        // libyaml may notice a line late: the tab stands there or on the line before.
        for number in [failure.position.line, failure.position.line - 1] where number > 0 {
            let blank = source.line(number).unicodeScalars.prefix { $0 == " " || $0 == "\t" }
            guard let index = Array(blank).firstIndex(of: "\t") else { continue }
            guard !source.line(number).unicodeScalars.dropFirst(blank.count).isEmpty else { continue }
            let start = SourcePosition(line: number, column: index + 1)
            return error(
                .tabIndentation, "a tab cannot indent YAML",
                from: start, to: SourcePosition(line: number, column: blank.count + 1),
                hint: "indent with spaces only")
        }
        return nil
    }

    private var conflictMarker: Diagnostic? {
        for number in max(1, failure.position.line - 3)...failure.position.line {
            let text = source.line(number)
            for marker in ["<<<<<<<", "=======", ">>>>>>>"] where text.hasPrefix(marker) {
                return error(
                    .syntax, "a merge conflict marker stands here",
                    from: SourcePosition(line: number, column: 1),
                    to: SourcePosition(line: number, column: text.unicodeScalars.count + 1),
                    hint: "resolve the conflict and remove the marker")
            }
        }
        return nil
    }

    private var testAsList: Diagnostic? {
        // The list may have begun lines above; libyaml's context names its place.
        for number in [failure.position.line, failure.contextPosition.line] {
            guard let item = Item(source.line(number), line: number),
                item.text.hasPrefix("[ ") || item.text.hasPrefix("[[")
            else { continue }
            return error(
                .testBecameList, "a value that begins with `[` is a list in YAML, not a shell test",
                from: item.start, to: item.end, hint: "quote the whole command: \(YAMLQuoting.item(item.text))")
        }
        return nil
    }

    private var unclosedQuote: Diagnostic? {
        guard failure.context == "while scanning a quoted scalar" else { return nil }
        let start = failure.contextPosition
        let text = source.line(start.line)
        return error(
            .syntax, "the quote that opens on line \(start.line) is never closed", from: start,
            to: SourcePosition(line: start.line, column: text.unicodeScalars.count + 1),
            hint: "close it, or quote the whole value with the other kind of quotes")
    }

    /// A value that begins with a character that means something to YAML.
    private var indicator: Diagnostic? {
        guard let item = Item(line, line: failure.position.line) else { return nil }
        guard let first = item.text.first, "@`%&*!|>".contains(first) else { return nil }
        switch failure.context {
        case "while scanning an alias", "while scanning an anchor", "while scanning for the next token",
            "while scanning a tag", "while scanning a block scalar", "while parsing a tag":
            let meaning: [Character: String] = ["*": "an alias", "&": "an anchor", "!": "a tag"]
            let message =
                meaning[first].map { "a value that begins with `\(first)` is \($0) in YAML" }
                ?? "a value cannot begin with \(first == "`" ? "a backquote" : "`\(first)`")"
            return error(
                .syntax, message, from: item.start, to: item.end, hint: "quote it: \(YAMLQuoting.quoted(item.text))")
        default: return nil
        }
    }

    /// `- "a" b`: the value ends at the closing quote, and more follows.
    private var quotedPart: Diagnostic? {
        guard failure.context?.hasPrefix("while parsing a block") == true,
            let item = Item(line, line: failure.position.line), let first = item.text.first,
            first == "\"" || first == "'", item.start < failure.position
        else { return nil }
        return error(
            .syntax, "text follows the closing quote of a value", from: item.start, to: item.end,
            hint: "quote the whole value: \(YAMLQuoting.quoted(item.text))")
    }

    private var colon: Diagnostic? {
        guard failure.problem == "mapping values are not allowed in this context" else { return nil }
        let scalars = line.unicodeScalars.count
        var hints = ["check the indentation of this line and of the one above it"]
        if let item = Item(line, line: failure.position.line), item.text.contains(": ") {
            hints.insert("if `: ` is part of the value, quote the value: \(YAMLQuoting.quoted(item.text))", at: 0)
        }
        if let number = lineWithoutColon { hints = ["is a `:` missing on line \(number)?"] }
        return error(
            .syntax, "a `:` makes a key where no key can stand", from: failure.position,
            to: SourcePosition(
                line: failure.position.line, column: min(failure.position.column + 1, max(scalars + 1, 1))),
            hints: hints)
    }

    /// The line above, when it is neither a key nor an item: `version 0.2`.
    private var lineWithoutColon: Int? {
        var number = failure.position.line - 1
        while number > 0, source.line(number).allSatisfy({ $0 == " " }) { number -= 1 }
        guard number > 0, let item = Item(source.line(number), line: number) else { return nil }
        return item.text.contains(":") || item.text.hasPrefix("#") || source.line(number).contains(": ")
            || source.line(number).contains("- ") ? nil : number
    }

    private var generic: Diagnostic {
        var hints: [String] = []
        if failure.problem.hasPrefix("did not find expected key") || failure.problem.contains("'-' indicator") {
            hints.append("check the indentation of this line and of the ones above it")
        }
        var related: [Diagnostic.Related] = []
        if let context = failure.context, failure.contextPosition.line != failure.position.line {
            let start = failure.contextPosition
            let span = SourceSpan(
                path: source.path, start: start, end: SourcePosition(line: start.line, column: start.column + 1))
            related.append(.init(message: "\(context) that begins here", span: span))
        }
        let end = SourcePosition(line: failure.position.line, column: failure.position.column + 1)
        return .yaml(
            .syntax, "not valid YAML: \(failure.problem)",
            at: SourceSpan(path: source.path, start: failure.position, end: end), hints: hints, related: related,
            verdict: verdict)
    }

    private func error(
        _ rule: YAMLRule, _ message: String, from start: SourcePosition, to end: SourcePosition, hint: String
    ) -> Diagnostic {
        error(rule, message, from: start, to: end, hints: [hint])
    }

    private func error(
        _ rule: YAMLRule, _ message: String, from start: SourcePosition, to end: SourcePosition, hints: [String]
    ) -> Diagnostic {
        .yaml(
            rule, message, at: SourceSpan(path: source.path, start: start, end: end), hints: hints, verdict: verdict)
    }

    /// The value that a line holds after its indentation, `-` and a simple key.
    private struct Item {
        var text: String
        var start: SourcePosition
        var end: SourcePosition

        init?(_ line: String, line number: Int) {
            var scalars = Array(line.unicodeScalars)
            while let last = scalars.last, last == " " || last == "\t" { scalars.removeLast() }
            var index = 0
            while index < scalars.count, scalars[index] == " " { index += 1 }
            while index + 1 < scalars.count, scalars[index] == "-", scalars[index + 1] == " " {
                index += 1
                while index < scalars.count, scalars[index] == " " { index += 1 }
            }
            var key = index
            while key < scalars.count, Self.isKeyCharacter(scalars[key]) { key += 1 }
            if key > index, key + 1 < scalars.count, scalars[key] == ":", scalars[key + 1] == " " {
                index = key + 1
                while index < scalars.count, scalars[index] == " " { index += 1 }
            }
            guard index < scalars.count else { return nil }
            text = String(String.UnicodeScalarView(scalars[index...]))
            start = SourcePosition(line: number, column: index + 1)
            end = SourcePosition(line: number, column: scalars.count + 1)
        }

        private static func isKeyCharacter(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "-"
        }
    }
}

/// Writes text as a YAML value that stays that text.
public enum YAMLQuoting {
    /// In single quotes, or in double quotes where the text holds many single ones or characters to escape.
    public static func quoted(_ text: String) -> String {
        let plain = !text.unicodeScalars.contains { DisplayText.isUnsafe($0) }
        if plain, !text.contains("'") || text.contains("\"") || text.contains("\\") {
            return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case _ where DisplayText.isUnsafe(scalar):
                result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A character as double quotes allow it (YAML 1.1, 5.6).
    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\t": return "\\t"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\0": return "\\0"
        case "\u{1B}": return "\\e"
        default:
            let digits = String(scalar.value, radix: 16)
            let (letter, count) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
            return "\\" + letter + String(repeating: "0", count: count - digits.count) + digits
        }
    }

    /// A list item, for advice: of a long text, which stands above, only how it begins and ends.
    public static func item(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > 100 else { return "- " + quoted(text) }
        let short =
            String(String.UnicodeScalarView(scalars.prefix(60))) + " … "
            + String(String.UnicodeScalarView(scalars.suffix(20)))
        return "- " + quoted(short)
    }
}
