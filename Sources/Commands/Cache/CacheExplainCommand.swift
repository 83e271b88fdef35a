// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import Diagnostics

/// `drydock cache explain`.
struct CacheExplainCommand: Action {
    static let name = "explain"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Say which cache a build takes, and why not another",
            discussion: """
                Without KEY: the key that the last build here asked for. A miss names what changed since the newest cache \
                whose key was made of the same files and variables. A key that no cache has is explained as well.
                """,
            operands: Operands(
                "key", help: "A key as a build would ask for it, or the beginning of a cache's hash.",
                completion: CacheListCommand.keys),
            groups: [OptionGroup("Options", [BuildSelector.project, OutputOptions.json]), StateOptions.group])
    }

    private let key: String?
    private let scope: BuildStore.Scope
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        key = words.operands.first
        scope = BuildSelector.scope(words)
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let builds = try state.store()
        let store = builds.caches
        let entries = try store.allEntries(terminal)
        let question = try question(builds, entries)
        let lookup = question.lookup
        if let here, question.project != here {
            terminal.warn(
                "no build of `\(DisplayText.escaped(here))` asked for a cache: this is about `\(DisplayText.escaped(question.project))`",
                hint: "`--project NAME` asks for another project")
        }
        func explanation(_ entries: [CacheEntry]) -> CacheExplanation {
            CacheExplanation(
                lookup.request, inputs: lookup.inputs, entries: entries, removed: store.removedEntries)
        }
        // What the build itself saved is no news about what it found.
        let isOfNow = question.build == nil && question.isRecorded
        let report = CacheExplanationReport(
            question: question, explanation: explanation(entries),
            earlier: explanation(isOfNow ? entries : entries.filter { $0.created < lookup.time }),
            now: Caller.now)
        if json {
            terminal.print(report.json)
        } else {
            terminal.print(report.text(terminal.outputStyle))
        }
        return terminal.meaning()
    }

    /// The project of the current directory, where none was named.
    private var here: String? { if case .first(let project) = scope { project } else { nil } }

    /// What is asked: as the last build did, or with another key.
    private func question(_ builds: BuildStore, _ entries: [CacheEntry]) throws -> CacheQuestion {
        let last = lastLookup(builds)
        guard let key else {
            if let last { return CacheQuestion(lookup: last.lookup, build: last.build) }
            guard let saved = lastSaved(entries, builds) else { throw CommandFailure.noLookup }
            return saved
        }
        let text = String(decoding: Arguments.decode(key), as: UTF8.self)
        if let entry = entries.named(byHash: text) { return CacheQuestion(of: entry, project: here) }
        if var lookup = last?.lookup {
            if lookup.request.key != text {
                lookup.inputs = []
                lookup.found = nil
            }
            lookup.request.key = text
            return CacheQuestion(lookup: lookup, build: nil, project: last?.build.record.projectName)
        }
        // As the build did that saved what has this key, or the last one at all.
        guard let entry = entries.first(where: { $0.key == text }) ?? entries.first else {
            throw CommandFailure.noCache(key, known: [])
        }
        return CacheQuestion(of: entry, key: text)
    }

    /// As the build did that saved last, as far as the cache itself tells.
    private func lastSaved(_ entries: [CacheEntry], _ builds: BuildStore) -> CacheQuestion? {
        let project: String? =
            switch scope {
            case .any: nil
            case .only(let project), .first(let project): project
            }
        let newestFirst = entries.sorted { $0.created > $1.created }
        guard let entry = newestFirst.first(where: { $0.namespace == project }) ?? newestFirst.first else { return nil }
        let request = CacheRequest(
            namespace: entry.namespace, identity: entry.identity, paths: entry.paths, key: entry.key)
        let lookup = CacheLookup(request: request, inputs: entry.inputs, found: nil, time: entry.created)
        return CacheQuestion(lookup: lookup, build: try? builds.find(entry.build), isRecorded: false)
    }

    /// Of the newest build that asked for a cache.
    private func lastLookup(_ builds: BuildStore) -> (lookup: CacheLookup, build: StoredBuild)? {
        let (project, isOnly): (String?, Bool) =
            switch scope {
            case .any: (nil, false)
            case .only(let project): (project, true)
            case .first(let project): (project, false)
            }
        for name in project != nil && !isOnly ? [project, nil] : [project] {
            for build in builds.recent(limit: 50, project: name).builds {
                if let lookup = CacheLookup(of: build.directory) { return (lookup, build) }
            }
        }
        return nil
    }
}

