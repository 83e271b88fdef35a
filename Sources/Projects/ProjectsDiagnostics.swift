// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// The rules of this module, by the names that findings carry; `docs/projects.md` explains each.
public enum ProjectRule: String, Sendable, CaseIterable {
    case notAProject = "not-a-project"
    case wrongType = "project-wrong-type"
    case invalidValue = "project-invalid-value"
    case unknownMember = "project-unknown-member"
    case noLocalMeaning = "no-local-meaning"
    case template = "template"
    case parameter = "template-parameter"
    case standIn = "stand-in"
    case variableTwice = "project-variable-twice"
}

// What is said of a project, with CodeBuild's limits where it has them.
// Source: `CreateProject` and the types it names, AWS CodeBuild API Reference.
extension Diagnostic {
    static func project(
        _ rule: ProjectRule, _ severity: Severity, _ message: String, at span: SourceSpan?, hints: [String] = [],
        related: [Related] = []
    ) -> Diagnostic {
        Diagnostic(
            rule: rule.rawValue, severity: severity, message: message, span: span, hints: hints, related: related)
    }

    static func wrongType(_ subject: String, _ expected: String, _ node: Node, at span: SourceSpan) -> Diagnostic {
        let what = node.scalar.map { "`\(DisplayText.escaped(String($0.text.prefix(40))))`" } ?? node.kindDescription
        return .project(.wrongType, .error, "\(subject) is \(what), but must be \(expected)", at: span)
    }

    static func outOfRange(_ name: String, _ value: Int, _ range: ClosedRange<Int>, at span: SourceSpan) -> Diagnostic {
        let words =
            range.upperBound == Int.max
            ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        return .project(.invalidValue, .error, "`\(name)` is \(value), but must be \(words)", at: span)
    }

    static func unknownWord(_ name: String, _ value: String, _ known: [String], at span: SourceSpan) -> Diagnostic {
        let nearest = Suggestion.nearest(to: value, among: known)
        return .project(
            .invalidValue, .error, "`\(name)` cannot be `\(DisplayText.escaped(value))`", at: span,
            hints: [nearest.map { "did you mean `\($0)`?" } ?? "there is: " + known.joined(separator: ", ")])
    }

    static func tooMany(_ name: String, _ count: Int, _ maximum: Int, at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "`\(name)` has \(count) items, but may have \(maximum)", at: span)
    }

    static func tooLong(_ name: String, _ maximum: Int, at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "`\(name)` is longer than \(maximum) characters", at: span)
    }

    static func unknownMember(
        _ key: String, in section: String, known: [String], at span: SourceSpan
    ) -> Diagnostic {
        let place = section.isEmpty ? "a project" : "`\(section)`"
        let nearest = Suggestion.nearest(to: key, among: known)
        return .project(
            .unknownMember, .warning, "\(place) has no member `\(DisplayText.escaped(key))`", at: span,
            hints: nearest.map { ["did you mean `\($0)`?"] } ?? [])
    }

    static func noLocalMeaning(_ name: String, _ reason: String, at span: SourceSpan?) -> Diagnostic {
        .project(.noLocalMeaning, .warning, "`\(name)` changes nothing here: \(reason)", at: span)
    }

    static func missingBucket(_ name: String, at span: SourceSpan?) -> Diagnostic {
        .project(.invalidValue, .error, "`\(name)`, the bucket that it goes to, is missing", at: span)
    }

    static func placeNotKnown(_ name: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error,
            "`\(name)` is known only to a deployed stack, and nothing is sent to what stands for it",
            at: span, hints: ["give the values that are missing with `--parameter NAME=VALUE`"])
    }

    static func noSourceNeedsBuildspec(_ name: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error, "a project without a source needs its buildspec in `\(name)`", at: span,
            hints: ["put the document itself there"])
    }

    static func invalidProjectName(_ name: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error, "`\(DisplayText.escaped(String(name.prefix(200))))` cannot be a project's name",
            at: span,
            hints: ["a name is a letter or digit, then letters, digits, `-` and `_`, 2 to 255 in all"])
    }

    static func projectTwice(_ name: String, first: SourceSpan, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error, "two projects are called `\(DisplayText.escaped(name))`", at: span,
            related: [Related(message: "first here", span: first)])
    }

    static func twice(_ name: String, _ value: String, first: SourceSpan, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error, "`\(name)` `\(value)` stands twice", at: span,
            related: [Related(message: "first here", span: first)])
    }

    static func missingIdentifier(_ name: String, _ words: String, at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "a \(words) needs a `\(name)`", at: span)
    }

    static func invalidIdentifier(_ name: String, _ value: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .invalidValue, .error, "`\(name)` cannot be `\(DisplayText.escaped(String(value.prefix(200))))`", at: span,
            hints: ["it is of letters, digits and `_`, at most 127"])
    }

    static func incompleteVersion(at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "a source's version needs both its identifier and the version", at: span)
    }

    static func codePipelineArtifact(at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "a secondary artifact cannot be of type `CODEPIPELINE`", at: span)
    }

    static func variableWithoutName(_ name: String, at span: SourceSpan) -> Diagnostic {
        .project(.invalidValue, .error, "a variable needs a `\(name)`, which holds no `=`", at: span)
    }

    static func variableTwice(_ name: String, first: SourceSpan, at span: SourceSpan) -> Diagnostic {
        .project(
            .variableTwice, .warning, "variable `\(DisplayText.escaped(name))` stands twice; the last one counts",
            at: span, related: [Related(message: "first here", span: first)])
    }

    static func notAProject(_ root: Node?, in source: SourceText) -> Diagnostic {
        let start = root?.start ?? SourcePosition(line: 1, column: 1)
        let span = SourceSpan(
            path: source.path, start: start, end: SourcePosition(line: start.line, column: start.column + 1))
        var hints = ["a project file is the JSON of `aws codebuild create-project --cli-input-json`, or a template"]
        if root?["phases"] != nil { hints = ["this is a buildspec: give it by `--buildspec`"] }
        return .project(.notAProject, .error, "the file holds no CodeBuild project", at: span, hints: hints)
    }

    static func conditionDoesNotHold(_ name: String, _ condition: String, at span: SourceSpan) -> Diagnostic {
        .project(
            .template, .error,
            "the stack has no `\(name)`: its condition `\(DisplayText.escaped(condition))` does not hold", at: span,
            hints: ["conditions depend on parameters: `--parameter NAME=VALUE`"])
    }
}

