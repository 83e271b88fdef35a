// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Draws findings in one of the formats of `drydock lint --format`.
///
/// All are pure functions: the same findings always give the same text, and nothing is printed here.
public enum DiagnosticRenderer: String, Sendable, CaseIterable {
    /// For people: the place, the line, carets and hints.
    case text
    /// For programs: one versioned document.
    case json
    /// For code scanning: SARIF 2.1.0.
    case sarif
    /// For GitHub Actions: workflow commands that annotate the lines.
    case github

    /// Draws findings, ending in a line end unless there is nothing to say.
    ///
    /// - Parameters:
    ///   - sources: the files that the findings speak of; a finding of another file is drawn without its line.
    ///   - colour: whether `text` may use ANSI colours.
    ///   - unicode: whether `text` may draw with characters outside ASCII; the user's own text stays as it is.
    ///   - columns: for `text`: of the terminal; nil where lines may be of any width.
    ///   - workspace: for `github` and `sarif`: the repository that its paths are to begin at.
    public func render(
        _ diagnostics: [Diagnostic], in sources: [SourceText], colour: Bool = false, unicode: Bool = true,
        columns: Int? = nil, workspace: GitHubWorkspace? = nil
    ) -> String {
        switch self {
        case .text:
            DiagnosticText(sources: sources, colour: colour, unicode: unicode, columns: columns).render(diagnostics)
        case .json: DiagnosticJSON.render(diagnostics)
        case .sarif: DiagnosticSARIF.render(diagnostics, workspace: workspace)
        case .github: DiagnosticGitHub.render(diagnostics, workspace: workspace)
        }
    }

    /// How many findings there are, such as `1 error, 2 warnings`; empty when there are none.
    public static func summary(of diagnostics: [Diagnostic]) -> String {
        Severity.allCases.compactMap { severity in
            let count = diagnostics.count { $0.severity == severity }
            return count == 0 ? nil : "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }.joined(separator: ", ")
    }
}