/// What is to be explained.
struct CacheQuestion {
    var lookup: CacheLookup
    /// The build that asked; nil where the user did, or where it is not remembered.
    var build: StoredBuild?
    /// Whether the build itself told what it found.
    var isRecorded = true
    /// Whose build it is, or would be.
    var project: String

    init(lookup: CacheLookup, build: StoredBuild?, isRecorded: Bool = true, project: String? = nil) {
        (self.lookup, self.build, self.isRecorded) = (lookup, build, isRecorded)
        self.project = project ?? build?.record.projectName ?? lookup.request.namespace
    }

    /// As the build would ask that finds an entry, or another one of its kind.
    init(of entry: CacheEntry, key: String? = nil, project: String? = nil) {
        let request = CacheRequest(
            namespace: entry.namespace, identity: entry.identity, paths: entry.paths, key: key ?? entry.key)
        self.init(
            lookup: CacheLookup(request: request, inputs: [], found: nil, time: Caller.now), build: nil,
            project: project)
    }
}

/// An explanation in words and as JSON.
struct CacheExplanationReport {
    let question: CacheQuestion
    let explanation: CacheExplanation
    /// Of what there was when the build looked, as far as it is still there.
    let earlier: CacheExplanation
    let now: Timestamp

    private var request: CacheRequest { question.lookup.request }

    // MARK: Text

    func text(_ style: Style) -> String {
        func safe(_ text: String) -> String { DisplayText.escaped(text) }
        func row(_ name: String, _ value: String) -> String {
            style.dim(name + String(repeating: " ", count: max(1, 12 - name.count))) + " " + safe(value) + "\n"
        }
        var text = ""
        if let build = question.build {
            text += row(
                "build",
                "\(build.record.buildNumber) of \(build.record.projectName), "
                    + HistoryTable.ago(build.record.startTime, now))
        }
        text += row("key", request.key.map { CacheEntry.shortened($0, to: 200) } ?? CacheEntry.noKey)
        if !request.fallbackKeys.isEmpty { text += row("fallback", request.fallbackKeys.joined(separator: ", ")) }
        text += row("namespace", request.namespace) + row("paths", request.paths.joined(separator: ", "))
        if question.build != nil, question.isRecorded { text += row("then", then) }
        text += row("now", explanation.taken.map(taken) ?? "a miss: \(missReason)")
        if let compared = earlier.compared {
            text +=
                "\n\(safe("changed since \(compared.quotedKey), saved \(HistoryTable.ago(compared.created, now)):"))\n"
            let lines = earlier.changes.flatMap(words)
            text += (lines.isEmpty ? ["nothing that is known"] : lines).map { "  \(safe($0))\n" }.joined()
        }
        guard !explanation.candidates.isEmpty else { return text }
        let columns = [
            Table.Column("KEY", key: "key"), Table.Column("SAVED", key: "created"), Table.Column("HASH", key: "hash"),
            Table.Column("VERDICT", key: "verdict"),
        ]
        let rows = explanation.candidates.map { candidate in
            [
                candidate.entry.displayedKey, HistoryTable.ago(candidate.entry.created, now),
                candidate.entry.shortHash, words(candidate.verdict),
            ]
        }
        return text + "\n" + Table(columns, rows: rows).text(style)
    }

    private var then: String {
        guard let found = question.lookup.found else { return "nothing was found" }
        guard let entry = explanation.candidates.first(where: { $0.entry.hash == found })?.entry else {
            return "a cache was found that is not there any more (\(found.prefix(12)))"
        }
        return "\(entry.quotedKey) was found"
    }

    private func taken(_ entry: CacheEntry) -> String {
        guard case .fallback(let key)? = explanation.candidates.first?.verdict else {
            return "\(entry.quotedKey) is found"
        }
        return "\(entry.quotedKey) is found by the fallback key `\(key)`"
    }

    private var missReason: String {
        switch explanation.missReason {
        case .removed(let removed):
            "it was removed \(HistoryTable.ago(removed.time, now)), \(removed.reason.words)"
        case .otherPaths: "there is one, for another list of paths"
        case .otherIdentity(let identity):
            "there is one, saved by \(identity.words); a build now runs as \(request.identity.words)"
        case .empty: "the namespace has no cache"
        case .otherKey: "no cache has this key"
        }
    }

    private func words(_ verdict: CacheExplanation.Verdict) -> String {
        switch verdict {
        case .exact: "taken: it is the key"
        case .fallback(let key): "taken by the fallback key `\(key)`"
        case .outdone(let key): "found by the fallback key `\(key)` too, but another comes first"
        case .otherKey: "another key"
        case .otherPaths(let added, let removed): pathWords(added, removed)
        case .otherIdentity(let identity): "saved by \(identity.words)"
        }
    }

