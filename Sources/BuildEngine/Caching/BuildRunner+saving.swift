// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import Buildspec
import CommandExecution
import Files
import Processes
public import Sandbox
import Secrets
public import SystemPackage

/// Commands run in a place of which something can be saved for later builds.
public protocol CacheSaving: CommandRunning {
    func changes(of selection: CacheSelection, visit: (FilePath, ChangedEntry) -> Void) throws(SandboxError)
    func save(
        _ selection: CacheSelection, to destination: FilePath, leavesFiles: Bool, isStopped: () -> Bool
    ) throws(SandboxError) -> SavedLayer?
    func copiedPlace(of path: FilePath) -> FilePath?
    /// Lets go of it at once.
    func abandon()
    func written(below path: FilePath, entries: inout Int) -> WrittenFiles?
    func writtenDirectories(in path: FilePath, atMost limit: Int) -> [FilePath.Component]
    func writtenMost(
        below path: FilePath, atLeast bytes: Int, skipping skipped: Set<FilePath>, entries: inout Int
    ) -> [(path: FilePath, files: WrittenFiles)]
}

extension Sandbox: CacheSaving {}

extension BuildRunner {
    /// Whether this build's cache is to be saved, as far as it has come.
    private var savesCache: Bool {
        // An entry with a key is never written again.
        if let planned = plannedCache, planned.request.key != nil,
            planned.hit?.match == .exact || planned.hasForgoneOwn
        {
            return false
        }
        return keepsCache
    }

    /// Whether what this build has in its cache is worth being kept.
    var keepsCache: Bool {
        guard let use = request.caches, let planned = plannedCache, !planned.patterns.isEmpty,
            planned.action != .restore, interruption == nil, sandboxIsThere, !isCacheRefused
        else { return false }
        guard request.runsToTheEnd || use.savesPartialBuilds else { return false }
        switch use.saving {
        case .never: return false
        case .always: return ranCommand
        case .afterSuccess: return phasesSucceeded && ranCommand
        }
    }

    private var sandboxIsThere: Bool { sandbox is any CacheSaving }

    /// What is saved; walks what patterns have to be looked for in. What lies behind a link is not the path that was named, and
    /// a link may lead anywhere.
    private func selection(_ planned: PlannedCache, in runner: any CacheSaving) throws(SandboxError) -> CacheSelection {
        var trees: [FilePath] = []
        var files: [FilePath]?
        let tree = try runner.tree()
        for pattern in planned.patterns {
            let link = Self.link(on: pattern.base, in: tree)
            if let glob = pattern.glob {
                files = (files ?? []) + (link == nil ? Self.files(of: pattern, glob, in: tree) : [])
            } else if link == nil || link == pattern.base {
                trees.append(pattern.base)
            }
        }
        let source = plan.map { FilePath($0.sources[0].path) } ?? "/"
        let before = planned.hit?.entry.selected.map { Set($0.map { source.pushing(FilePath($0)) }) }
        return CacheSelection(trees: trees, files: files, filesBefore: before)
    }

    /// The first link on the way to a path, itself included. One at the top is the system's own, as `/lib`.
    private static func link(on path: FilePath, in tree: any TreeOpener) -> FilePath? {
        var place: FilePath = "/"
        for component in path.components {
            let parent = place
            place.append(component)
            guard parent != "/" else { continue }
            guard let directory = try? tree.open(parent, directory: true) else { return nil }
            defer { try? directory.close() }
            let name = FilePath(root: nil, [component]).bytes
            if (try? tree.readLink(name, in: directory, path: { place })) != nil { return place }
        }
        return nil
    }

    private func warnOfLinks(_ planned: PlannedCache, in runner: any CacheSaving) throws(SandboxError) {
        let tree = try runner.tree()
        for pattern in planned.patterns {
            guard let link = Self.link(on: pattern.base, in: tree) else { continue }
            let savesLink = link == pattern.base && pattern.glob == nil
            warn(.cacheBehindLink(pattern.name, link: link.displayed, savesLink: savesLink))
        }
    }

