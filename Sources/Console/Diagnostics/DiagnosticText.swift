// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Findings for people.
///
///     error: YAML_FILE_ERROR: Expected Commands[0] to be of string type: …
///       command 1 of `build` is a map: the `:` after `echo` makes that a key [command-is-a-map]
///       buildspec.yml:5:9
///       5 │       - echo: hi
///         │         ^^^^^^^^
///       hint: quote the whole command: - 'echo: hi'
///
/// What CodeBuild says comes first, so that a search for it finds this; our words stand below.
struct DiagnosticText {
    private let sources: [String: SourceText]
    private let colour: Bool
    private let bar: String
    private let columns: Int?

    /// - Parameter columns: of the terminal; nil where lines may be of any width.
    init(sources: [SourceText], colour: Bool, unicode: Bool = true, columns: Int? = nil) {
        self.columns = columns
        bar = unicode ? "│" : "|"
        self.sources = Dictionary(sources.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        self.colour = colour
    }

    func render(_ diagnostics: [Diagnostic]) -> String {
        diagnostics.map(render).joined(separator: "\n")
    }

    private func render(_ diagnostic: Diagnostic) -> String {
        let style = Style(diagnostic.severity)
        let ours = DisplayText.escaped(diagnostic.message) + paint(" [\(diagnostic.rule)]", .dim)
        var lines = [paint("\(diagnostic.severity.rawValue):", style) + " "]
        if let verdict = diagnostic.codeBuild, let message = verdict.message {
            lines[0] += paint("\(verdict.statusCode): \(DisplayText.escaped(message))", .bold)
            lines.append("  " + ours)
        } else {
            lines[0] += (diagnostic.codeBuild.map { "\($0.statusCode): " } ?? "") + ours
        }
        if let span = diagnostic.span { lines += draw(span, style) }
        for related in diagnostic.related {
            lines.append("  \(paint("note:", .note)) \(DisplayText.escaped(related.message))")
            lines += draw(related.span, .note)
        }
        lines += diagnostic.hints.map {
            "  \(paint("hint:", .hint)) "
                + DisplayText.wrapped(DisplayText.escaped($0), indent: 8, columns: columns)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func draw(_ span: SourceSpan, _ style: Style) -> [String] {
        guard let source = sources[span.path] else {
            return ["  \(DisplayText.escaped(span.path)):\(span.start.line):\(span.start.column)"]
        }
        let snippet = DiagnosticSnippet(span, in: source, columns: columns.map { $0 - 2 })
        var lines = ["  " + paint(snippet.location, .location)]
        for line in snippet.lines {
            lines.append("  " + paint("\(line.number) \(bar)", .dim) + (line.text.isEmpty ? "" : " \(line.text)"))
            guard !line.carets.isEmpty else { continue }
            let gutter = String(repeating: " ", count: line.number.count) + " " + bar
            lines.append("  " + paint(gutter, .dim) + " " + paint(line.carets, style))
        }
        return lines
    }

    private enum Style: String {
        case error = "1;31"
        case warning = "1;33"
        case note = "1;36"
        case hint = "1;32"
        case location = "34"
        case bold = "1"
        case dim = "2"

        init(_ severity: Severity) {
            switch severity {
            case .error: self = .error
            case .warning: self = .warning
            case .note: self = .note
            }
        }
    }

    private func paint(_ text: String, _ style: Style) -> String {
        colour ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}
