// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
public import BuildModel
import Files
public import Sandbox
public import SystemPackage

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

    /// What is said of it, but for changes of the sources, which are known when the sandbox is there.
    public func resumption() -> Resumption {
        Resumption(
            buildIdentifier: record.buildIdentifier, buildNumber: record.buildNumber, endTime: record.endTime,
            phase: phase, reusedPhases: reusedPhases)
    }

    /// Phases of the earlier build that are not run again.
    var reusedPhases: [PhaseType] { record.phases.filter { $0 < phase } }

    /// Where a source that git had checked out lies.
    func hostPath(of source: KeptRecord.Source) -> FilePath {
        source.isCheckout ? place.directory.appending(source.hostPath) : FilePath(source.hostPath)
    }

    /// Whether the shell's state at the beginning of a phase is there already.
    ///
    /// It stays as the build left it that came to the phase by itself: what one build that goes on is given besides, as a
    /// variable of the command line, is not the next one's.
    func hasShellState(of phase: PhaseType) -> Bool { phase <= self.phase && file(phase, "env") != nil }

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
    public func reopen(for plan: BuildPlan, in settings: inout SandboxSettings) {
        var (variables, directory) = shellState()
        variables.yield(to: plan.environment, before: record.environment(of: phase))
        settings.reopening = SandboxSettings.Reopening(
            place: place, environment: variables.text, directory: directory)
        settings.caches = record.caches.map { caches in
            SandboxSettings.Caches(
                layers: caches.layers.map {
                    .init(directory: FilePath($0.directory), rootUser: $0.rootUser, rootGroup: $0.rootGroup)
                },
                paths: caches.paths.map {
                    .init(FilePath($0.path), isDirectory: $0.isDirectory, isCopied: $0.isCopied)
                })
        }
    }

    /// Takes the state from whoever would go on with it: something is about to be taken out of it.
    func retire() throws(FilesError) {
        try Directory(place.directory).rename(
            FilePath(KeptRecord.fileName), to: FilePath(KeptRecord.retiredName))
    }

    /// A layer of a cache that the state lies over and that is no more, or nil.
    public var missingLayer: FilePath? {
        record.caches?.layers.map { FilePath($0.directory) }.first { (try? Directory($0)) == nil }
    }

    private func file(_ phase: PhaseType, _ kind: String) -> [UInt8]? {
        try? FileContents.read(place.directory.appending("start-\(phase.rawValue).\(kind)"), limit: 64 << 20)
    }
}

extension SourceRequest {
    /// What tells this source from another of the same identifier, besides its version; nil when it cannot be looked at.
    public var origin: String? {
        switch location {
        case .repository: displayed
        case .empty: ""
        case .directory(let path): (try? BuildPlanner.canonical(path))?.string
        }
    }
}

extension BuildRequest {
    /// What tells this primary source from another of the same project; nil when it cannot be looked at.
    public var keptSource: String? {
        switch source.location {
        case .repository(let url): "\(url)\n\(source.version ?? "")"
        case .empty: "\n"
        case .directory: source.origin.map { "\($0)\n\(source.version ?? "")" }
        }
    }

    /// Whether the build runs every phase from where it begins: only its success makes what an earlier one left useless.
    public var runsToTheEnd: Bool {
        let first = resumption?.phase ?? .install
        return PhaseType.commandPhases.allSatisfy { $0 < first || phases.contains($0) }
    }

    /// In what the request is not that of the build that left a state: the layers of the state lie over exactly these sources,
    /// in exactly this image. Nil where it agrees.
    public func difference(from record: KeptRecord) -> KeptDifference? {
        if record.image != image.words { return .image(record.image) }
        let requested = [source] + secondarySources
        for kept in record.sources {
            guard let source = requested.first(where: { $0.identifier == kept.identifier }) else {
                return .source(kept, now: nil)
            }
            guard source.version == kept.version, kept.origin == nil || source.origin == kept.origin else {
                return .source(kept, now: source.displayed + (source.version.map { " at \($0)" } ?? ""))
            }
            let isWritable = mountsSource && source.identifier == nil
            if isWritable != kept.isWritable { return .mountedSource(kept.isWritable) }
        }
        let identifiers = record.sources.map(\.identifier)
        return requested.first { !identifiers.contains($0.identifier) }
            .map { .addedSource($0.identifier ?? "", $0.displayed) }
    }
}

/// Why a request cannot go on with a kept state. What it carries is of the build that left the state.
public enum KeptDifference: Sendable, Equatable {
    case image(String)
    /// Whether the build wrote into the primary source itself.
    case mountedSource(Bool)
    /// A source that the request does not have, or has from elsewhere: there it says from where.
    case source(KeptRecord.Source, now: String?)
    /// A source that only the request has: its identifier, and where it is.
    case addedSource(String, String)
}