    /// The files that patterns selected, as every build can name them: the source's path is another one in each.
    private func names(of files: [FilePath]) -> [String]? {
        guard let source = plan.map({ FilePath($0.sources[0].path) }) else { return nil }
        return files.map { file in
            var below = file
            return below.removePrefix(source) ? below.string : file.string
        }
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

    /// Looks through what would be saved for secrets, at the end of the build's commands, or where they failed before it is
    /// saved all the same.
    func inspectCache() -> PhaseMachine.End? {
        guard savesCache, let plan, let planned = plannedCache, let runner = sandbox as? any CacheSaving,
            let inspection = secretInspection(plan, of: "cache")
        else { return nil }
        isCacheInspected = true
        do {
            try runner.quiesce()
            let tree = try runner.tree()
            try runner.changes(of: try selection(planned, in: runner)) { path, entry in
                let shown = path.displayed
                switch entry {
                case .link(let target): inspection.inspect(link: target, path: shown)
                case .other: inspection.inspect(name: shown)
                case .file, .directory:
                    let isDirectory = entry == .directory
                    guard let file = try? tree.open(path, directory: isDirectory) else { return }
                    defer { try? file.close() }
                    if isDirectory { inspection.inspect(name: shown) } else { inspection.inspect(file, path: shown) }
                    inspection.inspectAttributes(of: file, path: shown)
                }
            }
        } catch {
            isCacheRefused = true
            noteFault(error, in: .uploadArtifacts)
            return .fault
        }
        guard let refusal = inspection.refusal() else { return nil }
        isCacheRefused = true
        fail(
            .uploadArtifacts, PhaseContext(statusCode: "CLIENT_ERROR", message: refusal.message),
            message: refusal.message, hints: refusal.hints)
        return .failed
    }

    /// Makes an entry of what the build left. The sandbox is closed next: what was saved is not in it any more.
    func saveCache() {
        if !isCacheInspected { _ = inspectCache() }
        guard savesCache, let use = request.caches, let planned = plannedCache,
            let runner = sandbox as? any CacheSaving
        else { return }
        let begin = surroundings.clock.monotonic
        do {
            try runner.quiesce()
            let incoming = try use.store.begin()
            let selection = try selection(planned, in: runner)
            try warnOfLinks(planned, in: runner)
            let leavesFiles = try leavesFiles(planned)
            var saved = try runner.save(selection, to: incoming.directory, leavesFiles: leavesFiles) { [surroundings] in
                surroundings.stop.request != nil
            }
            if planned.hasLostBase { saved?.copyReason = .baseGone }
            guard let saved else {
                use.store.abandon(incoming)
                noteCache(.nothing)
                notice("Nothing to save in the cache")
                return emit(.cache(.kept(.nothing, key: planned.request.key)))
            }
            try publish(
                saved, incoming, planned, use, selected: selection.files.flatMap(names), since: begin)
        } catch let error as SandboxError {
            // Told to stop it would go on copying until it looks.
            if error.code == .stopped {
                runner.abandon()
                isSavingStopped = true
            }
            noteFailure(error.message, error.hints.first)
        } catch let error as CacheError {
            noteFailure(error.message, error.hints.first)
        } catch {
            noteFailure("\(error)", nil)
        }
    }

    /// Whether what is saved has to be copied. A state that a build has gone on with to a success is removed at its end; what
    /// is renamed out of it leaves half a state, which must be nobody's should the end not come.
    private func leavesFiles(_ planned: PlannedCache) throws -> Bool {
        guard let resumption = request.resumption else { return failure?.isStateKept == true }
        guard failure == nil, !planned.hasLostBase else { return true }
        try resumption.retire()
        return false
    }

    private func noteFailure(_ reason: String, _ hint: String?) {
        noteCache(.failed)
        warn(.cacheNotSaved(reason, hint))
        request.caches?.didNotSave()
        emit(
            .cache(.failed(key: plannedCache?.request.key, message: masked(reason), hint: hint.map(masked))))
    }

    private func noteCache(_ result: CacheOutcome.Result, _ saved: CacheEntry? = nil) {
        var outcome = record.drydock.cache ?? CacheOutcome()
        outcome.result = result
        outcome.saved = saved.map { CacheOutcome.Entry($0) }
        record.drydock.cache = outcome
    }

    private func publish(
        _ saved: SavedLayer, _ incoming: IncomingLayer, _ planned: PlannedCache, _ use: CacheUse, selected: [String]?,
        since begin: MonotonicTime
    ) throws(CacheError) {
        let name = CacheEntry.displayed(planned.request.key)
        if saved.isUnchanged, planned.request.key == nil {
            use.store.abandon(incoming)
            noteCache(.unchanged)
            notice("Cache \(name) is unchanged")
            return emit(.cache(.kept(.unchanged, key: nil)))
        }
        let layer = CacheLayer(
            id: incoming.id, byteCount: saved.byteCount, fileCount: saved.fileCount, rootUser: saved.rootUser,
            rootGroup: saved.rootGroup, isDelta: !saved.isWhole)
        let entry = try use.store.publish(
            incoming, layer: layer, for: planned.request, over: planned.hit, isWhole: saved.isWhole,
            inputs: planned.inputs, selected: selected, build: record.id, now: surroundings.clock.now)
        guard let entry else {
            noteCache(.taken)
            notice("Cache \(name) was saved by another build first")
            use.didNotSave()
            return emit(.cache(.kept(.taken, key: planned.request.key)))
        }
        noteCache(.saved, entry)
        let way =
            saved.linkCount == 0 ? "copied" : saved.linkCount < saved.gatheredCount ? "copied and linked" : "linked"
        let part = saved.gatheredCount < saved.fileCount ? "\(saved.gatheredCount) of them " : ""
        let reason = saved.copyReason.map { ", \(part)\(way): \($0.words)" } ?? ""
        notice(
            "Saved cache \(name): \(FailureHints.size(saved.byteCount)), \(Self.files(saved.fileCount))"
                + (saved.isWhole ? "" : " changed") + reason)
        emit(
            .cache(
                .saved(
                    CacheEvent.Saved(
                        key: entry.key, entry: entry.hash, byteCount: saved.byteCount, fileCount: saved.fileCount,
                        isDelta: !saved.isWhole, copyReason: saved.copyReason?.name, linkCount: saved.linkCount,
                        milliseconds: surroundings.clock.monotonic.milliseconds(since: begin)))))
        if let warning = use.lookAfter(entry) { warn(warning) }
    }
}
