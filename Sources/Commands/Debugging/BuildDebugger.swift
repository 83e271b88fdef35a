// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Files
internal import Glibc
internal import Processes
internal import Sandbox
internal import SystemPackage

/// How the user wants to look into a build while it runs.
struct DebugOptions {
    static var group: OptionGroup { OptionGroup("Debugging", [shellOnFailure, debugSession]) }

    private static let shellOnFailure = Flag(
        "shell-on-failure", help: "Open a shell where a command failed, before the build goes on to its end.")
    private static let debugSession = Flag(
        "debug-session",
        help: "Let `codebuild-breakpoint` pause the build, for `drydock attach`; on a terminal that is the default.")

    var opensShell = false
    /// Nil: on a terminal.
    var pauses: Bool?

    init() {}

    init(_ words: ParsedWords) {
        opensShell = words[Self.shellOnFailure]
        pauses = words.has("debug-session") ? words[Self.debugSession] : nil
    }

    /// Nil where a build is not to be looked into.
    func debugger(
        build number: Int, directory: FilePath, terminal: Terminal, stop: StopSignals
    ) -> BuildDebugger? {
        let isAtDesk = isatty(0) != 0 && terminal.outputIsTerminal
        if opensShell, !isAtDesk {
            terminal.warn(
                "`--shell-on-failure` needs a terminal, and there is none: a command that fails ends the build")
        }
        let (opensShell, pauses) = (opensShell && isAtDesk, pauses ?? isAtDesk)
        guard opensShell || pauses else { return nil }
        return BuildDebugger(
            build: number, directory: directory, terminal: terminal, stop: stop, opensShell: opensShell, pauses: pauses)
    }
}

/// Opens shells where commands fail, and keeps the door to a build that stands at a breakpoint.
final class BuildDebugger: BuildDebugging, SandboxCompanion {
    private let build: Int
    private let directory: FilePath
    private let terminal: Terminal
    private let stop: StopSignals
    private let opensShell: Bool
    private let pauses: Bool
    private var sandbox: Sandbox?
    private var tell: (BuildEvent) -> Void = { _ in }
    private var place: DebuggedCommand?
    private var door: AttachDoor?
    private var pauseStart: MonotonicTime?

    init(
        build: Int, directory: FilePath, terminal: Terminal, stop: StopSignals, opensShell: Bool, pauses: Bool
    ) {
        self.build = build
        self.directory = directory
        self.terminal = terminal
        self.stop = stop
        self.opensShell = opensShell
        self.pauses = pauses
    }

    // MARK: The build

    func began(_ runner: any CommandRunning, tell: @escaping (BuildEvent) -> Void) {
        self.tell = tell
        // Without isolation there is no place for a shell to be opened in.
        guard let sandbox = runner as? Sandbox else { return }
        self.sandbox = sandbox
        sandbox.companion = self
        if pauses { sandbox.watchBreakpoints() }
    }

    func willRun(_ place: DebuggedCommand) { self.place = place }

    func ended() {
        door?.close()
        door = nil
        pauseStart = nil
        sandbox = nil
    }

    func failed(_ failure: BuildOutcome.Failure, at place: DebuggedCommand) {
        guard opensShell, let sandbox else { return }
        let start = MonotonicTime.now()
        tell(.paused(BuildPause(reason: .shell(failure), command: place.command, remaining: remaining(place))))
        terminal.say("a shell where the command failed; when it ends the build goes on to its failed end")
        let request = ShellRequest(script: .prompt, shell: place.shell, user: place.user, buildSucceeding: false)
        do {
            _ = try ShellOpening(terminal: terminal, stop: stop).run(request, in: sandbox)
        } catch let failure as CommandFailure {
            terminal.show(failure)
        } catch {
            terminal.show(CommandFailure(.internalFault, "\(error)"))
        }
        tell(.resumed(milliseconds: MonotonicTime.now().milliseconds(since: start)))
    }

    private func remaining(_ place: DebuggedCommand) -> Int { max(0, place.deadline.milliseconds(since: .now())) }

    // MARK: Breakpoints

    func received(_ event: SandboxEvent, from sandbox: Sandbox) {
        switch event {
        case .paused: pause(sandbox)
        case .resumeAsked: resume(sandbox)
        case .shellEnded(let number, let end): door?.shellEnded(number, end)
        }
    }

    private func pause(_ sandbox: Sandbox) {
        guard pauseStart == nil, let place else { return sandbox.resume() }
        if door == nil { door = AttachDoor(in: directory) }
        guard let door, door.open() else {
            tell(
                .warning(
                    message: "nobody could attach to the build, so it does not pause: "
                        + "no socket can be made in `\(directory.displayed)`", hint: nil))
            return sandbox.resume()
        }
        pauseStart = .now()
        tell(
            .paused(
                BuildPause(reason: .breakpoint(build: build), command: place.command, remaining: remaining(place))))
    }

    private func resume(_ sandbox: Sandbox) {
        sandbox.resume()
        // Shells that were opened at the breakpoint stay; nobody else comes in.
        door?.shut()
        guard let start = pauseStart else { return }
        pauseStart = nil
        tell(.resumed(milliseconds: MonotonicTime.now().milliseconds(since: start)))
    }

    // MARK: Visitors

    var descriptors: [Int32] { door?.descriptors ?? [] }

    func attend(_ sandbox: Sandbox) {
        door?.attend { [self] request, lent in
            switch request {
            case .resume:
                resume(sandbox)
                return .reply(.resumed)
            case .lend: return .nothing
            case .open(let visit):
                guard let place, let streams = visit.streams(lent) else {
                    return .reply(.refused("a shell needs a command to be beside, and a terminal or three pipes"))
                }
                let shell = ShellRequest(
                    script: visit.script, shell: place.shell, user: place.user, state: .breakpoint,
                    buildSucceeding: place.buildSucceeding)
                do throws(SandboxError) {
                    return .started(try sandbox.openShell(shell, on: streams))
                } catch {
                    return .reply(.refused(error.message))
                }
            }
        }
    }
}
