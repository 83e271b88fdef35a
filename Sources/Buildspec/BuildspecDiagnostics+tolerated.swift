// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// What CodeBuild tolerates though it is odd: it says little or nothing, and goes on.
extension Diagnostic {
    static func missingVersionInBatch(_ root: Node, in source: SourceText) -> Diagnostic {
        .spec(
            .missingVersion, .warning,
            "`version` is missing; CodeBuild takes that only from a file of nothing but a batch",
            at: firstKey(of: root, in: source), hints: ["begin the file with `version: 0.2`"])
    }

    static func tooManyFindings(_ count: Int) -> Diagnostic {
        .spec(.tooManyFindings, .note, "\(count) more findings are not shown", at: nil)
    }

    static func unknownKey(_ key: Buildspec.Text, in section: String, hints: [String]) -> Diagnostic {
        .spec(
            .unknownKey, .warning, "CodeBuild ignores the key `\(key.value)`\(place(section))", at: key.span,
            hints: hints)
    }

    static func misplacedKey(_ key: Buildspec.Text, in section: String, home: String) -> Diagnostic {
        .spec(
            .misplacedKey, .warning, "CodeBuild ignores the key `\(key.value)`\(place(section))", at: key.span,
            hints: [home.isEmpty ? "it belongs at the top level" : "it belongs in `\(home)`"])
    }

    static func projectKey(_ key: Buildspec.Text, in section: String) -> Diagnostic {
        .spec(
            .misplacedKey, .warning, "CodeBuild ignores the key `\(key.value)`\(place(section))", at: key.span,
            hints: ["this is a setting of the project, or of one build of a batch"])
    }

    private static func place(_ section: String) -> String {
        section.isEmpty ? "" : " in `\(section)`"
    }

    static func artifactType(_ key: Buildspec.Text) -> Diagnostic {
        .spec(
            .legacyKey, .warning, "CodeBuild no longer reads `type` in `artifacts`", at: key.span,
            hints: ["remove it; the packaging is a setting of the project"])
    }

    static func legacyEnvironment(at span: SourceSpan) -> Diagnostic {
        .spec(
            .legacyKey, .warning, "`environment_variables` is the spelling of version 0.1", at: span,
            hints: ["write `env:` with `variables:` below it"])
    }

    static func runtimeVersionsOutsideInstall(_ phase: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .misplacedKey, .warning, "`runtime-versions` has no effect in `\(phase)`", at: span,
            hints: ["it belongs in `phases/install`"])
    }

    static func phaseNameCase(_ key: Buildspec.Text, _ name: String) -> Diagnostic {
        .spec(
            .phaseNameCase, .warning, "the phase `\(key.value)` is spelled `\(name)`", at: key.span,
            hints: ["write it in lower case"])
    }

    static func scalarForList(_ key: String, _ node: Node, in source: SourceText) -> Diagnostic {
        .spec(
            .scalarForList, .warning, "`\(key)` is a list; CodeBuild takes this text as its only item",
            at: firstLine(of: node, in: source), hints: ["put it on the next line after `- `"])
    }

    static func nullItem(_ key: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .nullItem, .warning, "an item of `\(key)` is empty; CodeBuild skips it", at: span,
            hints: ["remove the item"])
    }

    static func nullValue(_ name: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .nullValue, .warning, "`\(name)` is empty; CodeBuild reads on as if it were not there", at: span,
            hints: ["fill it or remove it"])
    }

    static func nullVariable(_ name: Buildspec.Text) -> Diagnostic {
        .spec(
            .nullValue, .warning, "variable `\(name.value)` has no value; CodeBuild makes it empty", at: name.span,
            hints: ["write `''` to say so"])
    }

    static func notABoolean(_ key: String, _ text: Buildspec.Text) -> Diagnostic {
        .spec(
            .notABoolean, .warning, "`\(key)` is neither yes nor no: `\(text.value)`; it is taken as no", at: text.span,
            hints: ["write `yes` or `no`"])
    }

    static func unknownValue(_ key: String, _ text: Buildspec.Text, known: [String]) -> Diagnostic {
        var hint = "known: \(known.joined(separator: ", "))"
        if let nearest = Suggestion.nearest(to: text.value, among: known) { hint = "did you mean `\(nearest)`?" }
        return .spec(
            .unknownValue, .warning, "CodeBuild's documentation knows no `\(key)` `\(text.value)`", at: text.span,
            hints: [hint])
    }

    static func unusualVariableName(_ name: Buildspec.Text) -> Diagnostic {
        .spec(
            .invalidVariableName, .warning, "no shell can read a variable named `\(name.value)`", at: name.span,
            hints: ["use letters, digits and `_`, a letter first"])
    }

    static func variableSetTwice(_ name: Buildspec.Text, winner: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .variableSetTwice, .warning, "variable `\(name.value)` is set in `\(winner)` too, and that value counts",
            at: name.span, related: [Related(message: "the value that counts", span: span)])
    }

    static func missingFiles(_ name: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .missingFiles, .warning, "`\(name)` names no files", at: span,
            hints: ["add `files:` with a list of patterns"])
    }
}
