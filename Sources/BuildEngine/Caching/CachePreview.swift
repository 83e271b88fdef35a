// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildEnvironment
import Buildspec
import Diagnostics
import Secrets
import SystemPackage

/// What is known of a build's cache before anything of it runs, for `--dry-run`: no shell is asked, and nothing of the store
/// changes.
///
/// Printed, it shows no value of a secret variable; a secret that the user wrote out is for the mask.
public struct CachePreview {
    private let plan: BuildPlan
    private let request: BuildRequest
    private let usesSandbox: Bool

    public init(_ plan: BuildPlan, _ request: BuildRequest, usesSandbox: Bool) {
        self.plan = plan
        self.request = request
        self.usesSandbox = usesSandbox
    }

    /// A text of the buildspec, as far as it is known.
    private struct Text {
        var words: String
        /// Whether the build will have the same.
        var isCertain: Bool
    }
}

extension CachePreview: CustomStringConvertible {
    /// Lines as those of a plan; empty where the buildspec has no `cache`.
    public var description: String {
        guard let cache = plan.buildspec.cache else { return "" }
        var lines: [String] = []
        func fact(_ name: String, _ value: String) {
            lines.append(
                name + String(repeating: " ", count: max(1, 13 - name.utf8.count)) + DisplayText.escaped(value))
        }
        if let reason = absence {
            fact("cache", "neither restored nor saved: \(reason)")
            return lines.joined(separator: "\n") + "\n"
        }
        guard let use = request.caches else { return "" }
        fact("cache", ([way(cache, use)] + (use.mode == .copy ? ["copied"] : ["mounted"])).joined(separator: ", "))
        fact("  namespace", use.namespace)
        let question = CacheQuestion(cache)
        let key = question.key.map(known)
        let fallbackKeys = question.fallbackKeys.map(known)
        if let key { fact("  key", shown(key)) }
        for fallback in fallbackKeys { fact("  fallback", shown(fallback)) }
        let texts = cache.paths.map { ($0, known(CacheKeyText($0.value))) }
        for (_, text) in texts where !text.isCertain { fact("  path", shown(text)) }
        let certain = texts.filter(\.1.isCertain)
        let paths = certain.isEmpty && !texts.isEmpty ? nil : CachePaths(certain.map { ($0, $1.words) }, in: plan)
        for pattern in paths?.patterns ?? [] { fact("  path", pattern.name) }
        for warning in paths?.warnings ?? [] { fact("  no path", warning.message) }
        if cache.action != .save {
            var answer: String?
            if let paths, certain.count == texts.count, key?.isCertain ?? true {
                answer = found(paths, key, fallbackKeys, use)
            }
            fact("  store", answer ?? "asked when the build begins")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Why there is no cache, whatever the buildspec says.
    private var absence: String? {
        if request.caches == nil { return "`--no-cache`" }
        if !usesSandbox { return "that needs a sandbox" }
        if request.resumption != nil { return "the build goes on with what the failed one left" }
        return nil
    }

    private func way(_ cache: Buildspec.Cache, _ use: CacheUse) -> String {
        let restores = cache.action != .save
        let saves = cache.action != .restore && use.saving != .never
        if restores, !saves { return "restored, not saved" }
        guard saves else { return "neither restored nor saved" }
        let when = use.saving == .always ? "also after a failure" : "after a success"
        return restores ? "restored, and saved \(when)" : "not restored, saved \(when)"
    }

    private func shown(_ text: Text) -> String {
        text.isCertain ? text.words : "\(text.words) (known when the build begins)"
    }

    /// With the variables in it that are known.
    private func known(_ text: CacheKeyText) -> Text {
        var known = Text(words: "", isCertain: true)
        for part in text.parts {
            switch part {
            case .literal(let words): known.words += words
            case .expression(let expression):
                let value = variable(expression).flatMap {
                    Self.isOfOneBuild($0) ? nil : plan.environment[$0]?.plainText
                }
                if value == nil { known.isCertain = false }
                known.words += value ?? expression
            }
        }
        return known
    }

    /// The name in `$NAME` and `${NAME}`.
    private func variable(_ expression: String) -> String? {
        guard expression.utf8.first == UInt8(ascii: "$") else { return nil }
        var name = expression.dropFirst()
        if name.hasPrefix("{"), name.hasSuffix("}") { name = name.dropFirst().dropLast() }
        return ShellQuestion.isName(String(name)) ? String(name) : nil
    }

    /// What a build has that comes later is not what the preview has.
    private static func isOfOneBuild(_ name: String) -> Bool {
        [
            "CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID", "CODEBUILD_BUILD_NUMBER", "CODEBUILD_BUILD_URL",
            "CODEBUILD_LOG_PATH", "CODEBUILD_START_TIME",
        ].contains(name)
    }

    /// As `drydock cache explain` has it, in short; nil where that is not known before the build.
    private func found(_ paths: CachePaths, _ key: Text?, _ fallbackKeys: [Text], _ use: CacheUse) -> String? {
        var wanted = CacheRequest(namespace: use.namespace, identity: .current, paths: paths.patterns.map(\.name))
        wanted.key = key?.words
        wanted.fallbackKeys = fallbackKeys.prefix { $0.isCertain }.map(\.words).filter { !$0.isEmpty }
        let entries: [CacheEntry]
        do { entries = try use.store.entries(warn: { _ in }) } catch { return "cannot be read: \(error)" }
        let explanation = CacheExplanation(wanted, inputs: [], entries: entries, removed: use.store.removedEntries)
        if let entry = explanation.taken {
            let isExact = explanation.candidates.first?.verdict == .exact
            let name = isExact ? "it" : "\(entry.displayedKey), by a fallback key"
            return "has \(name): \(FailureHints.size(entry.byteCount)), \(BuildRunner.files(entry.fileCount))"
        }
        guard fallbackKeys.allSatisfy(\.isCertain) else { return nil }
        let reason =
            switch explanation.missReason {
            case .removed: "it was removed"
            case .otherPaths: "there is one for another list of paths"
            case .otherIdentity(let identity): "there is one, saved by \(identity.words)"
            case .empty: "the namespace has no cache"
            case .otherKey: "no cache has this key"
            }
        return "has none: \(reason)" + (use.source.map { "; then `\($0.name)` is asked" } ?? "")
    }
}
