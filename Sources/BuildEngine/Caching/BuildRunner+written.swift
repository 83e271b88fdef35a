// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildEnvironment
import BuildModel
import Buildspec
import Files
import Glibc
import Sandbox
import Secrets
import SystemPackage

// What a build writes is gone when it ends. So what `drydock cache suggest` tells of it is measured at its end, and kept in
// its record.
extension BuildRunner {
    /// How many names are looked at: enough for a large `node_modules`, and done in a second.
    private static let mostEntries = 200_000
    /// What is smaller is not worth a line.
    private static let leastBytes = 256 << 10
    /// Of a directory that no known tool is named by.
    private static let leastBytesOfUnknown = 50 << 20

    /// Measures the places that tools cache in, as far as the build's own caches do not hold them. Where there is nothing, this
    /// costs a look at each.
    func noteWritten() {
        guard machine.buildSucceeding, ranCommand, interruption == nil, !request.isWarming, request.resumption == nil,
            let plan, let runner = sandbox as? any CacheSaving
        else { return }
        var search = WrittenSearch(plan: plan, runner: runner, entries: Self.mostEntries)
        search.covered = (plannedCache?.patterns ?? []).filter { if case .selection = $0.kind { false } else { true } }
            .map(\.base)
        search.findKnown(atLeast: Self.leastBytes)
        if request.findsCachePlaces { search.findOthers(atLeast: Self.leastBytesOfUnknown) }
        guard !search.places.isEmpty else { return }
        record.drydock.written = WrittenPlaces(
            places: search.places, milliseconds: WrittenFiles.milliseconds(search.tenths))
    }
}

private struct WrittenSearch {
    let plan: BuildPlan
    let runner: any CacheSaving
    var entries: Int
    /// What the build's own caches hold.
    var covered: [FilePath] = []
    private(set) var places: [WrittenPlace] = []
    private(set) var tenths: Set<Int> = []
    private var taken: Set<FilePath> = []
    /// The directories below the source that the build wrote to, as projects of their own; the source itself first.
    private let projects: [String]
    private let home: String
    private var source: FilePath { FilePath(plan.sources[0].path) }

    init(plan: BuildPlan, runner: any CacheSaving, entries: Int) {
        self.plan = plan
        self.runner = runner
        self.entries = entries
        home = plan.home
        let written = runner.writtenDirectories(in: FilePath(plan.sources[0].path), atMost: 100).map(\.string)
        projects = [""] + written.filter { Self.isPlain($0) }.sorted()
    }

    mutating func findKnown(atLeast bytes: Int) {
        let variables = plan.plainVariables
        for place in CachePlace.known {
            if let absolute = place.place(home: home, variables: variables) {
                guard Self.isPlain(absolute) else { continue }
                add(FilePath(absolute), named: absolute, place, projects, atLeast: bytes)
            } else if place.path != "node_modules" || !removesModules {
                for project in projects where place.needs.map({ isThere(join(project, $0)) }) ?? true {
                    let name = join(project, place.path)
                    add(source.pushing(FilePath(name)), named: name, place, [project], atLeast: bytes)
                }
            }
        }
    }

    /// Directories that no table has, by what was written to them.
    mutating func findOthers(atLeast bytes: Int) {
        // Each has the source's path in it, which is another one in each build, or is git's own.
        let unfit = projects.flatMap { project in
            [".git", ".venv", "venv", ".tox", "node_modules"].map { source.pushing(FilePath(join(project, $0))) }
        }
        for top in [source, FilePath(home), "/var/cache"] {
            let skipped = taken.union(covered).union(unfit)
            for (path, files) in runner.writtenMost(below: top, atLeast: bytes, skipping: skipped, entries: &entries) {
                var name = path
                let displayed = name.removePrefix(source) ? name.string : path.string
                guard Self.isPlain(displayed) else { continue }
                append(path, WrittenPlace(displayed, nil, files), files)
            }
        }
    }

    /// - Parameter projects: in whose directories the place's lock file may be; the first that has one counts.
    private mutating func add(
        _ path: FilePath, named name: String, _ place: CachePlace, _ projects: [String], atLeast bytes: Int
    ) {
        guard !covered.contains(where: { path.starts(with: $0) }),
            let files = runner.written(below: path, entries: &entries), files.byteCount >= bytes,
            !taken.contains(path)
        else { return }
        var written = WrittenPlace(name, place.tool, files)
        for project in projects where written.lockFiles.isEmpty { written.lockFiles = locks(of: place, in: project) }
        written.isChanging = place.isChanging
        append(path, written, files)
    }

    private mutating func append(_ path: FilePath, _ place: WrittenPlace, _ files: WrittenFiles) {
        taken.insert(path)
        places.append(place)
        tenths.formUnion(files.tenths)
    }

    /// `npm ci` removes what is there before it installs, so that it is of no use to it.
    private var removesModules: Bool {
        plan.phases.contains { phase in
            phase.commands.contains { $0.text.contains("npm ci") || $0.text.contains("npm clean-install") }
        }
    }

    /// The one that counts, first.
    private func locks(of place: CachePlace, in project: String) -> [String] {
        place.lockFiles.map { join(project, $0) }.first(where: isThere).map { [$0] } ?? []
    }

    /// In the source as it was before the build.
    private func isThere(_ path: String) -> Bool {
        var status = stat()
        let place = plan.sources[0].hostPath.pushing(FilePath(path))
        return place.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private func join(_ project: String, _ path: String) -> String { project.isEmpty ? path : "\(project)/\(path)" }

    /// Whether a path means itself as a pattern, and in a shell's words.
    private static func isPlain(_ path: String) -> Bool {
        path.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "._-+@/".utf8.contains(byte)
        }
    }
}

extension WrittenPlace {
    fileprivate init(_ path: String, _ tool: String?, _ files: WrittenFiles) {
        self.init(
            path: path, tool: tool, byteCount: files.byteCount, fileCount: files.fileCount,
            milliseconds: WrittenFiles.milliseconds(files.tenths), isWhole: files.isWhole)
    }
}
