// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// The messages of this module.
extension Diagnostic {
    static func yaml(
        _ rule: YAMLRule, _ message: String, severity: Severity = .error, at span: SourceSpan?,
        hints: [String] = [], related: [Related] = [], verdict: String? = nil
    ) -> Diagnostic {
        Diagnostic(
            rule: rule.rawValue, severity: severity, message: message, span: span, hints: hints, related: related,
            codeBuild: severity == .error ? CodeBuildVerdict(statusCode: "YAML_FILE_ERROR", message: verdict) : nil)
    }

    /// A limit of ours has no verdict of CodeBuild's.
    private static func limit(_ rule: YAMLRule, _ message: String, at span: SourceSpan?, hints: [String]) -> Diagnostic
    {
        Diagnostic(rule: rule.rawValue, severity: .error, message: message, span: span, hints: hints)
    }

    static func fileTooLarge(_ path: String, limit: Int) -> Diagnostic {
        let size = limit % (1 << 20) == 0 ? "\(limit >> 20) MiB" : "\(limit) bytes"
        var diagnostic = Diagnostic.limit(
            .fileTooLarge, "`\(path)` is larger than the limit of \(size)", at: nil,
            hints: ["a buildspec is a few kilobytes; is this the file you meant?"])
        diagnostic.file = path
        return diagnostic
    }

    /// A mistake in JSON, of which CodeBuild has no words: no buildspec is read as JSON alone.
    static func json(
        _ message: String, at span: SourceSpan, hints: [String] = [], related: [Related] = []
    ) -> Diagnostic {
        Diagnostic(
            rule: JSONRule.syntax, severity: .error, message: message, span: span, hints: hints,
            related: related)
    }

    static func outOfMemory(_ path: String) -> Diagnostic {
        .yaml(.syntax, "not enough memory to read the file", at: SourceSpan(path: path, start: .start, end: .start))
    }

    static func invalidUTF8(byte: UInt8, at span: SourceSpan) -> Diagnostic {
        .yaml(
            .invalidUTF8, "byte 0x\(hexadecimal(UInt32(byte), digits: 2)) does not belong to UTF-8 text", at: span,
            hints: ["save the file as UTF-8"])
    }

    static func nulCharacter(at span: SourceSpan) -> Diagnostic {
        .yaml(
            .nulCharacter, "a NUL byte cannot stand in YAML", at: span,
            hints: ["is this a text file in UTF-8? UTF-16 needs a byte order mark"])
    }

    static func escapedNul(at span: SourceSpan) -> Diagnostic {
        var diagnostic = Diagnostic.yaml(
            .nulCharacter, "the text holds a NUL character, which no command or variable can carry", at: span)
        diagnostic.codeBuild = nil
        return diagnostic
    }

    static func controlCharacter(_ value: UInt32, at span: SourceSpan) -> Diagnostic {
        .yaml(
            .controlCharacter, "the control character U+\(hexadecimal(value, digits: 4)) cannot stand in YAML",
            at: span,
            hints: ["remove it, or write it as an escape such as `\\x1b` inside double quotes"])
    }

    static func nestingTooDeep(limit: Int, at span: SourceSpan) -> Diagnostic {
        .limit(
            .nestingTooDeep, "lists and maps nest deeper than the limit of \(limit) levels", at: span,
            hints: ["a buildspec nests eight levels at most"])
    }

    static func aliasExpansion(_ name: String, limit: Int, at span: SourceSpan) -> Diagnostic {
        .limit(
            .aliasExpansion, "alias `*\(name)` makes the document expand to more than \(limit) nodes", at: span,
            hints: ["aliases of aliases multiply; write the values out"])
    }

    static func aliasCycle(_ name: String, at span: SourceSpan) -> Diagnostic {
        .yaml(.aliasCycle, "alias `*\(name)` stands inside what it names", at: span)
    }

    static func undefinedAlias(_ name: String, at span: SourceSpan, known: [String]) -> Diagnostic {
        var hints: [String] = []
        if let nearest = Suggestion.nearest(to: name, among: known) {
            hints.append("did you mean `*\(nearest)`?")
        } else {
            hints.append("a value that begins with `*` is an alias; quote it if it is text")
        }
        return .yaml(.undefinedAlias, "alias `*\(name)` names no anchor above it", at: span, hints: hints)
    }

    static func keyNotText(_ key: Node, in source: SourceText) -> Diagnostic {
        let text = source.text(from: key.start, to: key.end)
        var hints = ["quote the text if it was meant as a value"]
        if text.hasPrefix("{") {
            hints = ["a value that begins with `{` is a map in YAML; quote it if it comes from a template"]
        }
        return .yaml(.keyNotText, "\(key.kindDescription) cannot be a key", at: key.span(in: source.path), hints: hints)
    }

    static func duplicateKey(_ key: String, first: SourceSpan, last: SourceSpan) -> Diagnostic {
        .yaml(
            .duplicateKey,
            "key `\(key)` stands twice in this map; the last one (line \(last.start.line)) wins", severity: .warning,
            at: last,
            hints: ["merge the two, or remove one"],
            related: [Related(message: "first `\(key)` (line \(first.start.line)) is dropped", span: first)])
    }

    static func unknownTag(_ tag: String, at span: SourceSpan) -> Diagnostic {
        .yaml(
            .unknownTag, "tag `\(tag)` means nothing here and is ignored", severity: .warning, at: span,
            hints: ["quote the value if `!` is part of it"])
    }

    static func multipleDocuments(at span: SourceSpan) -> Diagnostic {
        .yaml(
            .multipleDocuments, "a second document begins here; only the first is read", severity: .warning, at: span,
            hints: ["remove the `---` and what follows it"])
    }

    /// A construct that the formatter leaves alone, and the file with it.
    static func noLayout(_ what: String, at span: SourceSpan?) -> Diagnostic {
        Diagnostic(
            rule: "no-layout", severity: .error, message: "\(what) is not formatted, nor is the file", span: span,
            hints: ["write it in the common way, or leave this file out"])
    }

    static func layoutChangesMeaning(_ path: String) -> Diagnostic {
        Diagnostic(
            rule: "layout-changes-meaning", severity: .error,
            message: "the new layout of `\(path)` would not mean the same, so the file is left as it is",
            hints: ["this is a fault of drydock; please report the file"])
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

extension SourcePosition {
    /// The first character of a file.
    static var start: SourcePosition { SourcePosition(line: 1, column: 1) }
}
