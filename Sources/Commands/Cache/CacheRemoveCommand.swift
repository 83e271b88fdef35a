// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics

/// `drydock cache rm`.
struct CacheRemoveCommand: Action {
    static let name = "rm"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Remove caches", discussion: "A cache that a running build uses stays.",
            operands: Operands(
                "key", help: CacheVerbOptions.keyHelp, count: Operands.anyNumber, completion: CacheListCommand.keys),
            groups: [
                OptionGroup("Options", [all, CacheVerbOptions.project, OutputOptions.json]), StateOptions.group,
            ])
    }

    private static let all = Flag("all", help: "Every cache; with KEY every one that has this key.")

    private let keys: [String]
    private let all: Bool
    private let project: String?
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        keys = words.operands
        all = words[Self.all]
        project = words[CacheVerbOptions.project]
        json = words[OutputOptions.json]
        state = StateOptions(words)
        if all, project != nil, keys.isEmpty { throw CommandFailure.conflict("--all", "--project") }
        if !all, keys.isEmpty, project == nil { throw CommandFailure.noCacheNamed }
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let builds = try state.store()
        let store = builds.caches
        let entries = try store.allEntries(terminal)
        // A key that is none, or several, is told before anything goes.
        let meant =
            if !keys.isEmpty { try keys.flatMap(named(entries)) } else if let project {
                try entries.of(project: project)
            } else {
                entries
            }
        let removal: CacheRemoval
        do throws(CacheError) {
            removal = try store.remove(meant.map(\.hash), builds.layerTools, now: Caller.now)
        } catch {
            throw CommandFailure(error)
        }
        let report = CacheReport(removal: removal, isTrial: false, now: Caller.now)
        if json {
            terminal.print(report.json)
        } else {
            terminal.print(report.lines + report.total(removal.byteCount))
        }
        report.warn(terminal)
        return removal.busy.isEmpty ? terminal.meaning(report.meaning) : terminal.meaning(.wrongUse)
    }

    /// What a word means: one, unless all of that key are wanted. What other projects have under the same key is not to go by
    /// the way.
    private func named(_ entries: [CacheEntry]) -> (String) throws -> [CacheEntry] {
        { key in
            let meant = try entries.named(key, project: project)
            guard all || meant.count == 1 else {
                throw CommandFailure.severalCaches(key, meant, others: ["`--all` removes all of them"])
            }
            return meant
        }
    }
}

/// `drydock cache prune`.
struct CachePruneCommand: Action {
    static let name = "prune"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Remove the caches that were not used for longest, until the rest fits",
            discussion: """
                Also what builds that were killed left, and caches that are damaged. What a running build uses stays. Works \
                on a disk that is full.
                """,
            groups: [
                OptionGroup("Options", [CacheVerbOptions.size, older, dryRun, OutputOptions.json]), StateOptions.group,
            ])
    }

    private static let older = ValueOption(
        "older-than", placeholder: "time", help: "Also caches that were last used before this, as `30d` or `12h`.")
    private static let dryRun = Flag("dry-run", help: "Say what would be removed, and remove nothing.")

    private let size: CacheSize?
    private let unusedSeconds: Double?
    private let dryRun: Bool
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        size = try CacheVerbOptions.size(words)
        unusedSeconds = try words[Self.older].map { try CacheVerbOptions.seconds("--older-than", $0) }
        dryRun = words[Self.dryRun]
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let upkeep = CacheUpkeep(builds: try state.store(), size: size, unusedSeconds: unusedSeconds)
        let report = try upkeep.perform(isTrial: dryRun, now: Caller.now)
        if json {
            terminal.print(report.json)
        } else {
            terminal.print(report.lines + report.total(report.removal.byteCount))
        }
        report.warn(terminal)
        return terminal.meaning(report.meaning)
    }
}

extension CommandFailure {
    static let noCacheNamed = CommandFailure(
        .wrongUse, "name the caches to remove by their keys or hashes, or all with `--all`",
        hints: ["`drydock cache ls` lists the caches"])
}
