// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import SystemPackage

/// `drydock cache`.
struct CacheCommand: Action {
    static let name = "cache"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List, explain, move and remove caches",
            discussion: """
                A cache is what a build saved of the paths that its buildspec names; later builds begin with it. `drydock gc` \
                keeps all of them within their size.
                """)
    }
    static var actions: [any Action.Type] {
        [
            CacheListCommand.self, CacheShowCommand.self, CacheExplainCommand.self, CacheSuggestCommand.self,
            CachePruneCommand.self, CacheRemoveCommand.self, CacheExportCommand.self, CacheImportCommand.self,
        ]
    }

    init(_ words: ParsedWords) {}
}

/// `drydock cache ls`.
struct CacheListCommand: Action {
    static let name = "ls"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List the caches, the last used first",
            groups: [
                OptionGroup("Options", [CacheVerbOptions.project, onlyKeys, OutputOptions.json]), StateOptions.group,
            ])
    }

    private static let onlyKeys = Flag("keys", help: "Show only the keys, and the hashes of those without.")

    /// What a shell offers where a cache is named.
    static let keys = Completion.answers(to: "cache ls --keys", beside: [])

    private let project: String?
    private let onlyKeys: Bool
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        project = words[CacheVerbOptions.project]
        onlyKeys = words[Self.onlyKeys]
        json = words[OutputOptions.json]
        if onlyKeys, json { throw CommandFailure.conflict("--keys", "--json") }
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let store = try state.store().caches
        let all = try store.allEntries(terminal)
        var entries = all
        if let project {
            do throws(CommandFailure) { entries = try all.of(project: project) } catch {
                // A list of nothing is one; for people it says which names there are.
                entries = []
                if !all.isEmpty, !json, !onlyKeys {
                    terminal.warn(error.message, hint: error.hints.first)
                    return terminal.meaning()
                }
            }
        }
        if json {
            terminal.print(entries.json)
            return terminal.meaning()
        }
        if onlyKeys {
            terminal.print(entries.map { ($0.plainKey ?? $0.shortHash) + "\n" }.joined())
            return terminal.meaning()
        }
        sayRemoved(store, terminal)
        guard !entries.isEmpty else {
            terminal.warn("there is no cache yet", hint: "a build saves one when its buildspec has a `cache` section")
            return terminal.meaning()
        }
        terminal.print(Self.table(entries, now: Caller.now).text(terminal.outputStyle))
        if terminal.outputIsTerminal {
            let total = ByteCount.words(UInt64(CacheStore.total(of: all)))
            terminal.say("all caches take \(total)")
        }
        return terminal.meaning()
    }

    /// What went for want of room went in the background, where nobody was told.
    private func sayRemoved(_ store: CacheStore, _ terminal: Terminal) {
        let now = Caller.now
        let removed = store.removedEntries.filter {
            [.size, .floor, .oversized].contains($0.reason) && $0.time.seconds > now.seconds - 86_400
        }
        guard let last = removed.last else { return }
        let count = removed.count == 1 ? "1 cache was" : "\(removed.count) caches were"
        terminal.say(
            "\(count) removed for want of room within a day, the last one \(HistoryTable.ago(last.time, now)), "
                + "\(last.reason.words)")
    }

    static func table(_ entries: [CacheEntry], now: Timestamp) -> Table {
        let columns = [
            Table.Column("KEY", key: "key"), Table.Column("NAMESPACE", key: "namespace"),
            Table.Column("SIZE", key: "bytes", isRightAligned: true),
            Table.Column("FILES", key: "files", isRightAligned: true),
            Table.Column("LAYERS", key: "layers", isRightAligned: true), Table.Column("SAVED", key: "created"),
            Table.Column("USED", key: "lastUsed"), Table.Column("HASH", key: "hash"),
            Table.Column("PATHS", key: "paths"),
        ]
        let rows = entries.map { entry in
            [
                entry.displayedKey, entry.namespace, ByteCount.words(UInt64(entry.byteCount)), String(entry.fileCount),
                String(entry.layers.count), HistoryTable.ago(entry.created, now),
                HistoryTable.ago(entry.lastUsed, now), entry.shortHash, entry.shortPaths,
            ]
        }
        return Table(columns, rows: rows)
    }
}

/// `drydock cache show`.
struct CacheShowCommand: Action {
    static let name = "show"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Show what is known of a cache: paths, layers, what its key was made of",
            operands: Operands(
                "key", help: CacheVerbOptions.keyHelp, count: 1...1, completion: CacheListCommand.keys),
            groups: [OptionGroup("Options", [CacheVerbOptions.project, OutputOptions.json]), StateOptions.group])
    }

    private let key: String
    private let project: String?
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) {
        key = words.operands.first ?? ""
        project = words[CacheVerbOptions.project]
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let store = try state.store().caches
        let entries = try store.allEntries(terminal).named(key, project: project)
        if json {
            terminal.print(entries.json)
        } else {
            let now = Caller.now
            terminal.print(entries.map { Self.text($0, now: now) }.joined(separator: "\n"))
        }
        return terminal.meaning()
    }

    private static func text(_ entry: CacheEntry, now: Timestamp) -> String {
        func safe(_ text: String) -> String { DisplayText.escaped(text) }
        func bytes(_ count: Int) -> String { ByteCount.words(UInt64(count)) }
        func files(_ count: Int) -> String { count == 1 ? "1 file" : "\(count) files" }
        // Which of them builds still see, only the mounted view tells.
        func stored(_ entry: CacheEntry) -> String {
            entry.layers.count == 1 ? "" : " of \(entry.layers.count) layers, with what later ones replaced"
        }
        var text = """
            key          \(entry.safeKey)
            namespace    \(safe(entry.namespace))
            hash         \(entry.hash)
            size         \(bytes(entry.byteCount)) in \(files(entry.fileCount))\(stored(entry))
            saved        \(entry.created.rfc3339) (\(HistoryTable.ago(entry.created, now)))
            used         \(entry.lastUsed.rfc3339) (\(HistoryTable.ago(entry.lastUsed, now)))
            build        \(safe(entry.build))
            identity     \(safe(entry.identity.words))

            """
        func section(_ title: String, _ lines: [String]) {
            if !lines.isEmpty { text += title + "\n" + lines.map { "  \(safe($0))\n" }.joined() }
        }
        section("paths", entry.paths)
        section(
            "layers",
            entry.layers.map {
                "\($0.id)  \(bytes($0.byteCount)) in \(files($0.fileCount))\($0.isDelta ? ", over the next" : "")"
            })
        section(
            "made of",
            entry.inputs.map { input in
                let count = input.files.map { " (\(files($0.count)))" } ?? ""
                return "\(input.name) = \(input.value)\(count)"
            })
        return text
    }
}
