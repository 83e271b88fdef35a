// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildStore
internal import Console
internal import Files
internal import Sandbox
internal import SystemPackage

/// A shell in a sandbox of its own, before any phase of the build that it would be.
struct ShellSession {
    var request: BuildRequest
    var options: ShellOptions
    var store: BuildStore
    var terminal: Terminal
    /// Started before the command line was read; nil when that did not work, which is told later.
    var launcher: SandboxLauncher?

    func run() throws -> ExitMeaning {
        let project = try request.projectName().description
        let uuid = BuildStore.makeUUID()
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        // As in a build: ids are mapped while it is planned.
        let pending = launcher.flatMap {
            try? PendingSandbox(scratchDirectory: store.sandboxDirectory(uuid), launcher: $0)
        }
        AbandonedCheckouts.remove(in: store)
        let stop = StopSignals(output: terminal.output)
        let checkouts = store.checkoutDirectory(uuid)
        defer { BuildPreview.remove(checkouts) }
        let plan = try makePlan(project: project, uuid: uuid, checkouts: checkouts, stop: stop)
        for warning in plan.environment.warnings { terminal.show([warning], in: [plan.buildspecText]) }
        guard let sandbox = try start(plan, uuid: uuid, pending: pending) else { throw CommandFailure.noShellHere }
        defer { try? sandbox.close() }
        let user = try user(plan, in: sandbox)
        terminal.say("a fresh sandbox of `\(project)`, before any phase; what changes in it is gone at its end")
        let request = ShellRequest(script: .prompt, shell: plan.shell, user: user)
        return try ShellOpening(options: options, terminal: terminal, stop: stop).run(request, in: sandbox).meaning
    }

    private func makePlan(
        project: String, uuid: String, checkouts: FilePath, stop: StopSignals
    ) throws -> BuildPlan {
        let identifiers = BuildIdentifiers(project: project, uuid: uuid, number: 1, start: Caller.now)
        do throws(EngineError) {
            let planner = BuildPlanner(request: request, identifiers: identifiers, checkouts: checkouts)
            return try planner.plan { stop.request != nil }
        } catch {
            throw CommandFailure(error)
        }
    }

    private func start(_ plan: BuildPlan, uuid: String, pending: PendingSandbox?) throws -> Sandbox? {
        let settings = plan.sandboxSettings(scratch: store.sandboxDirectory(uuid), launcher: Caller.launcher)
        do throws(SandboxError) {
            let (runner, notices) = try SandboxMaker(pending: pending).start(settings)
            for notice in notices { terminal.warn(notice.message, hint: notice.hint) }
            guard let sandbox = runner as? Sandbox else { return nil }
            return sandbox
        } catch {
            throw CommandFailure(EngineError(error))
        }
    }

    private func user(_ plan: BuildPlan, in sandbox: Sandbox) throws -> CommandRequest.UserIdentity? {
        guard let name = options.user ?? plan.user else { return nil }
        let tree: any TreeOpener
        do throws(SandboxError) { tree = try sandbox.tree() } catch { throw CommandFailure(EngineError(error)) }
        guard let identity = BuildPlan.identity(of: name, in: tree) else { throw CommandFailure.unknownUser(name) }
        return identity.userIdentifier == 0 ? nil : identity
    }
}

/// Opens a shell on the caller's terminal where there is one, and through pipes where there is none.
struct ShellOpening {
    var options: ShellOptions?
    var terminal: Terminal
    var stop: StopSignals

    /// - Parameter request: its script is chosen here.
    func run(_ request: ShellRequest, in sandbox: Sandbox) throws -> ShellEnding {
        // With a command, standard error may be somebody else's to read; a prompt needs all three in one place anyway.
        let caller =
            options?.text == nil || terminal.errorsAreTerminal ? CallerTerminal(output: terminal.output) : nil
        var request = request
        request.script = options?.script(onTerminal: caller != nil) ?? .prompt
        terminal.output.finish { stop.request != nil }
        terminal.errors.finish()
        guard let caller else {
            let pipes = try ShellPipes()
            let shell = try open(request, on: pipes.streams, in: sandbox)
            pipes.wereTaken()
            return try relay(shell, sandbox).run(through: pipes)
        }
        let size = caller.size
        let shell = try open(
            request, on: .terminal(type: caller.type, rows: size.rows, columns: size.columns), in: sandbox)
        guard let master = shell.terminal else { throw CommandFailure.noShellHere }
        return try relay(shell, sandbox).run(on: master, caller)
    }

    private func relay(_ shell: StartedShell, _ sandbox: Sandbox) -> ShellRelay {
        ShellRelay(terminal: terminal, stop: stop, shell: OwnShell(shell, in: sandbox))
    }

    private func open(
        _ request: ShellRequest, on streams: ShellRequest.Streams, in sandbox: Sandbox
    ) throws -> StartedShell {
        do throws(SandboxError) { return try sandbox.openShell(request, on: streams) } catch {
            throw CommandFailure(EngineError(error))
        }
    }
}

extension CommandFailure {
    static let noShellHere = CommandFailure(
        .wrongUse, "a shell needs a sandbox to be in",
        hints: ["without isolation a build runs in the caller's own system, and so does any shell there"])

    static func unknownUser(_ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "the image does not know the user `\(Arguments.displayed(name))`",
            hints: ["users are those of the image's /etc/passwd"])
    }
}
