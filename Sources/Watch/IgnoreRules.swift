// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// The patterns of one file, and of all that count less than it: what holds in one directory of a tree.
///
/// Of the patterns that match, the last one of the nearest file decides. A directory that is ignored is not looked into,
/// so that nothing in it can be taken back; whoever walks a tree asks for each directory on the way.
public final class IgnoreRules: Sendable {
    private let patterns: [IgnorePattern]
    /// Bytes of the tree's paths that lead to the directory of the file, with the `/` at their end.
    private let baseLength: Int
    private let below: IgnoreRules?
    /// Whether everything is ignored, whatever patterns say.
    let isTotal: Bool

    /// - Parameters:
    ///   - text: of a file in the form of `.gitignore`.
    ///   - base: the directory that the file speaks of, relative to the tree's root; empty for the root.
    ///   - below: what counts where this file says nothing.
    public init(_ text: some Collection<UInt8>, base: [UInt8] = [], below: IgnoreRules? = nil) {
        let bytes = text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : Array(text)
        patterns = bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            IgnorePattern(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
        baseLength = base.isEmpty ? 0 : base.count + 1
        self.below = below
        isTotal = false
    }

    private init() {
        patterns = []
        baseLength = 0
        below = nil
        isTotal = true
    }

    /// What holds in a directory that is ignored itself.
    static let everything = IgnoreRules()

    /// Whether a path is ignored, given that the directories on the way to it are not.
    /// - Parameter path: relative to the tree's root, `/` between components.
    public func ignores(_ path: [UInt8], isDirectory: Bool) -> Bool {
        if isTotal { return true }
        let nameStart = (path.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
        var rules: IgnoreRules? = self
        while let current = rules {
            let relative = path[min(current.baseLength, path.count)...]
            let match = current.patterns.last {
                $0.matches(relative, nameStart: max(nameStart, relative.startIndex), isDirectory: isDirectory)
            }
            if let match { return !match.isNegated }
            rules = current.below
        }
        return false
    }

    /// What editors leave beside a file while it is open. `.gitignore` may take it back, as `!*~`.
    public static let editors = IgnoreRules(
        Array(".*.sw?\n.*.sw?x\n4913\n*~\n.#*\n\\#*#\n.*.kate-swp\n.goutputstream-*\n.DS_Store\n".utf8))
}

/// Where else git looks for patterns, and what it keeps an eye on though a pattern matches.
public struct IgnoreSources: Sendable {
    /// The directory that holds `.git`; patterns of the directories from there on count. Nil without a repository.
    public var workTree: FilePath?
    /// Files of patterns for the whole work tree; the last counts most.
    public var files: [FilePath] = []
    /// Tracked files that a pattern matches, relative to the watched directory: git does not ignore them.
    public var trackedPaths: [[UInt8]] = []

    public init() {}
}
