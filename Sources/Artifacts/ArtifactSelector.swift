// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Buildspec
internal import Files
internal import SystemPackage

/// Finds the files of an artifact, and says so in CodeBuild's words.
///
/// The log lines are those of CodeBuild's agent, word for word. All patterns of a base directory are matched in one
/// walk; their lines come after it, in the patterns' order.
struct ArtifactSelector {
    /// Directories that may be reached through links; so many that nobody meets it who did not mean to.
    static let linkedDirectoryLimit = 10_000

    let tree: any TreeOpener
    let request: ArtifactRequest
    let log: (String) -> Void
    let warn: (String) -> Void
    let isCancelled: () -> Bool

    private(set) var selection = ArtifactSelection()
    private var linkedDirectories = 0

    init(
        tree: any TreeOpener, request: ArtifactRequest, log: @escaping (String) -> Void,
        warn: @escaping (String) -> Void, isCancelled: @escaping () -> Bool
    ) {
        (self.tree, self.request, self.log, self.warn, self.isCancelled) = (tree, request, log, warn, isCancelled)
    }

    /// Links are kept only in a ZIP whose paths are kept (`enable-symlinks`, "if the output type is ZIP").
    private var keepsLinks: Bool {
        request.definition.enableSymlinks && request.packaging == .zip && !request.definition.discardPaths
    }

    mutating func select() throws(ArtifactsError) -> ArtifactSelection {
        let base = expanded(request.definition.baseDirectory?.value ?? ".")
        let bases = try baseDirectories(base.isEmpty ? "." : base)
        selection.roots = bases.map(\.path)
        selection.baseCount = bases.count
        let patterns = request.definition.files.map { expanded($0.value) }
        let excluded = request.definition.excludePaths.map { expanded($0.value) }
        for (index, base) in bases.enumerated() {
            let count = selection.files.count
            log("Expanding file paths for base directory \(base.name)")
            log("Assembling file list")
            let matched = try search(
                root: index, base: Glob.split(base.path), patterns: patterns, excluded: excluded)
            for (pattern, isMatched) in zip(patterns, matched) {
                log("Expanding \(pattern)")
                if !isMatched, Glob(pattern.utf8).isLiteral { log("Skipping invalid file path \(pattern)") }
            }
            let found = selection.files.count - count
            if found > 0 { log("Found \(found) file(s)") }
        }
        if selection.files.isEmpty { throw .nothingMatched }
        return selection
    }

    private func expanded(_ text: String) -> String {
        text.contains("$") ? expandVariables(text, request.variables) : text
    }

    // MARK: Base directories

    private func baseDirectories(_ name: String) throws(ArtifactsError) -> [(name: String, path: [UInt8])] {
        log("Expanding base directory path: \(name)")
        log("Assembling file list")
        log("Expanding \(name)")
        let source = request.sourceDirectory.bytes
        let isAbsolute = name.hasPrefix("/")
        let glob = Glob(name.utf8)
        if glob.isLiteral {
            // As it is written, not as it was split: `a/../b` goes through `a`.
            let path = isAbsolute ? Array(name.utf8) : joined(source, Array(name.utf8))
            if let descriptor = try? tree.open(FilePath(bytes: path + Array("/.".utf8)), directory: true) {
                let isKernels = descriptor.isOnKernelFileSystem
                try? descriptor.close()
                if !isKernels { return [(name, path)] }
            }
            log("Skipping invalid file path \(name)")
            throw .noBaseDirectory(name)
        }
        let place = PatternPlace(name, below: Glob.split(source))
        var found: [(String, [UInt8])] = []
        try place.walk(tree) { (_, path, kind) throws(ArtifactsError) in
            if isCancelled() { throw .cancelled }
            guard kind == .directory || kind == .symbolicLink,
                let descriptor = try? tree.open(FilePath(bytes: path + Array("/.".utf8)), directory: true)
            else { return }
            try? descriptor.close()
            found.append((FilePath.displayed(isAbsolute ? path : relative(path, to: source)), path))
        }
        if found.isEmpty { throw .noBaseDirectory(name) }
        return found
    }

    /// A path as a person reads it: relative to the source directory where it lies below it.
    func shown(_ path: [UInt8]) -> String {
        FilePath.displayed(relative(path, to: request.sourceDirectory.bytes))
    }

    private func relative(_ path: [UInt8], to directory: [UInt8]) -> [UInt8] {
        let prefix = directory + [UInt8(ascii: "/")]
        guard path.starts(with: prefix) else { return path }
        let rest = Array(path.dropFirst(prefix.count))
        return rest.starts(with: Array("./".utf8)) ? Array(rest.dropFirst(2)) : rest
    }

    // MARK: Files

    /// Adds the files of one base directory.
    /// - Returns: for each pattern whether it matched anything.
    private mutating func search(
        root: Int, base: [[UInt8]], patterns: [String], excluded: [String]
    ) throws(ArtifactsError) -> [Bool] {
        var inside: [(index: Int, glob: Glob)] = []
        var outside: [(index: Int, place: PatternPlace)] = []
        for (index, pattern) in patterns.enumerated() {
            let place = PatternPlace(pattern, below: base)
            if let components = place.components(below: base) {
                inside.append((index, Glob(components: components)))
            } else {
                outside.append((index, place))
            }
        }
        let excludes = excluded.map { PatternPlace($0, below: base) }
        var matched = [Bool](repeating: false, count: patterns.count)
        if !inside.isEmpty {
            let hits = try walk(
                root: root, globs: inside.map(\.glob),
                excludes: excludes.compactMap { $0.components(below: base) }.map { Glob(components: $0) })
            for (position, entry) in inside.enumerated() { matched[entry.index] = hits[position] }
        }
        for (index, place) in outside {
            // The longest part without wildcards is where to begin: it may lie on a file system of its own.
            let (start, components) = place.start
            selection.roots.append(absolute(start))
            let hits = try walk(
                root: selection.roots.count - 1, globs: [Glob(components: components)],
                excludes: excludes.compactMap { $0.components(below: start) }.map { Glob(components: $0) })
            matched[index] = hits[0]
        }
        return matched
    }

