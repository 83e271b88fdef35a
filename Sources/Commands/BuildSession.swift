// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import BuildStore
internal import Buildspec
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Processes
internal import Sandbox
internal import Secrets
internal import SystemPackage

/// One build from the command line: its place in the store, its faces, its signals, and what is said at the end.
struct BuildSession {
    var request: BuildRequest
    var isolation = IsolationChoice()
    /// Whether what a failed build leaves is kept.
    var keepsState = false
    var store: BuildStore
    var progress: ProgressOptions
    var debug = DebugOptions()
    var terminal: Terminal
    /// `--state-dir`, for commands that are shown to the user.
    var stateDirectory: String?
    /// The options of the command line, to be typed again.
    var typed: [ParsedWords.TypedOption] = []
    /// Started before the command line was read; nil when that did not work, which is told later.
    var launcher: SandboxLauncher?
    /// Where the log goes when the build is over.
    var logUpload: LogUpload?
    /// Who ends it early when the source changes; nil for signals alone.
    var watch: WatchStop?

    func run() throws -> ExitMeaning { try build().meaning }

    /// Runs the build, and says all there is to say of it.
    func build() throws -> (meaning: ExitMeaning, record: BuildRecord) {
        let clock = BuildClock(start: Caller.now)
        let project = try request.projectName().description
        var request = request
        // Before there is a build: one that cannot tell its events does not begin.
        let events = try progress.eventsFile(besides: request.inputFiles)
        let uuid = BuildStore.makeUUID()
        let staging = request.upload != nil && request.artifactsDirectory == nil ? store.stagedArtifacts(uuid) : nil
        if let staging { request.artifactsDirectory = staging }
        let number: Int
        let pending: PendingSandbox?
        do throws(BuildStoreError) {
            try store.prepare()
            // As early as can be, because ids are mapped while the build is planned. What goes wrong here goes wrong again,
            // and is told, when the build's sandbox is started.
            pending = (isolation.isolation == .none ? nil : launcher).flatMap {
                try? PendingSandbox(scratchDirectory: store.sandboxDirectory(uuid), launcher: $0)
            }
            number = try store.nextBuildNumber(project: project) { terminal.warn($0) }
        } catch {
            throw CommandFailure(error)
        }
        AbandonedCheckouts.remove(in: store)
        if staging != nil { StagedArtifacts.removeAbandoned(in: store) }
        BuildPlace.clearLeftovers(in: store)
        let signals = watch?.signals ?? StopSignals(output: terminal.output)
        let stop: any StopSource = watch ?? signals
        let place = BuildPlace(isolation, uuid: uuid, in: store, pending: pending, stop: stop)
        var surroundings = BuildRunner.Surroundings(
            identifiers: BuildIdentifiers(project: project, uuid: uuid, number: number, start: clock.start),
            checkouts: store.checkoutDirectory(uuid), scratch: store.sandboxDirectory(uuid), launcher: Caller.launcher,
            sandboxes: place.maker, clock: clock, stop: stop, logPath: store.logPath(uuid).string,
            processIdentifier: Caller.processIdentifier, version: Program.version)
        surroundings.hostPlaces = place.hostPlaces
        let writer: BuildLogWriter
        do throws(BuildStoreError) {
            writer = try store.begin(BuildRunner.newRecord(request, surroundings))
        } catch {
            throw CommandFailure(error)
        }
        let view = try progress.view(
            terminal,
            nextCommands: NextCommands(
                number: number,
                project: request.isHere && !typed.contains { $0.name == "project" } ? nil : project,
                buildspec: request.buildspecToLint, stateDirectory: stateDirectory, typed: typed,
                hidden: request.hidden.map { $0.value.exposed() }.filter { !$0.isEmpty }
            ).after,
            lastTimes: { store.durations(project: $0.project) })
        surroundings.observers = [writer, view.observer]
        if let events { surroundings.observers.append(events.observer) }
        surroundings.keep = { writer.write($0) }
        let debugger = debug.debugger(
            build: number, directory: store.buildDirectory(uuid), terminal: terminal, stop: signals)
        surroundings.debugger = debugger
        let keptDirectory = LastFailure(store: store, request: request).directory
        // Without a sandbox the next build could not find things where this one left them.
        surroundings.keptDirectory = keepsState && place.hostPlaces == nil ? keptDirectory : nil
        var hasCache = false
        surroundings.didPlan = { plan in
            hasCache = plan.buildspec.cache != nil
            if plan.environment.holdsSecrets { Caller.guardMemory() }
            view.hide?(plan.environment.exposedSecretLines())
            view.take(plan.buildspecText)
        }
        surroundings.didFailToPlan = { error in
            // Findings are drawn with their places; the same reason in the face's own words would only be said twice.
            if error.diagnostics.contains(where: { $0.severity == .error }) { view.leaveReason() }
        }

        let result = BuildRunner(request: request, surroundings: surroundings).run()
        writer.flush()
        waitForReader(stop, result)
        KeptStateLimits(store: store, launcher: Caller.launcher)
            .enforce(
                finished: result.meaning == .succeeded && request.runsToTheEnd && !request.isWarming
                    ? keptDirectory : nil)
        if let staging { StagedArtifacts(directory: staging).clear(result.record) }
        let meaning = report(result, view, writer: writer, events: events)
        for warning in logUpload?.send(result.record, log: store.logPath(uuid), stop: stop) ?? [] {
            terminal.warn(warning.message, hint: warning.hint)
        }
        if meaning == .succeeded { adviseOnCache(result.record, hasCache: hasCache) }
        return (meaning, result.record)
    }

