// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code scanning services read.
enum DiagnosticSARIF {
    static func render(_ diagnostics: [Diagnostic], workspace: GitHubWorkspace? = nil) -> String {
        var indexes: [String: Int] = [:]
        var rules: [DiagnosticJSONValue] = []
        for diagnostic in diagnostics where indexes[diagnostic.rule] == nil {
            indexes[diagnostic.rule] = rules.count
            let words = diagnostic.rule.split(separator: "-").joined(separator: " ")
            rules.append(
                .object([
                    ("id", .string(diagnostic.rule)), ("shortDescription", .object([("text", .string(words))])),
                ]))
        }
        let driver = DiagnosticJSONValue.object([("name", .string("drydock")), ("rules", .array(rules))])
        let results = diagnostics.map { result($0, ruleIndex: indexes[$0.rule] ?? 0, workspace) }
        let document = DiagnosticJSONValue.object([
            ("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")),
            ("version", .string("2.1.0")),
            (
                "runs",
                .array([
                    .object([
                        ("tool", .object([("driver", driver)])), ("columnKind", .string("unicodeCodePoints")),
                        ("results", .array(results)),
                    ])
                ])
            ),
        ])
        return document.text() + "\n"
    }

    private static func result(
        _ diagnostic: Diagnostic, ruleIndex: Int, _ workspace: GitHubWorkspace?
    ) -> DiagnosticJSONValue {
        .object([
            ("ruleId", .string(diagnostic.rule)),
            ("ruleIndex", .number(ruleIndex)),
            ("level", .string(diagnostic.severity.rawValue)),
            ("message", .object([("text", .string(DiagnosticGitHub.message(diagnostic)))])),
            ("locations", diagnostic.path.map { .array([.object(location($0, diagnostic.span, workspace))]) }),
            (
                "relatedLocations",
                diagnostic.related.isEmpty
                    ? nil
                    : .array(
                        diagnostic.related.enumerated().map { index, related in
                            .object(
                                [("id", .number(index + 1))] + location(related.span.path, related.span, workspace) + [
                                    ("message", .object([("text", .string(DisplayText.escaped(related.message)))]))
                                ])
                        })
            ),
        ])
    }

    /// A place in a file, or the file alone.
    private static func location(
        _ path: String, _ span: SourceSpan?, _ workspace: GitHubWorkspace?
    ) -> [(String, DiagnosticJSONValue?)] {
        let region = span.map { span in
            DiagnosticJSONValue.object([
                ("startLine", .number(span.start.line)), ("startColumn", .number(span.start.column)),
                ("endLine", .number(span.end.line)), ("endColumn", .number(span.end.column)),
            ])
        }
        let name = uri(workspace?.reference(path) ?? path)
        let artifact = DiagnosticJSONValue.object([("uri", .string(name))])
        return [("physicalLocation", .object([("artifactLocation", artifact), ("region", region)]))]
    }

    /// A relative reference or a `file:` URI; bytes that a URI cannot hold are percent-encoded (RFC 3986, §2.1).
    private static func uri(_ path: String) -> String {
        var result = path.hasPrefix("/") ? "file://" : ""
        for byte in path.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
