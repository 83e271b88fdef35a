// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser
internal import Artifacts
internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import BuildStore
internal import Files
internal import Sandbox
internal import SystemPackage

/// `drydock run`.
struct RunCommand: ParsableCommand, SandboxAction {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Build as CodeBuild would",
        discussion: """
            Runs the phases of buildspec.yml in a sandbox. Exit codes: 0 succeeded, 1 the build failed, 2 wrong use or \
            invalid buildspec, 3 source, image or secret not to be had, 4 this machine cannot run it, 124 timed out, \
            125 a fault of drydock, 130 and 143 interrupted.
            """)

    @Argument(help: ArgumentHelp("Only these phases: install, pre_build, build, post_build.", valueName: "phase"))
    var phases: [String] = []

    @OptionGroup(title: "Source") var source: SourceOptions
    @OptionGroup(title: "Sandbox") var sandbox: SandboxOptions

    @Option(
        name: [.short, .long], help: ArgumentHelp("Write the artifacts to this directory.", valueName: "directory"))
    var artifacts: String?

    @Option(help: ArgumentHelp("How artifacts are packed: `zip` or `directory`.", valueName: "form"))
    var packaging = "zip"

    @Flag(help: "Print what would run, and run nothing.")
    var dryRun = false

    @Flag(help: "Print how the sandbox would be made, and run nothing.")
    var printSandbox = false

    @OptionGroup(title: "Output") var progress: ProgressOptions
    @OptionGroup var state: StateOptions

    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning {
        try progress.check()
        let request = try request()
        let store = try state.store()
        if dryRun || printSandbox { return try preview(request, store, terminal) }
        return try BuildSession(
            request: request, store: store, progress: progress, terminal: terminal, launcher: launcher
        ).run()
    }

    private func request() throws -> BuildRequest {
        var request = try source.request()
        try sandbox.apply(to: &request)
        if !phases.isEmpty { request.phases = Set(try phases.map(Self.phase)) }
        try Option.requireText(artifacts, "--artifacts")
        request.artifactsDirectory = artifacts.map(Arguments.path)
        switch packaging {
        case "zip": request.packaging = .zip
        case "directory": request.packaging = .directory
        default: throw CommandFailure.unknownWord("--packaging", packaging, ["zip", "directory"])
        }
        // Source: https://reproducible-builds.org/specs/source-date-epoch/
        request.sourceDateEpoch = Caller.variable("SOURCE_DATE_EPOCH").flatMap { Int($0) }
        return request
    }

    private static func phase(_ word: String) throws -> PhaseType {
        let wanted = word.lowercased()
        for phase in PhaseType.commandPhases where phase.buildspecName == wanted { return phase }
        throw CommandFailure.unknownPhase(
            word, phases: PhaseType.commandPhases.compactMap(\.buildspecName),
            commands: DrydockCommand.configuration.subcommands.compactMap { $0.configuration.commandName })
    }

    // MARK: Preview

    private func preview(_ request: BuildRequest, _ store: BuildStore, _ terminal: Terminal) throws -> ExitMeaning {
        let preview = try BuildPreview(request: request, store: store)
        defer { preview.remove() }
        if dryRun {
            // A secret's value may stand in a command.
            terminal.print(preview.plan.environment.makeMask().mask(preview.plan.description))
            return terminal.meaning()
        }
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        do throws(SandboxError) {
            let settings = preview.plan.sandboxSettings(
                scratch: store.sandboxDirectory("preview"), launcher: Caller.launcher)
            let prepared = try PreparedSandbox.prepare(settings)
            terminal.print("\(prepared.plan)\n")
            for notice in prepared.notices { terminal.warn(notice.message, hint: notice.hint) }
        } catch {
            throw CommandFailure(EngineError(error))
        }
        return terminal.meaning()
    }
}
