// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
import BuildEnvironment
import BuildModel
import Buildspec
import CommandExecution
import Diagnostics
import Files
import Glibc
import Sandbox
import Secrets
import SystemPackage

// Caches are looked for at the end of DOWNLOAD_SOURCE in CodeBuild. Here the sandbox is made with them, so they are looked
// for just before.
extension BuildRunner {
    /// Finds out what is restored, once for all attempts of a build.
    /// - Parameter settings: of the sandbox to come; what has to be asked of a shell is asked in one like it.
    func planCache(_ plan: BuildPlan, _ settings: SandboxSettings) throws(SandboxError) {
        guard plannedCache == nil, cacheAdvice == nil, let use = request.caches, let cache = plan.buildspec.cache
        else { return }
        var settings = settings
        if let resumption = request.resumption {
            guard resumption.record.caches?.entry != nil, cache.action != .restore, use.saving != .never else { return }
            // As at the beginning of a build: what the key is made of is in the sources.
            settings = plan.sandboxSettings(scratch: surroundings.scratch, launcher: surroundings.launcher)
        }
        guard surroundings.hostPlaces == nil else {
            cacheAdvice = .cacheNeedsSandbox
            return
        }
        let question = CacheQuestion(cache)
        let asked = try ask(question.question(nonce: plan.identity.uuid), plan, settings)
        if let missing = asked.missing {
            // Without an answer the key would be another one, and what is saved under it wrong for whoever finds it.
            if interruption == nil { cacheAdvice = question.advice(missing) }
            return
        }
        let answer = asked.answer
        var planned = PlannedCache(
            patterns: [], request: CacheRequest(namespace: use.namespace, identity: .current, paths: []), inputs: [],
            action: cache.action)
        let paths = CachePaths(question.paths(answer), in: plan)
        planned.patterns = paths.patterns
        planned.notices = paths.notices
        planned.warnings = paths.warnings
        planned.isCopied = use.mode == .copy
        planned.request.paths = planned.patterns.map(\.name)
        if use.mode == .mount { use.store.forgetRenames(planned.request) }
        planned.request.key = question.key.map { finish($0, answer, plan) }
        if let key = planned.request.key, key.utf8.count > CacheRequest.maximumKeyBytes {
            cacheAdvice = .cacheKeyTooLong(key.utf8.count)
            return
        }
        planned.request.fallbackKeys = question.fallbackKeys.map { finish($0, answer, plan) }
            .filter { !$0.isEmpty }
        planned.inputs = (question.key?.expressions ?? []).map {
            KeyInput(
                name: CacheKeyText.displayed($0), value: withoutSecrets(answer.texts[$0] ?? ""),
                files: asked.files[$0])
        }
        if let kept = request.resumption?.record.caches { return takeUp(kept, planned, use) }
        planned.warnings += question.warnings(asked)
        if !planned.patterns.isEmpty {
            find(&planned, use, in: plan)
            let lookup = CacheLookup(
                request: planned.request, inputs: planned.inputs, found: planned.hit?.entry.hash,
                time: surroundings.clock.now)
            use.didLook(lookup, record.id)
        }
        plannedCache = planned
    }

    /// Goes on with the cache of a kept state: it is saved as the build that left the state would have saved it, unless what
    /// makes the key has changed meanwhile, for then what the state holds may be of neither key.
    private func takeUp(_ kept: KeptRecord.Caches, _ planned: PlannedCache, _ use: CacheUse) {
        guard planned.request.hash == kept.entry else {
            cacheAdvice = .cacheOfOtherState
            return
        }
        var planned = planned
        (planned.notices, planned.warnings) = ([], [])
        if let base = kept.base {
            var request = planned.request
            (request.key, request.fallbackKeys) = (base.key, [])
            let hit = try? use.store.find(request, warn: { _ in })
            if var hit, hit.layers.map(\.string) == kept.layers.map(\.directory) {
                if base.hash != planned.request.hash { hit.match = .fallback(base.key ?? "") }
                planned.hit = hit
            } else {
                planned.hasLostBase = kept.paths.contains { !$0.isCopied }
            }
        }
        plannedCache = planned
    }

