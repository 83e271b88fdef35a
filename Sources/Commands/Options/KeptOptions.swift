// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Files
internal import Glibc
internal import Processes
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
    func apply(to request: inout BuildRequest, _ store: BuildStore, _ terminal: Terminal) throws {
        guard resumes else { return }
        let last = LastFailure(store: store, request: request)
        var state = try last.open { terminal.say($0) }
        if let phase = goesOn.1 {
            guard phase <= state.record.phase else {
                throw CommandFailure.phaseNotReached(phase, state.record)
            }
            state.phase = phase
        }
        guard request.phases.contains(state.phase) else {
            throw CommandFailure.phaseLeftOut(state.phase, word)
        }
        if let warning = last.laterBuild(than: state.record) { request.warnings.append(warning) }
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
    /// - Parameter say: told when somebody has to be waited for.
    /// - Throws: `CommandFailure` when it was made of something else than is asked for.
    func openIfKept(as use: KeptPlace.Use, say: (String) -> Void) throws -> ResumedState? {
        guard let directory, access("\(directory.string).lock", F_OK) == 0 else { return nil }
        let place: KeptPlace?
        do throws(SandboxError) { place = try Self.take(directory, as: use, say: say) } catch {
            throw CommandFailure(EngineError(error))
        }
        guard let place, place.isOccupied, let state = store.keptState(in: directory) else { return nil }
        if let difference = request.difference(from: state.record) {
            throw CommandFailure.keptFromElse(difference, request)
        }
        let resumed = ResumedState(record: state.record, place: place, phase: state.record.phase)
        if let missing = resumed.missingLayer { throw CommandFailure.cacheOfStateGone(missing, state.record) }
        return resumed
    }

    /// A build that has just failed may still be putting its state there; an open shell may take hours.
    private static func take(
        _ directory: FilePath, as use: KeptPlace.Use, say: (String) -> Void
    ) throws(SandboxError) -> KeptPlace? {
        if let place = try KeptPlace.take(directory, as: use, forAtMost: 0.25, isCancelled: { false }) { return place }
        if let words = KeptPlace.holder(of: directory)?.livingWords {
            say("waiting for \(words), which uses the state of the failed build")
        } else {
            say("waiting until the state of the failed build is in its place")
        }
        return try KeptPlace.take(directory, as: use, waiting: true)
    }

    /// The same state, where there has to be one.
    func open(say: (String) -> Void) throws -> ResumedState {
        if let state = try openIfKept(as: .build, say: say) { return state }
        let project = try request.projectName().description
        throw CommandFailure.nothingKept(
            project, directory == nil ? nil : store.recent(limit: 1, project: project).builds.first)
    }

    /// What to say of a build of this source that came after the one that left the state, and left none itself.
    func laterBuild(than record: KeptRecord) -> Warning? {
        let later = store.recent(limit: 20, project: record.project).builds.first { build in
            build.state != .running && build.record.source.location == record.source
        }
        guard let later, later.record.buildNumber > record.buildNumber else { return nil }
        let ended =
            switch later.record.buildStatus {
            case .succeeded: "succeeded"
            case .stopped: "was stopped"
            case .timedOut: "ran out of time"
            default: "failed"
            }
        return Warning(
            message: "build \(later.record.buildNumber) \(ended) later and left no state; this one goes on with what "
                + "build \(record.buildNumber) left",
            hint: nil)
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
            // Of an earlier build that failed a moment ago the state may still be on its way there.
            let seconds = state.directory == finished ? 2.0 : 0
            guard
                let place = try? KeptPlace.take(
                    state.directory, as: .removal, forAtMost: seconds, isCancelled: { false })
            else { continue }
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

    static func keptFromElse(_ difference: KeptDifference, _ request: BuildRequest) -> CommandFailure {
        let anew = ", or begin anew: `drydock run`, `drydock shell --fresh`"
        let (message, advice): (String, String) =
            switch difference {
            case .image(let image):
                (
                    "the kept state was made in the image `\(image)` and cannot go on in `\(request.image.words)`",
                    "give `--image \(ShellWord.typed(image))`"
                )
            case .mountedSource(true):
                ("the build that left the state wrote into the source itself, and this one would not", "give `-m` too")
            case .mountedSource(false):
                (
                    "the build that left the state did not write into the source itself, and this one would",
                    "leave out `-m`"
                )
            case .source(let source, nil):
                ("the build that left the state had the source `\(source.identifier ?? "")` too", give(source))
            case .source(let source, let now?):
                (
                    "the kept state of the source \(name(source)) is of `\(place(source))`, and not of `\(now)`",
                    give(source)
                )
            case .addedSource(let identifier, let place):
                (
                    "the build that left the state did not have the source `\(identifier)`",
                    "leave out `-s \(identifier):\(place)`"
                )
            }
        return CommandFailure(.wrongUse, message, hints: [advice + anew])
    }

    private static func name(_ source: KeptRecord.Source) -> String { source.identifier.map { "`\($0)`" } ?? "" }

    /// As it was typed, where that means the same here.
    private static func place(_ source: KeptRecord.Source) -> String {
        guard let origin = source.origin, origin.hasPrefix("/"),
            SourceRequest(location: .directory(FilePath(source.displayed))).origin != origin
        else { return source.displayed }
        return FilePath(origin).displayed
    }

    private static func give(_ source: KeptRecord.Source) -> String {
        let prefix = source.identifier.map { $0 + ":" } ?? ""
        let version = source.version.map {
            " --source-version " + ShellWord.typed((source.identifier.map { $0 + "=" } ?? "") + $0)
        }
        return "give `-s \(ShellWord.typed(prefix + place(source)))\(version ?? "")`"
    }

    static func phaseLeftOut(_ phase: PhaseType, _ word: String) -> CommandFailure {
        let name = phase.buildspecName ?? ""
        return CommandFailure(
            .wrongUse, "`\(word)` begins at \(phase.rawValue), which the phases that are asked for leave out",
            hints: ["name `\(name)` among them, or none: all that follow are run then"])
    }

    static func phaseNotReached(_ phase: PhaseType, _ record: KeptRecord) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "build \(record.buildNumber) failed in \(record.phase.rawValue), so nothing can begin at \(phase.rawValue)",
            hints: ["`--from` takes phases up to the one that failed"])
    }
}

extension CommandFailure {
    static func cacheOfStateGone(_ layer: FilePath, _ record: KeptRecord) -> CommandFailure {
        CommandFailure(
            .inputUnavailable,
            "the state of build \(record.buildNumber) lies over a cache that is not there any more: `\(layer.displayed)`",
            hints: ["`drydock run` begins anew; `drydock gc \(record.buildNumber)` removes the state"])
    }
}
