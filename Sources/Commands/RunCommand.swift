// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Artifacts
internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Files
internal import Sandbox
internal import SystemPackage

/// `drydock run`.
struct RunCommand: Action {
    static let name = "run"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Build as CodeBuild would",
            discussion: """
                Runs the phases of buildspec.yml in a sandbox. Exit codes: 0 succeeded, 1 the build failed, 2 wrong use \
                or invalid buildspec, 3 source, image or secret not to be had, 4 this machine cannot run it, 124 timed \
                out, 125 a fault of drydock, 130 and 143 interrupted.
                """,
            operands: Operands(
                "phase", help: "Only these phases: install, pre_build, build, post_build.", count: Operands.anyNumber,
                words: PhaseType.commandPhases.compactMap(\.buildspecName)),
            groups: [
                SourceOptions.group, SandboxOptions.group,
                OptionGroup(
                    "Build",
                    [
                        IsolationOptions.option, artifacts, packaging, UploadOptions.artifacts, UploadOptions.logs,
                        strictSecrets, watch, dryRun, printSandbox,
                    ]),
                CacheOptions.group, KeptOptions.group,
                DebugOptions.group, ProgressOptions.group, StateOptions.group, OverrideOptions.group,
            ])
    }

    private static let artifacts = ValueOption(
        "artifacts", short: "a", placeholder: "place", completion: .directories,
        help: "Write the artifacts to this directory, or to `s3://BUCKET/PREFIX`.")
    private static let packaging = ValueOption(
        "packaging", placeholder: "form", words: ["zip", "directory"],
        help: "How artifacts are packed: `zip` (the default) or `directory`.")
    private static let strictSecrets = Flag(
        "strict-secrets", help: "Publish no artifact that holds a secret, and fail; otherwise a warning names the file."
    )
    private static let watch = Flag(
        "watch",
        help: "Build again whenever the source changes, but for what git ignores; a build that runs is stopped.")
    private static let dryRun = Flag("dry-run", help: "Print what would run, and run nothing.")
    private static let printSandbox = Flag(
        "print-sandbox", help: "Print how the sandbox would be made, and run nothing.")

    private let phases: [String]
    private let source: SourceOptions
    private let sandbox: SandboxOptions
    private let isolation: IsolationOptions
    private let artifacts: String?
    private let uploads: UploadOptions
    private let artifactsSource: FilePath?
    private let packsDirectory: Bool
    private let refusesSecrets: Bool
    private let overridesPackaging: Bool
    private let watches: Bool
    private let dryRun: Bool
    private let printSandbox: Bool
    private let debug: DebugOptions
    private let cache: CacheOptions
    private let kept: KeptOptions
    private let progress: ProgressOptions
    private let state: StateOptions
    private let typed: [ParsedWords.TypedOption]

    init(_ words: ParsedWords) throws {
        phases = words.operands
        source = try SourceOptions(words)
        sandbox = SandboxOptions(words)
        isolation = IsolationOptions(words)
        artifacts = words[Self.artifacts]
        uploads = try UploadOptions(words, artifacts: words[Self.artifacts])
        artifactsSource = (words.companion as? Settings)?.sourceDirectory(naming: Self.artifacts.specification.name)
        packsDirectory = words[Self.packaging] == "directory"
        refusesSecrets = words[Self.strictSecrets]
        if case .project = (words.companion as? Settings)?.origins[Self.packaging.specification.name]?.last {
            overridesPackaging = false
        } else {
            overridesPackaging = words[Self.packaging] != nil
        }
        watches = words[Self.watch]
        dryRun = words[Self.dryRun]
        printSandbox = words[Self.printSandbox]
        debug = DebugOptions(words)
        cache = try CacheOptions(words)
        kept = try KeptOptions(words)
        progress = try ProgressOptions(words)
        state = StateOptions(words)
        typed = words.typed + words.operands.map { ParsedWords.TypedOption(name: "phase", words: [$0]) }
    }

    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning {
        var request = try request()
        let store = try state.store()
        if watches { try checkWatch() }
        if dryRun, printSandbox { throw CommandFailure.conflict("--dry-run", "--print-sandbox") }
        let isolation = try isolation.choice(for: request, needs: sandboxNeeds, in: store)
        try cache.apply(to: &request, in: store)
        try kept.apply(to: &request, store, terminal)
        if dryRun || printSandbox { return try preview(request, isolation, store, terminal) }
        let session = BuildSession(
            request: request, isolation: isolation, keepsState: kept.keeps, store: store, progress: progress,
            debug: debug,
            terminal: terminal, stateDirectory: state.directory.map(Arguments.displayed), typed: typed,
            launcher: launcher, logUpload: uploads.logUpload)
        return try watches ? WatchSession(session: session).run() : session.run()
    }

    /// What was typed that only a sandbox has.
    private var sandboxNeeds: [String] {
        var needs: [String] = []
        if printSandbox { needs.append("--print-sandbox") }
        if kept.resumes { needs.append(kept.word) }
        if debug.opensShell { needs.append("--shell-on-failure") }
        if debug.pauses == true { needs.append("--debug-session") }
        return needs
    }

    /// What has no meaning where one build follows another.
    private func checkWatch() throws {
        if kept.resumes { throw CommandFailure.conflict("--watch", kept.word) }
        if dryRun || printSandbox {
            throw CommandFailure.conflict("--watch", dryRun ? "--dry-run" : "--print-sandbox")
        }
        if debug.opensShell { throw CommandFailure.conflict("--watch", "--shell-on-failure") }
    }

    private func request() throws -> BuildRequest {
        var request = try source.request()
        try isolation.check()
        try sandbox.apply(to: &request)
        if !phases.isEmpty { request.phases = Set(try phases.map { try Self.phase($0, of: Self.name) }) }
        request.artifactsDirectory = uploads.location == nil ? artifacts.map(Arguments.path) : nil
        try uploads.apply(to: &request)
        request.artifactsSource = artifactsSource
        request.packaging = packsDirectory ? .directory : .zip
        request.refusesSecretsInArtifacts = refusesSecrets
        // Who packs otherwise than the project packs everything so.
        if overridesPackaging { request.secondaryPackaging = [:] }
        // Source: https://reproducible-builds.org/specs/source-date-epoch/
        request.sourceDateEpoch = Caller.variable("SOURCE_DATE_EPOCH").flatMap { Int($0) }
        return request
    }

    /// - Parameter verb: whose operand it is; a word behind `run` may stand where a command was meant.
    static func phase(_ word: String, of verb: String) throws -> PhaseType {
        let wanted = word.lowercased()
        for phase in PhaseType.commandPhases where phase.buildspecName == wanted { return phase }
        throw CommandFailure.unknownPhase(
            word, of: verb, phases: PhaseType.commandPhases.compactMap(\.buildspecName),
            commands: verb == name ? Program.actions.map { $0.name } : [])
    }

    // MARK: Preview

    private func preview(
        _ request: BuildRequest, _ isolation: IsolationChoice, _ store: BuildStore, _ terminal: Terminal
    ) throws -> ExitMeaning {
        let preview = try BuildPreview(request: request, isolation: isolation.isolation, store: store)
        defer { preview.remove() }
        if dryRun {
            preview.plan.advice.forEach(terminal.warn)
            terminal.show(preview.plan.warnings, in: [preview.plan.buildspecText])
            if let state = request.resumption {
                let sentences = state.resumption().sentences(at: Caller.now)
                terminal.print(sentences.map { $0 + "\n" }.joined())
            }
            // A secret's value may stand in a command.
            let cache = CachePreview(preview.plan, request, usesSandbox: isolation.isolation == .namespaces)
            terminal.print(preview.plan.environment.makeMask().mask("\(preview.plan)\(cache)"))
            return terminal.meaning()
        }
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        do throws(SandboxError) {
            var settings = preview.plan.sandboxSettings(
                scratch: request.resumption?.place.directory ?? store.sandboxDirectory("preview"),
                launcher: Caller.launcher)
            request.resumption?.reopen(for: preview.plan, in: &settings)
            let prepared = try PreparedSandbox.prepare(settings)
            terminal.print("\(prepared.plan)\n")
            for notice in prepared.notices { terminal.warn(notice.message, hint: notice.hint) }
        } catch {
            throw CommandFailure(EngineError(error))
        }
        return terminal.meaning()
    }
}
