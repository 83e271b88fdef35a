// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Linter {
    mutating func lintOutputs() {
        if let artifact = partial.artifacts { lintArtifact(artifact) }
        for secondary in partial.secondaryArtifacts { lintArtifact(secondary.artifact) }
        for report in partial.reports {
            for pattern in report.files {
                lintPattern(pattern)
                if pattern.value == "**/*", report.baseDirectory == nil { add(.reportPatternTooWide(pattern)) }
            }
        }
        guard let cache = partial.cache else { return }
        for path in cache.paths { lintCachePath(path) }
        if let fallback = cache.fallbackKeys.first, cache.key == nil {
            add(.ignoredKey("`fallback-keys` has no effect without `key`", at: fallback.span))
        }
    }

    private mutating func lintArtifact(_ artifact: Buildspec.Artifact) {
        for pattern in artifact.files {
            lintPattern(pattern)
            lintRepeatedBase(pattern, artifact.baseDirectory)
        }
        for pattern in artifact.excludePaths {
            lintPattern(pattern)
            if pattern.value == "**/*" || pattern.value == "**" { add(.everythingExcluded(pattern)) }
        }
        for text in [artifact.name, artifact.baseDirectory] {
            guard let text else { continue }
            lintTypographicQuotes(text)
            if !isWindows, let word = Self.powershellVariable(in: text.value) {
                add(.powershellSyntax(word, at: place(of: word, in: text.span)))
            }
        }
        if let name = artifact.name, name.value.split(separator: "/").contains("..") { add(.nameClimbsOut(name)) }
    }

    /// - Parameter takesDirectories: as caches do, and artifacts and reports do not.
    private mutating func lintPattern(_ pattern: Buildspec.Text, takesDirectories: Bool = false) {
        lintCharacters(pattern.value, in: pattern.span)
        let value = pattern.value
        if lintTypographicQuotes(pattern) { return }
        if value.isEmpty {
            add(.patternNeverMatches(pattern, "it is empty"))
        } else if let first = value.first, first == value.last, value.count > 1, first == "'" || first == "\"" {
            add(.patternNeverMatches(pattern, "its quotes are part of it", hint: "quote it once"))
        } else if value.mentions(", ") {
            add(.patternNeverMatches(pattern, "one item is one pattern", hint: "give each pattern an item of its own"))
        } else if value.hasSuffix("/"), !takesDirectories {
            add(
                .patternNeverMatches(
                    pattern, "it names a directory, and only files are collected", hint: "write `\(value)**/*`"))
        }
    }

    /// `base-directory: dist` with `dist/**/*` looks for `dist/dist`.
    private mutating func lintRepeatedBase(_ pattern: Buildspec.Text, _ base: Buildspec.Text?) {
        guard let base = base?.value, ["dist", "build", "target", "out", "output", "public"].contains(base),
            pattern.value.hasPrefix(base + "/")
        else { return }
        add(
            .patternNeverMatches(
                pattern, "it begins below `base-directory`, so this looks for `\(base)/\(base)`",
                hint: "write `\(pattern.value.dropFirst(base.count + 1))`"))
    }

    @discardableResult
    private mutating func lintTypographicQuotes(_ text: Buildspec.Text) -> Bool {
        guard text.value.unicodeScalars.contains(where: { "“”‘’".unicodeScalars.contains($0) }) else { return false }
        add(.typographicQuote(in: "`\(text.value)`", at: text.span))
        return true
    }

    /// `$Env:NAME`
    private static func powershellVariable(in text: String) -> String? {
        let scalars = Array(text.unicodeScalars)
        for index in scalars.indices where scalars[index] == "$" && index + 5 < scalars.count {
            let head = String(String.UnicodeScalarView(scalars[index..<(index + 5)]))
            guard head.lowercased() == "$env:" else { continue }
            var end = index + 5
            while end < scalars.count, scalars[end] == "_" || scalars[end].properties.isAlphabetic { end += 1 }
            return String(String.UnicodeScalarView(scalars[index..<end]))
        }
        return nil
    }

    private mutating func lintCachePath(_ path: Buildspec.Text) {
        lintPattern(path, takesDirectories: true)
        if let problem = CachePathProblem(path.value) {
            add(.uncacheablePath(path, problem))
            return
        }
        let directories = ["node_modules", ".m2", ".gradle", ".npm", ".cache", ".venv", "venv", "vendor", ".yarn"]
        let first = path.value.dropFirst().split(separator: "/").first.map(String.init) ?? ""
        guard path.value.hasPrefix("/"), directories.contains(first) else { return }
        let home = first.hasPrefix(".") && first != ".venv" && first != ".yarn"
        add(.cachePathAtRoot(path, hint: home ? "/root" + path.value : String(path.value.dropFirst())))
    }
}
