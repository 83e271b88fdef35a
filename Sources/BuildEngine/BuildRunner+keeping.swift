// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildEnvironment
import BuildModel
import Files
public import Sandbox
import Secrets
public import SystemPackage

/// Commands run in a place whose state can outlive the build.
public protocol StateKeeping: CommandRunning {
    /// Remembers the shell's state as the next command would find it.
    func mark(_ name: String)
    /// Has the state kept when the place is closed; ends every process of the build.
    /// - Parameter locks: on what the state lies over, to be held until its files speak for that.
    func keep(
        in place: KeptPlace, files: [(name: String, contents: [UInt8])], holding locks: [FileDescriptor]
    ) throws(SandboxError)
    /// Has a reopened state removed when the place is closed.
    func drop()
    /// What of the sources changed since a reopened state was kept.
    var sourceChanges: SourceChanges { get }
}

extension Sandbox: StateKeeping {}

// A failed build leaves its state, so that another can go on with it.
extension BuildRunner {
    /// Remembers what a phase begins with, to begin there again.
    func mark(_ phase: PhaseType) {
        enteredPhases.append(phase)
        if surroundings.keptDirectory != nil { (sandbox as? any StateKeeping)?.mark(phase.rawValue) }
    }

    /// Decides what becomes of the state when the sandbox is closed, which is the next thing to happen.
    func keepState() {
        guard let keeper = sandbox as? any StateKeeping, let plan else { return }
        guard let failure else {
            if request.resumption != nil, request.runsToTheEnd { keeper.drop() }
            return
        }
        guard let directory = surroundings.keptDirectory, failure.phase.buildspecName != nil, ranCommand,
            surroundings.stop.request != .atOnce, !surroundings.stop.isReplaced
        else { return }
        do {
            let stop = surroundings.stop
            // What an earlier failure left may still be on its way there; this one replaces it.
            let place =
                try request.resumption?.place
                ?? KeptPlace.take(directory, as: .build, forAtMost: 60) { stop.request == .atOnce || stop.isReplaced }
            guard let place else {
                warn(.stateInUse(KeptPlace.holder(of: directory)))
                return
            }
            try keeper.quiesce()
            if request.resumption == nil { try keepCheckouts() }
            let (files, withheld) = try shellStates(plan, in: keeper)
            let record = keptRecord(plan, failure, withheld: withheld)
            try keeper.keep(
                in: place, files: files + [(KeptRecord.fileName, record.json)],
                holding: plannedCache?.hit?.pin.descriptors ?? [])
            self.failure?.isStateKept = true
        } catch {
            let reason = error as? SandboxError
            warn(.stateNotKept(reason: reason?.message ?? "\(error)", hint: reason?.hints.first))
        }
    }

    /// What git fetched belongs to the state: the build's files lie over it.
    private func keepCheckouts() throws {
        guard planner.fetches, let scratch else { return }
        let host = try Directory("/")
        try host.rename(surroundings.checkouts.relative, to: scratch.appending("checkouts").relative)
    }

    private func shellStates(
        _ plan: BuildPlan, in keeper: any StateKeeping
    ) throws -> (files: [(name: String, contents: [UInt8])], withheld: [String]) {
        var files: [(name: String, contents: [UInt8])] = []
        var withheld: Set<String> = []
        let tree = try keeper.tree()
        for phase in enteredPhases where request.resumption?.hasShellState(of: phase) != true {
            for kind in ["env", "dir"] {
                let path = Sandbox.markPath(phase.rawValue, kind)
                guard let file = try? tree.open(path, directory: false) else { continue }
                defer { try? file.close() }
                guard var contents = try? FileContents.read(file, path: path, limit: 64 << 20) else { continue }
                if kind == "env" {
                    var variables = ShellVariables(contents)
                    withheld.formUnion(variables.withholdSecrets(of: plan.environment))
                    contents = variables.text
                } else if masked(String(decoding: contents, as: UTF8.self)) != String(decoding: contents, as: UTF8.self)
                {
                    continue
                }
                files.append(("start-\(phase.rawValue).\(kind)", contents))
            }
        }
        let known = Set(plan.environment.variables.map(\.name))
        return (files, withheld.subtracting(known).sorted())
    }

