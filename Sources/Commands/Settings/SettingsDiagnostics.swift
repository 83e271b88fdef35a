// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Projects
internal import SystemPackage

// What is said of configuration files and of projects.

extension Diagnostic {
    private static func setting(
        _ message: String, at span: SourceSpan, hints: [String] = []
    ) -> Diagnostic {
        Diagnostic(rule: "setting", severity: .error, message: message, span: span, hints: hints)
    }

    static func notAMapOfSettings(at span: SourceSpan) -> Diagnostic {
        .setting("a configuration is a map of settings", at: span, hints: ["such as `timeout: 30`"])
    }

    static func unknownSetting(_ key: String, at span: SourceSpan) -> Diagnostic {
        let shown = DisplayText.escaped(key)
        let options = SettingKeys.options
        if let option = options.first(where: { $0.aliases.contains(key) }) {
            return .setting("there is no setting `\(shown)`", at: span, hints: ["it is called `\(option.name)` here"])
        }
        if RunCommand.syntax.options.contains(where: { $0.name == key }) {
            return .setting(
                "`\(shown)` belongs to one run", at: span, hints: ["give it on the command line: `--\(shown)`"])
        }
        let nearest = Suggestion.nearest(to: key, among: options.map(\.name))
        return .setting(
            "there is no setting `\(shown)`", at: span,
            hints: [nearest.map { "did you mean `\($0)`?" } ?? "`drydock config` shows what there is"])
    }

    static func wrongSetting(
        _ name: String, _ value: String?, _ expected: String, at span: SourceSpan
    ) -> Diagnostic {
        let what = value.map { ", not `\(DisplayText.escaped(String($0.prefix(60))))`" } ?? ""
        return .setting("`\(name)` takes \(expected)\(what)", at: span)
    }

    static func missingTarget(_ name: String, _ path: FilePath, at span: SourceSpan) -> Diagnostic {
        .setting("`\(name)` names `\(path.displayed)`, which is not there", at: span)
    }

    static func noProjectFile(_ error: ProjectsError, at span: SourceSpan) -> Diagnostic {
        .setting(error.message, at: span, hints: error.hints)
    }

    static func refusedSetting(_ name: String, _ reason: String, at span: SourceSpan) -> Diagnostic {
        .setting(
            "`\(name)` cannot be set so by a file of the source directory: \(reason)", at: span,
            hints: [
                "a checkout may come from anyone; set it in your own configuration, or give `--\(name)`"
            ])
    }
}

extension CommandFailure {
    static func configuration(_ findings: [Diagnostic], in source: SourceText) -> CommandFailure {
        CommandFailure(
            .wrongUse, "the configuration `\(DisplayText.escaped(source.path))` is not valid", diagnostics: findings,
            sources: [source])
    }

    init(_ error: ProjectsError) {
        self.init(
            .wrongUse, error.message, hints: error.hints, diagnostics: error.diagnostics, sources: error.sources)
    }

    static let parameterWithoutProject = CommandFailure(
        .wrongUse, "`--parameter` belongs to a CloudFormation template",
        hints: ["name the template: `--project FILE` or `--project FILE#LOGICAL-ID`"])

    static func cannotFetch(_ type: Placed<ProjectDefinition.SourceType>) -> CommandFailure {
        CommandFailure(
            .inputUnavailable, "a source of type `\(type.value.rawValue)` cannot be fetched from here",
            hints: ["give a directory that holds it: `--source DIR`"])
    }

    static let noSourceWithoutBuildspec = CommandFailure(
        .wrongUse, "a build without a source has no buildspec of its own",
        hints: ["give one: `--buildspec-override` with an absolute path, or with the document itself"])

    static func buildspecInBucket(_ buildspec: Placed<String>) -> CommandFailure {
        CommandFailure(
            .inputUnavailable, "the project's buildspec lies in a bucket: `\(DisplayText.escaped(buildspec.value))`",
            hints: ["give a file in its place: `--buildspec FILE`"])
    }

    static func buildspecOutside(_ buildspec: Placed<String>) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "the project's buildspec is an absolute path, and must lie in the source: "
                + "`\(DisplayText.escaped(buildspec.value))`")
    }
}

extension Warning {
    init(_ finding: Diagnostic) {
        let place = finding.span.map {
            "\(DisplayText.escaped($0.path)):\($0.start.line):\($0.start.column): "
        }
        self.init(message: (place ?? "") + finding.message, hint: finding.hints.first)
    }

    static func imageNotHere(_ image: Placed<String>) -> Warning {
        Warning(
            message: place(image.span)
                + "image `\(DisplayText.escaped(image.value))` is not on this machine; the build runs on a view of the "
                + "machine's own system",
            hint: "`--image` names another root file system")
    }

    static func secondarySourceMissing(_ identifier: Placed<String>, canFetch: Bool) -> Warning {
        Warning(
            message: place(identifier.span) + "the build has no source `\(identifier.value)`",
            hint: "give one: `--source \(identifier.value):DIR`" + (canFetch ? ", or `--fetch-source`" : ""))
    }

    private static func place(_ span: SourceSpan) -> String {
        // An option has no lines.
        span.path.hasPrefix("--") ? "" : "\(DisplayText.escaped(span.path)):\(span.start.line):\(span.start.column): "
    }
}
