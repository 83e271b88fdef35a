// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
import BuildModel
import Buildspec
import Sandbox

/// What a build would restore and save, as far as that is known before it runs.
public struct CacheProspect: Sendable {
    /// With key and paths as the build would have them; nil where there is nothing that it could save.
    public var request: CacheRequest?
    /// Why there is nothing.
    public var absence: Absence?

    public enum Absence: Sendable, Equatable {
        /// The buildspec has no `cache`.
        case notDeclared
        /// None of its paths can be cached; why, each.
        case noPath([Warning])
        /// Its `action` is `restore`.
        case onlyRestored
    }
}

extension BuildRunner {
    /// Finds out what the build would be cached as, and runs none of its commands: sources are fetched, variables looked up, and
    /// what the key asks of a shell is asked.
    public func prospect() throws(EngineError) -> CacheProspect {
        defer { try? removeSources() }
        makePlan()
        let plan: BuildPlan
        switch planned {
        case .success(let made): plan = made
        case .failure(let error): throw error
        case nil: return CacheProspect()
        }
        guard let cache = plan.buildspec.cache else {
            return CacheProspect(absence: .notDeclared)
        }
        if cache.action == .restore { return CacheProspect(absence: .onlyRestored) }
        let settings = plan.sandboxSettings(scratch: surroundings.scratch, launcher: surroundings.launcher)
        do { try planCache(plan, settings) } catch { throw EngineError(error) }
        if interruption == nil, let cacheAdvice {
            throw EngineError(
                .buildFailed, cacheAdvice.message, hints: [cacheAdvice.hint].compactMap { $0 },
                context: PhaseContext())
        }
        guard let planned = plannedCache, !planned.patterns.isEmpty else {
            return CacheProspect(absence: .noPath(plannedCache?.warnings ?? []))
        }
        return CacheProspect(request: planned.request)
    }
}
