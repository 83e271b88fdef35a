// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// What CodeBuild rejects, with its own words where users have reported them.
///
/// Source: AWS CodeBuild User Guide, "Troubleshooting", and build logs as users paste them.
extension Diagnostic {
    static func spec(
        _ rule: BuildspecRule, _ severity: Severity, _ message: String, at span: SourceSpan?, hints: [String] = [],
        related: [Related] = [], verdict: String? = nil, status: String = "YAML_FILE_ERROR"
    ) -> Diagnostic {
        Diagnostic(
            rule: rule.rawValue, severity: severity, message: message, span: span, hints: hints, related: related,
            codeBuild: severity == .error ? CodeBuildVerdict(statusCode: status, message: verdict) : nil)
    }

    /// What CodeBuild says of a document without the expected top level.
    private static let noContainerTags = "wrong number of container tags, expected 1"

    static func emptyFile(_ source: SourceText) -> Diagnostic {
        let start = SourcePosition(line: 1, column: 1)
        return .spec(
            .notABuildspec, .error, "the file is empty", at: SourceSpan(path: source.path, start: start, end: start),
            hints: ["a buildspec needs at least `version: 0.2` and `phases:`"], verdict: noContainerTags)
    }

    static func notABuildspec(_ root: Node, in source: SourceText) -> Diagnostic {
        .spec(
            .notABuildspec, .error, "the file is \(root.kindDescription), not a mapping of keys to values",
            at: firstLine(of: root, in: source),
            hints: ["a buildspec needs at least `version: 0.2` and `phases:`"], verdict: noContainerTags)
    }

    static func missingVersion(_ root: Node, in source: SourceText) -> Diagnostic {
        let isTemplate = root["AWSTemplateFormatVersion"] != nil || root["Resources"]?.entries != nil
        return .spec(
            .missingVersion, .error, "`version` is missing", at: firstKey(of: root, in: source),
            hints: [
                isTemplate
                    ? "this is a CloudFormation template: `drydock run --dry-run --project FILE` checks a project of it"
                    : "begin the file with `version: 0.2`"
            ], verdict: noContainerTags)
    }

    static func unsupportedVersion(_ node: Node, in source: SourceText) -> Diagnostic {
        let text = node.scalar?.text ?? source.text(from: node.start, to: node.end)
        return .spec(
            .unsupportedVersion, .error, "version `\(text)` does not exist", at: node.span(in: source.path),
            hints: ["write `version: 0.2`"],
            verdict: "invalid buildspec `version` specified: \(text), see documentation")
    }

    static func missingPhases(_ root: Node, in source: SourceText) -> Diagnostic {
        let key = root.entries?.first { $0.key.scalar?.text == "phases" }?.key
        var hints = ["name the phases below it: install, pre_build, build, post_build"]
        if root.entries?.contains(where: startsWithNoBreakSpace) == true {
            hints = ["a line below begins with U+00A0, a non-breaking space; indent with ordinary spaces"]
        }
        return .spec(
            .missingPhases, .error, key == nil ? "`phases` is missing" : "`phases` is empty",
            at: key?.span(in: source.path) ?? firstKey(of: root, in: source), hints: hints, verdict: noContainerTags)
    }

    private static func startsWithNoBreakSpace(_ entry: Node.Entry) -> Bool {
        entry.key.scalar?.text.unicodeScalars.first == "\u{A0}"
    }

    static func unknownPhase(_ key: Buildspec.Text) -> Diagnostic {
        var hints: [String] = []
        let names = Buildspec.Phases.Name.allCases.map(\.rawValue)
        if let nearest = Suggestion.nearest(to: key.value, among: names) {
            hints.append("did you mean `\(nearest)`?")
        } else if Decoder.topLevelKeys.contains(key.value) {
            hints.append("`\(key.value)` belongs at the top level: remove its indentation")
        } else if Decoder.phaseKeys.contains(key.value) {
            hints.append("`\(key.value)` belongs inside a phase: indent it below `build:`")
        } else {
            hints.append("a build has four phases, whatever they do: \(names.joined(separator: ", "))")
        }
        return .spec(
            .unknownPhase, .error, "there is no phase `\(key.value)`", at: key.span, hints: hints,
            verdict: "Invalid buildspec phase name: \(key.value). Expecting: build,install,post_build,pre_build")
    }

    static func phaseIsNotAMap(_ key: Buildspec.Text, _ value: Node, in source: SourceText) -> Diagnostic {
        let what = value.isNull ? "empty" : value.kindDescription
        let hint =
            value.isNull
            ? "add `commands:` below it, or remove the phase" : "put `commands:` below it, and the list below that"
        return .spec(
            .wrongType, .error, "phase `\(key.value)` is \(what), but holds keys such as `commands`",
            at: value.isNull ? key.span : firstLine(of: value, in: source), hints: [hint])
    }