    /// What a cache would have saved, where that was asked for, or where a person sees it who did not ask for the result alone.
    private func adviseOnCache(_ record: BuildRecord, hasCache: Bool) {
        if request.findsCachePlaces, !progress.isForPrograms(terminal) {
            terminal.print(
                CacheAdvice.block(record) ?? "# build \(record.buildNumber) wrote nothing worth caching\n")
        } else if terminal.outputIsTerminal, !progress.quiet,
            let hint = CacheAdvice.hint(record, hasCache: hasCache, in: store)
        {
            terminal.say(hint)
        }
    }

    /// Waits until the output is taken. A reader that does not read keeps neither a stopped build nor one whose time is
    /// up from ending: it has two seconds.
    private func waitForReader(_ signals: any StopSource, _ result: BuildRunner.Result) {
        let limit = MonotonicTime.now() + 2
        terminal.output.finish {
            switch result.meaning {
            case .timedOut, .interrupted: MonotonicTime.now() >= limit || signals.request == .atOnce
            default: signals.request != nil
            }
        }
    }

    /// Says what the build's own face has not said, and what went wrong beside the build.
    private func report(
        _ result: BuildRunner.Result, _ view: BuildView, writer: BuildLogWriter, events: EventsFile?
    ) -> ExitMeaning {
        var meaning = result.meaning
        if let error = result.planningError, meaning != .succeeded {
            view.annotate(error.diagnostics)
            if !error.diagnostics.isEmpty || !view.hasShownFailure { terminal.show(CommandFailure(error)) }
        } else if !view.hasShownFailure,
            meaning == .machineUnable || meaning == .internalFault || meaning == .inputUnavailable,
            let failure = result.outcome.failure
        {
            terminal.show(
                CommandFailure(meaning, failure.message ?? failure.context.message, hints: failure.hints))
        }
        for warning in view.finish(result.record) { terminal.warn(warning) }
        var failures: [CommandFailure] = []
        if let failure = terminal.output.failure, !failure.isBrokenPipe {
            failures.append(.outputFailed("\(failure)"))
        }
        if let failure = writer.failure { failures.append(CommandFailure(failure)) }
        if let failure = events?.finish() { failures.append(failure) }
        for failure in failures {
            terminal.show(failure)
            if meaning == .succeeded { meaning = failure.meaning }
        }
        return meaning
    }
}

/// A plan that is only looked at.
struct BuildPreview {
    let plan: BuildPlan
    private let checkouts: FilePath

    /// - Parameter isolation: `none` for a plan with the places of a build without a sandbox.
    init(request: BuildRequest, isolation: Isolation = .namespaces, store: BuildStore) throws {
        let uuid = "00000000-0000-0000-0000-000000000000"
        let identifiers = BuildIdentifiers(
            project: try request.projectName().description, uuid: uuid, number: 1, start: Caller.now)
        checkouts = store.checkoutDirectory("preview-\(Caller.processIdentifier)")
        do throws(EngineError) {
            var planner = BuildPlanner(request: request, identifiers: identifiers, checkouts: checkouts)
            if isolation == .none { planner.hostPlaces = BuildPlace.hostPlaces(uuid, in: store) }
            plan = try planner.plan()
        } catch {
            Self.remove(checkouts)
            throw CommandFailure(error)
        }
    }

    func remove() { Self.remove(checkouts) }

    static func remove(_ path: FilePath) {
        guard let name = path.lastComponent else { return }
        try? Directory(path.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
    }
}

extension BuildStore {
    /// Where sources are checked out, a directory for each build.
    var checkouts: FilePath { directory.appending("checkouts") }

    func checkoutDirectory(_ uuid: String) -> FilePath { checkouts.appending(uuid) }
}
