// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// What a batch build rejects. A single build does not read `batch`, and runs nevertheless.
extension Diagnostic {
    /// How CodeBuild words these, and which status code a batch build has for them, is not known.
    private static func batch(
        _ rule: BuildspecRule, _ severity: Severity, _ message: String, at span: SourceSpan, hints: [String] = [],
        related: [Related] = []
    ) -> Diagnostic {
        Diagnostic(
            rule: rule.rawValue, severity: severity, message: message, span: span, hints: hints, related: related)
    }

    static func twoBatchKinds(_ key: Buildspec.Text, first: Buildspec.Text) -> Diagnostic {
        .batch(
            .invalidBatch, .error, "a batch has one way to make builds, not both `\(first.value)` and `\(key.value)`",
            at: key.span, related: [Related(message: "`\(first.value)` stands here", span: first.span)])
    }

    static func noBatchKind(at span: SourceSpan) -> Diagnostic {
        .batch(
            .invalidBatch, .error, "the batch makes no builds", at: span,
            hints: ["add one of \(Decoder.batchKinds.joined(separator: ", "))"])
    }

    static func missingIdentifier(at span: SourceSpan) -> Diagnostic {
        .batch(.invalidBatch, .error, "a build of a batch needs an `identifier`", at: span)
    }

    static func identifierTwice(_ identifier: Buildspec.Text, first: Buildspec.Text) -> Diagnostic {
        .batch(
            .invalidBatchIdentifier, .error, "identifier `\(identifier.value)` stands twice", at: identifier.span,
            related: [Related(message: "first here", span: first.span)])
    }

    static func invalidBatchIdentifier(_ identifier: Buildspec.Text) -> Diagnostic {
        let mended = String(
            identifier.value.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        return .batch(
            .invalidBatchIdentifier, .error, "identifier `\(identifier.value)` may hold only letters, digits and `_`",
            at: identifier.span, hints: mended.isEmpty ? [] : ["write `\(mended)`"])
    }

    static func dependOnIsNoList(_ node: Node, at span: SourceSpan) -> Diagnostic {
        var hints: [String] = []
        if let text = node.scalar?.text, !node.isNull { hints = ["write `depend-on: [\(text)]`"] }
        return .batch(
            .wrongType, .error, "`depend-on` is \(node.kindDescription), but must be a list of identifiers", at: span,
            hints: hints)
    }

    static func unknownDependency(_ dependency: Buildspec.Text, known: [String]) -> Diagnostic {
        var hints: [String] = []
        if let nearest = Suggestion.nearest(to: dependency.value, among: known) {
            hints = ["did you mean `\(nearest)`?"]
        }
        return .batch(
            .unknownDependency, .error, "no build of the graph has the identifier `\(dependency.value)`",
            at: dependency.span, hints: hints)
    }

    static func dependencyCycle(_ cycle: [Buildspec.Text]) -> Diagnostic {
        guard let last = cycle.last else { preconditionFailure("a cycle has at least one build") }
        let path = ([last] + cycle).map(\.value).joined(separator: " → ")
        return .batch(
            .dependencyCycle, .error, "these builds wait for each other: \(path)", at: last.span,
            related: cycle.dropLast().map { Related(message: "waits for `\($0.value)`", span: $0.span) })
    }

    static func invalidParallelism(_ text: Buildspec.Text) -> Diagnostic {
        .batch(
            .invalidBatch, .error, "`parallelism` must be a whole number above 0, not `\(text.value)`", at: text.span)
    }

    static func missingParallelism(at span: SourceSpan) -> Diagnostic {
        .batch(.invalidBatch, .error, "`build-fanout` needs `parallelism`, the number of builds", at: span)
    }
}
