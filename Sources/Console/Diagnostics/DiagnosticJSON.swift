// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Findings for programs.
///
/// `version` grows when a member changes its meaning or goes; new members may come without.
enum DiagnosticJSON {
    static func render(_ diagnostics: [Diagnostic]) -> String {
        let document = DiagnosticJSONValue.object([
            ("version", .number(1)),
            ("errors", .number(diagnostics.count { $0.severity == .error })),
            ("warnings", .number(diagnostics.count { $0.severity == .warning })),
            ("notes", .number(diagnostics.count { $0.severity == .note })),
            ("diagnostics", .array(diagnostics.map(value))),
        ])
        return document.text() + "\n"
    }

    private static func value(_ diagnostic: Diagnostic) -> DiagnosticJSONValue {
        .object([
            ("rule", .string(diagnostic.rule)),
            ("severity", .string(diagnostic.severity.rawValue)),
            ("message", .string(DisplayText.escaped(diagnostic.message))),
            ("path", diagnostic.path.map { .string($0) }),
            ("place", diagnostic.span.map(value)),
            ("hints", .array(diagnostic.hints.map { .string(DisplayText.escaped($0)) })),
            (
                "related",
                .array(
                    diagnostic.related.map {
                        .object([("message", .string(DisplayText.escaped($0.message))), ("place", value($0.span))])
                    })
            ),
            (
                "codeBuild",
                diagnostic.codeBuild.map {
                    .object([
                        ("statusCode", .string($0.statusCode)),
                        ("message", $0.message.map { .string(DisplayText.escaped($0)) }),
                    ])
                }
            ),
        ])
    }

    private static func value(_ span: SourceSpan) -> DiagnosticJSONValue {
        .object([
            ("path", .string(span.path)),
            ("line", .number(span.start.line)),
            ("column", .number(span.start.column)),
            ("endLine", .number(span.end.line)),
            ("endColumn", .number(span.end.column)),
        ])
    }
}
