// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
public import SystemPackage

/// Where this machine's own apt has Debian from, so that no archive need be named anywhere else.
public struct AptSources: Sendable, Equatable {
    /// Lines as sources.list(5) has them; none when the machine has no Debian.
    public var lines: [String]
    /// The keyrings that the lines name.
    var keyrings: [String]

    /// One place that packages come from.
    struct Entry: Equatable {
        var location: String
        var suite: String
        var components: [String]
        /// A keyring of the machine's, or nil.
        var keyring: String?
    }

    /// The lines for a suite.
    ///
    /// The archives of the machine's own release serve, with the other suite in place of its own: `trixie-updates` for
    /// `bookworm-updates`. Third parties' archives, which have suites of their own, stay out.
    /// - Parameters:
    ///   - root: of the file system whose `/etc` is read.
    ///   - codename: of the machine's own release; nil asks `/etc/os-release`.
    public init(suite: String, components: [String], root: FilePath = "/", codename: String? = nil) {
        let own = codename ?? Self.codename(root)
        lines = []
        keyrings = []
        for entry in Self.entries(root) where entry.components.contains("main") {
            var wanted = entry.suite
            if let own, wanted == own || wanted.hasPrefix(own + "-") {
                wanted = suite + wanted.dropFirst(own.count)
            }
            guard wanted == suite || ["updates", "security"].contains(where: { wanted == "\(suite)-\($0)" }) else {
                continue
            }
            // sid has neither.
            if suite == "sid" || suite == "unstable", wanted != suite { continue }
            let option = entry.keyring.map { "[signed-by=\($0)] " } ?? ""
            let line = "deb \(option)\(entry.location) \(wanted) \(components.joined(separator: " "))"
            if !lines.contains(line) { lines.append(line) }
            if let keyring = entry.keyring, !keyrings.contains(keyring) { keyrings.append(keyring) }
        }
        // Updates alone make no system.
        if !lines.contains(where: { $0.contains(" \(suite) ") }) { lines = [] }
    }

    private static func codename(_ root: FilePath) -> String? {
        for line in text(root.appending("etc/os-release")).split(separator: "\n")
        where line.hasPrefix("VERSION_CODENAME=") {
            return String(line.dropFirst("VERSION_CODENAME=".count).filter { $0 != "\"" })
        }
        return nil
    }

    static func entries(_ root: FilePath) -> [Entry] {
        let directory = root.appending("etc/apt")
        var entries = lineEntries(text(directory.appending("sources.list")))
        let parts = directory.appending("sources.list.d")
        let names = ((try? Directory(parts).entries()) ?? []).map { String(decoding: $0.name, as: UTF8.self) }.sorted()
        for name in names {
            let content = text(parts.appending(name))
            if name.hasSuffix(".list") { entries += lineEntries(content) }
            if name.hasSuffix(".sources") { entries += stanzaEntries(content) }
        }
        return entries
    }

    private static func text(_ path: FilePath) -> String {
        (try? FileContents.read(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// `deb [signed-by=FILE] LOCATION SUITE COMPONENT…`
    static func lineEntries(_ text: String) -> [Entry] {
        text.split(separator: "\n").compactMap { line in
            var words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.count > 3, words.removeFirst() == "deb" else { return nil }
            var keyring: String?
            if words[0].hasPrefix("[") {
                guard let end = words.firstIndex(where: { $0.hasSuffix("]") }) else { return nil }
                let options = words[...end].joined(separator: " ").dropFirst().dropLast().split(separator: " ")
                keyring = options.first { $0.hasPrefix("signed-by=") }.map { String($0.dropFirst(10)) }
                words.removeSubrange(...end)
            }
            guard words.count > 2 else { return nil }
            return Entry(location: words[0], suite: words[1], components: Array(words[2...]), keyring: keyring)
        }
    }

    /// Stanzas of `Types`, `URIs`, `Suites`, `Components` and `Signed-By`.
    static func stanzaEntries(_ text: String) -> [Entry] {
        var entries: [Entry] = []
        var fields: [String: String] = [:]
        func finish() {
            func words(_ name: String) -> [String] {
                (fields[name] ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
            }
            defer { fields = [:] }
            guard words("types").contains("deb"), fields["enabled"]?.lowercased() != "no" else { return }
            // A key may be written out in the stanza itself; only a file can be named in a line.
            let keyring = fields["signed-by"].flatMap { $0.hasPrefix("/") ? $0 : nil }
            for location in words("uris") {
                for suite in words("suites") {
                    entries.append(
                        Entry(location: location, suite: suite, components: words("components"), keyring: keyring))
                }
            }
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("#") { continue }
            if line.allSatisfy(\.isWhitespace) {
                finish()
            } else if let colon = line.firstIndex(of: ":"), line.first?.isWhitespace == false {
                let value = line[line.index(after: colon)...].drop(while: \.isWhitespace)
                fields[line[..<colon].lowercased()] = String(value)
            }
        }
        finish()
        return entries
    }
}
