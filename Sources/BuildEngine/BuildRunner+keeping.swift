// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
public import BuildModel
import Files
public import Sandbox
import SystemPackage

/// Commands run in a place whose state can outlive the build.
public protocol StateKeeping: CommandRunning {
    /// Remembers the shell's state as the next command would find it.
    func mark(_ name: String)
    /// Has the state kept when the place is closed; ends every process of the build.
    func keep(in place: KeptPlace, files: [(name: String, contents: [UInt8])]) throws(SandboxError)
    /// Has a reopened state removed when the place is closed.
    func drop()
    /// What of the sources changed since a reopened state was kept.
    var sourceChanges: SourceChanges { get }
}

extension Sandbox: StateKeeping {}

/// A kept state that a build goes on with.
public struct ResumedState: Sendable {
    public var record: KeptRecord
    /// Locked; the build's sandbox holds it as long as it lives.
    public var place: KeptPlace
    /// Where to begin: a phase of the record's.
    public var phase: PhaseType

    public init(record: KeptRecord, place: KeptPlace, phase: PhaseType) {
        self.record = record
        self.place = place
        self.phase = phase
    }

    /// Phases of the earlier build that are not run again.
    var reusedPhases: [PhaseType] { record.phases.filter { $0 < phase } }

    /// Where a source that git had checked out lies.
    func hostPath(of source: KeptRecord.Source) -> FilePath {
        source.isCheckout ? place.directory.appending(source.hostPath) : FilePath(source.hostPath)
    }

    /// The shell's state when the phase began; of a phase without commands, when the next one did.
    func shellState() -> (variables: ShellVariables, directory: FilePath?) {
        for phase in record.phases where phase >= self.phase {
            guard let text = file(phase, "env") else { continue }
            let directory = file(phase, "dir").flatMap { $0.first == UInt8(ascii: "/") ? FilePath(bytes: $0) : nil }
            return (ShellVariables(text), directory)
        }
        return (ShellVariables([]), nil)
    }

    /// How a sandbox takes over what was kept: files as they were left, the shell's state as the phase found it, and what the
    /// plan's environment says differently from the earlier build's. The settings' scratch directory is the place's.
    public func reopening(for plan: BuildPlan) -> SandboxSettings.Reopening {
        var (variables, directory) = shellState()
        variables.yield(to: plan.environment, before: record.environment)
        return SandboxSettings.Reopening(place: place, environment: variables.text, directory: directory)
    }

    private func file(_ phase: PhaseType, _ kind: String) -> [UInt8]? {
        try? FileContents.read(place.directory.appending("start-\(phase.rawValue).\(kind)"), limit: 64 << 20)
    }
}

