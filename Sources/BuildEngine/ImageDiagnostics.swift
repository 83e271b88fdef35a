// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Buildspec
import Diagnostics
public import ImageStore

extension EngineError {
    public init(_ error: ImageStoreError) {
        let meaning: ExitMeaning =
            switch error.code {
            case .invalidName, .recipe, .inUse: .wrongUse
            case .notFound, .damaged: .inputUnavailable
            default: .machineUnable
            }
        self.init(
            meaning, error.message, hints: error.hints, context: PhaseContext(), diagnostics: error.diagnostics,
            source: error.source)
    }

    /// An image's files belong to several users, and this caller has one id for all of them.
    public static func singleIdentifier(_ remedy: String) -> EngineError {
        EngineError(
            .machineUnable,
            "an image needs a range of user ids and this user has one: in it nothing could belong to anyone but root, "
                + "and neither `apt-get` nor `chown` would work",
            hints: [
                "get a range with `\(remedy)`",
                "an image that another user has built, root too, cannot stand in: its files would be nobody's here",
            ], context: PhaseContext())
    }

    static let bootstrapMissing = EngineError(
        .machineUnable, "`mmdebstrap`, which makes images, is not installed",
        hints: ["sudo apt-get install mmdebstrap"], context: PhaseContext())

    static func stopped(_ meaning: ExitMeaning) -> EngineError {
        EngineError(meaning, "stopped: nothing of the image is left", context: PhaseContext())
    }

    /// Source of CodeBuild's words: builds whose log says so.
    static func unknownRuntimeVersion(
        _ wanted: Buildspec.RuntimeVersion, _ runtime: ImageRuntime, source: SourceText
    ) -> EngineError {
        let list = runtime.versions.joined(separator: ", ")
        let message =
            "Unknown runtime version named '\(wanted.version.value)' of \(runtime.name). "
            + "This build image has the following versions: \(list)"
        return rejected(
            wanted.version, "the image has no version `\(wanted.version.value)` of `\(runtime.name)`",
            hint: "it has \(list)", codeBuild: message, source: source)
    }

    static func unknownRuntime(
        _ wanted: Buildspec.RuntimeVersion, known: [String], image: String, source: SourceText
    ) -> EngineError {
        rejected(
            wanted.name, "the image `\(image)` has no runtime `\(wanted.name.value)`",
            hint: Suggestion.nearest(to: wanted.name.value, among: known).map { "did you mean `\($0)`?" }
                ?? "it has \(known.joined(separator: ", "))",
            codeBuild: "Unknown runtime named '\(wanted.name.value)'", source: source)
    }

    private static func rejected(
        _ text: Buildspec.Text, _ message: String, hint: String, codeBuild: String, source: SourceText
    ) -> EngineError {
        let diagnostic = Diagnostic(
            rule: "runtime-not-in-image", severity: .error, message: message, span: text.span, hints: [hint],
            codeBuild: CodeBuildVerdict(statusCode: "YAML_FILE_ERROR", message: codeBuild))
        return EngineError(
            .wrongUse, message, context: PhaseContext(statusCode: "YAML_FILE_ERROR", message: codeBuild),
            diagnostics: [diagnostic], source: source)
    }
}
