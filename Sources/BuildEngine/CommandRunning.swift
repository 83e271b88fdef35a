// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import CommandExecution
public import Files
public import Processes
public import Sandbox

/// Where a build's commands run: the one thing of the engine that a small test cannot have, so the only protocol.
public protocol CommandRunning: AnyObject {
    /// Runs one command to its end, its output into `sink`.
    /// - Parameter deadline: the moment at which everything of the build is killed; nil is never.
    func run(
        _ request: CommandRequest, deadline: MonotonicTime?, sink: any OutputSink
    ) throws(SandboxError) -> CommandOutcome
    /// Ends every process that the build's commands left behind.
    func quiesce() throws(SandboxError)
    /// The build's whole file system, to look users up in and to take artifacts from.
    func tree() throws(SandboxError) -> any TreeOpener
    /// The directory in which the next command would begin; nil where it is not known.
    var savedDirectory: String? { get }
    /// Ends the sandbox; when this returns nothing of the build runs any more.
    func close() throws(SandboxError)
    /// Whom commands run as when nobody else is asked for: root, in a sandbox.
    var ordinaryUser: UInt32 { get }
}

extension CommandRunning {
    public var ordinaryUser: UInt32 { 0 }
}

extension CommandRunning {
    public var savedDirectory: String? { nil }
}

extension Sandbox: CommandRunning {}

/// Makes a place for commands: once for a build, and again for each retry.
public protocol CommandRunnerMaking: AnyObject {
    /// - Returns: the place, and what the user should know about it (a limit that is not enforced).
    func start(
        _ settings: SandboxSettings
    ) throws(SandboxError) -> (runner: any CommandRunning, notices: [SandboxNotice])
}

/// Makes real sandboxes.
public final class SandboxMaker: CommandRunnerMaking {
    private var pending: PendingSandbox?
    private let canDoWithout: Bool
    private let stop: (any StopSource)?

    /// - Parameters:
    ///   - pending: a sandbox that was begun before the build was planned, for the first one asked for.
    ///   - canDoWithout: whether to tell, where no sandbox can be made, that the build could be had without.
    ///   - stop: ends what takes long in the making of a sandbox; nil for nobody.
    public init(pending: PendingSandbox? = nil, canDoWithout: Bool = false, stop: (any StopSource)? = nil) {
        self.stop = stop
        self.pending = pending
        self.canDoWithout = canDoWithout
    }

    public func start(
        _ settings: SandboxSettings
    ) throws(SandboxError) -> (runner: any CommandRunning, notices: [SandboxNotice]) {
        let prepared = try PreparedSandbox.prepare(settings, pending: pending)
        pending = nil
        do {
            let sandbox = try Sandbox.start(prepared) { [stop] in stop?.request != nil }
            return (sandbox, prepared.notices + sandbox.notices)
        } catch {
            guard canDoWithout, error.code == .cannotIsolate else { throw error }
            var error = error
            error.hints.append("`--isolation none` builds without a sandbox: docs/isolation.md says what is lost")
            throw error
        }
    }
}