    private func keptRecord(
        _ plan: BuildPlan, _ failure: BuildOutcome.Failure, withheld: [String]
    ) -> KeptRecord {
        let environment = plan.environment.variables.compactMap { variable -> BuildRecord.ExportedVariable? in
            guard let text = variable.value.plainText, masked(text) == text else { return nil }
            return .init(name: variable.name, value: text)
        }
        let sources = zip(plan.sources, [request.source] + request.secondarySources).map { source, requested in
            let hostPath =
                source.isCheckout
                ? "checkouts/" + (source.hostPath.lastComponent?.string ?? "") : source.hostPath.string
            return KeptRecord.Source(
                identifier: source.identifier, hostPath: hostPath, path: source.path, displayed: source.displayed,
                isCheckout: source.isCheckout, isWritable: source.isWritable, version: source.version,
                resolvedVersion: source.resolvedVersion, repositoryURL: source.repositoryURL,
                origin: requested.origin)
        }
        let status: BuildStatus =
            switch failure.context {
            case .timedOut: .timedOut
            default: surroundings.stop.request == nil ? .failed : .stopped
            }
        var kept = KeptRecord(
            buildIdentifier: record.id, buildNumber: record.buildNumber, project: record.projectName,
            source: plan.sources[0].displayed, phase: failure.phase, command: failure.command?.text,
            reason: failure.context.message, status: status, startTime: record.startTime,
            endTime: surroundings.clock.now, image: plan.image.words, network: plan.network.rawValue, sources: sources,
            phases: (request.resumption?.reusedPhases ?? []) + enteredPhases, environment: environment,
            withheld: withheld)
        kept.buildspec = plan.identity.buildspecPath
        kept.caches = request.resumption?.record.caches ?? keptCaches
        // What this build was not allowed to save is not the next one's either.
        if plannedCache == nil { kept.caches?.entry = nil }
        if let resumption = request.resumption {
            kept.earlierEnvironments = resumption.record.phases.filter(resumption.hasShellState).map {
                .init(phase: $0, variables: resumption.record.environment(of: $0))
            }
        }
        return kept
    }

    private var keptCaches: KeptRecord.Caches? {
        guard let settings = plannedCache?.settings else { return nil }
        var caches = KeptRecord.Caches(
            layers: settings.layers.map {
                .init(directory: $0.directory.string, rootUser: $0.rootUser, rootGroup: $0.rootGroup)
            },
            paths: settings.paths.map {
                .init(path: $0.path.string, isDirectory: $0.isDirectory, isCopied: $0.isCopied)
            })
        caches.entry = plannedCache.flatMap { $0.patterns.isEmpty ? nil : $0.request.hash }
        caches.base = plannedCache?.hit.map { .init(hash: $0.entry.hash, key: $0.entry.key) }
        return caches
    }

    // MARK: Going on

    /// Says what of the earlier build is used, and what of the user's changes.
    func announceResumption(_ plan: BuildPlan) {
        guard let resumption = request.resumption, sandboxCount == 1 else { return }
        let (taken, hidden) = sourceChanges(plan, since: resumption.record.startTime)
        var resumed = resumption.resumption()
        resumed.changedFiles = taken.sorted().map(masked)
        resumed.hiddenFiles = hidden.sorted().map(masked)
        record.drydock.resumed = resumed
        emit(.reused(resumed))
        if let before = resumption.record.buildspec, before != plan.identity.buildspecPath {
            warn(.otherBuildspec(before, now: plan.identity.buildspecPath))
        }
        if !resumption.record.withheld.isEmpty { warn(.variablesWithheld(resumption.record.withheld)) }
    }

    /// What changed in the sources since an earlier build began: as this build sees it, and hidden by what that one left.
    private func sourceChanges(_ plan: BuildPlan, since time: Timestamp) -> (taken: Set<String>, hidden: Set<String>) {
        guard let keeper = sandbox as? any StateKeeping else { return ([], []) }
        let changes = keeper.sourceChanges
        let tree = try? keeper.tree()
        var taken: Set<String> = []
        var hidden: Set<String> = []
        for source in plan.sources where !source.isWritable {
            func below(_ paths: [FilePath]) -> [String] {
                paths.compactMap { path in
                    var rest = path
                    guard rest.removePrefix(FilePath(source.path)) else { return nil }
                    return SeenSource.displayed(rest.bytes, of: source)
                }
            }
            taken.formUnion(below(changes.taken))
            hidden.formUnion(below(changes.refused))
            guard !source.isCheckout, let tree, let seen = SeenSource(source, in: tree) else { continue }
            for path in ChangedFiles.find(in: source.hostPath, since: time) {
                let name = SeenSource.displayed(path, of: source)
                if seen.shows(path) { taken.insert(name) } else { hidden.insert(name) }
            }
        }
        return (taken.subtracting(hidden), hidden)
    }
}

extension FilePath {
    /// As seen from `/`.
    fileprivate var relative: FilePath {
        var path = self
        path.root = nil
        return path
    }
}

extension Warning {
    static func stateInUse(_ holder: KeptPlace.Holder?) -> Warning {
        let user = holder?.livingWords.map { " by \($0)" } ?? ""
        return Warning(
            message: "the state of this build is not kept, because that of an earlier one is in use\(user)",
            hint: "close the shell or the build that uses it", isGrave: true)
    }

    static func otherBuildspec(_ before: String, now: String) -> Warning {
        Warning(
            message: "the failed build's buildspec was `\(before)`, and this one's is `\(now)`",
            hint: "a build that goes on takes the options that it is given, and not those of the failed one")
    }

    static func stateNotKept(reason: String, hint: String?) -> Warning {
        Warning(message: "the state of this build could not be kept: \(reason)", hint: hint, isGrave: true)
    }

    static func variablesWithheld(_ names: [String]) -> Warning {
        let list = names.map { "`\($0)`" }.joined(separator: ", ")
        return Warning(
            message: "a secret stood in \(list), so \(names.count == 1 ? "it was" : "they were") not kept",
            hint: "set \(names.count == 1 ? "it" : "them") anew in a command of this phase")
    }
}
