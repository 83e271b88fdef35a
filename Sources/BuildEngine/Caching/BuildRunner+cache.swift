// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
import BuildEnvironment
import BuildModel
import Buildspec
import CommandExecution
import Diagnostics
import Files
public import Sandbox
import Secrets
public import SystemPackage

/// Commands run in a place of which something can be saved for later builds.
public protocol CacheSaving: CommandRunning {
    func changedFiles(of selection: CacheSelection, visit: (FilePath) -> Void) throws(SandboxError)
    func save(
        _ selection: CacheSelection, to destination: FilePath, leavesFiles: Bool
    ) throws(SandboxError) -> SavedLayer?
    func written(below path: FilePath, entries: inout Int) -> WrittenFiles?
    func writtenDirectories(in path: FilePath, atMost limit: Int) -> [FilePath.Component]
    func writtenMost(
        below path: FilePath, atLeast bytes: Int, skipping skipped: Set<FilePath>, entries: inout Int
    ) -> [(path: FilePath, files: WrittenFiles)]
}

extension Sandbox: CacheSaving {}

// Caches are looked for at the end of DOWNLOAD_SOURCE in CodeBuild. Here the sandbox is made with them, so they are looked
// for just before.
extension BuildRunner {
    /// Finds out what is restored, once for all attempts of a build.
    /// - Parameter settings: of the sandbox to come; what has to be asked of a shell is asked in one like it.
    func planCache(_ plan: BuildPlan, _ settings: SandboxSettings) throws(SandboxError) {
        guard plannedCache == nil, request.resumption == nil, let use = request.caches,
            let cache = plan.buildspec.cache, !cache.paths.isEmpty
        else { return }
        guard surroundings.hostPlaces == nil else {
            cacheAdvice = .cacheNeedsSandbox
            return
        }
        let question = CacheQuestion(cache)
        let (answer, files) = try ask(question.question(nonce: plan.identity.uuid), plan, settings)
        var planned = PlannedCache(
            patterns: [], request: CacheRequest(namespace: use.namespace, identity: .current, paths: []), inputs: [],
            action: cache.action)
        expandPaths(question.paths(answer), plan, &planned)
        planned.request.paths = planned.patterns.map(\.name)
        planned.request.key = question.key.map { finish($0, answer, plan) }
        planned.request.fallbackKeys = question.fallbackKeys.map { finish($0, answer, plan) }
            .filter { !$0.isEmpty }
        planned.inputs = (question.key?.expressions ?? []).map {
            KeyInput(
                name: CacheKeyText.displayed($0), value: withoutSecrets(answer.texts[$0] ?? ""), files: files[$0])
        }
        if !planned.patterns.isEmpty {
            find(&planned, use)
            let lookup = CacheLookup(
                request: planned.request, inputs: planned.inputs, found: planned.hit?.entry.hash,
                time: surroundings.clock.now)
            use.didLook(lookup, record.id)
        }
        plannedCache = planned
    }

    private func find(_ planned: inout PlannedCache, _ use: CacheUse) {
        guard use.restores, planned.action != .save, find(in: use.store, &planned) else { return }
        if let place = use.source, planned.request.key == nil || planned.hit?.match != .exact {
            if fetchCache(&planned, from: place) {
                guard find(in: use.store, &planned) else { return }
                // As much is looked after as what a build saves; it is held by now.
                if let entry = planned.hit?.entry { use.didSave(entry) }
            }
        }
        guard let hit = planned.hit else {
            let name = planned.request.key.map { "no entry with the key `\($0)`" } ?? "nothing is saved yet"
            planned.notices.append("Unable to download cache: \(name) for these paths")
            return
        }
        var words = "Restored cache \(hit.entry.displayedKey)"
        var outcome = CacheOutcome()
        outcome.restored = CacheOutcome.Entry(hit.entry)
        if case .fallback(let key) = hit.match {
            words += " by the fallback key `\(key)`"
            outcome.restored?.fallbackKey = key
        }
        record.drydock.cache = outcome
        let layers = hit.layers.count == 1 ? "" : ", \(hit.layers.count) layers"
        words += ": \(FailureHints.size(hit.entry.byteCount)), \(Self.files(hit.entry.fileCount))\(layers), "
        planned.notices.append(words + (use.mode == .copy ? "copied" : "mounted"))
    }

