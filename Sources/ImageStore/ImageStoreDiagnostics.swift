// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
internal import Files
internal import SystemPackage
internal import YAML

/// Why an image cannot be made, had or removed.
public struct ImageStoreError: Error, Sendable, Equatable {
    public var code: Code
    /// One sentence.
    public var message: String
    public var hints: [String]
    /// Findings in the recipe, and its text to draw them in.
    public var diagnostics: [Diagnostic]
    public var source: SourceText?

    public struct Code: Sendable, Hashable {
        private enum Kind { case invalidName, recipe, notFound, inUse, damaged, storage }
        private var kind: Kind

        /// The word cannot be an image's name.
        public static let invalidName = Code(kind: .invalidName)
        /// The recipe is missing or wrong.
        public static let recipe = Code(kind: .recipe)
        public static let notFound = Code(kind: .notFound)
        /// A running build has it.
        public static let inUse = Code(kind: .inUse)
        /// What is stored cannot be read.
        public static let damaged = Code(kind: .damaged)
        /// The state directory cannot be written.
        public static let storage = Code(kind: .storage)
    }

    init(
        _ code: Code, _ message: String, hints: [String] = [], diagnostics: [Diagnostic] = [],
        source: SourceText? = nil
    ) {
        self.code = code
        self.message = message
        self.hints = hints
        self.diagnostics = diagnostics
        self.source = source
    }
}

extension ImageStoreError: CustomStringConvertible {
    public var description: String { message }

    static func recipeUnreadable(_ path: String, _ error: FilesError, installed: [String]) -> ImageStoreError {
        let isMissing = error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory
        return ImageStoreError(
            .recipe, isMissing ? "there is no recipe `\(DisplayText.escaped(path))`" : "\(error)",
            hints: isMissing
                ? ["`drydock image build DIR` takes a directory that holds an image.yml" + also(installed)] : [])
    }

    private static func also(_ installed: [String]) -> String {
        let names = installed.map { "`\($0)`" }.joined(separator: ", ")
        return names.isEmpty ? "" : ", or the name of a recipe that came with drydock: \(names)"
    }

    static func recipeInvalid(_ diagnostics: [Diagnostic], _ text: SourceText) -> ImageStoreError {
        ImageStoreError(.recipe, "", diagnostics: diagnostics, source: text)
    }

    /// The word cannot be an image's name.
    public static func invalid(name: String) -> ImageStoreError {
        ImageStoreError(
            .invalidName, "`\(DisplayText.escaped(name))` cannot be an image's name",
            hints: ["a name is a letter or digit, then letters, digits, `.`, `-` and `_`, at most 64, and not `host`"])
    }

    /// - Parameter recipes: names that `drydock image build` takes.
    static func notFound(_ name: String, known: [String], recipes: [String]) -> ImageStoreError {
        var hints = Suggestion.nearest(to: name, among: known).map { ["did you mean `\($0)`?"] } ?? []
        if recipes.contains(name) {
            hints.append("build it first: `drydock image build \(name)`")
        } else {
            hints.append(
                "`drydock image ls` lists the images; `drydock image build DIR` makes one of a directory's image.yml"
                    + also(recipes))
        }
        return ImageStoreError(.notFound, "there is no image `\(DisplayText.escaped(name))`", hints: hints)
    }

    static func inUse(_ name: String) -> ImageStoreError {
        ImageStoreError(
            .inUse, "the image `\(name)` is used by a running build", hints: ["remove it when the build is over"])
    }

    static func damaged(_ name: String) -> ImageStoreError {
        ImageStoreError(
            .damaged, "the image `\(name)` is damaged", hints: ["`drydock image rm \(name)`, and build it again"])
    }

    static func storage(_ error: FilesError) -> ImageStoreError {
        let hints =
            switch error.underlying {
            case .noSpace, .diskQuotaExceeded: ["free some space, or choose another place with `--state-dir DIR`"]
            case .readOnlyFileSystem, .permissionDenied, .notPermitted:
                ["choose a place that you may write with `--state-dir DIR`"]
            default: [String]()
            }
        return ImageStoreError(.storage, "\(error)", hints: hints)
    }
}

extension Diagnostic {
    private static let recipeRule = "image-recipe"

    static func recipeNotAMap(_ node: Node?, in source: SourceText) -> Diagnostic {
        Diagnostic(
            rule: recipeRule, severity: .error, message: "a recipe is a map that names at least a `suite`",
            span: node?.span(in: source.path), hints: ["write `suite: bookworm`, and `packages:` with a list"])
    }

    static func suiteMissing(_ root: Node, in source: SourceText) -> Diagnostic {
        Diagnostic(
            rule: recipeRule, severity: .error, message: "the recipe names no `suite`",
            span: root.entries?.first?.key.span(in: source.path), hints: ["write `suite: bookworm`"])
    }

    static func unknownRecipeKey(_ span: SourceSpan, _ key: String, _ known: [String]) -> Diagnostic {
        let near = Suggestion.nearest(to: key, among: known)
        let list = known.map { "`\($0)`" }.joined(separator: ", ")
        return Diagnostic(
            rule: recipeRule, severity: .error, message: "a recipe has no `\(DisplayText.escaped(key))` here",
            span: span, hints: [near.map { "did you mean `\($0)`?" } ?? "it has \(list)"])
    }

    static func recipeText(_ node: Node, in source: SourceText) -> Diagnostic {
        Diagnostic(
            rule: recipeRule, severity: .error, message: "here must be text, and this is \(node.kindDescription)",
            span: node.span(in: source.path))
    }

    static func recipeMap(_ node: Node, named name: String, in source: SourceText) -> Diagnostic {
        Diagnostic(
            rule: recipeRule, severity: .error,
            message: "`\(DisplayText.escaped(name))` must be a map, and this is \(node.kindDescription)",
            span: node.span(in: source.path))
    }

    static func recipeWord(_ text: String, _ kind: RecipeWord, at span: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: recipeRule, severity: .error,
            message: "`\(DisplayText.escaped(text))` cannot be \(kind.words.what)", span: span, hints: [kind.words.hint]
        )
    }
}