    private func find(_ planned: inout PlannedCache, _ use: CacheUse, in plan: BuildPlan) {
        guard use.restores, planned.action != .save else { return }
        guard find(in: use.store, &planned) else {
            planned.miss = CacheEvent.Missed(key: planned.request.key, reason: .unavailable)
            return
        }
        if let place = use.source, planned.request.key == nil || planned.hit?.match != .exact {
            if fetchCache(&planned, use, from: place) {
                guard find(in: use.store, &planned) else { return }
                planned.origin = place.name
                // As much is looked after as what a build saves; it is held by now.
                if let warning = (planned.hit?.entry).flatMap(use.lookAfter) { planned.warnings.append(warning) }
            }
        }
        guard let hit = planned.hit else {
            let explanation = explanation(planned, in: use.store)
            planned.miss = miss(planned.request, explanation)
            planned.answer = "Unable to download cache: \(Self.words(planned.request.key, explanation))"
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
        planned.copyCauses = copyCauses(planned, hit, use, in: plan)
        planned.answer = words
    }

    private func copyCauses(
        _ planned: PlannedCache, _ hit: CacheHit, _ use: CacheUse, in plan: BuildPlan
    ) -> [FilePath: PlannedCache.CopyCause] {
        guard use.mode == .automatic else { return [:] }
        var causes: [FilePath: PlannedCache.CopyCause] = [:]
        if hit.layers.count > 1 {
            let source = FilePath(plan.sources[0].path)
            for (pattern, isDirectory) in planned.patternsInSource(of: plan)
            where isDirectory || planned.settings.saysIsGone(pattern.base, source: source) {
                causes[pattern.base] = .overSource
            }
        }
        for pattern in planned.patterns where use.store.knowsRename(planned.request, below: pattern.name) {
            causes[pattern.base] = .rename
        }
        return causes
    }

    /// Notes what else the sandbox has copied: it decides by the view that a path lies in.
    func noteCopies() {
        guard var planned = plannedCache, planned.hit != nil, !planned.isCopied,
            let runner = sandbox as? any CacheSaving
        else { return }
        let places = planned.patterns.map { runner.copiedPlace(of: $0.base) }
        let views = zip(planned.patterns, places).compactMap { planned.copyCauses[$0.base] == nil ? nil : $1 }
        planned.copies = [:]
        for (pattern, place) in zip(planned.patterns, places) {
            guard let place else { continue }
            planned.copies[pattern.base] =
                planned.copyCauses[pattern.base] ?? (views.contains(place) ? .sameView : .noView)
        }
        plannedCache = planned
    }

    /// Goes on as if nothing had been found.
    func forgoCache(_ error: SandboxError) {
        guard var planned = plannedCache else { return }
        planned.hasForgoneOwn = planned.hit?.match == .exact
        (planned.hit, planned.answer) = (nil, nil)
        planned.miss = CacheEvent.Missed(key: planned.request.key, reason: .unavailable)
        planned.warnings.append(.cacheNotRestored(error.message, error.hints.first))
        plannedCache = planned
        record.drydock.cache?.restored = nil
    }

    /// A program could not rename a directory that lay in the cache, and gave up: the next build begins with a copy.
    func noteRefusedRename(_ output: String) {
        guard let use = request.caches, use.mode == .automatic, let planned = plannedCache, planned.hit != nil else {
            return
        }
        let mounted = planned.patterns.filter { !planned.isCopied($0) }
        let names = Set(output.split { !$0.isLetter && !$0.isNumber && !"._-+@".contains($0) }.map(String.init))
        let named = mounted.filter { names.contains($0.base.lastComponent?.string ?? $0.name) }
        for pattern in named.isEmpty ? mounted : named {
            use.store.noteRename(planned.request, below: pattern.name)
        }
    }

    static func files(_ count: Int) -> String { count == 1 ? "1 file" : "\(count) files" }

    /// - Returns: whether the store could be asked.
    private func find(in store: CacheStore, _ planned: inout PlannedCache) -> Bool {
        do throws(CacheError) {
            planned.hit = try store.find(planned.request) {
                planned.warnings.append(Warning(message: $0.message, hint: $0.hint, isGrave: true))
            }
            return true
        } catch {
            // A cache is never worth a build.
            planned.warnings.append(Warning(message: error.message, hint: error.hints.first, isGrave: true))
            return false
        }
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

    /// CodeBuild's lines on the cache, where it says them.
    func announceCache(_ plan: BuildPlan) {
        if plan.buildspec.cache == nil {
            notice("Cache is not defined in the buildspec")
            notice("Skip cache due to: no paths specified to be cached")
        }
        guard let planned = plannedCache else { return }
        for text in planned.notices { notice(text) }
        if let answer = planned.answer {
            let way = planned.way + (planned.origin.map { ", from `\($0)`" } ?? "")
            notice(planned.hit == nil ? answer : answer + way)
        }
        if let hit = planned.hit, let content = record.drydock.cache?.restored {
            let restored = CacheEvent.Restored(
                content, entry: hit.entry.hash, layerCount: hit.layers.count,
                isCopied: planned.patterns.allSatisfy { planned.isCopied || planned.copies[$0.base] != nil },
                milliseconds: cacheMilliseconds)
            emit(.cache(.restored(restored)))
        } else if let miss = planned.miss {
            emit(.cache(.missed(miss)))
        }
    }

    /// As `drydock cache explain` has it; nil where the store cannot be asked.
    private func explanation(_ planned: PlannedCache, in store: CacheStore) -> CacheExplanation? {
        guard let entries = try? store.entries(warn: { _ in }) else { return nil }
        return CacheExplanation(
            planned.request, inputs: planned.inputs, entries: entries, removed: store.removedEntries)
    }

    private static func words(_ key: String?, _ explanation: CacheExplanation?) -> String {
        let name = key.map { _ in "the key \(CacheEntry.displayed(key))" }
        if case .removed(let removed) = explanation?.missReason {
            return "\(name.map { "the entry with \($0)" } ?? "what was saved for these paths") was removed "
                + removed.reason.words
        }
        return "\(name.map { "no entry with \($0)" } ?? "nothing is saved yet") for these paths"
    }

    private func miss(_ request: CacheRequest, _ explanation: CacheExplanation?) -> CacheEvent.Missed {
        var miss = CacheEvent.Missed(key: request.key, reason: .unavailable)
        guard let explanation else { return miss }
        miss.reason =
            switch explanation.missReason {
            case .removed: .removed
            case .otherPaths: .otherPaths
            case .otherIdentity: .otherIdentity
            case .empty: .empty
            case .otherKey: .otherKey
            }
        miss.changedInputs = explanation.changes.map { masked($0.name) }
        return miss
    }

    /// What the user should know of the cache before the build's commands run.
    func adviseOnCache(_ plan: BuildPlan) {
        guard plan.buildspec.cache != nil else { return }
        if let cacheAdvice { warn(cacheAdvice) }
        for warning in plannedCache?.warnings ?? [] { warn(warning) }
        guard let planned = plannedCache, planned.hit != nil else { return }
        for (pattern, _) in planned.patternsInSource(of: plan) { warn(.cacheOverSource(pattern.name)) }
        let files = planned.filesInSource(of: plan)
        if let first = files.first { warn(.cacheOverSource(first, others: files.count - 1)) }
    }
}

extension PlannedCache {
    /// Those whose place the source has something in, and whether it is a directory.
    fileprivate func patternsInSource(of plan: BuildPlan) -> [(pattern: CachePattern, isDirectory: Bool)] {
        guard let source = plan.sources.first else { return [] }
        return patterns.compactMap { pattern in
            var below = pattern.base
            var status = stat()
            guard pattern.glob == nil, below.removePrefix(FilePath(source.path)),
                source.hostPath.pushing(below).withPlatformString({ lstat($0, &status) }) == 0
            else { return nil }
            return (pattern, status.st_mode & S_IFMT == S_IFDIR)
        }
    }

    /// The files that patterns selected and that the source has, too.
    fileprivate func filesInSource(of plan: BuildPlan) -> [String] {
        guard let source = plan.sources.first else { return [] }
        return (hit?.entry.selected ?? []).filter { name in
            let file = FilePath(name)
            var status = stat()
            return file.isRelative && source.hostPath.pushing(file).withPlatformString { lstat($0, &status) } == 0
        }
    }
}

extension CacheIdentity {
    /// Of builds that this process runs.
    public static var current: CacheIdentity {
        let owner = SandboxOwner.current()
        return CacheIdentity(text: owner.text, words: owner.words)
    }
}
