// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Sandbox
internal import SystemPackage

/// `drydock gc`.
struct CollectCommand: Action {
    static let name = "gc"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Remove what failed builds left",
            discussion: """
                Without arguments: kept states older than 7 days, what killed builds left, and of caches what \
                `drydock cache prune` removes. With `--all` every kept state, with BUILD those of these builds. What is \
                in use is never removed. Records and logs are kept for good, unless `--logs-older-than` says otherwise.
                """,
            operands: Operands(
                "build", help: "A build that left a state: its number, or the beginning of its id.",
                count: Operands.anyNumber),
            groups: [
                OptionGroup("Options", [all, BuildSelector.project, dryRun, logs, CacheVerbOptions.size]),
                StateOptions.group,
            ])
    }

    private static let all = Flag("all", help: "Every kept state, however new.")
    private static let dryRun = Flag("dry-run", help: "Say what would be removed, and remove nothing.")
    private static let logs = ValueOption(
        "logs-older-than", placeholder: "time",
        help: "Also records and logs of builds older than this, as `30d` or `12h`.")

    private let builds: [String]
    private let scope: BuildStore.Scope
    private let all: Bool
    private let dryRun: Bool
    private let logSeconds: Double?
    private let size: CacheSize?
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        builds = words.operands
        scope = BuildSelector.scope(words)
        all = words[Self.all]
        dryRun = words[Self.dryRun]
        if all, !builds.isEmpty { throw CommandFailure.conflict("--all", "BUILD") }
        logSeconds = try words[Self.logs].map { try CacheVerbOptions.seconds("--logs-older-than", $0) }
        size = try CacheVerbOptions.size(words)
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let store = try state.store()
        if all, !dryRun { awaitStates(store, terminal) }
        let states = store.keptStates()
        var total: UInt64 = 0
        var failed = false
        for state in try states.filter(isMeant(states)) {
            let record = state.record
            let what = "state of build \(record.buildNumber) of `\(record.project)`, failed in \(record.phase.rawValue)"
            guard let place = try? KeptPlace.take(state.directory, as: .removal) else {
                terminal.warn("the \(what) is in use, and stays")
                continue
            }
            let size = place.size(launcher: Caller.launcher) ?? 0
            if !dryRun, let reason = place.remove(launcher: Caller.launcher, waiting: true) {
                terminal.warn("the \(what) could not be removed: \(reason.words)")
                failed = true
                continue
            }
            total += size
            terminal.print("\(dryRun ? "would remove" : "removed") the \(what) (\(ByteCount.words(size)))\n")
        }
        if !dryRun {
            KeptPlace.clearLeftovers(
                in: store.keptStatesDirectory, names: store.keptDirectories().leftovers, launcher: Caller.launcher,
                waiting: true)
        }
        let logCount = try logSeconds.map { try removeLogs(olderThan: $0, store, terminal) } ?? 0
        if logCount > 0 {
            terminal.print(
                "\(dryRun ? "would remove" : "removed") record and log of \(logCount) "
                    + "build\(logCount == 1 ? "" : "s")\n")
        }
        if builds.isEmpty, !isOfOneProject {
            let report = try CacheUpkeep(builds: store, size: size).perform(isTrial: dryRun, now: Caller.now)
            terminal.print(report.lines)
            report.warn(terminal)
            total += UInt64(report.removal.byteCount)
            failed = failed || report.meaning != .succeeded
        }
        terminal.print("\(dryRun ? "would free" : "freed") \(ByteCount.words(total))\n")
        return failed ? .machineUnable : terminal.meaning()
    }

    /// A state of a build that has just failed is put aside in the background. Who asks for all means it as well.
    private func awaitStates(_ store: BuildStore, _ terminal: Terminal) {
        for place in store.keptPlaces() {
            let taken = try? KeptPlace.take(place, as: .removal, forAtMost: 10, isCancelled: { false })
            guard taken == nil, store.keptState(in: place) == nil, KeptPlace.holder(of: place)?.livingWords == nil
            else {
                continue
            }
            terminal.warn(
                "the state of a build that has just failed is still being put aside",
                hint: "call `drydock gc --all` again")
        }
    }

    private var isOfOneProject: Bool { if case .only = scope { true } else { false } }

    private func isMeant(_ states: [KeptState]) throws -> (KeptState) -> Bool {
        let now = Caller.now.seconds
        let isInScope: (KeptState) -> Bool =
            if case .only(let project) = scope { { $0.record.project == project } } else { { _ in true } }
        if all { return isInScope }
        if builds.isEmpty {
            return { isInScope($0) && now - $0.record.endTime.seconds > KeptStateLimits.days * 86_400 }
        }
        let directories = Set(try builds.flatMap { try meant($0, states.filter(isInScope)) }.map(\.directory))
        return { directories.contains($0.directory) }
    }

    /// The states that a word names: of one project, the current directory's before any other. A project has several of one
    /// number where it was built from several sources.
    private func meant(_ word: String, _ states: [KeptState]) throws -> [KeptState] {
        var found = states.filter { Self.names(word, $0) }
        if case .first(let project) = scope, found.contains(where: { $0.record.project == project }) {
            found = found.filter { $0.record.project == project }
        }
        guard let first = found.first else { throw CommandFailure.noKeptState(word) }
        guard found.allSatisfy({ $0.record.project == first.record.project }) else {
            let projects = found.map(\.record.project)
            throw CommandFailure(.severalProjects(first.record.buildNumber, Set(projects).sorted()))
        }
        return found
    }

    private static func names(_ word: String, _ state: KeptState) -> Bool {
        let record = state.record
        let uuid = record.buildIdentifier.split(separator: ":").last ?? ""
        return word == String(record.buildNumber) || word == record.buildIdentifier
            || (word.utf8.count >= 4 && uuid.hasPrefix(word.lowercased()))
    }

    private func removeLogs(olderThan seconds: Double, _ store: BuildStore, _ terminal: Terminal) throws -> Int {
        let limit = Caller.now.seconds - seconds
        let kept = Set(store.keptStates().map(\.record.buildIdentifier))
        var count = 0
        for build in store.recent().builds
        where build.state != .running && build.record.startTime.seconds < limit && !kept.contains(build.record.id) {
            if !dryRun {
                do throws(BuildStoreError) { try store.remove(build) } catch {
                    terminal.warn(error.message)
                    continue
                }
            }
            count += 1
        }
        return count
    }
}

extension CommandFailure {
    static func noKeptState(_ build: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "no state of a build `\(Arguments.displayed(build))` is kept",
            hints: ["`drydock gc --dry-run --all` lists what is kept"])
    }
}
