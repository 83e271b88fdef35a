// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import Files
import SystemPackage

// A place that several machines share is asked where the store has nothing better, and given what the store has. Whatever is
// the matter with it is a warning: no build fails for its cache.
extension BuildRunner {
    private func archiver(_ isCancelled: @escaping () -> Bool) -> CacheArchiver? {
        request.caches.map {
            CacheArchiver(
                $0.store, sandboxes: surroundings.scratch.removingLastComponent(), launcher: surroundings.launcher,
                isCancelled: isCancelled)
        }
    }

    // MARK: Fetching

    /// Brings an entry into the store that is better than what the store has.
    /// - Returns: whether there is something new in it.
    func fetchCache(_ planned: inout PlannedCache, from place: any SharedPlace) -> Bool {
        var fetched: CacheManifest?
        do {
            // The build's time goes on.
            let isOver = { [unowned self] in interruption != nil }
            let remote = CacheRemote(place.open(isCancelled: isOver))
            // What was replaced between its index and its archive is looked for again.
            for _ in 0..<3 {
                guard let found = try wanted(planned, of: remote) else { return false }
                fetched = found
                let file = try UnnamedFile(on: surroundings.scratch.removingLastComponent())
                defer { withExtendedLifetime(file) {} }
                planned.notices.append("Downloading \(place.title)...")
                guard try remote.fetch(found, into: file.descriptor) else { continue }
                planned.notices.append("Unarchiving cache...")
                let now = surroundings.clock.now
                let outcome = try archiver(isOver)?.unpack(
                    file.descriptor, shown: place.name, expected: found, now: now)
                if case .imported(_, let sentences)? = outcome {
                    planned.warnings += sentences.map { Warning(message: $0) }
                    return true
                }
                return false
            }
        } catch {
            if let error = error as? CacheError, error.code == .damaged { planned.damaged = fetched }
            planned.warnings.append(.sharedCache("nothing is restored from `\(place.name)`", error))
        }
        return false
    }

    /// The index of what would be taken.
    private func wanted(_ planned: PlannedCache, of remote: CacheRemote) throws(CacheError) -> CacheManifest? {
        guard let exact = try remote.exact(planned.request) else {
            return planned.hit == nil ? try remote.fallback(planned.request) : nil
        }
        // Of the entry without a key the newer one counts.
        if let own = planned.hit?.entry, planned.hit?.match == .exact, own.created >= exact.created { return nil }
        return exact
    }

    // MARK: Storing

    /// Gives the shared place what the build began with or has saved, when everything else of it is over.
    func pushCache() {
        guard let use = request.caches, let place = use.destination, let planned = plannedCache else { return }
        do {
            var request = planned.request
            request.fallbackKeys = []
            guard let hit = try use.store.find(request, warn: { _ in }) else { return }
            // The build has ended, so its time has too.
            let stop = surroundings.stop
            let isStopped = { stop.request != nil }
            let remote = CacheRemote(place.open(isCancelled: isStopped))
            let manifest = CacheManifest(hit.entry)
            let name = hit.entry.displayedKey
            // When what can be gone on with was.
            defer { remote.tidy(request) }
            if try remote.holds(manifest, damaged: planned.damaged) {
                return notice("Cache \(name) is in `\(place.name)` already")
            }
            notice("Uploading \(place.title)...")
            let file = try UnnamedFile(on: surroundings.scratch.removingLastComponent())
            defer { withExtendedLifetime(file) {} }
            let sentences = try archiver(isStopped)?.pack(hit, into: file.descriptor) ?? []
            for sentence in sentences { warn(Warning(message: sentence)) }
            guard try remote.store(manifest, archive: file.descriptor, damaged: planned.damaged) == .stored else {
                return notice("Cache \(name) was stored in `\(place.name)` by another build first")
            }
            let size = (try? FileStatus(of: file.descriptor, path: FilePath("archive")))?.size ?? 0
            notice("Uploaded cache \(name): \(FailureHints.size(size))")
        } catch {
            warn(.sharedCache("the cache is not stored in `\(place.name)`", error))
        }
    }
}

extension Warning {
    fileprivate static func sharedCache(_ what: String, _ error: any Error) -> Warning {
        let hint: String? =
            switch error {
            case let error as CacheError: error.hints.first
            case let error as EngineError: error.hints.first
            default: nil
            }
        return Warning(message: "\(what): \(error)", hint: hint)
    }
}
