// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// A directory that is watched with everything in it, and what is ignored there.
struct WatchedTree {
    /// As it was named.
    let root: FilePath
    private let sources: IgnoreSources
    /// Absolute and without links, once prepared.
    private var place: [UInt8] = []
    /// From the work tree's top to the root, with `/` at the end: patterns above speak of such paths.
    private var prefix: [UInt8] = []
    /// What holds at the root before its own `.gitignore`.
    private(set) var rules = IgnoreRules.editors
    /// Tracked files that patterns match, and the directories on the way to them.
    private let tracked: Set<[UInt8]>

    init(_ scope: SourceWatch.Scope) {
        root = scope.root
        sources = scope.ignores
        var tracked: Set<[UInt8]> = []
        for path in scope.ignores.trackedPaths {
            tracked.insert(path)
            for (index, byte) in path.enumerated() where byte == UInt8(ascii: "/") {
                tracked.insert(Array(path[..<index]))
            }
        }
        self.tracked = tracked
    }

    /// Finds the place, and reads the patterns that hold for all of it.
    mutating func prepare() throws(WatchError) {
        let directory: Directory
        do throws(FilesError) {
            directory = try Directory(root)
            place = try Directory("/proc/self/fd").readLink(FilePath("\(directory.descriptor.rawValue)")).bytes
        } catch { throw .rootGone(root) }
        rules = .editors
        prefix = []
        for file in sources.files { rules = Self.read(file, base: [], below: rules) ?? rules }
        guard let workTree = sources.workTree?.bytes, workTree != place, place.starts(with: workTree) else { return }
        // The directories above the root, from the top on.
        let way = place.dropFirst(workTree.count + (workTree.last == UInt8(ascii: "/") ? 0 : 1))
        var base: [UInt8] = []
        for component in way.split(separator: UInt8(ascii: "/")) {
            let file = FilePath(bytes: workTree + [UInt8(ascii: "/")] + base).appending(".gitignore")
            rules = Self.read(file, base: base, below: rules) ?? rules
            if !base.isEmpty { base.append(UInt8(ascii: "/")) }
            base += component
        }
        prefix = base + [UInt8(ascii: "/")]
    }

    func absolute(_ path: [UInt8]) -> [UInt8] { path.isEmpty ? place : place + [UInt8(ascii: "/")] + path }

    /// The path as the user would write it from where the root was named.
    func displayed(_ path: [UInt8]) -> [UInt8] {
        let name = root.bytes
        return name == Array(".".utf8) || path.isEmpty ? path : name + [UInt8(ascii: "/")] + path
    }

    func ignores(_ path: [UInt8], isDirectory: Bool, _ rules: IgnoreRules) -> Bool {
        rules.ignores(prefix + path, isDirectory: isDirectory) && !tracked.contains(path)
    }

    /// What holds in a directory: its own `.gitignore`, and then what held above it.
    func rules(
        of directory: Directory, at path: [UInt8], _ entries: [DirectoryEntry], below: IgnoreRules
    ) -> IgnoreRules {
        // A directory that is looked into for the tracked files in it alone.
        if !path.isEmpty, below.ignores(prefix + path, isDirectory: true) { return .everything }
        guard entries.contains(where: { $0.name == Array(".gitignore".utf8) }),
            let text = try? directory.read(".gitignore", limit: Self.limit)
        else { return below }
        let base = path.isEmpty ? Array(prefix.dropLast()) : prefix + path
        return IgnoreRules(text, base: base, below: below)
    }

    private static func read(_ file: FilePath, base: [UInt8], below: IgnoreRules) -> IgnoreRules? {
        (try? FileContents.read(file, limit: limit)).map { IgnoreRules($0, base: base, below: below) }
    }

    private static let limit = 4 << 20
}