    private static func files(_ count: Int) -> String { count == 1 ? "1 file" : "\(count) files" }

    /// - Returns: whether the store could be asked.
    private func find(in store: CacheStore, _ planned: inout PlannedCache) -> Bool {
        do throws(CacheError) {
            planned.hit = try store.find(planned.request) {
                planned.warnings.append(Warning(message: $0.message, hint: $0.hint))
            }
            return true
        } catch {
            // A cache is never worth a build.
            planned.warnings.append(Warning(message: error.message, hint: error.hints.first))
            return false
        }
    }

    private func expandPaths(
        _ paths: [(written: Buildspec.Text, text: String)], _ plan: BuildPlan, _ planned: inout PlannedCache
    ) {
        let source = FilePath(plan.sources[0].path)
        let home = plan.environment["HOME"]?.plainText ?? "/root"
        for (written, text) in paths {
            do throws(CachePattern.Problem) {
                let pattern = try CachePattern(text, home: home, source: source)
                guard !plan.sources[0].isWritable || !pattern.base.starts(with: source) else {
                    planned.notices.append("Cache path \(text) stays in the mounted source")
                    continue
                }
                planned.notices.append("Expanded cache path \(text)")
                planned.patterns.append(pattern)
            } catch {
                planned.warnings.append(.cachePath(written, text, error))
            }
        }
        // What lies in another's directory comes with it.
        planned.patterns = planned.patterns.enumerated().filter { index, pattern in
            !planned.patterns.enumerated().contains { other, outer in
                other != index && (outer.covers(pattern) || (outer == pattern && other < index))
            }
        }.map(\.element)
    }

    private func finish(_ key: CacheKeyText, _ answer: ShellQuestion.Answer, _ plan: BuildPlan) -> String {
        withoutSecrets(key.text(answer.texts))
    }

    /// Keys lie on the disk in clear. One that a secret is in keeps a digest of the whole in its stead, so that another secret
    /// still is another key.
    private func withoutSecrets(_ text: String) -> String {
        let shown = masked(text)
        return shown == text ? text : "\(shown)-\(CacheRequest.digest(of: text).prefix(16))"
    }

    /// Asks a shell in a sandbox of its own: what is mounted in the build's depends on the answer.
    private func ask(
        _ question: ShellQuestion, _ plan: BuildPlan, _ settings: SandboxSettings
    ) throws(SandboxError) -> (answer: ShellQuestion.Answer, files: [String: [KeyInput.File]]) {
        guard !question.isEmpty else { return (ShellQuestion.Answer(), [:]) }
        var question = question
        question.hashLogs = HashedFiles.log
        var settings = settings
        settings.scratchDirectory = settings.scratchDirectory.removingLastComponent().appending(
            (settings.scratchDirectory.lastComponent?.string ?? "build") + "-key")
        let asked = try surroundings.sandboxes.start(settings).runner
        let sink = AnswerSink(stop: surroundings.stop)
        let script = "exec 2>/dev/null\n" + question.script
        let request = CommandRequest(script: .observing(script), shell: plan.shell, buildSucceeding: true)
        let outcome = try asked.run(request, deadline: deadline, sink: sink)
        let files = HashedFiles.read(question.texts, in: try asked.tree())
        try asked.close()
        guard outcome == .exited(0), let answer = question.answer(from: sink.bytes) else {
            if interruption == nil { cacheAdvice = .cacheKeyUnanswered }
            return (ShellQuestion.Answer(), [:])
        }
        return (answer, files)
    }

    // MARK: Saving

    /// Whether this build's cache is to be saved, as far as it has come.
    private var savesCache: Bool {
        // An entry with a key is never written again.
        if plannedCache?.request.key != nil, plannedCache?.hit?.match == .exact { return false }
        return keepsCache
    }

