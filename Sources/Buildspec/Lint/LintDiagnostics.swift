// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// What the linter says.
extension Diagnostic {
    static func quotedVersion(at span: SourceSpan) -> Diagnostic {
        .spec(
            .quotedVersionInBatch, .warning, "a batch build fails when `version` is quoted", at: span,
            hints: ["write `version: 0.2`"])
    }

    static func unknownRuntime(_ name: Buildspec.Text, known: [String]) -> Diagnostic {
        let aliases = ["node": "nodejs", "go": "golang", "jdk": "java", ".net": "dotnet"]
        var hint = "known: \(known.joined(separator: ", "))"
        if let meant = aliases[name.value.lowercased()] ?? Suggestion.nearest(to: name.value, among: known) {
            hint = "did you mean `\(meant)`?"
        }
        if name.value == "docker" { hint = "remove it: the images of today bring docker without it" }
        return .spec(
            .unknownRuntime, .warning, "no current image has a runtime named `\(name.value)`", at: name.span,
            hints: [hint])
    }

    static func secretInPlaintext(_ name: Buildspec.Text) -> Diagnostic {
        .spec(
            .secretInPlaintext, .warning, "the plain value of `\(name.value)` looks like a secret", at: name.span,
            hints: ["keep it in `parameter-store` or `secrets-manager`, and replace the one that was published"])
    }

