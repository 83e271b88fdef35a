// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

// What is said of a template's intrinsic functions.
extension Diagnostic {
    static func unknownFunction(_ call: TemplateCall, at span: SourceSpan) -> Diagnostic {
        var hints: [String] = []
        if let nearest = Suggestion.nearest(to: call.function, among: TemplateCall.known) {
            hints.append("did you mean `\(nearest)`?")
        } else {
            hints.append("worked out here: " + TemplateCall.known.joined(separator: ", "))
        }
        return .project(
            .template, .error, "`\(DisplayText.escaped(call.function))` cannot be worked out without CloudFormation",
            at: span, hints: hints)
    }

    static func conditionOutside(_ function: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .template, .error, "`\(function)` gives no value", at: span,
            hints: ["conditions stand below `Conditions`, and `Fn::If` asks them"])
    }

    static func argument(_ function: String, _ expected: String, _ node: Node, at span: SourceSpan) -> Diagnostic {
        .project(.template, .error, "`\(function)` takes \(expected), not \(node.kindDescription)", at: span)
    }

    static func arguments(_ function: String, _ count: ClosedRange<Int>, at span: SourceSpan) -> Diagnostic {
        let words =
            count.count == 1
            ? "\(count.lowerBound) \(count.lowerBound == 1 ? "item" : "items")"
            : "\(count.lowerBound) to \(count.upperBound) items"
        return .project(.template, .error, "`\(function)` takes a list of \(words)", at: span)
    }

    static func parameterMissing(_ name: String, at span: SourceSpan?, usedAt use: SourceSpan) -> Diagnostic {
        .project(
            .parameter, .error, "parameter `\(name)` has no default, and no value was given", at: span ?? use,
            hints: ["give one: `--parameter \(name)=VALUE`"],
            related: span == nil ? [] : [Related(message: "needed here", span: use)])
    }

    static func parameterNotAllowed(
        _ name: String, _ fault: TemplateParameter.Fault, at span: SourceSpan?
    ) -> Diagnostic {
        .project(
            .parameter, .error, "parameter `\(name)` \(fault.words)", at: span,
            hints: fault.hint.map { [$0] } ?? [])
    }

    static func patternNotChecked(_ name: String, _ reason: String, at span: SourceSpan?) -> Diagnostic {
        .project(
            .parameter, .warning, "the pattern of parameter `\(name)` is not checked here: \(reason)", at: span)
    }

    static func dynamicReference(at span: SourceSpan) -> Diagnostic {
        .project(
            .standIn, .warning, "`{{resolve:…}}` is replaced only in a deployed stack; here it stays as it is written",
            at: span, hints: ["a variable whose whole value it is takes it from `--secret` or a store"])
    }

    static func unknownReference(_ name: String, known: [String], isSub: Bool, at span: SourceSpan) -> Diagnostic {
        var hints: [String] = []
        if let nearest = Suggestion.nearest(to: name, among: known) { hints.append("did you mean `\(nearest)`?") }
        if isSub { hints.append("to leave `${\(name)}` to the shell, write `${!\(name)}`") }
        return .project(
            .template, .error, "`\(DisplayText.escaped(name))` is neither a parameter nor a resource of the template",
            at: span, hints: hints)
    }

    static func attributeWithoutResource(at span: SourceSpan) -> Diagnostic {
        .project(.template, .error, "`GetAtt` takes a resource and an attribute, as `Bucket.Arn`", at: span)
    }

    static func invalidSubstitution(_ name: String, at span: SourceSpan) -> Diagnostic {
        let shown = DisplayText.escaped(name)
        return .project(
            .template, .error, "`${\(shown)}` is no name that `Sub` could replace", at: span,
            hints: ["to leave it to the shell, write `${!\(shown)}`"])
    }

    static func standIn(_ text: String, name: String, words: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .standIn, .warning,
            "\(words) is known only to a deployed stack; `\(DisplayText.escaped(text))` stands in its place", at: span,
            hints: ["give the value: `--parameter \(DisplayText.escaped(name))=VALUE`"])
    }

    static func cycle(_ name: String, at span: SourceSpan) -> Diagnostic {
        .project(.template, .error, "\(DisplayText.escaped(name)) leads back to itself", at: span)
    }

    static func chainTooLong(at span: SourceSpan) -> Diagnostic {
        .project(.template, .error, "names refer to each other over more than 64 steps", at: span)
    }

    static func templateTooLarge(at span: SourceSpan) -> Diagnostic {
        .project(.template, .error, "the template's functions make more than 16 MiB of text", at: span)
    }

    static func notInMap(_ key: String, known: [String], at span: SourceSpan) -> Diagnostic {
        let nearest = Suggestion.nearest(to: key, among: known)
        return .project(
            .template, .error, "the template's `Mappings` have no `\(DisplayText.escaped(key))` there", at: span,
            hints: nearest.map { ["did you mean `\($0)`?"] }
                ?? (known.isEmpty ? [] : ["there is: " + known.prefix(20).joined(separator: ", ")]))
    }

    static func notInList(_ word: String, count: Int, at span: SourceSpan) -> Diagnostic {
        .project(
            .template, .error, "`Select` takes `\(DisplayText.escaped(word))` of a list of \(count)", at: span,
            hints: ["items are counted from 0"])
    }

    static func unknownCondition(_ name: String, known: [String], at span: SourceSpan) -> Diagnostic {
        .project(
            .template, .error, "the template has no condition `\(DisplayText.escaped(name))`", at: span,
            hints: Suggestion.nearest(to: name, among: known).map { ["did you mean `\($0)`?"] } ?? [])
    }

    static func notACondition(at span: SourceSpan) -> Diagnostic {
        .project(
            .template, .error, "a condition is made of `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` and `Condition`",
            at: span)
    }
}
