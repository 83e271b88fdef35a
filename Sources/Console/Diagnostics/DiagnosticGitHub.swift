// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Findings as workflow commands of GitHub Actions, one a line.
enum DiagnosticGitHub {
    static func render(_ diagnostics: [Diagnostic], workspace: GitHubWorkspace? = nil) -> String {
        diagnostics.map { command($0, workspace) }.joined()
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

    private static func command(_ diagnostic: Diagnostic, _ workspace: GitHubWorkspace?) -> String {
        let name =
            switch diagnostic.severity {
            case .error: "error"
            case .warning: "warning"
            case .note: "notice"
            }
        var properties: [(String, String)] = []
        if let span = diagnostic.span {
            properties = [
                ("file", workspace?.path(span.path) ?? span.path), ("line", "\(span.start.line)"),
                ("col", "\(span.start.column)"), ("endLine", "\(span.end.line)"),
            ]
        } else if let path = diagnostic.path {
            properties = [("file", workspace?.path(path) ?? path)]
        }
        properties.append(("title", diagnostic.rule))
        return GitHubCommand.line(name, properties, message(diagnostic))
    }
}
