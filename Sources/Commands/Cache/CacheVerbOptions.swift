// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Sandbox
internal import SystemPackage

/// What the verbs of caches have in common.
enum CacheVerbOptions {
    static let project = ValueOption(
        "project", placeholder: "name", help: "Only caches of this project, or of this namespace.")
    static let size = ValueOption(
        "cache-size", placeholder: "size",
        help: "What all caches together may take, as `20G` or `500M` (default: 20G, at most a quarter of the disk).")
    static let keyHelp = "A cache: its key, or the beginning of its hash."

    static func size(_ words: ParsedWords) throws -> CacheSize? {
        guard let word = words[size] else { return nil }
        do throws(CacheError) { return try CacheSize(word) } catch {
            throw CommandFailure.wrongNumber("--cache-size", word, expected: "a size such as `20G` or `500M`")
        }
    }

    /// `30d`, `12h`: in seconds.
    static func seconds(_ option: String, _ word: String) throws -> Double {
        let units: [Character: Double] = ["d": 86_400, "h": 3600]
        guard let unit = word.last.flatMap({ units[$0] }), let number = Int(word.dropLast()), number >= 0 else {
            throw CommandFailure.wrongNumber(option, word, expected: "a time such as `30d` or `12h`")
        }
        return Double(number) * unit
    }
}

extension BuildStore {
    /// The caches beside the builds.
    var caches: CacheStore { CacheStore(directory: directory.appending("cache")) }
}

extension BuildStore {
    /// What reaches layers' files: this caller, and the ids of a build where files belong to those.
    var layerTools: LayerTools {
        let launcher = Caller.launcher
        let kept = keptStates().flatMap { $0.record.caches?.layers ?? [] }
        return LayerTools(
            // `layers/ID/files`.
            needed: Set(kept.compactMap { FilePath($0.directory).removingLastComponent().lastComponent?.string }),
            remove: { directory in
                guard let name = directory.lastComponent else { return }
                do throws(FilesError) {
                    try Directory(directory.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
                } catch {
                    if !UserIdentifiers.removeTree(directory, launcher: launcher) { throw error }
                }
            }, measure: Self.size)
    }

    /// As far as this caller can see.
    private static func size(_ directory: FilePath) -> Int? {
        guard let root = try? FileDescriptor.open(directory, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        else { return nil }
        defer { try? root.close() }
        let tree = DirectoryTree(root: root)
        var size = 0
        TreeWalk<Void>(tree: tree, root: "/").run((), unreadable: { _ in }) { visit in
            if visit.kind == .directory { return .enter(()) }
            let status = try? tree.status(of: visit.name, in: visit.directory) { FilePath(bytes: visit.path) }
            size += status?.allocatedSize ?? 0
            return .pass
        }
        return size
    }
}

extension CacheStore {
    /// What can be used, the last used first; what cannot be is warned of.
    func allEntries(_ terminal: Terminal) throws -> [CacheEntry] {
        do throws(CacheError) { return try entries { terminal.warn($0.message, hint: $0.hint) } } catch {
            throw CommandFailure(error)
        }
    }
}

extension CacheEntry {
    static let noKey = "(no key)"
    /// Beginnings that tell entries apart.
    var shortHash: String { String(hash.prefix(12)) }

    /// The key where it fits on a line of a table.
    var displayedKey: String { key.map { Self.shortened($0, to: 60) } ?? Self.noKey }

    /// The first path, and how many there are beside it.
    var shortPaths: String {
        guard let first = paths.first else { return "" }
        return Self.shortened(first, to: 40) + (paths.count > 1 ? " and \(paths.count - 1) more" : "")
    }

    /// The key, unless it is none or would not be one word of a shell's list.
    var plainKey: String? {
        guard let key, !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return key
    }

    static func shortened(_ text: String, to count: Int) -> String {
        guard text.count > count else { return text }
        return "\(text.prefix(count / 2))…\(text.suffix(count - count / 2 - 1))"
    }
}

extension [CacheEntry] {
    /// Those that a word names: all with that key, else the one whose hash begins so.
    func named(_ word: String, project: String?) throws(CommandFailure) -> [CacheEntry] {
        let meant = project.map { name in filter { $0.namespace == name } } ?? self
        let byKey = meant.filter { $0.key.map { Array<UInt8>($0.utf8) } == Arguments.decode(word) }
        if !byKey.isEmpty { return byKey }
        let byHash = word.utf8.count >= 4 ? meant.filter { $0.hash.hasPrefix(word.lowercased()) } : []
        guard byHash.count <= 1 else { throw .ambiguousCache(word, byHash) }
        guard !byHash.isEmpty else { throw .noCache(word, known: compactMap(\.key)) }
        return byHash
    }

    var json: [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 4096)
        writer.array { writer in
            for entry in self { writer.object { entry.write(into: &$0) } }
        }
        writer.newline()
        return writer.bytes
    }
}

extension CommandFailure {
    init(_ error: CacheError) { self.init(.machineUnable, error.message, hints: error.hints) }

    static func noCache(_ word: String, known: [String]) -> CommandFailure {
        let shown = Arguments.displayed(CacheEntry.shortened(word, to: 80))
        let near = Suggestion.nearest(to: word, among: known.filter { $0.utf8.count < 200 })
        let hints = near.map { ["did you mean `\(DisplayText.escaped($0))`?"] } ?? []
        return CommandFailure(
            .inputUnavailable, "there is no cache with the key or hash `\(shown)`",
            hints: hints + ["`drydock cache ls` lists the caches"])
    }

    static func ambiguousCache(_ word: String, _ entries: [CacheEntry]) -> CommandFailure {
        CommandFailure(
            .wrongUse, "several caches have a hash that begins with `\(Arguments.displayed(word))`",
            hints: ["write more of it: \(entries.prefix(5).map { "`\($0.shortHash)`" }.joined(separator: ", "))"])
    }
}
