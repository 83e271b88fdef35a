// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import Buildspec

/// What a shell has to answer before caches can be looked for: variables in paths, commands and variables in keys.
///
/// Most buildspecs ask nothing, and then no shell is started for it.
struct CacheQuestion {
    let cache: Buildspec.Cache
    let key: CacheKeyText?
    let fallbackKeys: [CacheKeyText]

    init(_ cache: Buildspec.Cache) {
        self.cache = cache
        key = cache.key.map { CacheKeyText($0.value) }
        // Without a key they mean nothing. Source: "Build specification reference for CodeBuild", cache/fallback-keys.
        fallbackKeys = cache.key == nil ? [] : cache.fallbackKeys.prefix(5).map { CacheKeyText($0.value) }
    }

    /// What has to be asked; empty where nothing has to be.
    func question(nonce: String) -> ShellQuestion {
        var question = ShellQuestion(nonce: nonce)
        for path in cache.paths where ShellQuestion.isExpanded(path.value) { question.ask(text: path.value) }
        for text in [key].compactMap({ $0 }) + fallbackKeys {
            for expression in text.expressions { question.ask(text: expression) }
        }
        return question
    }

    func paths(_ answer: ShellQuestion.Answer) -> [(written: Buildspec.Text, text: String)] {
        cache.paths.map { ($0, ShellQuestion.isExpanded($0.value) ? answer.texts[$0.value] ?? "" : $0.value) }
    }

    /// What of the key gives nothing: CodeBuild takes that as empty too, and says nothing.
    /// - Parameter statuses: of commands, by expression.
    func warnings(_ answer: ShellQuestion.Answer, statuses: [String: Int]) -> [Warning] {
        var told: Set<String> = []
        var warnings: [Warning] = []
        let written = [cache.key].compactMap { $0 } + cache.fallbackKeys
        for (place, text) in zip(written, [key].compactMap { $0 } + fallbackKeys) {
            for command in text.expressions where ShellQuestion.isCommand(command) {
                let status = statuses[command] ?? 0
                let isEmpty = answer.texts[command]?.isEmpty ?? true
                guard status != 0 || isEmpty, told.insert(command).inserted else { continue }
                warnings.append(.cacheKeyCommand(place, command, status: status, isEmpty: isEmpty))
            }
        }
        return warnings
    }
}
