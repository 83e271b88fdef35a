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
        try words[size].map(size)
    }

    static func size(_ word: String) throws(CommandFailure) -> CacheSize {
        do throws(CacheError) { return try CacheSize(word) } catch {
            let isSmall = error.code == .tooSmall
            var failure = CommandFailure.wrongNumber(
                "--cache-size", word, expected: isSmall ? "a size from 1M" : "a size such as `20G` or `500M`")
            if isSmall { failure.hints = error.hints }
            throw failure
        }
    }

    /// `2w`, `30d`, `12h`: in seconds.
    static func seconds(_ option: String, _ word: String) throws -> Double {
        let units: [Character: Double] = ["w": 604_800, "d": 86_400, "h": 3600]
        guard let unit = word.last.flatMap({ units[$0] }), let number = Int(word.dropLast()), number >= 0 else {
            throw CommandFailure.wrongNumber(
                option, word, expected: "a number of weeks, days or hours, as `2w`, `30d` or `12h`")
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
        return LayerTools(
            needed: {
                let kept = keptStates().flatMap { $0.record.caches?.layers ?? [] }
                // `layers/ID/files`.
                return Set(kept.compactMap { FilePath($0.directory).removingLastComponent().lastComponent?.string })
            },
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
    var displayedKey: String { Self.shortened(safeKey, to: 60) }

    /// The key as it may stand on a terminal; an empty one, and none, in words.
    var safeKey: String { key.map { $0.isEmpty ? "(empty key)" : DisplayText.escaped($0) } ?? Self.noKey }

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
        let byHash = word.utf8.count >= Self.leastDigits ? meant.filter { $0.hash.hasPrefix(word.lowercased()) } : []
        guard byHash.count <= 1 else { throw .ambiguousCache(word, byHash) }
        guard !byHash.isEmpty else { throw noCache(word, project: project, among: meant) }
        return byHash
    }

    /// The one that a word names by its hash; nil for a word that is a key.
    func named(byHash word: String) -> CacheEntry? {
        guard word.utf8.count >= Self.leastDigits, !contains(where: { $0.key == word }) else { return nil }
        let found = filter { $0.hash.hasPrefix(word.lowercased()) }
        return found.count == 1 ? found.first : nil
    }

    /// Those of a project; one without any is none.
    func of(project: String) throws(CommandFailure) -> [CacheEntry] {
        let found = filter { $0.namespace == project }
        guard found.isEmpty else { return found }
        let shown = Arguments.displayed(CacheEntry.shortened(project, to: 80))
        let near = Suggestion.nearest(to: project, among: map(\.namespace))
        throw CommandFailure(
            .inputUnavailable, "the project `\(shown)` has no cache",
            hints: near.map { ["did you mean `\(DisplayText.escaped($0))`?"] } ?? [CommandFailure.listHint])
    }

    private func noCache(_ word: String, project: String?, among meant: [CacheEntry]) -> CommandFailure {
        if let project, meant.isEmpty {
            do throws(CommandFailure) { _ = try of(project: project) } catch { return error }
        }
        var failure = CommandFailure.noCache(word, known: meant.compactMap(\.key))
        let isShort = word.utf8.count < Self.leastDigits
        if isShort, !word.isEmpty, meant.contains(where: { $0.hash.hasPrefix(word.lowercased()) }) {
            failure.hints = ["of a hash at least \(Self.leastDigits) digits are needed"]
        } else if let project {
            let others = Set(filter { $0.key == word && $0.namespace != project }.map(\.namespace)).sorted()
            if let other = others.first {
                failure.hints = [
                    "`\(DisplayText.escaped(other))` has one of that key, `\(Arguments.displayed(project))` none"
                ]
            }
        }
        return failure
    }

    /// Of a hash, so that a short key that is none is not taken for one.
    private static var leastDigits: Int { 4 }

    /// The only one that a word names.
    func single(_ word: String, project: String?) throws(CommandFailure) -> CacheEntry {
        let meant = try named(word, project: project)
        guard meant.count == 1, let entry = meant.first else { throw .severalCaches(word, meant) }
        return entry
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
            hints: hints + [listHint])
    }

    static let listHint = "`drydock cache ls` lists the caches"

    /// - Parameter others: what else to do than to name one.
    static func severalCaches(_ word: String, _ entries: [CacheEntry], others: [String] = []) -> CommandFailure {
        var list = entries.prefix(5).map { "`\($0.shortHash)` of `\(DisplayText.escaped($0.namespace))`" }
        if entries.count > list.count { list.append("\(entries.count - list.count) more") }
        let namespaces = Set(entries.map { Array($0.namespace.utf8) })
        let project = namespaces.count > 1 ? ", or by its project with `--project`" : ""
        return CommandFailure(
            .wrongUse,
            "\(entries.count) caches have the key `\(Arguments.displayed(CacheEntry.shortened(word, to: 80)))`: "
                + list.joined(separator: ", "),
            hints: ["name one by its hash\(project)"] + others)
    }

    static func ambiguousCache(_ word: String, _ entries: [CacheEntry]) -> CommandFailure {
        CommandFailure(
            .wrongUse, "several caches have a hash that begins with `\(Arguments.displayed(word))`",
            hints: ["write more of it: \(entries.prefix(5).map { "`\($0.shortHash)`" }.joined(separator: ", "))"])
    }
}