    private func pathWords(_ added: [String], _ removed: [String]) -> String {
        func list(_ paths: [String]) -> String { paths.map { "`\($0)`" }.joined(separator: ", ") }
        if added.isEmpty, removed.isEmpty { return "the same paths in another order" }
        let parts = [added.isEmpty ? nil : "without \(list(added))", removed.isEmpty ? nil : "with \(list(removed))"]
        return "other paths: " + parts.compactMap { $0 }.joined(separator: ", ")
    }

    private func words(_ change: CacheExplanation.Change) -> [String] {
        switch change {
        case .value(let name, let old, let new): return ["`\(name)`: was `\(old)`, is `\(new)`"]
        case .added(let name): return ["`\(name)` is new in the key"]
        case .removed(let name): return ["`\(name)` is not in the key any more"]
        case .files(let name, let changed, let added, let removed):
            let lists = [("changed", changed), ("new", added), ("gone", removed)]
            let lines = lists.flatMap { title, paths in
                paths.prefix(10).map { "  \($0) (\(title))" }
                    + (paths.count > 10 ? ["  and \(paths.count - 10) more (\(title))"] : [])
            }
            return ["`\(name)`:"] + (lines.isEmpty ? ["  the same files in another order"] : lines)
        }
    }

    // MARK: JSON

    var json: [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 4096)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("build", ifPresent: question.build?.record.id)
            writer.object("request") { writer in
                writer.member("key", ifPresent: request.key)
                writer.array("fallbackKeys", of: request.fallbackKeys)
                writer.member("namespace", request.namespace)
                writer.member("identity", request.identity.text)
                writer.array("paths", of: request.paths)
                writer.member("hash", request.hash)
            }
            if question.build != nil, question.isRecorded { writer.member("found", ifPresent: question.lookup.found) }
            writer.member("taken", ifPresent: explanation.taken?.hash)
            if let removed = explanation.removed {
                writer.object("removed") { writer in
                    writer.member("time", epoch: removed.time)
                    writer.member("reason", removed.reason.rawValue)
                }
            }
            writer.member("compared", ifPresent: earlier.compared?.hash)
            writer.array("changes") { writer in
                for change in earlier.changes { writer.object { Self.write(change, into: &$0) } }
            }
            writer.array("candidates") { writer in
                for candidate in explanation.candidates {
                    writer.object { writer in
                        writer.member("hash", candidate.entry.hash)
                        writer.member("key", ifPresent: candidate.entry.key)
                        writer.member("created", epoch: candidate.entry.created)
                        Self.write(candidate.verdict, into: &writer)
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }

    private static func write(_ change: CacheExplanation.Change, into writer: inout JSONWriter) {
        switch change {
        case .value(let name, let old, let new):
            writer.member("input", name)
            writer.member("old", old)
            writer.member("new", new)
        case .files(let name, let changed, let added, let removed):
            writer.member("input", name)
            writer.array("changed", of: changed)
            writer.array("added", of: added)
            writer.array("removed", of: removed)
        case .added(let name):
            writer.member("input", name)
            writer.member("isNew", true)
        case .removed(let name):
            writer.member("input", name)
            writer.member("isGone", true)
        }
    }

    private static func write(_ verdict: CacheExplanation.Verdict, into writer: inout JSONWriter) {
        switch verdict {
        case .exact: writer.member("verdict", "exact")
        case .fallback(let key):
            writer.member("verdict", "fallback")
            writer.member("fallbackKey", key)
        case .outdone(let key):
            writer.member("verdict", "outdone")
            writer.member("fallbackKey", key)
        case .otherKey: writer.member("verdict", "other-key")
        case .otherPaths(let added, let removed):
            writer.member("verdict", "other-paths")
            writer.array("addedPaths", of: added)
            writer.array("removedPaths", of: removed)
        case .otherIdentity(let identity):
            writer.member("verdict", "other-identity")
            writer.member("identity", identity.text)
        }
    }
}

extension CacheEntry {
    /// The key in a sentence.
    fileprivate var quotedKey: String {
        key.map { "`\(Self.shortened($0, to: 80))`" } ?? "the cache without a key"
    }
}

extension CommandFailure {
    static let noLookup = CommandFailure(
        .inputUnavailable, "no build asked for a cache yet",
        hints: ["`drydock cache explain KEY` explains a key; `drydock cache ls` lists the caches"])
}
