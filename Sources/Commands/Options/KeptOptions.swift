// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Files
internal import Glibc
internal import Sandbox
internal import SystemPackage

/// Whether a failed build leaves its state, and whether this one goes on with such a state.
struct KeptOptions {
    static var group: OptionGroup { OptionGroup("Kept state", [resume, from, noKeep]) }

    private static let resume = Flag(
        "resume", help: "Go on where the last failed build of this project and source failed, with what it left.")
    private static let from = ValueOption(
        "from", placeholder: "phase", words: PhaseType.commandPhases.compactMap(\.buildspecName),
        help: "Like `--resume`, beginning at this phase.")
    private static let noKeep = Flag("no-keep", help: "Do not keep what a failed build leaves.")

    let keeps: Bool
    /// Nil for a build that begins with nothing.
    private let goesOn: (Bool, PhaseType?)

    init(_ words: ParsedWords) throws {
        keeps = !words[Self.noKeep]
        let phase = words[Self.from].flatMap { word in
            PhaseType.commandPhases.first { $0.buildspecName == word }
        }
        goesOn = (words[Self.resume] || phase != nil, phase)
    }

    var resumes: Bool { goesOn.0 }
    /// What asked for that, for messages.
    var word: String { goesOn.1 == nil ? "--resume" : "--from" }

    /// The request with the state that it goes on with, if it does. Waits for a state that is still being kept.
    func apply(to request: inout BuildRequest, _ store: BuildStore) throws {
        guard resumes else { return }
        var state = try LastFailure(store: store, request: request).open()
        if let phase = goesOn.1 {
            guard phase <= state.record.phase else {
                throw CommandFailure.phaseNotReached(phase, state.record)
            }
            state.phase = phase
        }
        request.resumption = state
    }
}

/// What the last failed build of a request's project and source left.
struct LastFailure {
    let store: BuildStore
    let request: BuildRequest

    /// Where such a state lies, or would.
    var directory: FilePath? {
        guard let project = try? request.projectName().description, let source = request.keptSource else { return nil }
        return store.keptDirectory(project: project, source: source)
    }

    /// The state, locked, to go on at the phase that failed; nil where nothing was ever kept, or is no more.
    /// - Throws: `CommandFailure` when it was made in another image than is asked for.
    func openIfKept() throws -> ResumedState? {
        guard let directory, access("\(directory.string).lock", F_OK) == 0 else { return nil }
        let place: KeptPlace?
        // A build that has just failed may still be putting its state there.
        do throws(SandboxError) { place = try KeptPlace.take(directory, waiting: true) } catch {
            throw CommandFailure(EngineError(error))
        }
        guard let place, place.isOccupied, let state = store.keptState(in: directory) else { return nil }
        guard state.record.image == request.image.words else {
            throw CommandFailure.keptFromImage(state.record.image, now: request.image.words)
        }
        return ResumedState(record: state.record, place: place, phase: state.record.phase)
    }

    /// The same state, where there has to be one.
    func open() throws -> ResumedState {
        if let state = try openIfKept() { return state }
        let project = try request.projectName().description
        throw CommandFailure.nothingKept(
            project, directory == nil ? nil : store.recent(limit: 1, project: project).builds.first)
    }
}

/// Clears states that nobody will go on with: at the end of a build, without waiting.
struct KeptStateLimits {
    let store: BuildStore
    let launcher: FilePath
    /// A state that nobody has gone on with for so long is removed.
    static let days = 7.0

    /// - Parameter finished: the place of a build that succeeded, whose earlier failure is of no use any more.
    func enforce(finished: FilePath?) {
        let (states, leftovers) = store.keptDirectories()
        let now = Caller.now.seconds
        for state in states
        where state.directory == finished || now - Double(state.seconds) > Self.days * 86_400 {
            guard let place = try? KeptPlace.take(state.directory) else { continue }
            place.remove(launcher: launcher, waiting: false)
        }
        if !leftovers.isEmpty {
            KeptPlace.clearLeftovers(
                in: store.keptStatesDirectory, names: leftovers, launcher: launcher, waiting: false)
        }
    }
}

extension CommandFailure {
    static func nothingKept(_ project: String, _ last: StoredBuild?) -> CommandFailure {
        var reason = ""
        switch last?.record.buildStatus {
        case nil: break
        case .succeeded: reason = ": its last build succeeded"
        default: reason = ", although its last build did not succeed"
        }
        return CommandFailure(
            .inputUnavailable, "no state of a failed build of `\(project)` is kept for this source\(reason)",
            hints: [
                "`drydock run` begins anew; what it leaves when a command fails is kept, unless `--no-keep` is given",
                "`drydock gc --dry-run` lists what is kept",
            ])
    }

    static func keptFromImage(_ kept: String, now: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "the kept state was made in the image `\(kept)` and cannot go on in `\(now)`",
            hints: ["give the same `--image`, or begin anew: `drydock run`, `drydock shell --fresh`"])
    }

    static func phaseNotReached(_ phase: PhaseType, _ record: KeptRecord) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "build \(record.buildNumber) failed in \(record.phase.rawValue), so nothing can begin at \(phase.rawValue)",
            hints: ["`--from` takes phases up to the one that failed"])
    }
}