    static func secretInCommand(_ kind: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .secretInPlaintext, .warning, "this command holds \(kind)", at: span,
            hints: ["keep it in `parameter-store` or `secrets-manager`, and replace the one that was published"])
    }

    static func variableNotExpanded(_ word: String, in name: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .variableNotExpanded, .warning, "`\(word)` is not expanded here: `\(name)` holds these very characters",
            at: span, hints: ["set the variable in a command, where the shell expands it: export \(name)=…"])
    }

    static func reservedVariable(_ name: Buildspec.Text) -> Diagnostic {
        .spec(
            .reservedVariable, .warning, "names that begin with `CODEBUILD_` are CodeBuild's own: `\(name.value)`",
            at: name.span, hints: ["choose another name"])
    }

    static func invalidParameterName(_ variable: Buildspec.Variable) -> Diagnostic {
        .spec(
            .unknownValue, .warning,
            "no parameter can be named as `\(variable.name.value)` asks: `\(variable.value.value)`",
            at: variable.value.span, hints: ["a name holds letters, digits and `.-_/`, then perhaps `:version`"])
    }

    static func notExportable(_ name: Buildspec.Text, _ reason: String) -> Diagnostic {
        .spec(
            .notExportable, .warning, reason, at: name.span, hints: ["`exported-variables` lists names, as `VERSION`"])
    }

    static func ignoredKey(_ message: String, at span: SourceSpan) -> Diagnostic {
        .spec(.ignoredKey, .warning, message, at: span)
    }

    static func placeholderCommand(at span: SourceSpan) -> Diagnostic {
        .spec(
            .placeholderCommand, .warning, "`command` is the placeholder of the documentation; it does nothing",
            at: span,
            hints: ["remove it"])
    }

    static func bashSyntax(_ word: String, at span: SourceSpan, more: Int) -> Diagnostic {
        var hints = ["add `shell: bash` below `env:`"]
        if more > 0 {
            hints.append("\(more) more command\(more == 1 ? "" : "s") of this file need\(more == 1 ? "s" : "") bash")
        }
        return .spec(
            .bashSyntaxInSh, .warning,
            "`\(shortened(word))` is bash syntax, but commands run in `sh`, which is dash on Ubuntu", at: span,
            hints: hints)
    }

    static func incompleteCommand(_ opener: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .commandSplitOverItems, .warning,
            "`\(opener)` does not end in this item, and each item is a script of its own",
            at: span, hints: ["begin the item with `- |` and put the whole of it on the lines below"])
    }

    static func continuedCommand(at span: SourceSpan) -> Diagnostic {
        .spec(
            .commandSplitOverItems, .warning,
            "the backslash at the end continues nothing: each item is a script of its own",
            at: span, hints: ["begin the item with `- |` and put the whole of it on the lines below"])
    }

    static func dockerDaemon(at span: SourceSpan) -> Diagnostic {
        .spec(
            .needsPrivilegedMode, .note, "a docker daemon starts only in a project with privileged mode", at: span)
    }

    static func typographicQuote(in what: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .typographicQuote, .warning, "the typographic quotes in \(what) are ordinary characters", at: span,
            hints: ["write `'` or `\"`"])
    }

    static func commentCutsCommand(_ whole: String, isOneLine: Bool, at span: SourceSpan) -> Diagnostic {
        .spec(
            .commentCutsCommand, .warning,
            "this is a comment: a ` #` ends an unquoted value, and the command loses its end",
            at: span,
            hints: [
                isOneLine
                    ? "quote the whole command: \(YAMLQuoting.item(whole))" : "quote the whole command, or use `- |`"
            ])
    }

    static func lostState(at span: SourceSpan) -> Diagnostic {
        .spec(
            .lostState, .warning, "this has no effect on later commands: version 0.1 runs each in a shell of its own",
            at: span, hints: ["write `version: 0.2`"])
    }

    static func invisibleCharacter(_ scalar: Unicode.Scalar, at span: SourceSpan) -> Diagnostic {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        let what =
            scalar.value == 0xA0
            ? "a non-breaking space, which no shell takes for a space" : "a character that cannot be seen"
        return .spec(.invisibleCharacter, .warning, "this text holds \(name), \(what)", at: span, hints: ["remove it"])
    }

    static func powershellSyntax(_ word: String, at span: SourceSpan) -> Diagnostic {
        .spec(
            .powershellSyntax, .warning,
            "`\(word)` is PowerShell's way to write a variable; a Linux shell reads it otherwise",
            at: span, hints: ["write `$\(word.dropFirst(5))`"])
    }

    static func patternNeverMatches(_ pattern: Buildspec.Text, _ reason: String, hint: String? = nil) -> Diagnostic {
        .spec(
            .patternNeverMatches, .warning, "the pattern `\(pattern.value)` can match nothing: \(reason)",
            at: pattern.span, hints: hint.map { [$0] } ?? [])
    }

    static func everythingExcluded(_ pattern: Buildspec.Text) -> Diagnostic {
        .spec(
            .patternNeverMatches, .warning, "`\(pattern.value)` excludes every file, so no artifact is left",
            at: pattern.span)
    }

    static func nameClimbsOut(_ name: Buildspec.Text) -> Diagnostic {
        .spec(
            .unknownValue, .warning, "the artifact's `name` climbs out of where artifacts are kept: `\(name.value)`",
            at: name.span, hints: ["remove `..`"])
    }

    static func reportPatternTooWide(_ pattern: Buildspec.Text) -> Diagnostic {
        .spec(
            .reportPatternTooWide, .warning, "`**/*` takes every file of the source for a report", at: pattern.span,
            hints: ["name the report files, such as `reports/**/*.xml`, or give a `base-directory`"])
    }

    static func uncacheablePath(_ path: Buildspec.Text, _ problem: CachePathProblem) -> Diagnostic {
        let hints = problem == .source ? ["name the directories that tools fill, as `node_modules/**/*`"] : []
        return .spec(
            .uncacheablePath, .warning, "`\(path.value)` cannot be cached: it \(problem.words)", at: path.span,
            hints: hints)
    }

    static func cachePathAtRoot(_ path: Buildspec.Text, hint: String) -> Diagnostic {
        .spec(
            .cachePathAtRoot, .warning, "`\(path.value)` begins at the root directory, where nothing like it stands",
            at: path.span, hints: ["write `\(hint)`"])
    }
}
