// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Files
public import SystemPackage

/// One of a buildspec's `cache.paths`, with everything in it expanded.
///
/// Source: "Build specification reference for CodeBuild", cache/paths: the grammar is that of artifacts, relative to the
/// primary source; absolute paths are normal.
public struct CachePattern: Sendable, Equatable {
    /// What it stands for.
    public enum Kind: Sendable, Equatable {
        /// A directory with everything in it: `dir/**/*`, `dir/**`.
        case tree
        /// Whatever is there, a file or a directory with everything in it.
        case place
        /// The files below a directory that a pattern selects, relative to it.
        case selection([[UInt8]])
    }

    /// Why a path cannot be cached.
    public enum Problem: Error, Sendable, Equatable {
        case empty
        /// It is the root of everything, or one that holds the others' homes.
        case everything
        /// It is the source itself: the last build's sources would come to lie over this one's.
        case source
        /// It leads out of the source by `..`.
        case outside
        /// It is a file system of the kernel's, or a place of the build's own machinery.
        case system
        /// It is below the directory of the sources and not in the primary one, as a secondary source is: another directory in
        /// each build.
        case passing

        /// What the path is, behind "it".
        public var words: String {
            switch self {
            case .empty: "is empty"
            case .everything: "is the whole file system"
            case .source: "is the source itself"
            case .outside: "leads out of the source"
            case .system: "is a place of the kernel's or of the build's machinery"
            case .passing: "is a place that each build has anew, as that of a secondary source"
            }
        }
    }

    /// Absolute, inside.
    public var base: FilePath
    public var kind: Kind
    /// The path as entries are told apart by it: relative to the source where it lies in there.
    public var name: String

    /// - Parameters:
    ///   - text: with its variables expanded already.
    ///   - home: what `~` stands for.
    ///   - source: the primary source's directory, absolute and inside.
    public init(_ text: String, home: String, source: FilePath) throws(Problem) {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw .empty }
        var bytes = Array(text.utf8)
        if text == "~" || text.hasPrefix("~/") { bytes = Array(home.utf8) + bytes.dropFirst() }
        let isAbsolute = bytes.first == UInt8(ascii: "/")
        var components = Glob.split(bytes)
        if isAbsolute {
            // Above the root there is nothing: `..` there stays where it is.
            while components.first == Array("..".utf8) { components.removeFirst() }
        } else if components.first == Array("..".utf8) {
            throw .outside
        }
        let top = source.components.map { Array($0.string.utf8) }
        let isInSource = !isAbsolute || components.starts(with: top)
        if isAbsolute, isInSource { components.removeFirst(top.count) }
        let literal = components.prefix { !Self.isPattern($0) }
        let rest = Array(components[literal.count...])
        var place = isInSource ? source : FilePath("/")
        for name in literal { place = FilePath(bytes: place.bytes + (place == "/" ? [] : [0x2F]) + name) }
        base = place
        let everything = Array("**".utf8)
        kind =
            if rest.isEmpty { .place } else if rest == [everything] || rest == [everything, Array("*".utf8)] {
                .tree
            } else {
                .selection(rest)
            }
        let joined = components.joined(separator: [0x2F])
        name = String(decoding: (isInSource ? [] : [0x2F]) + joined, as: UTF8.self)
        if isInSource, literal.isEmpty, rest.first == nil || kind == .tree { throw .source }
        if !isInSource { try Self.checkAbsolute(literal.map { String(decoding: $0, as: UTF8.self) }) }
    }

    private static func checkAbsolute(_ names: [String]) throws(Problem) {
        guard let first = names.first else { throw .everything }
        if ["proc", "sys", "dev"].contains(first) { throw .system }
        // The sources are there, the shell's state with its secrets, and what drydock put in.
        if names.count > 2, first == "codebuild", names[1] == "output", names[2].hasPrefix("src") { throw .passing }
        if first == "codebuild", names.count < 2 || ["output", "readonly", "user"].contains(names[1]) { throw .system }
    }

    private static func isPattern(_ component: [UInt8]) -> Bool {
        component.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") }
    }

    /// Whether everything that the other one stands for is in this one's directory.
    public func covers(_ other: CachePattern) -> Bool {
        (kind == .tree || kind == .place) && other.base.starts(with: base) && self != other
    }

    /// What selects the files of a selection below the base; nil for what is taken whole.
    public var glob: Glob? {
        if case .selection(let rest) = kind { Glob(components: rest) } else { nil }
    }

    /// As it stands in an archive and in a layer: `source/…` or `root/…`.
    public var memberPath: String {
        let isInSource = name.utf8.first != UInt8(ascii: "/")
        let literal = Glob.split(Array(name.utf8)).prefix { !Self.isPattern($0) }
        return ([isInSource ? "source" : "root"] + literal.map { String(decoding: $0, as: UTF8.self) })
            .joined(separator: "/")
    }
}