    private struct Position {
        var included: GlobSet.State
        var excluded: GlobSet.State
    }

    private mutating func walk(root: Int, globs: [Glob], excludes: [Glob]) throws(ArtifactsError) -> [Bool] {
        let included = GlobSet(globs)
        let excluded = GlobSet(excludes)
        let rootPath = selection.roots[root]
        if let descriptor = try? tree.open(FilePath(bytes: rootPath + Array("/.".utf8)), directory: true) {
            defer { try? descriptor.close() }
            if descriptor.isOnKernelFileSystem {
                warn(ArtifactWarning.kernelFile(shown(rootPath)))
                return globs.map { _ in false }
            }
        }
        var hits = included.nothing
        let start = Position(included: included.start, excluded: excluded.start)
        try TreeWalk<Position>(tree: tree, root: FilePath(bytes: rootPath)).run(
            start, names: included.onlyNames(included.start),
            unreadable: { (error) throws(ArtifactsError) in warnUnreadable(error) },
            visit: { (visit) throws(ArtifactsError) in
                if isCancelled() { throw .cancelled }
                let next = Position(
                    included: included.step(visit.state.included, visit.name),
                    excluded: excluded.step(visit.state.excluded, visit.name))
                let isWanted = included.isAccepted(next.included) && !excluded.isAccepted(next.excluded)
                let leadsOn = included.canMatchBelow(next.included) && !excluded.matchesAllBelow(next.excluded)
                switch visit.kind {
                case .directory:
                    return leadsOn ? .enter(next, names: included.onlyNames(next.included)) : .pass
                case .regular:
                    if included.isAccepted(next.included) { hits.formUnion(next.included) }
                    if isWanted { add(root, visit, .file) }
                    return .pass
                case .symbolicLink:
                    guard isWanted || leadsOn else { return .pass }
                    let followed = try take(link: visit, root: root, isWanted: isWanted, leadsOn: leadsOn) {
                        hits.formUnion(next.included)
                    }
                    guard let followed else { return .pass }
                    return .follow(followed, next, names: included.onlyNames(next.included))
                default:
                    if isWanted {
                        hits.formUnion(next.included)
                        warn(ArtifactWarning.notAFile(shown(joined(rootPath, visit.path)), visit.kind))
                    }
                    return .pass
                }
            })
        return globs.indices.map { included.isAccepted(hits, pattern: $0) }
    }

    private mutating func add(_ root: Int, _ visit: TreeWalk<Position>.Visit, _ source: ArtifactFile.Source) {
        selection.files.append(
            ArtifactFile(root: root, directory: visit.directoryPath, name: visit.name, source: source))
    }

    /// Decides what becomes of a link.
    /// - Returns: the directory it leads to, when the walk is to go on there.
    private mutating func take(
        link visit: TreeWalk<Position>.Visit, root: Int, isWanted: Bool, leadsOn: Bool, matched: () -> Void
    ) throws(ArtifactsError) -> FileDescriptor? {
        let rootPath = selection.roots[root]
        let path = joined(rootPath, visit.path)
        let target: [UInt8]
        do throws(FilesError) {
            target = try tree.readLink(visit.name, in: visit.directory) { FilePath(bytes: path) }
        } catch {
            warn(ArtifactWarning.unreadable(shown(path), error.underlying))
            return nil
        }
        if isWanted, keepsLinks, staysInside(target, from: visit.directoryPath) {
            matched()
            add(root, visit, .link(target))
            return nil
        }
        switch LinkResolver(tree: tree).resolve(target, from: joined(rootPath, visit.directoryPath)) {
        case .file(let file):
            if isWanted {
                matched()
                add(root, visit, .linkedFile(file))
            }
        case .directory(let descriptor):
            guard leadsOn else {
                try? descriptor.close()
                return nil
            }
            linkedDirectories += 1
            if linkedDirectories > Self.linkedDirectoryLimit {
                try? descriptor.close()
                throw .tooManyLinkedDirectories(shown(path), limit: Self.linkedDirectoryLimit)
            }
            return descriptor
        case .missing: if isWanted { warn(ArtifactWarning.dangling(shown(path), target)) }
        case .kernelFile: warn(ArtifactWarning.kernelFile(shown(path)))
        case .special(let kind): if isWanted { warn(ArtifactWarning.notAFile(shown(path), kind)) }
        case .failure(let reason): warn(ArtifactWarning.unreadable(shown(path), reason))
        }
        return nil
    }

    /// Whether a link, read where it is, leads to a place below its root.
    private func staysInside(_ target: [UInt8], from directory: [UInt8]) -> Bool {
        guard target.first != UInt8(ascii: "/") else { return false }
        var depth = directory.split(separator: UInt8(ascii: "/")).count
        for component in target.split(separator: UInt8(ascii: "/"))
        where component.count != 1 || component.first != 0x2E {
            depth += component.elementsEqual([0x2E, 0x2E]) ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    private func warnUnreadable(_ error: FilesError) {
        let path = shown(error.path.bytes)
        switch error.underlying {
        case .improperLink: warn(ArtifactWarning.otherFileSystem(path))
        case .tooManySymbolicLinkLevels: warn(ArtifactWarning.circular(path))
        // A place that a pattern spells out need not be there.
        case .noSuchFileOrDirectory, .notDirectory: break
        default: warn(ArtifactWarning.unreadable(path, error.underlying))
        }
    }
}
