// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// The launcher's process, making namespaces from its first moment on although nothing is decided yet: what takes a
/// millisecond is done beside everything that drydock does before it knows what to build. Letting go of it ends it.
public final class SandboxLauncher {
    let program: FilePath
    /// The ids it was given at once; nil as root, whose ids depend on the sandbox's place.
    let identity: SandboxPlan.Identity?
    private let connection: LauncherConnection
    private let output: FileDescriptor
    private var isTaken = false

    public convenience init(_ program: FilePath) throws(SandboxError) {
        try self.init(program, identity: geteuid() == 0 ? nil : IdentityChoice.choose(slot: 0))
    }

    init(_ program: FilePath, identity: SandboxPlan.Identity?) throws(SandboxError) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe2(&ends, O_CLOEXEC) == 0 else { throw .launcherFailed("\(Errno(rawValue: errno))") }
        let (readEnd, writeEnd) = (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
        defer { try? writeEnd.close() }
        // A larger pipe lets a chatty command run ahead of us; where the user's allowance is used up, 64 KiB must do.
        _ = linux_set_pipe_size(ends[0], 1 << 20)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        self.program = program
        output = readEnd
        do throws(SandboxError) { connection = try LauncherConnection.start(program, output: writeEnd) } catch {
            try? readEnd.close()
            throw error
        }
        self.identity = identity
        if let identity { connection.send(.enter(identity: identity)) }
    }

    deinit {
        guard !isTaken else { return }
        connection.hangUp()
        try? output.close()
    }

    /// The way to the launcher, and the end of the pipe that commands write to; the caller's from now on.
    func take() -> (connection: LauncherConnection, output: FileDescriptor) {
        isTaken = true
        return (connection, output)
    }

    func enter(_ identity: SandboxPlan.Identity) {
        if self.identity == nil { connection.send(.enter(identity: identity)) }
    }
}

/// A place for a sandbox, and when it was begun early a launcher that knows its ids. Letting go of it ends both.
public final class PendingSandbox {
    let slot: SandboxSlot
    let identity: SandboxPlan.Identity
    private let scratch: FilePath
    /// Keeps the lock of a kept state.
    private let place: KeptPlace?
    private let program: FilePath
    private var launcher: SandboxLauncher?

    /// Takes a place and starts nothing.
    init(
        scratchDirectory: FilePath, program: FilePath, identity: SandboxPlan.Identity? = nil
    ) throws(SandboxError) {
        guard program.withPlatformString({ access($0, X_OK) }) == 0 else { throw .launcherMissing(program) }
        slot = try SandboxSlot.take(for: scratchDirectory, launcher: program)
        self.identity = identity ?? IdentityChoice.choose(slot: slot.number)
        scratch = scratchDirectory
        place = nil
        self.program = program
    }

    /// For a kept state, with the ids that its files belong to.
    init(reopening place: KeptPlace, program: FilePath) throws(SandboxError) {
        guard program.withPlatformString({ access($0, X_OK) }) == 0 else { throw .launcherMissing(program) }
        guard let identity = place.identity else { throw .keptStateUnreadable(place.directory) }
        slot = SandboxSlot(place)
        self.place = place
        self.identity = identity
        scratch = place.directory
        self.program = program
    }

    /// Takes a place and gives the launcher its ids. What goes wrong beyond that is told when the sandbox is started.
    public convenience init(scratchDirectory: FilePath, launcher: SandboxLauncher) throws(SandboxError) {
        try self.init(
            scratchDirectory: scratchDirectory, program: launcher.program, identity: launcher.identity)
        enter(launcher)
    }

    private func enter(_ launcher: SandboxLauncher) {
        launcher.enter(identity)
        self.launcher = launcher
    }

    func fits(_ settings: SandboxSettings) -> Bool {
        scratch == settings.scratchDirectory && program == settings.launcher
    }

    /// The running launcher and the end of the pipe that its commands write to; the caller's from now on.
    func take() throws(SandboxError) -> (connection: LauncherConnection, output: FileDescriptor) {
        if launcher == nil { enter(try SandboxLauncher(program, identity: identity)) }
        guard let taken = launcher?.take() else { throw .launcherDied }
        launcher = nil
        return taken
    }
}
