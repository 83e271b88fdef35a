// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// A `cache` for a buildspec, made of what a build wrote.
public struct CacheSuggestion: Sendable, Equatable {
    /// Nil for a cache that each build replaces.
    public var key: String?
    public var fallbackKeys: [String]
    public var places: [WrittenPlace]
    public var milliseconds: Int
    /// Why there is no key, for a comment.
    private var keyReason: String?

    public init(_ written: WrittenPlaces) {
        places = written.places
        milliseconds = written.milliseconds
        fallbackKeys = []
        var locks: [String] = []
        for lock in places.flatMap(\.lockFiles) where !locks.contains(lock) { locks.append(lock) }
        if let changing = places.first(where: \.isChanging) {
            keyReason =
                "without a key each successful build renews the cache, because \(changing.tool ?? changing.path) "
                + "changes it each time"
        } else if locks.isEmpty {
            keyReason = "without a key each successful build renews the cache; no lock file says what is to be in it"
        } else {
            var tools: [String] = []
            for tool in places.compactMap(\.tool) where !tools.contains(tool) { tools.append(tool) }
            let name = (tools.count <= 3 ? tools.joined(separator: "-") : "packages") + "-"
            key = name + "$(codebuild-hash-files \(locks.joined(separator: " ")))"
            fallbackKeys = [name]
        }
    }

    public var byteCount: Int { places.reduce(0) { $0 + $1.byteCount } }

    /// The block to paste, with what it is about as comments.
    /// - Parameters:
    ///   - build: whose writes these are, as `build 12 of `web``.
    ///   - isAddition: whether the buildspec caches something already.
    public func yaml(build: String, isAddition: Bool) -> String {
        var text = "# \(build) wrote \(Self.size(byteCount, places.allSatisfy(\.isWhole))) that a cache could hold; "
        text += "\(Self.time(milliseconds)) of it went there.\n"
        if isAddition { text += "# The buildspec has a cache already: these paths come to its own.\n" }
        text += "cache:\n"
        if let key {
            text += "  key: \(key)\n  fallback-keys:\n"
            for fallback in fallbackKeys { text += "    - \(fallback)\n" }
        }
        if let keyReason { text += "  # \(keyReason)\n" }
        text += "  paths:\n"
        let width = places.map { $0.path.utf8.count }.max() ?? 0
        for place in places {
            let blanks = String(repeating: " ", count: width - place.path.utf8.count + 2)
            let tool = place.tool.map { "\($0): " } ?? ""
            text += "    - \(place.path)/**/*\(blanks)# \(tool)\(Self.size(place.byteCount, place.isWhole)), "
            text += "\(place.fileCount) file\(place.fileCount == 1 ? "" : "s"), \(Self.time(place.milliseconds))\n"
        }
        return text
    }

    private static func size(_ bytes: Int, _ isWhole: Bool) -> String {
        (isWhole ? "" : "more than ") + FailureHints.size(bytes)
    }

    /// Whole seconds: it is an estimate.
    public static func time(_ milliseconds: Int) -> String {
        milliseconds < 1000 ? "less than a second" : "about \((milliseconds + 500) / 1000) s"
    }
}
