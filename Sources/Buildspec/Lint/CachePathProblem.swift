// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Why one of `cache.paths` can be no cache, as far as its text tells: what only the build's shell knows is not judged.
///
/// `CachePattern` decides when a build runs, with everything expanded; a test holds both to the same judgement.
public enum CachePathProblem: Sendable, Equatable {
    /// The root of everything.
    case everything
    /// The source itself.
    case source
    /// It leads out of the source by `..`.
    case outside
    /// A file system of the kernel's, or a place of the build's own machinery.
    case system

    /// What the path is, behind "it".
    var words: String {
        switch self {
        case .everything: "is the whole file system"
        case .source: "is the source itself"
        case .outside: "leads out of the source"
        case .system: "is a place of the kernel's or of the build's machinery"
        }
    }

    /// Nil for a path that can be one, or that only a shell can judge.
    public init?(_ path: String) {
        guard !path.isEmpty, !path.utf8.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "`") }) else {
            return nil
        }
        // A home lies below the root; which one does not matter.
        let isHome = path == "~" || path.hasPrefix("~/")
        let isAbsolute = isHome || path.hasPrefix("/")
        var names = Self.components(isHome ? "home/user" + path.dropFirst() : path)
        if isAbsolute {
            names = Array(names.drop { $0 == ".." })
        } else if names.first == ".." {
            self = .outside
            return
        }
        let literal = names.prefix { name in !name.contains { "*?[".contains($0) } }
        let rest = names[literal.endIndex...]
        guard isAbsolute else {
            guard literal.isEmpty, rest.isEmpty || rest == ["**"] || rest == ["**", "*"] else { return nil }
            self = .source
            return
        }
        guard let first = literal.first else {
            self = .everything
            return
        }
        if ["proc", "sys", "dev"].contains(first) {
            self = .system
        } else if first == "codebuild", literal.count < 2 || ["output", "readonly", "user"].contains(literal[1]) {
            // Where the source lies is another place in each build.
            if literal.count > 2, literal[2].hasPrefix("src") { return nil }
            self = .system
        } else {
            return nil
        }
    }

    /// Without what means nothing; `..` that takes back more than there is stays in front.
    private static func components(_ path: String) -> [String] {
        var names: [String] = []
        for name in path.split(separator: "/").map(String.init) where name != "." {
            if name == "..", let last = names.last, last != ".." { names.removeLast() } else { names.append(name) }
        }
        return names
    }
}
