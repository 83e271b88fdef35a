// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Findings as workflow commands of GitHub Actions, one a line.
///
/// Source: GitHub Docs, "Workflow commands for GitHub Actions", and the escaping of the actions toolkit's `command.ts`.
enum DiagnosticGitHub {
    static func render(_ diagnostics: [Diagnostic]) -> String {
        diagnostics.map { command($0) + "\n" }.joined()
    }

    /// All that a finding says, a line each: CodeBuild's words, ours, the hints.
    static func message(_ diagnostic: Diagnostic) -> String {
        var lines: [String] = []
        if let verdict = diagnostic.codeBuild, let message = verdict.message {
            lines.append("\(verdict.statusCode): \(message)")
        }
        let status = lines.isEmpty ? diagnostic.codeBuild.map { "\($0.statusCode): " } ?? "" : ""
        lines.append(status + diagnostic.message)
        lines += diagnostic.hints.map { "hint: \($0)" }
        return lines.map(DisplayText.escaped).joined(separator: "\n")
    }

    private static func command(_ diagnostic: Diagnostic) -> String {
        let name =
            switch diagnostic.severity {
            case .error: "error"
            case .warning: "warning"
            case .note: "notice"
            }
        var properties: [String] = []
        if let span = diagnostic.span {
            properties = [
                "file=\(property(span.path))", "line=\(span.start.line)", "col=\(span.start.column)",
                "endLine=\(span.end.line)",
            ]
        }
        properties.append("title=\(property(diagnostic.rule))")
        return "::\(name) \(properties.joined(separator: ","))::\(data(message(diagnostic)))"
    }

    private static func data(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A"])
    }

    private static func property(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"])
    }

    private static func escape(_ text: String, _ escapes: [Unicode.Scalar: String]) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if let escape = escapes[scalar] { result += escape } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }
}
