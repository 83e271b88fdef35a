// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
public import CommandExecution
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// A shell for a person, with the variables, the directory and the user that the build's commands have.
public struct ShellRequest: Sendable {
    public var script: Script
    /// The buildspec's shell: what a command or standard input is read by.
    public var shell: String
    /// Whom it runs as; nil is root inside.
    public var user: CommandRequest.UserIdentity?
    /// Where its variables and its directory come from.
    public var state: State
    /// What `CODEBUILD_BUILD_SUCCEEDING` says.
    public var buildSucceeding: Bool

    public enum Script: Sendable, Equatable {
        /// A prompt: bash where there is one, because it can edit lines, or else the build's shell.
        case prompt
        /// What comes on standard input, without a prompt.
        case standardInput
        /// A text, as a command of a buildspec.
        case command(String)
    }

    public enum State: Sendable, Equatable {
        /// As the last command left them; what the shell changes of them is its own.
        case observed
        /// As the last command left them; the next command finds what the shell left.
        case carried
        /// As the command at the breakpoint has them.
        case breakpoint
    }

    public init(
        script: Script, shell: String = "sh", user: CommandRequest.UserIdentity? = nil, state: State = .observed,
        buildSucceeding: Bool = true
    ) {
        self.script = script
        self.shell = shell
        self.user = user
        self.state = state
        self.buildSucceeding = buildSucceeding
    }

    /// What a shell reads from and writes to.
    public enum Streams: Sendable {
        /// A new terminal in the sandbox, of this type (`TERM`) and size.
        case terminal(type: String, rows: UInt16, columns: UInt16)
        /// Input, output and error. They pass into the sandbox: nothing but pipes may be given.
        case pipes(FileDescriptor, FileDescriptor, FileDescriptor)
    }
}

/// A shell that was started.
public struct StartedShell: Sendable {
    public var number: UInt32
    /// The master side of its terminal, if it has one; the caller's from now on. When the last holder closes it, the shell is
    /// hung up.
    public var terminal: FileDescriptor?
}

/// What a sandbox says by itself.
public enum SandboxEvent: Sendable, Equatable {
    case shellEnded(number: UInt32, HowItEnded)
    /// A command stands at a breakpoint.
    case paused
    /// `codebuild-resume` ran in the sandbox.
    case resumeAsked

    public enum HowItEnded: Sendable, Equatable {
        case exited(Int)
        case signaled(Int)
        /// It never ran.
        case failed(SandboxError)
    }

    init?(_ reply: LauncherReply) {
        switch reply {
        case .shellEnded(let number, let status):
            let signal = Int(status & 0x7f)
            self = .shellEnded(
                number: number, signal == 0 ? .exited(Int(status >> 8 & 0xff)) : .signaled(signal))
        case .shellNotStarted(let number, let step, let errno, let path):
            self = .shellEnded(number: number, .failed(.setUp(step, Errno(rawValue: errno), path)))
        case .paused: self = .paused
        case .resumeAsked: self = .resumeAsked
        default: return nil
        }
    }
}

/// Whoever serves other people of a sandbox while a command runs in it.
public protocol SandboxCompanion: AnyObject {
    /// What to wait for besides.
    var descriptors: [Int32] { get }
    /// One of the descriptors is readable.
    func attend(_ sandbox: Sandbox)
    func received(_ event: SandboxEvent, from sandbox: Sandbox)
}

extension Sandbox {
    /// Starts a shell beside whatever runs. How it ends is said by an event.
    public func openShell(_ request: ShellRequest, on streams: ShellRequest.Streams) throws(SandboxError)
        -> StartedShell
    {
        shellCount += 1
        let number = shellCount
        var terminal: ShellLaunch.Terminal?
        var terminalType = ""
        switch streams {
        case .terminal(let type, let rows, let columns):
            terminal = ShellLaunch.Terminal(rows: rows, columns: columns)
            terminalType = type
        case .pipes(let input, let output, let error):
            for descriptor in [input, output, error] { connection.send(.lend, descriptor: descriptor) }
        }
        let text = ShellText(stateDirectory: RootFileSystem.stateDirectory, terminalType: terminalType)
        let command = CommandLaunch(
            script: text.script(of: request), shell: KernelText(request.shell),
            carriesState: request.state == .carried, observesState: true, user: request.user?.userIdentifier ?? 0,
            group: request.user?.groupIdentifier ?? 0, supplementaryGroups: request.user?.supplementaryGroups ?? [])
        let shells = request.script == .prompt ? ["bash", request.shell] : [request.shell]
        connection.send(
            .openShell(
                ShellLaunch(
                    number: number, command: command, shells: shells.map { KernelText($0) },
                    isInteractive: request.script == .prompt, terminal: terminal)))
        let (reply, descriptor) = try connection.receive { reply in
            switch reply {
            case .shellStarted(number), .shellNotStarted(number, _, _, _): true
            default: false
            }
        }
        if case .shellNotStarted(_, let step, let errno, let path) = reply {
            throw .setUp(step, Errno(rawValue: errno), path)
        }
        return StartedShell(number: number, terminal: descriptor)
    }

    /// Sends a signal to a shell and its process group.
    public func signal(_ shell: StartedShell, _ number: Int32) {
        connection.send(.signalShell(number: shell.number, signal: number))
    }

    /// From now on `codebuild-breakpoint` pauses.
    public func watchBreakpoints() { connection.send(.watchBreakpoints) }

    /// Lets the paused command go on.
    public func resume() { connection.send(.resume) }

    /// Readable when `nextEvent()` need not wait, for whoever has a loop of their own.
    public var eventDescriptor: Int32 { connection.socket }

    /// The next thing that the sandbox says by itself, while no command runs; nil for what means nothing to a caller.
    public func nextEvent() throws(SandboxError) -> SandboxEvent? {
        let reply = try connection.receive().reply
        if case .finished = reply { throw .launcherDied }
        return SandboxEvent(reply)
    }

    /// Whether the launcher is gone although nobody told it to go.
    public var hasEnded: Bool { connection.hasEnded }

    /// Whether `nextEvent()` has one without the descriptor being readable.
    public var hasEvent: Bool { connection.hasReply }

    /// Takes what processes in the background print while no command runs; otherwise they would wait when the pipe is full.
    public func discardOutput() { pipe.discard() }
}
