// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import Files
internal import ImageStore
internal import Processes
internal import SystemPackage

/// Fills the caches of one buildspec, unless they are full.
struct WarmBuild {
    /// The last phase that is run: what fills caches is seldom behind BUILD, and what is behind it often reaches out of the
    /// build. An earlier one as the default would be worse than none: an entry with a key stays as the first saver left it.
    private static let usualEnd = PhaseType.build

    private let end: PhaseType
    private let source: SourceOptions
    private let sandbox: SandboxOptions
    private let cache: CacheOptions
    private let progress: ProgressOptions
    private let state: StateOptions
    private let refusesSecrets: Bool
    private let typed: [ParsedWords.TypedOption]

    init(_ words: ParsedWords, phase: String?) throws {
        end = try phase.map { try RunCommand.phase($0, of: WarmCommand.name) } ?? Self.usualEnd
        source = try SourceOptions(words)
        sandbox = SandboxOptions(words)
        cache = try CacheOptions(words)
        progress = words[OutputOptions.json] ? .silent : try ProgressOptions(words)
        state = StateOptions(words)
        refusesSecrets = words[WarmCommand.strictSecrets]
        typed = words.typed
    }

    /// - Parameter displayed: the buildspec as it is shown; nil takes the request's.
    func run(_ terminal: Terminal, displayed: String? = nil) throws -> WarmReport {
        let begin = MonotonicTime.now()
        var request = try source.request()
        let store = try state.store()
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        if let name = sandbox.image.name { try makeImage(name, for: request, store, terminal) }
        try sandbox.apply(to: &request)
        request.phases = Set(PhaseType.commandPhases.filter { $0 <= end })
        request.refusesSecretsInArtifacts = refusesSecrets
        request.isWarming = true
        try cache.apply(to: &request, in: store)
        request.caches?.savesPartialBuilds = true

        var report = WarmReport(
            buildspec: displayed ?? request.displayedBuildspec, project: try request.projectName().description,
            result: .none)
        let lock: WarmLock?
        // The shared place is asked when it is known that nobody else is at it.
        var question = request
        question.caches?.source = nil
        switch try prospect(of: question, in: store, terminal) {
        case .interrupted(let meaning):
            report.result = .failed
            report.reason = "it was stopped"
            report.meaning = meaning
            return report
        case .absent(let absence):
            report.reason = Self.words(absence)
            return report
        case .wanted(let wanted):
            report.key = wanted.key
            do throws(FilesError) { lock = try WarmLock.take(wanted.hash, in: store.directory) } catch {
                throw CommandFailure(.machineUnable, "\(error)")
            }
            guard lock != nil else {
                report.result = .busy
                report.reason = WarmLock.holder(of: wanted.hash, in: store.directory).map { "process \($0)" }
                return report
            }
            // Only now: whoever had the lock may have filled it.
            if wanted.key != nil, let use = request.caches,
                isFull(wanted, use, store, terminal, &report)
            {
                report.milliseconds = MonotonicTime.now().milliseconds(since: begin)
                return report
            }
        }
        defer { withExtendedLifetime(lock) {} }
        try fill(request, store, terminal, &report)
        report.milliseconds = MonotonicTime.now().milliseconds(since: begin)
        return report
    }

    /// Whether there is nothing to run: the entry of the key is in the store, or comes from the shared place. Then the other
    /// place is given it, as by a build that began with it.
    private func isFull(
        _ wanted: CacheRequest, _ use: CacheUse, _ store: BuildStore, _ terminal: Terminal, _ report: inout WarmReport
    ) -> Bool {
        var exact = wanted
        exact.fallbackKeys = []
        var found = try? use.store.find(exact, warn: { _ in })
        guard found != nil || use.source != nil else { return false }
        let signals = StopSignals(output: terminal.output)
        let exchange = CacheExchange(
            use.store, sandboxes: store.sandboxDirectory("any").removingLastComponent(), launcher: Caller.launcher,
            now: { Caller.now }, isCancelled: { signals.request != nil })
        var notes: [CacheExchange.Note] = []
        report.result = .present
        if found == nil, let place = use.source {
            // What is the matter with the place the build finds out again, and tells.
            if exchange.fetch(exact, over: nil, from: place, tell: { notes.append($0) }).isNew {
                found = try? use.store.find(exact, warn: { _ in })
                report.result = .fetched
                report.reason = place.name
                if let warning = (found?.entry).flatMap(use.lookAfter) { notes.append(.warning(warning)) }
            }
        }
        if let found {
            report.entry = .init(
                key: found.entry.key, byteCount: found.entry.byteCount, fileCount: found.entry.fileCount)
            if let place = use.destination { exchange.push(exact, to: place) { notes.append($0) } }
        }
        guard signals.request == nil else {
            report.result = .failed
            report.reason = "it was stopped"
            report.meaning = signals.meaning
            return true
        }
        guard found != nil else {
            report.result = .none
            return false
        }
        for case .warning(let warning) in notes { terminal.warn(warning) }
        return true
    }

