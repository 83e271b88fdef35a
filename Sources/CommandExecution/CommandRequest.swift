// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// One shell command to run in the sandbox.
public struct CommandRequest: Sendable {
    public var script: Script
    /// `sh`, `bash` or a path inside the sandbox.
    public var shell: String
    /// Whom it runs as; nil is root inside.
    public var user: UserIdentity?
    /// What `CODEBUILD_BUILD_SUCCEEDING` says to the command.
    public var buildSucceeding: Bool

    public init(script: Script, shell: String = "sh", user: UserIdentity? = nil, buildSucceeding: Bool = true) {
        self.script = script
        self.shell = shell
        self.user = user
        self.buildSucceeding = buildSucceeding
    }

    /// The user's text, and what of the shell's state it shares with the commands around it.
    public enum Script: Sendable, Equatable {
        /// Buildspec 0.2: variables and working directory come from the command before and go to the one after.
        case carryingState(String)
        /// Buildspec 0.1: starts in the source directory with the first environment; leaves nothing behind.
        case isolated(String)
        /// Sees the carried state and does not change it: for drydock's own questions.
        case observing(String)
    }

    /// A user inside the sandbox, from its `/etc/passwd` and `/etc/group`.
    public struct UserIdentity: Sendable, Equatable {
        public var userIdentifier: UInt32
        public var groupIdentifier: UInt32
        public var supplementaryGroups: [UInt32]

        public init(userIdentifier: UInt32, groupIdentifier: UInt32, supplementaryGroups: [UInt32] = []) {
            self.userIdentifier = userIdentifier
            self.groupIdentifier = groupIdentifier
            self.supplementaryGroups = supplementaryGroups
        }
    }
}

/// How a command ended.
public enum CommandOutcome: Sendable, Equatable {
    case exited(Int)
    /// The shell itself was killed by this signal.
    case signaled(Int)
    /// The deadline passed; every process of the build is dead.
    case timedOut
    /// `OutputSink.shouldStop` asked for the end; every process of the build is dead.
    case stopped
    /// Something of the command was killed because the build's memory was used up.
    case outOfMemory(limit: Int?, status: Int)
}

/// Takes a command's output as it comes, on the caller's thread.
public protocol OutputSink: AnyObject {
    /// Standard output and standard error, interleaved as written. Valid during the call only.
    func receive(_ bytes: UnsafeRawBufferPointer)
    /// A descriptor that must be written before more output can be taken, or nil; output waits while there is one.
    var blockedDescriptor: Int32? { get }
    func resume()
    /// Called at least every 100 ms while a command runs.
    func tick()
    /// Whether the build is to end, and how patiently; asked after every wake-up.
    var stopRequest: StopRequest? { get }
    /// A descriptor that becomes readable when `stopRequest` may have changed, or nil.
    var stopDescriptor: Int32? { get }
}

/// How patiently a running command is ended.
public enum StopRequest: Sendable, Equatable {
    /// SIGTERM, a grace period, SIGKILL.
    case politely
    /// SIGKILL now.
    case atOnce
}
