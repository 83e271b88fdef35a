// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import BuildStore
internal import CommandExecution
internal import Console
internal import Diagnostics
internal import Files
internal import Sandbox
internal import SystemPackage

/// A shell in what the last failed build left, or in a sandbox of its own before any phase.
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
        let last = LastFailure(store: store, request: request)
        let failed = options.isFresh ? nil : try last.openIfKept(as: .shell) { terminal.say($0) }
        if let failed, let warning = last.laterBuild(than: failed.record) {
            terminal.warn(warning.message, hint: warning.hint)
        }
        // As in a build: ids are mapped while it is planned. A kept state has ids of its own.
        let pending =
            failed != nil
            ? nil
            : launcher.flatMap {
                try? PendingSandbox(scratchDirectory: store.sandboxDirectory(uuid), launcher: $0)
            }
        AbandonedCheckouts.remove(in: store)
        let stop = StopSignals(output: terminal.output)
        let checkouts = store.checkoutDirectory(uuid)
        defer { BuildPreview.remove(checkouts) }
        var request = request
        request.resumption = failed
        let plan = try makePlan(request, project: project, uuid: uuid, checkouts: checkouts, stop: stop)
        plan.advice.forEach(terminal.warn)
        if plan.environment.holdsSecrets { Caller.guardMemory() }
        for warning in plan.environment.warnings { terminal.show([warning], in: [plan.buildspecText]) }
        guard let sandbox = try start(plan, uuid: uuid, pending: pending, failed) else {
            throw CommandFailure.noShellHere
        }
        let user = try user(plan, in: sandbox, phase: failed?.phase)
        terminal.say(Self.words(project, failed))
        let opening = ShellOpening(options: options, terminal: terminal, stop: stop)
        let asked = ShellRequest(
            script: .prompt, shell: plan.shell, user: user, state: failed == nil ? .observed : .carried)
        let ending = Result { try opening.run(asked, in: sandbox) }
        do throws(SandboxError) {
            // What was kept beside the files, as the record of the failure, stays as it is.
            if let failed { try sandbox.keep(in: failed.place, files: []) }
            try sandbox.close()
        } catch {
            throw CommandFailure(EngineError(error))
        }
        return try ending.get().meaning
    }

    private static func words(_ project: String, _ failed: ResumedState?) -> String {
        guard let record = failed?.record else {
            return "a fresh sandbox of `\(project)`, before any phase; what changes in it is gone at its end"
        }
        let command = record.command.map { ", where `\(DisplayText.escaped(shortened($0)))` failed" } ?? ""
        return "what build \(record.buildNumber) of `\(project)` left in \(record.phase.rawValue)\(command); "
            + "what changes in it stays for `drydock run --resume` (`--fresh` opens a fresh sandbox)"
    }

    private static func shortened(_ command: String) -> String {
        command.count > 60 ? command.prefix(59) + "…" : command
    }

    private func makePlan(
        _ request: BuildRequest, project: String, uuid: String, checkouts: FilePath, stop: StopSignals
    ) throws -> BuildPlan {
        let identifiers = BuildIdentifiers(project: project, uuid: uuid, number: 1, start: Caller.now)
        do throws(EngineError) {
            let planner = BuildPlanner(request: request, identifiers: identifiers, checkouts: checkouts)
            return try planner.plan { stop.request != nil }
        } catch {
            throw CommandFailure(error)
        }
    }

    private func start(
        _ plan: BuildPlan, uuid: String, pending: PendingSandbox?, _ failed: ResumedState?
    ) throws -> Sandbox? {
        var settings = plan.sandboxSettings(
            scratch: failed?.place.directory ?? store.sandboxDirectory(uuid), launcher: Caller.launcher)
        failed?.reopen(for: plan, in: &settings)
        do throws(SandboxError) {
            let (runner, notices) = try SandboxMaker(pending: pending).start(settings)
            for notice in notices { terminal.warn(notice.message, hint: notice.hint) }
            guard let sandbox = runner as? Sandbox else { return nil }
            return sandbox
        } catch {
            throw CommandFailure(EngineError(error))
        }
    }

    private func user(
        _ plan: BuildPlan, in sandbox: Sandbox, phase: PhaseType?
    ) throws -> CommandRequest.UserIdentity? {
        guard let name = options.user ?? plan.user(in: phase) else { return nil }
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
