// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

/// `FILE#NAME` of `--project`.
struct ProjectReference {
    var path: FilePath
    /// A project's name or logical id; nil where the file holds one alone.
    var name: String?

    /// A file, rather than a project's name: it has a `/`, a `#` or a file's ending. What lies in the current directory has
    /// no say, or a name would mean something else in another directory.
    static func looksLikeFile(_ word: String) -> Bool {
        if word.contains("/") || word.contains("#") { return true }
        for ending in [".json", ".yml", ".yaml", ".template"] where word.lowercased().hasSuffix(ending) { return true }
        return false
    }

    init(_ word: String) {
        guard let mark = word.lastIndex(of: "#"), !Self.isFile(word) else {
            path = Arguments.path(word)
            return
        }
        path = Arguments.path(String(word[..<mark]))
        let rest = word[word.index(after: mark)...]
        name = rest.isEmpty ? nil : String(rest)
    }

    private static func isFile(_ word: String) -> Bool {
        var status = stat()
        return stat(Arguments.path(word).string, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
