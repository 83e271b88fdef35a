// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import Checkout
internal import Diagnostics
internal import Files
internal import Projects
internal import SystemPackage

/// The sources of a project on this machine.
///
/// A project names a repository, and whoever builds it here stands in a checkout of it, with edits that are not pushed:
/// that checkout is what they want built. So the repository is fetched only when it is asked for.
struct ProjectSources {
    let definition: ProjectDefinition
    /// The project file; nil where there are only overrides.
    let file: FilePath?
    let isFetched: Bool
    /// Whether a primary source is named elsewhere, with more weight.
    let hasPrimary: Bool
    /// Secondary sources that are named elsewhere.
    let identifiers: Set<String>

    struct Found {
        /// Options with their values.
        var words: [(name: String, value: String, span: SourceSpan)] = []
        var hasNoSource = false
        var notices: [String] = []
        var warnings: [Warning] = []
    }

    static func namesPrimary(_ layers: [[String]?]) -> Bool {
        layers.contains { ($0 ?? []).contains { SourceRequest($0, path: Arguments.path).identifier == nil } }
    }

    static func identifiers(_ layers: [[String]?]) -> Set<String> {
        Set(layers.flatMap { $0 ?? [] }.compactMap { SourceRequest($0, path: Arguments.path).identifier })
    }

    func choose() throws -> Found {
        var found = Found()
        if !hasPrimary { try choosePrimary(&found) }
        for source in definition.secondarySources { chooseSecondary(source, &found) }
        return found
    }

    private func choosePrimary(_ found: inout Found) throws {
        let source = definition.source
        guard let type = source.type else { return }
        if type.value == .none {
            found.hasNoSource = true
            return
        }
        guard isFetched else {
            let directory = try checkout(of: source.location?.value)
            if directory != "." { found.words.append(("source", Arguments.encode(directory.bytes), type.span)) }
            let place = source.location?.value ?? type.value.rawValue
            let shown = directory == "." ? "this directory" : "`\(directory.displayed)`"
            found.notices.append(
                "Source of the project is \(DisplayText.escaped(place)); building \(shown) in its place"
                    + (type.value.isGit ? " (--fetch-source fetches it)" : ""))
            return
        }
        guard type.value.isGit, let location = source.location else { throw CommandFailure.cannotFetch(type) }
        found.words.append(("source", Arguments.encode(Array(location.value.utf8)), location.span))
        if let version = definition.sourceVersion {
            found.words.append(("source-version", Arguments.encode(Array(version.value.utf8)), version.span))
        }
    }

    private func chooseSecondary(_ source: ProjectDefinition.Source, _ found: inout Found) {
        guard let identifier = source.identifier, !identifiers.contains(identifier.value) else { return }
        guard isFetched, source.type?.value.isGit == true, let location = source.location else {
            found.warnings.append(.secondarySourceMissing(identifier, canFetch: source.type?.value.isGit == true))
            return
        }
        let word = "\(identifier.value):\(location.value)"
        found.words.append(("source", Arguments.encode(Array(word.utf8)), location.span))
        let version = definition.secondarySourceVersions.last { $0.identifier.value == identifier.value }?.version
        if let version {
            found.words.append(("source-version", "\(identifier.value)=\(version.value)", version.span))
        }
    }

    /// The checkout that stands for the project's source: of the repositories that hold the current directory and the
    /// project file, the one that was cloned from the source's location; otherwise the current directory's, or the
    /// file's where the current directory lies in none.
    private func checkout(of location: String?) throws -> FilePath {
        let current = try Caller.currentDirectory()
        let here = GitInformation.read(current)
        var beside: GitInformation?
        if let file {
            let absolute = file.isAbsolute ? file : current.pushing(file)
            beside = GitInformation.read(absolute.removingLastComponent().lexicallyNormalized())
        }
        let repositories = [here, beside].compactMap { $0 }
        let match = location.flatMap { wanted in
            repositories.first { $0.remoteURL.map { Self.isSame($0, wanted) } ?? false }
        }
        guard let chosen = match ?? here ?? beside else { return "." }
        return chosen.workTree == current ? "." : chosen.workTree
    }

    /// Whether two URLs name one repository: `git@github.com:o/r.git` and `https://github.com/o/r` do.
    static func isSame(_ one: String, _ other: String) -> Bool {
        func plain(_ url: String) -> Substring {
            var rest = Substring(url.lowercased())
            if let scheme = rest.range(of: "://") { rest = rest[scheme.upperBound...] }
            if let at = rest.firstIndex(of: "@"), !rest[..<at].contains("/") { rest = rest[rest.index(after: at)...] }
            while rest.hasSuffix("/") { rest.removeLast() }
            if rest.hasSuffix(".git") { rest.removeLast(4) }
            return rest
        }
        return plain(one).split { $0 == "/" || $0 == ":" } == plain(other).split { $0 == "/" || $0 == ":" }
    }
}

extension Substring {
    /// Where a text first stands in it.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