    static func wrongType(_ node: Node, in source: SourceText, named name: String, expected: String) -> Diagnostic {
        let subject = name.contains("`") ? name : "`\(name)`"
        return .spec(
            .wrongType, .error, "\(subject) is \(node.kindDescription), but must be \(expected)",
            at: firstLine(of: node, in: source), hints: typeHints(node, in: source, expected: expected))
    }

    private static func typeHints(_ node: Node, in source: SourceText, expected: String) -> [String] {
        guard expected == "text", node.start.line == node.end.line else { return [] }
        let text = source.text(from: node.start, to: node.end)
        return text.isEmpty ? [] : ["if it is meant as text, quote it: \(YAMLQuoting.quoted(text))"]
    }

    static func commandIsAMap(
        _ item: Node, index: Int, of key: String, in phase: String, _ source: SourceText
    ) -> Diagnostic {
        let text = source.text(from: item.start, to: item.end)
        let first = item.entries?.first?.key.scalar?.text ?? ""
        let message =
            text.hasPrefix("{")
            ? "command \(index + 1) of `\(phase)` begins with `{`, which makes it a map"
            : "command \(index + 1) of `\(phase)` is a map: the `:` after `\(shortened(first))` makes that a key"
        var hints = ["quote the whole command: \(YAMLQuoting.item(text))"]
        if item.start.line != item.end.line {
            hints = ["begin the item with `- |` and put the command on the lines below it"]
        }
        let line = item.start.line
        return .spec(
            .commandIsAMap, .error, message, at: firstLine(of: item, in: source), hints: hints,
            verdict: key == "commands"
                ? "Expected Commands[\(index)] to be of string type: found subkeys instead at line \(line), "
                    + "value of the key tag on line \(line - 1) might be empty" : nil)
    }

    static func commandIsAList(
        _ item: Node, index: Int, of key: String, in phase: String, _ source: SourceText
    ) -> Diagnostic {
        let text = source.text(from: item.start, to: item.end)
        guard text.hasPrefix("[") else {
            return .wrongType(item, in: source, named: "command \(index + 1) of `\(phase)`", expected: "text")
        }
        var diagnostic = Diagnostic.spec(
            .wrongType, .error, "a value that begins with `[` is a list in YAML, not a shell test",
            at: firstLine(of: item, in: source), hints: ["quote the whole command: \(YAMLQuoting.item(text))"])
        diagnostic.rule = YAMLRule.testBecameList.rawValue
        return diagnostic
    }

    static func invalidOnFailure(_ text: Buildspec.Text, _ reason: String) -> Diagnostic {
        .spec(
            .invalidOnFailure, .error, reason, at: text.span,
            hints: ["write ABORT, CONTINUE, RETRY, RETRY-<count>, RETRY-<regex> or RETRY-<count>-<regex>"])
    }

    static func invalidRunAs(_ text: Buildspec.Text) -> Diagnostic {
        .spec(
            .invalidRunAs, .error, "`run-as` names no Linux user: `\(text.value)`", at: text.span,
            hints: ["a variable or command is not expanded here"])
    }

    static func unknownShell(_ text: Buildspec.Text) -> Diagnostic {
        .spec(
            .unknownShell, .error, "CodeBuild has no shell `\(text.value)`", at: text.span,
            hints: ["write `bash` or `/bin/sh`; on Windows `powershell.exe` or `cmd.exe`"])
    }

    static func invalidVariableName(_ name: Buildspec.Text) -> Diagnostic {
        var diagnostic = Diagnostic.spec(
            .invalidVariableName, .error,
            name.value.isEmpty
                ? "a variable's name is empty" : "variable name `\(name.value)` holds `=`, which ends a name",
            at: name.span)
        diagnostic.codeBuild = nil
        return diagnostic
    }

    static func invalidSecretReference(_ variable: Buildspec.Variable, _ reason: String) -> Diagnostic {
        .spec(
            .invalidSecretReference, .error, "the secret of `\(variable.name.value)` cannot be found: \(reason)",
            at: variable.value.value.isEmpty ? variable.name.span : variable.value.span,
            hints: ["write `secret-id:json-key:version-stage:version-id`, all but the first as needed"],
            status: "Secrets Manager Error")
    }

    /// A node's first line: a map or list of many lines is not underlined whole.
    static func firstLine(of node: Node, in source: SourceText) -> SourceSpan {
        guard node.end.line > node.start.line else { return node.span(in: source.path) }
        let end = source.line(node.start.line).unicodeScalars.count + 1
        return SourceSpan(
            path: source.path, start: node.start, end: SourcePosition(line: node.start.line, column: end))
    }

    static func firstKey(of root: Node, in source: SourceText) -> SourceSpan {
        (root.entries?.first?.key ?? root).span(in: source.path)
    }

    static func shortened(_ text: String) -> String {
        text.count > 40 ? text.prefix(39) + "…" : text
    }
}
