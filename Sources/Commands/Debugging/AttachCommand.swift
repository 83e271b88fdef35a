// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import Glibc
internal import Sandbox
internal import SystemPackage

/// `drydock attach`.
struct AttachCommand: Action {
    static let name = "attach"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Open a shell in a build that is paused at a breakpoint",
            discussion: """
                The shell has the variables, the directory and the user of the command that called \
                `codebuild-breakpoint`. `codebuild-resume` in it lets the build go on; the shell stays as long as the \
                build runs. The exit code is the shell's.
                """,
            operands: Operands(
                "build", help: "A build: its number or the beginning of its id (default: the newest that is paused)."),
            groups: [
                OptionGroup("Options", [resume, ShellOptions.command, BuildSelector.project]), StateOptions.group,
            ])
    }

    private static let resume = Flag("resume", help: "Open no shell, but let the build go on.")

    private let build: String?
    private let scope: BuildStore.Scope
    private let resumes: Bool
    private let text: String?
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        build = words.operands.first
        if build == "" { throw CommandFailure.emptyOption("BUILD") }
        scope = BuildSelector.scope(words)
        resumes = words[Self.resume]
        text = words[ShellOptions.command]
        if resumes, text != nil { throw CommandFailure.conflict("--resume", "--command") }
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let socket = try connect()
        let shell = AttachedShell(socket: socket)
        if resumes {
            try shell.resume()
            return .succeeded
        }
        let stop = StopSignals(output: terminal.output)
        let relay = ShellRelay(terminal: terminal, stop: stop, shell: shell)
        let caller = text == nil || terminal.errorsAreTerminal ? CallerTerminal(output: terminal.output) : nil
        let ending: ShellEnding
        if let caller {
            let size = caller.size
            let visit = AttachVisit(
                script: text.map { .command($0) } ?? .prompt,
                terminal: .init(type: caller.type, rows: size.rows, columns: size.columns))
            guard let master = try shell.open(visit, lending: []) else { throw CommandFailure.attachBroken }
            ending = try relay.run(on: master, caller)
        } else {
            let pipes = try ShellPipes()
            let visit = AttachVisit(script: text.map { .command($0) } ?? .standardInput, terminal: nil)
            _ = try shell.open(visit, lending: pipes.theirEnds)
            pipes.wereTaken()
            ending = try relay.run(through: pipes)
        }
        if ending == .buildEnded { terminal.say("the build is over, and the shell with it") }
        return ending.meaning
    }

    /// The build that is meant, or the newest one that somebody can attach to.
    private func connect() throws -> Int32 {
        let store = try state.store()
        if let build {
            let found: StoredBuild
            do throws(BuildStoreError) { found = try store.find(build, in: scope) } catch {
                throw CommandFailure(error)
            }
            let number = found.record.buildNumber
            if let owner = AttachDoor.otherOwner(of: found.directory), !found.record.buildComplete {
                throw CommandFailure.buildOfAnother(number, owner: owner)
            }
            guard let socket = AttachDoor.connect(in: found.directory) else {
                throw CommandFailure.notPaused(number, isOver: found.record.buildComplete)
            }
            return socket
        }
        let running = store.recent(limit: 100).builds.filter { !$0.record.buildComplete }
        var candidates = running
        switch scope {
        case .any: break
        case .only(let project): candidates = running.filter { $0.record.projectName == project }
        case .first(let project):
            candidates =
                running.filter { $0.record.projectName == project }
                + running.filter { $0.record.projectName != project }
        }
        var ofAnother: CommandFailure?
        for build in candidates {
            guard let socket = AttachDoor.connect(in: build.directory) else { continue }
            guard let owner = AttachDoor.otherOwner(of: build.directory) else { return socket }
            _ = close(socket)
            ofAnother = ofAnother ?? .buildOfAnother(build.record.buildNumber, owner: owner)
        }
        if let ofAnother { throw ofAnother }
        throw CommandFailure.nothingPaused
    }
}

/// A shell in a build that another drydock runs.
final class AttachedShell: RemoteShell {
    private var line: AttachLine

    init(socket: Int32) { line = AttachLine(socket: socket) }

    deinit { _ = close(line.socket) }

    var descriptor: Int32 { line.socket }

    /// - Returns: the terminal's master side, where a terminal was asked for.
    func open(_ visit: AttachVisit, lending descriptors: [FileDescriptor]) throws -> FileDescriptor? {
        for descriptor in descriptors { line.send(AttachRequest.lend.encode(), descriptor: descriptor) }
        line.send(AttachRequest.open(visit).encode())
        switch try reply() {
        case .opened: return line.takeDescriptors().first
        case .refused(let message): throw CommandFailure(.wrongUse, message)
        default: throw CommandFailure.attachBroken
        }
    }

    func resume() throws {
        line.send(AttachRequest.resume.encode())
        guard try reply() == .resumed else { throw CommandFailure.attachBroken }
    }

    private func reply() throws -> AttachReply {
        while !line.isOver {
            if let message = line.next() {
                guard let reply = AttachReply(message) else { throw CommandFailure.attachBroken }
                return reply
            }
            line.read()
        }
        throw CommandFailure.attachBroken
    }

    func ending() throws -> ShellEnding? {
        while true {
            if let message = line.next() {
                switch AttachReply(message) {
                case .exited(let status): return .exited(status)
                case .signaled(let signal): return .signaled(signal)
                case .refused(let message): throw CommandFailure(.wrongUse, message)
                default: continue
                }
            }
            if line.isOver { return .buildEnded }
            var entry = pollfd(fd: line.socket, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) > 0 else { return nil }
            line.read()
        }
    }
}

extension CommandFailure {
    static func notPaused(_ number: Int, isOver: Bool) -> CommandFailure {
        CommandFailure(
            .wrongUse, "build \(number) is not paused at a breakpoint" + (isOver ? ": it is over" : ""),
            hints: isOver ? [] : ["`codebuild-breakpoint` in its buildspec pauses a build that has `--debug-session`"])
    }

    static func buildOfAnother(_ number: Int, owner: UInt32) -> CommandFailure {
        CommandFailure(
            .wrongUse, "build \(number) is run by the user with id \(owner), and only that user can attach to it",
            hints: ["`sudo -u '#\(owner)' drydock attach` is that user"])
    }

    static let nothingPaused = CommandFailure(
        .wrongUse, "no build is paused at a breakpoint",
        hints: ["`codebuild-breakpoint` in a buildspec pauses a build that has `--debug-session`"])

    static let attachBroken = CommandFailure(.internalFault, "the drydock that runs the build does not answer")
}
