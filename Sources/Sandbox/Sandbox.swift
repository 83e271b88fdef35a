// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

// Whoever speaks to a sandbox speaks these words.
@_exported public import CommandExecution
public import Files
internal import Glibc
internal import Processes
internal import SandboxPlan
internal import SystemPackage

/// A running sandbox: one for the whole build, with a new shell for every command.
public final class Sandbox {
    let connection: LauncherConnection
    let output: FileDescriptor
    let pipe: OutputPipe
    let controlGroups: ControlGroups
    let timing: StopTiming
    private(set) var compromises: SetUpCompromises = []
    /// What the user should know of this sandbox, beside what was known before it was made.
    public var notices: [SandboxNotice] { Compromise.notice(prepared.plan, compromises).map { [$0] } ?? [] }
    let prepared: PreparedSandbox
    /// What of the sources is not as the kept state had it; empty for a sandbox that began with nothing.
    public private(set) var sourceChanges = SourceChanges()
    /// Served while a command runs.
    public weak var companion: (any SandboxCompanion)?
    var shellCount: UInt32 = 0
    /// Whether it was left to itself; there is nobody to be told of its end.
    private var isAbandoned = false
    private var openedTree: SandboxTree?
    lazy var mounts = MountTable(prepared.plan.operations)
    /// By the number of the mount; see `written(below:entries:)`.
    var openedUppers: [Int: UpperTree] = [:]

    private init(
        connection: LauncherConnection, output: FileDescriptor, prepared: PreparedSandbox, timing: StopTiming
    ) {
        self.connection = connection
        self.output = output
        self.pipe = OutputPipe(output.rawValue)
        self.prepared = prepared
        self.controlGroups = prepared.controlGroups
        self.timing = timing
    }

    /// Makes the sandbox; when this returns, commands can run.
    /// - Parameter isStopped: asked now and then while this takes long, as when a cache is copied.
    /// - Throws: also `SandboxError.stopped`.
    public static func start(
        _ prepared: PreparedSandbox, timing: StopTiming = StopTiming(), isStopped: () -> Bool = { false }
    ) throws(SandboxError) -> Sandbox {
        let scratch = prepared.settings.scratchDirectory
        guard prepared.plan.reopening != nil || scratch.withPlatformString({ mkdir($0, 0o700) }) == 0 else {
            let reason = Errno(rawValue: errno)
            prepared.controlGroups.remove()
            throw .scratch(scratch, reason)
        }
        do throws(SandboxError) {
            let (connection, output) = try prepared.pending.take()
            let sandbox = Sandbox(connection: connection, output: output, prepared: prepared, timing: timing)
            connection.send(.setUp(prepared.plan), descriptor: prepared.pending.slot.lock)
            do throws(SandboxError) { try sandbox.awaitReady(unless: isStopped) } catch {
                if error.code == .stopped { connection.close() }
                try? output.close()
                throw error
            }
            return sandbox
        } catch {
            // Where the launcher came to nothing it did not remove the directory either.
            _ = scratch.withPlatformString { rmdir($0) }
            throw error
        }
    }

    private func awaitReady(unless isStopped: () -> Bool) throws(SandboxError) {
        try connection.waitForReply(unless: isStopped)
        switch try connection.receive().reply {
        case .ready(let compromises): self.compromises = compromises
        case .sourceChanges(let taken, let refused):
            sourceChanges = SourceChanges(
                taken: taken.map { FilePath(bytes: $0.bytes) }, refused: refused.map { FilePath(bytes: $0.bytes) })
            try awaitReady(unless: isStopped)
        case .failed(let step, let errno, let path):
            // The launcher cleans up before it ends.
            connection.close()
            throw Refusal(step: step, errno: Errno(rawValue: errno), path: path).error
        default:
            connection.close()
            throw .launcherDied
        }
    }

    /// Kills every process of the build; after this nothing inside changes any more.
    public func quiesce() throws(SandboxError) {
        connection.send(.quiesce)
        _ = try connection.receive { $0 == .quiesced }
    }

    /// The sandbox's root, to read what the build left.
    public func tree() throws(SandboxError) -> any TreeOpener {
        if let openedTree { return openedTree }
        connection.send(.open(path: "/", directory: true))
        let (reply, descriptor) = try connection.receive(\.isOpened)
        guard case .opened(let error) = reply, let descriptor else {
            if case .opened(let error) = reply { throw .setUp(.cloneTree, Errno(rawValue: error), "/") }
            throw .launcherDied
        }
        precondition(error == 0, "a descriptor comes only with success")
        let tree = SandboxTree(root: descriptor, connection: connection)
        openedTree = tree
        return tree
    }

    /// Ends the sandbox and waits until no process of the build is left.
    ///
    /// Its mounts and control groups go in the same moment. What the build wrote is removed by the launcher in the background,
    /// because that may take as long as writing it did; what a killed launcher leaves is removed before another sandbox
    /// takes its place.
    public func close() throws(SandboxError) {
        openedTree = nil
        guard !isAbandoned else { return }
        connection.finishSending()
        defer {
            connection.hangUp()
            try? output.close()
        }
        while true {
            if case .finished = try connection.receive().reply { break }
        }
        // Its layers must not be mounted twice, and nothing of them is removed in the background.
        if prepared.plan.reopening != nil { connection.close() }
    }

    /// Waits until what the build wrote is removed too, after `close()`.
    public func waitUntilRemoved() { connection.close() }

    /// Lets go without a word, as the kernel does for a program that is killed; the launcher then ends the sandbox itself.
    public func abandon() {
        isAbandoned = true
        openedTree = nil
        connection.close()
        try? output.close()
    }

    /// The most memory the build used, in bytes, where a memory limit is enforced.
    public var memoryPeak: Int? { controlGroups.memoryPeak }
}

/// The sandbox's files, opened from outside: by ourselves where we may, by the sandbox's root where we may not (files of
/// another user of the build, or without permissions).
final class SandboxTree: TreeOpener {
    private let root: FileDescriptor
    private let own: DirectoryTree
    private let connection: LauncherConnection

    init(root: FileDescriptor, connection: LauncherConnection) {
        self.root = root
        self.own = DirectoryTree(root: root)
        self.connection = connection
    }

    deinit { try? root.close() }

    func open(_ path: FilePath, directory: Bool) throws(FilesError) -> FileDescriptor {
        let refusal: FilesError
        do throws(FilesError) { return try own.open(path, directory: directory) } catch { refusal = error }
        guard refusal.underlying == .permissionDenied || refusal.underlying == .notPermitted else { throw refusal }
        connection.send(.open(path: kernelText(path), directory: directory))
        guard let (reply, descriptor) = try? connection.receive(\.isOpened), case .opened(let error) = reply else {
            throw refusal
        }
        guard let descriptor else { throw FilesError(.open, path: path, underlying: Errno(rawValue: error)) }
        return descriptor
    }
}

extension LauncherReply {
    fileprivate var isOpened: Bool {
        if case .opened = self { true } else { false }
    }
}