    /// Whether what this build has in its cache is worth being kept.
    var keepsCache: Bool {
        guard let use = request.caches, let planned = plannedCache, !planned.patterns.isEmpty,
            planned.action != .restore, interruption == nil, sandboxIsThere
        else { return false }
        guard request.runsToTheEnd || use.savesPartialBuilds else { return false }
        switch use.saving {
        case .never: return false
        case .always: return ranCommand
        case .afterSuccess: return machine.buildSucceeding && ranCommand
        }
    }

    private var sandboxIsThere: Bool { sandbox is any CacheSaving }

    /// What is saved; walks what patterns have to be looked for in.
    private func selection(_ planned: PlannedCache, in runner: any CacheSaving) throws(SandboxError) -> CacheSelection {
        var trees: [FilePath] = []
        var files: [FilePath]?
        for pattern in planned.patterns {
            guard let glob = pattern.glob else {
                trees.append(pattern.base)
                continue
            }
            files = (files ?? []) + Self.files(of: pattern, glob, in: try runner.tree())
        }
        return CacheSelection(trees: trees, files: files)
    }

    private static func files(of pattern: CachePattern, _ glob: Glob, in tree: any TreeOpener) -> [FilePath] {
        let globs = GlobSet([glob])
        var files: [FilePath] = []
        TreeWalk<GlobSet.State>(tree: tree, root: pattern.base).run(globs.start) { _ in
        } visit: { entry in
            let state = globs.step(entry.state, entry.name)
            if entry.kind != .directory, globs.isAccepted(state) {
                files.append(FilePath(bytes: pattern.base.bytes + [0x2F] + entry.path))
            }
            return entry.kind == .directory && globs.canMatchBelow(state) ? .enter(state) : .pass
        }
        return files
    }

    /// Looks through what would be saved for secrets, at the end of the build's commands.
    func inspectCache() -> PhaseMachine.End? {
        guard savesCache, let plan, let planned = plannedCache, let runner = sandbox as? any CacheSaving,
            let inspection = secretInspection(plan, of: "cache")
        else { return nil }
        do {
            try runner.quiesce()
            let tree = try runner.tree()
            try runner.changedFiles(of: try selection(planned, in: runner)) { path in
                guard let file = try? tree.open(path, directory: false) else { return }
                defer { try? file.close() }
                inspection.inspect(file, path: path.displayed)
            }
        } catch {
            noteFault(error, in: .uploadArtifacts)
            return .fault
        }
        guard let refusal = inspection.refusal() else { return nil }
        fail(
            .uploadArtifacts, PhaseContext(statusCode: "CLIENT_ERROR", message: refusal.message),
            message: refusal.message, hints: refusal.hints)
        return .failed
    }

    /// Makes an entry of what the build left. The sandbox is closed next: what was saved is not in it any more.
    func saveCache() {
        guard savesCache, let use = request.caches, let planned = plannedCache,
            let runner = sandbox as? any CacheSaving
        else { return }
        do {
            try runner.quiesce()
            let incoming = try use.store.begin()
            let isKept = failure?.isStateKept == true
            let saved = try runner.save(
                try selection(planned, in: runner), to: incoming.directory, leavesFiles: isKept)
            guard let saved else {
                noteCache(.nothing)
                return notice("Nothing to save in the cache")
            }
            try publish(saved, incoming, planned, use)
            return
        } catch let error as SandboxError {
            warn(.cacheNotSaved(error.message, error.hints.first))
        } catch let error as CacheError {
            warn(.cacheNotSaved(error.message, error.hints.first))
        } catch {
            warn(.cacheNotSaved("\(error)", nil))
        }
        noteCache(.failed)
    }

    private func noteCache(_ result: CacheOutcome.Result, _ saved: CacheEntry? = nil) {
        var outcome = record.drydock.cache ?? CacheOutcome()
        outcome.result = result
        outcome.saved = saved.map { CacheOutcome.Entry($0) }
        record.drydock.cache = outcome
    }

