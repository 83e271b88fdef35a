// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildEnvironment
import Buildspec
import Secrets
import SystemPackage

/// What a build caches: the paths of its buildspec's `cache`, or those that package managers have.
struct CachePaths {
    var patterns: [CachePattern] = []
    /// In CodeBuild's manner.
    var notices: [String] = []
    var warnings: [Warning] = []

    /// - Parameter texts: what the paths expand to; none where the buildspec names none.
    init(_ texts: [(written: Buildspec.Text, text: String)], in plan: BuildPlan) {
        guard !texts.isEmpty else {
            chooseDependencies(plan)
            return
        }
        let source = FilePath(plan.sources[0].path)
        for (written, text) in texts {
            do throws(CachePattern.Problem) {
                let pattern = try CachePattern(text, home: plan.home, source: source)
                guard !plan.sources[0].isWritable || !pattern.base.starts(with: source) else {
                    notices.append("Cache path \(text) stays in the mounted source")
                    continue
                }
                notices.append("Expanded cache path \(text)")
                patterns.append(pattern)
            } catch {
                warnings.append(.cachePath(written, text, error))
            }
        }
        // What lies in another's directory comes with it.
        let all = patterns
        patterns = all.enumerated().filter { index, pattern in
            !all.enumerated().contains { other, outer in
                // Of several spellings of one directory the first stays.
                outer.covers(pattern) && !(pattern.covers(outer) && index < other) || outer == pattern && other < index
            }
        }.map(\.element)
    }

    private mutating func chooseDependencies(_ plan: BuildPlan) {
        let source = FilePath(plan.sources[0].path)
        let home = plan.home
        // What is moved to where nothing can be cached is left out: nobody has asked for that very place.
        patterns = CachePlace.dependencies(home: home, variables: plan.plainVariables)
            .compactMap { try? CachePattern($0, home: home, source: source) }
            .filter { !$0.base.starts(with: source) }
        notices.append("No cache paths are specified: caching what package managers keep below \(home)")
    }
}

extension BuildPlan {
    /// What `~` stands for in the build.
    var home: String { environment["HOME"]?.plainText ?? "/root" }
}