extension ProjectsError {
    static func unreadable(_ path: String, _ reason: String) -> ProjectsError {
        ProjectsError(.unreadable, "cannot read the project file `\(DisplayText.escaped(path))`: \(reason)")
    }

    static func missing(_ path: String) -> ProjectsError {
        ProjectsError(
            .unreadable, "there is no project file `\(DisplayText.escaped(path))`",
            hints: ["a name alone, without `/` and ending, names the project: `--project NAME`"])
    }

    static func invalid(_ findings: [Diagnostic], in source: SourceText) -> ProjectsError {
        ProjectsError(
            .invalid, "the project file `\(DisplayText.escaped(source.path))` is not valid", diagnostics: findings,
            sources: [source])
    }

    static func severalProjects(_ names: [String], in path: String) -> ProjectsError {
        ProjectsError(
            .selection, "`\(DisplayText.escaped(path))` holds \(names.count) projects, and none is named",
            hints: ["name one: " + listed(names).map { "`\(DisplayText.escaped(path))#\($0)`" }.joined(separator: ", ")]
        )
    }

    static func noSuchProject(_ name: String, _ names: [String], in path: String) -> ProjectsError {
        let nearest = Suggestion.nearest(to: name, among: names)
        return ProjectsError(
            .selection, "`\(DisplayText.escaped(path))` holds no project `\(DisplayText.escaped(name))`",
            hints: nearest.map { ["did you mean `\($0)`?"] } ?? ["there is: " + listed(names).joined(separator: ", ")])
    }

    private static func listed(_ names: [String]) -> [String] { names.prefix(30).map(DisplayText.escaped) }

    static func parameterWithoutValue(_ raw: String) -> ProjectsError {
        ProjectsError(
            .option, "`--parameter` takes NAME=VALUE, not `\(DisplayText.escaped(raw))`")
    }

    static func unknownParameter(_ name: String, known: [String]) -> ProjectsError {
        let nearest = Suggestion.nearest(to: name, among: known)
        return ProjectsError(
            .option, "the template has no parameter `\(DisplayText.escaped(name))`",
            hints: nearest.map { ["did you mean `\($0)`?"] }
                ?? (known.isEmpty ? [] : ["there is: " + listed(known).joined(separator: ", ")]))
    }

    static func override(_ name: String, _ reason: String, hints: [String] = []) -> ProjectsError {
        ProjectsError(.option, "the value of `--\(name)` is not right: \(reason)", hints: hints)
    }

    static let parameterWithoutTemplate = ProjectsError(
        .option, "`--parameter` belongs to a CloudFormation template, and the project file is none")
}