    private func fill(
        _ request: BuildRequest, _ store: BuildStore, _ terminal: Terminal, _ report: inout WarmReport
    ) throws {
        let session = BuildSession(
            request: request, store: store, progress: progress, terminal: terminal,
            stateDirectory: state.directory.map(Arguments.displayed), typed: typed)
        let (meaning, record) = try session.build()
        report.meaning = meaning
        report.build = record.buildNumber
        report.restored = record.drydock.cache?.restored
        report.entry = record.drydock.cache?.saved
        guard meaning == .succeeded else {
            report.result = .failed
            report.reason = record.drydock.failure.map { "build \(record.buildNumber): \($0)" }
            return
        }
        switch record.drydock.cache?.result {
        case .saved: report.result = .saved
        case .unchanged:
            report.result = .unchanged
            report.entry = report.restored
        case .taken: report.result = .busy
        case .nothing, nil: report.result = .nothing
        case .failed:
            report.result = .failed
            report.reason = "the cache could not be saved"
            report.meaning = .machineUnable
        }
    }

    // MARK: Before the build

    private enum Wanted {
        case wanted(CacheRequest)
        case absent(CacheProspect.Absence)
        case interrupted(ExitMeaning)
    }

    private func prospect(of request: BuildRequest, in store: BuildStore, _ terminal: Terminal) throws -> Wanted {
        let clock = BuildClock(start: Caller.now)
        let uuid = BuildStore.makeUUID()
        let signals = StopSignals(output: terminal.output)
        var surroundings = BuildRunner.Surroundings(
            identifiers: BuildIdentifiers(
                project: try request.projectName().description, uuid: uuid, number: 0, start: clock.start),
            checkouts: store.checkoutDirectory(uuid), scratch: store.sandboxDirectory(uuid), launcher: Caller.launcher,
            sandboxes: SandboxMaker(stop: signals), clock: clock, stop: signals, version: Program.version)
        surroundings.didPlan = { if $0.environment.holdsSecrets { Caller.guardMemory() } }
        let prospect: CacheProspect
        do throws(EngineError) {
            prospect = try BuildRunner(request: request, surroundings: surroundings).prospect()
        } catch {
            if signals.request != nil { return .interrupted(signals.meaning) }
            throw CommandFailure(error)
        }
        if signals.request != nil { return .interrupted(signals.meaning) }
        if let absence = prospect.absence { return .absent(absence) }
        guard let wanted = prospect.request else { return .absent(.notDeclared) }
        return .wanted(wanted)
    }

    private static func words(_ absence: CacheProspect.Absence) -> String {
        switch absence {
        case .notDeclared: "the buildspec has no `cache` with paths"
        case .onlyRestored: "the buildspec's `cache` is only restored, as its `action` says"
        case .noPath(let reasons): reasons.first?.message ?? "none of the paths of `cache` can be cached"
        }
    }

    /// Builds the image that the build is to run in, where it is not there and its recipe is.
    private func makeImage(_ name: String, for request: BuildRequest, _ store: BuildStore, _ terminal: Terminal) throws
    {
        do throws(ImageStoreError) {
            _ = try store.images.open(name)
            return
        } catch { if error.code != .notFound { return } }
        var places = [Caller.recipes.appending(name)]
        if case .directory(let directory) = request.source.location {
            let here = directory.isAbsolute ? directory : try Caller.currentDirectory().pushing(directory)
            places.insert(contentsOf: [here.appending("images").appending(name), here.appending(name)], at: 0)
        }
        // Without a recipe the build says what is missing.
        guard let recipe = places.map({ $0.lexicallyNormalized() }).first(where: ImageRecipe.isRecipe) else { return }
        terminal.say("image `\(name)` is not built yet: building it from `\(recipe.displayed)`")
        try ImageBuildCommand.build(recipe, displayed: recipe, named: name, in: store, terminal, isQuiet: true)
    }
}
