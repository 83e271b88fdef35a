// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// A pattern with the place it is relative to, as components from the tree's root.
struct PatternPlace {
    /// Components that stand for themselves, then those of the pattern.
    private let literal: [[UInt8]]
    private let pattern: [[UInt8]]

    /// - Parameter base: what a relative pattern is relative to; its components stand for themselves.
    init(_ text: String, below base: [[UInt8]]) {
        var pattern = Glob.split(text.utf8)
        var literal = text.hasPrefix("/") ? [] : base
        while pattern.first == Array("..".utf8) {
            pattern.removeFirst()
            _ = literal.popLast()
        }
        (self.literal, self.pattern) = (literal, pattern)
    }

    /// The pattern as seen from a directory; nil when it leads out of it.
    func components(below base: [[UInt8]]) -> [[UInt8]]? {
        if literal.count >= base.count {
            // Names that stand for themselves are not read as patterns again.
            guard literal.starts(with: base) else { return nil }
            return literal.dropFirst(base.count).map(Self.escaped) + pattern
        }
        guard base.starts(with: literal) else { return nil }
        let rest = base.dropFirst(literal.count)
        return pattern.starts(with: rest) ? Array(pattern.dropFirst(rest.count)) : nil
    }

    /// The deepest directory that the pattern spells out, and what is left of the pattern there; at least its last
    /// component.
    var start: (directory: [[UInt8]], components: [[UInt8]]) {
        var directory = literal
        var rest = pattern[...]
        while rest.count > 1, let first = rest.first, Glob(components: [first]).isLiteral {
            directory.append(Self.unescaped(first))
            rest = rest.dropFirst()
        }
        if rest.isEmpty, let last = directory.popLast() { rest = [Self.escaped(last)] }
        return (directory, Array(rest))
    }

    /// Walks to everything that the pattern matches, directories and links among it; links are not followed.
    func walk(
        _ tree: any TreeOpener, _ found: (_ depth: Int, _ path: [UInt8], FileKind) throws(ArtifactsError) -> Void
    ) throws(ArtifactsError) {
        let (directory, components) = start
        let set = GlobSet([Glob(components: components)])
        let root = absolute(directory)
        try TreeWalk<GlobSet.State>(tree: tree, root: FilePath(bytes: root)).run(
            set.start, names: set.onlyNames(set.start), unreadable: { (_) throws(ArtifactsError) in },
            visit: { (visit) throws(ArtifactsError) in
                let next = set.step(visit.state, visit.name)
                if set.isAccepted(next) { try found(visit.depth, joined(root, visit.path), visit.kind) }
                guard visit.kind == .directory, set.canMatchBelow(next) else { return .pass }
                return .enter(next, names: set.onlyNames(next))
            })
    }

    private static func escaped(_ name: [UInt8]) -> [UInt8] {
        name.flatMap { Array("*?[\\".utf8).contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
    }

    private static func unescaped(_ name: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var isEscape = false
        for byte in name {
            if byte == UInt8(ascii: "\\"), !isEscape {
                isEscape = true
            } else {
                result.append(byte)
                isEscape = false
            }
        }
        return isEscape ? result + [UInt8(ascii: "\\")] : result
    }
}

/// Components from the root as a path.
func absolute(_ components: [[UInt8]]) -> [UInt8] {
    [UInt8(ascii: "/")] + components.joined(separator: [UInt8(ascii: "/")])
}
