// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import SystemPackage

// A place that several machines share is asked where the store has nothing better, and given what the store has.
extension BuildRunner {
    private func exchange(_ use: CacheUse, _ isCancelled: @escaping () -> Bool) -> CacheExchange {
        CacheExchange(
            use.store, sandboxes: surroundings.scratch.removingLastComponent(), launcher: surroundings.launcher,
            now: { [clock = surroundings.clock] in clock.now }, isCancelled: isCancelled)
    }

    /// Brings an entry into the store that is better than what the store has.
    /// - Returns: whether there is something new in it.
    func fetchCache(_ planned: inout PlannedCache, _ use: CacheUse, from place: any SharedPlace) -> Bool {
        var notes: [CacheExchange.Note] = []
        // The build's time goes on.
        let fetched = exchange(use, { [unowned self] in interruption != nil })
            .fetch(planned.request, over: planned.hit, from: place) { notes.append($0) }
        for note in notes {
            switch note {
            case .notice(let text): planned.notices.append(text)
            case .warning(let warning): planned.warnings.append(warning)
            }
        }
        planned.damaged = fetched.damaged
        return fetched.isNew
    }

    /// Gives the shared place what the build began with or has saved, when everything else of it is over.
    func pushCache() {
        guard let use = request.caches, let place = use.destination, let planned = plannedCache else { return }
        // The build has ended, so its time has too.
        let stop = surroundings.stop
        exchange(use, { stop.request != nil }).push(planned.request, to: place, damaged: planned.damaged) { note in
            switch note {
            case .notice(let text): notice(text)
            case .warning(let warning): warn(warning)
            }
        }
        if stop.request != nil { isSavingStopped = true }
    }
}