    private func publish(
        _ saved: SavedLayer, _ incoming: IncomingLayer, _ planned: PlannedCache, _ use: CacheUse
    ) throws(CacheError) {
        let name = CacheEntry.displayed(planned.request.key)
        if saved.isUnchanged, planned.request.key == nil {
            noteCache(.unchanged)
            return notice("Cache \(name) is unchanged")
        }
        let layer = CacheLayer(
            id: incoming.id, byteCount: saved.byteCount, fileCount: saved.fileCount, rootUser: saved.rootUser,
            rootGroup: saved.rootGroup, isDelta: !saved.isWhole)
        let entry = try use.store.publish(
            incoming, layer: layer, for: planned.request, over: planned.hit, isWhole: saved.isWhole,
            inputs: planned.inputs, build: record.id, now: surroundings.clock.now)
        guard let entry else {
            noteCache(.taken)
            return notice("Cache \(name) was saved by another build first")
        }
        noteCache(.saved, entry)
        let reason = saved.copyReason.map { ", copied: \($0.words)" } ?? ""
        notice(
            "Saved cache \(name): \(FailureHints.size(saved.byteCount)), \(Self.files(saved.fileCount))"
                + (saved.isWhole ? "" : " changed") + reason)
        use.didSave(entry)
    }

    /// CodeBuild's lines on the cache, where it says them.
    func announceCache(_ plan: BuildPlan) {
        if plan.buildspec.cache == nil {
            notice("Cache is not defined in the buildspec")
            notice("Skip cache due to: no paths specified to be cached")
        }
        for text in plannedCache?.notices ?? [] { notice(text) }
    }

    /// What the user should know of the cache before the build's commands run.
    func adviseOnCache(_ plan: BuildPlan) {
        guard let cache = plan.buildspec.cache else { return }
        if let cacheAdvice { warn(cacheAdvice) }
        for warning in plannedCache?.warnings ?? [] { warn(warning) }
        if cache.paths.isEmpty { warn(.cacheWithoutPaths) }
    }
}

extension CacheIdentity {
    /// Of builds that this process runs.
    public static var current: CacheIdentity {
        let owner = SandboxOwner.current()
        return CacheIdentity(text: owner.text, words: owner.words)
    }
}

extension CacheEntry {
    var displayedKey: String { Self.displayed(key) }

    static func displayed(_ key: String?) -> String { key.map { "`\($0)`" } ?? "(no key)" }
}

extension CacheOutcome.Entry {
    init(_ entry: CacheEntry) {
        self.init(key: entry.key, byteCount: entry.byteCount, fileCount: entry.fileCount)
    }
}

extension SavedLayer.CopyReason {
    fileprivate var words: String {
        switch self {
        case .patterns: "a pattern selects single files"
        case .overSource: "it lies over files of the source"
        case .inMemory: "it was in memory"
        case .kept: "the build's state is kept too"
        }
    }
}

extension Warning {
    static let cacheNeedsSandbox = Warning(
        message: "caches are neither restored nor saved without a sandbox", hint: nil)

    static let cacheKeyUnanswered = Warning(
        message: "the shell did not answer what the cache's key and paths hold: they are taken as empty")

    static let cacheWithoutPaths = Warning(
        message: "`cache` names no `paths`, so nothing is restored or saved",
        hint: "`drydock cache suggest` prints the paths that the last build's tools cache in")

    static func cacheNotSaved(_ reason: String, _ hint: String?) -> Warning {
        Warning(message: "the cache is not saved: \(reason)", hint: hint)
    }

    static func cachePath(_ written: Buildspec.Text, _ text: String, _ problem: CachePattern.Problem) -> Warning {
        let place =
            "\(DisplayText.escaped(written.span.path)):\(written.span.start.line):\(written.span.start.column): "
        let words = "`\(DisplayText.escaped(written.value))` is not cached: "
        switch problem {
        case .empty: return Warning(message: place + words + "nothing is left of it when its variables are expanded")
        case .everything: return Warning(message: place + words + "it is the whole file system")
        case .source:
            return Warning(
                message: place + words + "it is the source itself",
                hint: "name the directories that tools fill, as `node_modules/**/*`")
        case .outside: return Warning(message: place + words + "it leads out of the source")
        case .system:
            return Warning(message: place + words + "it is a place of the kernel's or of the build's machinery")
        }
    }
}
