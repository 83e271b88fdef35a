// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import Buildspec
import Diagnostics

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
    func warnings(_ asked: AnswerToKey) -> [Warning] {
        var told: Set<String> = []
        var warnings: [Warning] = []
        for (place, text) in texts {
            for command in text.expressions where ShellQuestion.isCommand(command) {
                let status = asked.statuses[command] ?? 0
                let isEmpty = asked.answer.texts[command]?.isEmpty ?? true
                guard status != 0 || isEmpty, told.insert(command).inserted else { continue }
                let reason = status == 0 ? nil : asked.errors[command]
                warnings.append(.cacheKeyCommand(place, command, status: status, isEmpty: isEmpty, reason: reason))
            }
        }
        // Commands have been told.
        if let written = cache.key, let key, key.text(asked.answer.texts).isEmpty,
            told.isDisjoint(with: key.expressions)
        {
            warnings.append(.cacheKeyEmpty(written))
        }
        return warnings
    }

    /// Why nothing is restored or saved.
    func advice(_ missing: AnswerToKey.Missing) -> Warning {
        guard let text = missing.text else { return .cacheKeyUnanswered }
        if let written = texts.first(where: { $0.text.expressions.contains(text) })?.written {
            return .cacheUnanswered(written, "`\(DisplayText.escaped(text))` in the cache's key", missing.reason)
        }
        guard let written = cache.paths.first(where: { $0.value == text }) else { return .cacheKeyUnanswered }
        return .cacheUnanswered(written, "the cache's path `\(DisplayText.escaped(text))`", missing.reason)
    }

    /// Key and fallback keys, as they are written and taken apart.
    private var texts: [(written: Buildspec.Text, text: CacheKeyText)] {
        Array(zip([cache.key].compactMap { $0 } + cache.fallbackKeys, [key].compactMap { $0 } + fallbackKeys))
            .map { (written: $0, text: $1) }
    }
}
