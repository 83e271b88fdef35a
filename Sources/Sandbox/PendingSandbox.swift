// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// A place for a sandbox, and when it was begun early also its namespaces, which then come to be while the rest of the
/// sandbox is still being decided. Letting go of it ends them.
public final class PendingSandbox {
    let slot: SandboxSlot
    let identity: SandboxPlan.Identity
    private let scratch: FilePath
    private let launcher: FilePath
    private let network: SandboxSettings.Network
    private var started: (connection: LauncherConnection, output: FileDescriptor)?

    /// Takes a place and starts nothing.
    convenience init(_ settings: SandboxSettings) throws(SandboxError) {
        try self.init(
            scratchDirectory: settings.scratchDirectory, launcher: settings.launcher, network: settings.network)
    }

    private init(
        scratchDirectory: FilePath, launcher: FilePath, network: SandboxSettings.Network
    ) throws(SandboxError) {
        guard launcher.withPlatformString({ access($0, X_OK) }) == 0 else { throw .launcherMissing(launcher) }
        slot = try SandboxSlot.take(for: scratchDirectory, launcher: launcher)
        identity = IdentityChoice.choose(slot: slot.number)
        scratch = scratchDirectory
        self.launcher = launcher
        self.network = network
    }

    /// Takes a place and starts the launcher in it. What goes wrong beyond that is told when the sandbox is started.
    public static func begin(
        scratchDirectory: FilePath, launcher: FilePath, network: SandboxSettings.Network
    ) throws(SandboxError) -> PendingSandbox {
        let pending = try PendingSandbox(scratchDirectory: scratchDirectory, launcher: launcher, network: network)
        pending.started = try pending.startLauncher()
        return pending
    }

    deinit {
        guard let started else { return }
        started.connection.close()
        try? started.output.close()
    }

    func fits(_ settings: SandboxSettings) -> Bool {
        scratch == settings.scratchDirectory && launcher == settings.launcher && network == settings.network
    }

    /// The running launcher and the end of the pipe that its commands write to; the caller's from now on.
    func take() throws(SandboxError) -> (connection: LauncherConnection, output: FileDescriptor) {
        if let started {
            self.started = nil
            return started
        }
        return try startLauncher()
    }

    private func startLauncher() throws(SandboxError) -> (connection: LauncherConnection, output: FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe2(&ends, O_CLOEXEC) == 0 else { throw .launcherFailed("\(Errno(rawValue: errno))") }
        let (readEnd, writeEnd) = (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
        defer { try? writeEnd.close() }
        // A larger pipe lets a chatty command run ahead of us; where the user's allowance is used up, 64 KiB must do.
        _ = linux_set_pipe_size(ends[0], 1 << 20)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        do throws(SandboxError) {
            let connection = try LauncherConnection.start(launcher, output: writeEnd, lock: slot.lock)
            connection.send(.enter(identity: identity, hasOwnNetwork: network == .none))
            return (connection, readEnd)
        } catch {
            try? readEnd.close()
            throw error
        }
    }
}
