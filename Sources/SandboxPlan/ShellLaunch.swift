// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Wire

/// A shell for a person, as the launcher's pid 1 starts it: beside the build's command, in a session of its own.
public struct ShellLaunch: Sendable, Equatable {
    /// What replies call it.
    public var number: UInt32
    /// Its script is what an interactive shell reads before it asks for input, and what any other runs.
    public var command: CommandLaunch
    /// Where the shell is not interactive only the command's own; the first that there is.
    public var shells: [KernelText]
    public var isInteractive: Bool
    /// Nil: the three descriptors that were lent.
    public var terminal: Terminal?

    /// A terminal of the sandbox's own.
    public struct Terminal: Sendable, Equatable {
        public var rows: UInt16
        public var columns: UInt16

        public init(rows: UInt16, columns: UInt16) {
            self.rows = rows
            self.columns = columns
        }
    }

    public init(
        number: UInt32, command: CommandLaunch, shells: [KernelText], isInteractive: Bool, terminal: Terminal?
    ) {
        self.number = number
        self.command = command
        self.shells = shells
        self.isInteractive = isInteractive
        self.terminal = terminal
    }

    func encode(to wire: inout WireEncoder) {
        wire.append(number)
        command.encode(to: &wire)
        wire.append(shells)
        wire.append(isInteractive)
        wire.append(terminal != nil)
        wire.append(terminal?.rows ?? 0)
        wire.append(terminal?.columns ?? 0)
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        number = try wire.number()
        command = try CommandLaunch(from: &wire)
        shells = try wire.texts()
        isInteractive = try wire.flag()
        let hasTerminal = try wire.flag()
        let size = Terminal(rows: try wire.number(), columns: try wire.number())
        terminal = hasTerminal ? size : nil
    }
}

/// What the breakpoint commands and pid 1 say to each other, through two fifos in the state directory.
///
/// `codebuild-breakpoint` saves the variables that it sees, writes `pause PID` into the one and waits for a line of the
/// other; pid 1 writes a line for each that waits. Without the fifos the build has no debug session, and both commands say
/// so and succeed, as in CodeBuild (AWS CodeBuild User Guide, "View a running build in Session Manager").
public enum Breakpoint {
    /// Requests to pid 1: `pause PID` or `resume`.
    public static let requests = "breakpoint.requests"
    /// A line for each command that may go on.
    public static let answers = "breakpoint.answers"
    /// The variables at the last breakpoint, as `export -p` writes them.
    public static let variables = "breakpoint.env"
    /// Set in a person's shell, where nothing pauses: whoever would let it go on is in it.
    public static let shellVariable = "DRYDOCK_SHELL"
    /// Where the commands are that CodeBuild has for builds, `codebuild-breakpoint` among them; its agent adds it to `PATH`.
    public static let programs = "/codebuild/user/bin"
}
