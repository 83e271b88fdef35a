// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import Buildspec
import Diagnostics
import Sandbox

extension CacheEntry {
    var displayedKey: String { Self.displayed(key) }

    static func displayed(_ key: String?) -> String { key.map { "`\(words($0))`" } ?? "(no key)" }

    /// A key on one line, and no longer than that.
    private static func words(_ key: String) -> String {
        let shown = DisplayText.escaped(key)
        return shown.count > 200 ? shown.prefix(199) + "…" : shown
    }
}

extension CacheOutcome.Entry {
    init(_ entry: CacheEntry) {
        self.init(key: entry.key, byteCount: entry.byteCount, fileCount: entry.fileCount)
    }
}

extension SavedLayer.CopyReason {
    /// In events.
    var name: String {
        switch self {
        case .patterns: "patterns"
        case .overSource: "over-source"
        case .inMemory: "in-memory"
        case .kept: "state-kept"
        case .baseGone: "base-gone"
        case .depth: "depth"
        }
    }

    var words: String {
        switch self {
        case .patterns: "a pattern selects single files"
        case .overSource: "it lies over files of the source"
        case .inMemory: "it was in memory"
        case .kept: "the build's state is kept too"
        case .baseGone: "the cache that it began with is not there any more"
        case .depth: "it would have become too many layers"
        }
    }
}

extension Warning {
    static let cacheNeedsSandbox = Warning(
        message: "caches are neither restored nor saved without a sandbox", isGrave: true)

    static let cacheKeyUnanswered = Warning(
        message: "the shell did not answer what the cache's key and paths hold, so nothing is restored or saved",
        hint:
            "a command in them that ends the shell leaves no answer; `drydock shell` opens a shell to try it in",
        isGrave: true)

    static func cacheKeyTooLong(_ count: Int) -> Warning {
        Warning(
            message: "the cache's key is \(FailureHints.size(count)) long, so nothing is restored or saved",
            hint: "a digest says as much in one line: `… | sha256sum`, or `codebuild-hash-files`", isGrave: true)
    }

    static let cacheOfOtherState = Warning(
        message: "the cache is not saved: its key or paths are not those of the failed build any more",
        hint: "a build from the beginning saves it", isGrave: true)

    static func cacheKeyCommand(
        _ written: Buildspec.Text, _ command: String, status: Int, isEmpty: Bool, reason: String?
    ) -> Warning {
        let words = "`\(DisplayText.escaped(command))` in the cache's key "
        let failure = status == 0 ? [] : ["fails with \(status)"]
        let end = (failure + (isEmpty ? ["prints nothing"] : [])).joined(separator: " and ")
        return Warning(
            message: place(of: written) + words + end + because(reason),
            hint: isEmpty
                ? "it is taken as empty, as CodeBuild takes it: builds that it is to tell apart share one cache"
                : "what it printed until then is taken, as CodeBuild takes it", isGrave: true)
    }

    static func cacheKeyEmpty(_ written: Buildspec.Text) -> Warning {
        Warning(
            message: place(of: written) + "the cache's key is empty",
            hint: "all builds share one cache then, which is never replaced; without `key` each build replaces it",
            isGrave: true)
    }

    /// - Parameter what: a part of the key, or a path.
    static func cacheUnanswered(_ written: Buildspec.Text, _ what: String, _ reason: String?) -> Warning {
        Warning(
            message: place(of: written) + "the shell did not answer what \(what) is, so nothing is restored or saved"
                + because(reason),
            hint: "`drydock shell` opens a shell to try it in", isGrave: true)
    }

    private static func because(_ reason: String?) -> String {
        reason.flatMap { $0.isEmpty ? nil : ": \(DisplayText.escaped($0))" } ?? ""
    }

    private static func place(of written: Buildspec.Text) -> String {
        "\(DisplayText.escaped(written.span.path)):\(written.span.start.line):\(written.span.start.column): "
    }

    /// - Parameter others: how many files more.
    static func cacheOverSource(_ path: String, others: Int = 0) -> Warning {
        let more = others == 0 ? " is" : " and \(others) other \(others == 1 ? "file" : "files") are"
        return Warning(
            message:
                "`\(DisplayText.escaped(path))`\(more) in the source and in the cache, whose files hide the source's",
            hint: "cache what tools make or fetch, not what is checked in")
    }

    static func cacheTooLarge(_ entry: CacheEntry, _ room: CacheSize) -> Warning {
        Warning(
            message:
                "the cache is \(FailureHints.size(entry.byteCount)) large, and all caches together may take "
                + "\(FailureHints.size(room.bytes)): it is removed again",
            hint: "`--cache-size SIZE` lets them take more", isGrave: true)
    }

    static func cacheNotRestored(_ reason: String, _ hint: String?) -> Warning {
        Warning(message: "the cache is not restored: \(reason)", hint: hint, isGrave: true)
    }

    static func cacheBehindLink(_ path: String, link: String, savesLink: Bool) -> Warning {
        let name = DisplayText.escaped(path)
        return Warning(
            message: savesLink
                ? "`\(name)` is a link, and the cache has the link alone"
                : "`\(name)` is not cached: `\(link)` is a link",
            hint: "name the directory that it leads to", isGrave: true)
    }

    static func cacheNotSaved(_ reason: String, _ hint: String?) -> Warning {
        Warning(message: "the cache is not saved: \(reason)", hint: hint, isGrave: true)
    }

    static func cachePath(_ written: Buildspec.Text, _ text: String, _ problem: CachePattern.Problem) -> Warning {
        let place = place(of: written)
        let reason = problem == .empty ? "nothing is left of it when its variables are expanded" : "it \(problem.words)"
        return Warning(
            message: place + "`\(DisplayText.escaped(written.value))` is not cached: \(reason)",
            hint: problem == .source ? "name the directories that tools fill, as `node_modules/**/*`" : nil,
            isGrave: true)
    }
}
