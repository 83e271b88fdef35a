// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// Looks for files by name in a directory and everything below it, without what git ignores.
public struct FileSearch {
    private let root: FilePath
    private let ignores: IgnoreSources
    /// Directories that are not looked into wherever they are, beside `.git`.
    private let skipped: Set<[UInt8]>

    public init(root: FilePath, ignores: IgnoreSources, skipping skipped: [String] = []) {
        self.root = root
        self.ignores = ignores
        self.skipped = Set((skipped + [".git"]).map { Array($0.utf8) })
    }

    /// The regular files that are wanted, relative to the root, in the order of their bytes. Links are not followed, and a
    /// directory that cannot be read has nothing in it.
    /// - Throws: when the root is not there.
    public func files(where isWanted: ([UInt8]) -> Bool) throws(WatchError) -> [FilePath] {
        var scope = SourceWatch.Scope(root: root)
        scope.ignores = ignores
        var tree = WatchedTree(scope)
        try tree.prepare()
        guard let top = try? Directory(FilePath(bytes: tree.absolute([]))) else { throw .rootGone(root) }
        var found: [[UInt8]] = []
        var pending: [(path: [UInt8], rules: IgnoreRules)] = [([], tree.rules)]
        while let (path, above) = pending.popLast() {
            guard let directory = path.isEmpty ? top : try? top.directory(FilePath(bytes: path)),
                let entries = try? directory.entries()
            else { continue }
            let rules = tree.rules(of: directory, at: path, entries, below: above)
            for entry in entries {
                let place = path.isEmpty ? entry.name : path + [UInt8(ascii: "/")] + entry.name
                switch entry.kind ?? (try? directory.status(FilePath(bytes: entry.name)))?.kind {
                case .directory?
                where !skipped.contains(entry.name) && !tree.ignores(place, isDirectory: true, rules):
                    pending.append((place, rules))
                case .regular? where isWanted(entry.name) && !tree.ignores(place, isDirectory: false, rules):
                    found.append(place)
                default: continue
                }
            }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }.map { FilePath(bytes: $0) }
    }
}