extension BuildRequest {
    /// What tells this primary source from another of the same project; nil when it cannot be looked at.
    public var keptSource: String? {
        switch source.location {
        case .repository(let url): return "\(url)\n\(source.version ?? "")"
        case .empty: return "\n"
        case .directory(let path):
            guard let canonical = try? BuildPlanner.canonical(path) else { return nil }
            return "\(canonical.string)\n\(source.version ?? "")"
        }
    }
}

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
            if request.resumption != nil { keeper.drop() }
            return
        }
        guard let directory = surroundings.keptDirectory, failure.phase.buildspecName != nil, ranCommand,
            surroundings.stop.request != .atOnce, !surroundings.stop.isReplaced
        else { return }
        do {
            guard let place = try request.resumption?.place ?? KeptPlace.take(directory) else {
                warn(.stateInUse)
                return
            }
            try keeper.quiesce()
            if request.resumption == nil { try keepCheckouts() }
            let (files, withheld) = try shellStates(plan, in: keeper)
            let record = keptRecord(plan, failure, withheld: withheld)
            try keeper.keep(in: place, files: files + [("record.json", record.json)])
            self.failure?.isStateKept = true
        } catch {
            warn(.stateNotKept(reason: "\((error as? SandboxError)?.message ?? "\(error)")"))
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
        for phase in enteredPhases {
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
            guard !variable.isSecret, masked(variable.value) == variable.value else { return nil }
            return .init(name: variable.name, value: variable.value)
        }
        let sources = plan.sources.map { source in
            let hostPath =
                source.isCheckout
                ? "checkouts/" + (source.hostPath.lastComponent?.string ?? "") : source.hostPath.string
            return KeptRecord.Source(
                identifier: source.identifier, hostPath: hostPath, path: source.path, displayed: source.displayed,
                isCheckout: source.isCheckout, isWritable: source.isWritable, version: source.version,
                resolvedVersion: source.resolvedVersion, repositoryURL: source.repositoryURL)
        }
        let status: BuildStatus =
            switch failure.context {
            case .timedOut: .timedOut
            default: surroundings.stop.request == nil ? .failed : .stopped
            }
        return KeptRecord(
            buildIdentifier: record.id, buildNumber: record.buildNumber, project: record.projectName,
            source: plan.sources[0].displayed, phase: failure.phase, command: failure.command?.text,
            reason: failure.context.message, status: status, startTime: record.startTime,
            endTime: surroundings.clock.now, image: plan.image.words, network: plan.network.rawValue, sources: sources,
            phases: (request.resumption?.reusedPhases ?? []) + enteredPhases, environment: environment,
            withheld: withheld)
    }

    // MARK: Going on

    /// Says what of the earlier build is used, and what of the user's changes.
    func announceResumption(_ plan: BuildPlan) {
        guard let resumption = request.resumption, sandboxCount == 1 else { return }
        let changes = (sandbox as? any StateKeeping)?.sourceChanges ?? SourceChanges()
        var taken = Set(changes.taken.map(\.displayed))
        for source in plan.sources where !source.isWritable && !source.isCheckout {
            taken.formUnion(ChangedFiles.find(in: source.hostPath, since: resumption.record.startTime))
        }
        taken.subtract(changes.refused.map(\.displayed))
        let resumed = Resumption(
            buildIdentifier: resumption.record.buildIdentifier, buildNumber: resumption.record.buildNumber,
            endTime: resumption.record.endTime, phase: resumption.phase, reusedPhases: resumption.reusedPhases,
            changedFiles: taken.sorted().map(masked), hiddenFiles: changes.refused.map { masked($0.displayed) })
        record.drydock.resumed = resumed
        emit(.reused(resumed))
        if !resumption.record.withheld.isEmpty { warn(.variablesWithheld(resumption.record.withheld)) }
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

/// Files of a source that were written since a moment.
enum ChangedFiles {
    /// Paths as people read them, relative to the directory; `.git` is left out, for every command of git's changes it.
    static func find(in directory: FilePath, since time: Timestamp) -> [String] {
        guard let root = try? Directory(directory) else { return [] }
        var found: [String] = []
        let walk = TreeWalk<Void>(tree: DirectoryTree(root: root.descriptor), root: "/")
        walk.run((), unreadable: { _ in }) { visit in
            if visit.kind == .directory { return visit.name == Array(".git".utf8) ? .pass : .enter(()) }
            let here = Directory(adopting: (try? visit.directory.duplicate()) ?? root.descriptor, path: directory)
            guard visit.kind == .regular, let status = try? here.status(FilePath(bytes: visit.name)),
                Double(status.modificationSeconds) + Double(status.modificationNanoseconds) / 1e9 > time.seconds
            else { return .pass }
            found.append(FilePath.displayed(visit.path))
            return .pass
        }
        return found
    }
}

extension Warning {
    static let stateInUse = Warning(
        message: "the state of this build is not kept, because that of an earlier one is in use",
        hint: "close the shell or the build that uses it")

    static func stateNotKept(reason: String) -> Warning {
        Warning(message: "the state of this build could not be kept: \(reason)", hint: nil)
    }

    static func variablesWithheld(_ names: [String]) -> Warning {
        let list = names.map { "`\($0)`" }.joined(separator: ", ")
        return Warning(
            message: "a secret stood in \(list), so \(names.count == 1 ? "it was" : "they were") not kept",
            hint: "set \(names.count == 1 ? "it" : "them") anew in a command of this phase")
    }
}
