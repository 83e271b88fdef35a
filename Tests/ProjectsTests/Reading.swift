// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Projects

/// Reads a project from text, and shows what was found as a line each.
enum Reading {
    static func select(
        _ text: String, _ name: String? = nil, as path: String = "p.json", parameters: [String] = []
    ) throws(ProjectsError) -> ProjectFile.Selection {
        let file = try ProjectFile(SourceText(path: path, text: text))
        var given: [ProjectParameter] = []
        for parameter in parameters { given.append(try ProjectParameter(parameter)) }
        return try file.project(name, parameters: given)
    }

    /// `line:column rule message` of each finding of a project.
    static func findings(
        _ text: String, _ name: String? = nil, as path: String = "p.json", parameters: [String] = []
    ) -> [String] {
        do {
            return lines(try select(text, name, as: path, parameters: parameters).diagnostics)
        } catch {
            return error.diagnostics.isEmpty ? [error.message] + error.hints : lines(error.diagnostics)
        }
    }

    private static func lines(_ findings: [Diagnostic]) -> [String] {
        findings.map { finding in
            let start = finding.span.map { "\($0.start.line):\($0.start.column) " } ?? ""
            return "\(start)\(finding.severity) \(finding.message)"
        }
    }

    /// The environment's variables of a project, `NAME=value`, with their kind where they are not plain.
    static func variables(_ selection: ProjectFile.Selection) -> [String] {
        selection.definition.environment.variables.map { variable in
            let kind = variable.kind == .plaintext ? "" : " \(variable.kind.rawValue)"
            return "\(variable.name.value)=\(variable.value.value)\(kind)"
        }
    }
}
