// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildStore
internal import Diagnostics
internal import Files
internal import SystemPackage

/// Why a command cannot be done: what is printed on standard error, and the exit code.
struct CommandFailure: Error {
    var meaning: ExitMeaning
    /// One sentence; empty when `diagnostics` say it all.
    var message: String
    var hints: [String] = []
    var diagnostics: [Diagnostic] = []
    /// The texts to draw the findings in.
    var sources: [SourceText] = []

    init(
        _ meaning: ExitMeaning, _ message: String, hints: [String] = [], diagnostics: [Diagnostic] = [],
        sources: [SourceText] = []
    ) {
        self.meaning = meaning
        self.message = message
        self.hints = hints
        self.diagnostics = diagnostics
        self.sources = sources
    }
}

extension CommandFailure {
    init(_ error: EngineError) {
        self.init(
            error.meaning, error.message, hints: error.hints, diagnostics: error.diagnostics,
            sources: error.source.map { [$0] } ?? [])
    }

    init(_ error: BuildStoreError) {
        let meaning: ExitMeaning =
            switch error.code {
            case .notFound, .ambiguous, .invalidSelector: .wrongUse
            default: .machineUnable
            }
        self.init(meaning, error.message, hints: error.hints)
    }

    // MARK: Wrong use

    static func emptyOption(_ name: String) -> CommandFailure {
        CommandFailure(.wrongUse, "`\(name)` needs a value that is not empty")
    }

    static func notUTF8(_ name: String) -> CommandFailure {
        CommandFailure(.wrongUse, "the value of `\(name)` is not UTF-8")
    }

    static func wrongNumber(_ name: String, _ value: String, expected: String) -> CommandFailure {
        CommandFailure(.wrongUse, "`\(name)` takes \(expected), not `\(Arguments.displayed(value))`")
    }

    static func unknownWord(_ name: String, _ value: String, _ known: [String]) -> CommandFailure {
        let shown = Arguments.displayed(value)
        let list = known.map { "`\($0)`" }.joined(separator: ", ")
        return CommandFailure(
            .wrongUse, "`\(name)` takes \(list), not `\(shown)`", hints: suggestion(for: value, among: known))
    }

    /// - Parameters:
    ///   - verb: whose operand it is.
    ///   - commands: where the word may be one of them.
    static func unknownPhase(_ word: String, of verb: String, phases: [String], commands: [String]) -> CommandFailure {
        var hints = suggestion(for: word, among: phases + commands)
        if hints.isEmpty { hints = ["the phases of `drydock \(verb)` are \(phases.joined(separator: ", "))"] }
        let reason = commands.isEmpty ? "is no phase" : "is neither a command of drydock nor a phase"
        return CommandFailure(.wrongUse, "`\(Arguments.displayed(word))` \(reason)", hints: hints)
    }

    private static func suggestion(for word: String, among known: [String]) -> [String] {
        Suggestion.nearest(to: word, among: known).map { ["did you mean `\($0)`?"] } ?? []
    }

    static func imageByName(_ value: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`--image` takes `host`, an image's name or `dir:PATH`, not `\(Arguments.displayed(value))`",
            hints: ["`drydock image ls` lists the images; an unpacked root file system is given as `dir:PATH`"])
    }

    static let secondPrimary = CommandFailure(
        .wrongUse, "only the first `--source` can be without an identifier",
        hints: ["write a secondary source as `--source IDENTIFIER:PATH`"])

    static func sourceWithoutPlace(_ word: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`--source \(Arguments.displayed(word))` names no place",
            hints: ["a secondary source is written `--source IDENTIFIER:PATH`"])
    }

    static func versionWithoutSource(_ identifier: String) -> CommandFailure {
        CommandFailure(.wrongUse, "`--source-version` names `\(identifier)`, which no `--source` does")
    }

    static let mountOfCheckout = CommandFailure(
        .wrongUse, "`--mount-source` needs a directory, and this source is checked out by git")

    static func conflict(_ one: String, _ other: String) -> CommandFailure {
        CommandFailure(.wrongUse, "`\(one)` and `\(other)` exclude each other")
    }

    static func projectName(_ value: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`\(Arguments.displayed(value))` cannot be a project's name",
            hints: ["a name is a letter or digit, then letters, digits, `-` and `_`, at most 150"])
    }

    // MARK: Machine

    static func noStateDirectory(_ tried: [FilePath]) -> CommandFailure {
        CommandFailure(
            .machineUnable,
            "there is no place to keep builds: cannot write "
                + tried.map { "`\($0.displayed)`" }.joined(separator: ", "),
            hints: ["choose a directory that can be written, with `--state-dir DIR` or in XDG_STATE_HOME"])
    }

    static func cannotOpen(_ path: FilePath, _ reason: Errno) -> CommandFailure {
        CommandFailure(.wrongUse, "cannot write `\(path.displayed)`: \(reason.words)")
    }

    /// A disk that is full or broken is this machine's matter, not the caller's.
    static func cannotWrite(_ error: FilesError) -> CommandFailure {
        let ofMachine: [Errno] = [.noSpace, .diskQuotaExceeded, .fileTooLarge, .ioError]
        let isMachines = error.underlying.map(ofMachine.contains) ?? false
        return CommandFailure(isMachines ? .machineUnable : .wrongUse, "\(error)")
    }

    static let secondStandardInput = CommandFailure(
        .wrongUse, "standard input can be read only once, and `-` is given twice")

    static func cannotRead(_ error: FilesError) -> CommandFailure { CommandFailure(.wrongUse, "\(error)") }

    static func outputFailed(_ description: String) -> CommandFailure { CommandFailure(.machineUnable, description) }
}
