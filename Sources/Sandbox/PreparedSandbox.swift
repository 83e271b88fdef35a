// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
public import SandboxPlan
internal import SystemPackage

/// A sandbox that is fully described and not yet made. Discarding it unmade releases what it reserved.
public final class PreparedSandbox {
    public let plan: SandboxPlan
    public let notices: [SandboxNotice]
    let settings: SandboxSettings
    /// Those that a sandbox is made with; a reopened one has them already.
    let links: SystemLinks
    let controlGroups: ControlGroups
    let pending: PendingSandbox

    init(
        plan: SandboxPlan, notices: [SandboxNotice], settings: SandboxSettings, links: SystemLinks,
        controlGroups: ControlGroups, pending: PendingSandbox
    ) {
        self.plan = plan
        self.notices = notices
        self.settings = settings
        self.links = links
        self.controlGroups = controlGroups
        self.pending = pending
    }

    /// What a root command may do inside: podman's default set, which apt, npm and gradle need and no more.
    ///
    /// CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    static let capabilities: UInt64 = [0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31].reduce(0) { $0 | 1 << $1 }

    /// Decides how the settings become a sandbox on this machine, by this user.
    /// - Parameter pending: a sandbox begun for these settings, or nil.
    public static func prepare(
        _ settings: SandboxSettings, pending: PendingSandbox? = nil
    ) throws(SandboxError) -> PreparedSandbox {
        for source in settings.sources {
            try requireDirectory(source.hostPath, code: .source, what: "source directory")
        }
        if let path = settings.image.root { try requireDirectory(path, code: .image, what: "image") }
        let place: PendingSandbox
        if let kept = settings.reopening?.place {
            place = try PendingSandbox(reopening: kept, program: settings.launcher)
        } else if let pending, pending.fits(settings) {
            place = pending
        } else {
            place = try PendingSandbox(scratchDirectory: settings.scratchDirectory, program: settings.launcher)
        }
        let identity = place.identity
        let staysInMemory = !UpperFileSystem.canHoldUppers(settings.scratchDirectory.removingLastComponent())
        let root = RootFileSystem(
            scratch: settings.scratchDirectory, sharesNetwork: settings.network == .host,
            showsRootFiles: identity.readsRootFiles, staysInMemory: staysInMemory,
            hashProgram: settings.hashProgram)
        let groups = ControlGroups(
            limits: settings.limits, name: "drydock-" + (settings.scratchDirectory.lastComponent?.string ?? "build"))
        var operations = root.operations(image: settings.image, sources: settings.sources)
        let links = SystemLinks(operations)
        if var caches = settings.caches {
            for index in caches.paths.indices {
                caches.paths[index].path = links.resolved(caches.paths[index].path)
            }
            let graft = CacheGraft(
                caches: caches, source: settings.sources.first?.path ?? "/", scratch: settings.scratchDirectory,
                canHoldUppers: !staysInMemory)
            operations = graft.applied(to: operations)
        }
        if let view = settings.layerView {
            operations += try view.operations(scratch: settings.scratchDirectory, launcher: settings.launcher)
        }
        if let reopening = settings.reopening { operations = Self.reopened(operations, reopening) }
        let plan = SandboxPlan(
            identity: identity, hasOwnNetwork: settings.network == .none, hostname: KernelText(RootFileSystem.hostname),
            scratch: kernelText(settings.scratchDirectory), controlGroups: groups.directories.map(kernelText),
            operations: operations, openFilesLimit: 65_536,
            processesLimit: UInt64(settings.limits.processes ?? 16_384), capabilities: capabilities,
            environment: settings.environment.map { KernelText($0.name + "=" + BreakpointPrograms.findable($0)) },
            workingDirectory: settings.sources.first.map { kernelText($0.path) } ?? "/",
            stateDirectory: KernelText(RootFileSystem.stateDirectory),
            readAhead: settings.caches?.mounted.map { kernelText($0.path) } ?? [], reopening: settings.planOfReopening)
        let notices = groups.notices + SourceCheck(identity: identity).notices(of: settings.sources)
        return PreparedSandbox(
            plan: plan, notices: notices, settings: settings, links: links, controlGroups: groups, pending: place)
    }

    /// Files and directories that a sandbox begins with are there already, as the build left them; only the shell's state is
    /// given to it anew.
    private static func reopened(
        _ operations: [SandboxPlan.Operation], _ reopening: SandboxSettings.Reopening
    ) -> [SandboxPlan.Operation] {
        let state = KernelText(RootFileSystem.stateDirectory + "/env.sh")
        return operations.compactMap { operation in
            switch operation {
            case .file(state, _, let mode):
                .file(target: state, contents: KernelText(reopening.environment), mode: mode)
            case .file, .directory, .symbolicLink, .restore: nil
            default: operation
            }
        }
    }

    private static func requireDirectory(
        _ path: FilePath, code: SandboxError.Code, what: String
    ) throws(SandboxError) {
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .notADirectory(path, code: code, what: what, Errno(rawValue: errno)) }
        close(descriptor)
    }
}

/// One of the numbered places that running sandboxes hold: a lock that says who lives, and as root a range of ids.
///
/// The lock belongs to an open file that drydock and the launcher share, so it is free exactly when both are gone; the
/// file names the scratch directory, so whoever takes the place next can clear what a killed launcher left.
final class SandboxSlot {
    let number: Int
    let lock: FileDescriptor

    private init(number: Int, lock: FileDescriptor) {
        self.number = number
        self.lock = lock
        isOwner = true
    }

    deinit { if isOwner { try? lock.close() } }

    private let isOwner: Bool

    /// The place of a kept state, whose lock is held already; it is nothing to be cleared by whoever comes next.
    init(_ place: KeptPlace) {
        number = -1
        lock = place.lock
        isOwner = false
    }

    private static let most = 512

    static func take(for scratch: FilePath, launcher: FilePath) throws(SandboxError) -> SandboxSlot {
        let parent = scratch.removingLastComponent()
        for number in 0..<most {
            let path = parent.appending("slot-\(number)")
            let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
            guard descriptor >= 0 else { throw .scratch(path, Errno(rawValue: errno)) }
            let lock = FileDescriptor(rawValue: descriptor)
            guard linux_lock_exclusive(descriptor) == 0 else {
                try? lock.close()
                continue
            }
            let slot = SandboxSlot(number: number, lock: lock)
            slot.clearLeftover(in: parent, launcher: launcher)
            slot.name(scratch)
            return slot
        }
        throw .tooManySandboxes(most)
    }

    /// Removes what the slot's last holder could not, because it was killed together with its launcher.
    private func clearLeftover(in parent: FilePath, launcher: FilePath) {
        var buffer = [UInt8](repeating: 0, count: 255)
        let count = buffer.withUnsafeMutableBytes { pread(lock.rawValue, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return }
        let name = String(decoding: buffer[..<count], as: UTF8.self)
        guard let component = FilePath.Component(name), component.kind == .regular else { return }
        let directory = parent.appending(component)
        guard directory.withPlatformString({ access($0, F_OK) }) == 0 else { return }
        for group in ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids"] {
            _ = FilePath(group).appending("drydock-" + name).withPlatformString { rmdir($0) }
        }
        Leftover(directory: directory, slot: number, launcher: launcher).remove()
    }

    private func name(_ scratch: FilePath) {
        let bytes = Array((scratch.lastComponent?.string ?? "").utf8)
        _ = ftruncate(lock.rawValue, 0)
        _ = pwrite(lock.rawValue, bytes, bytes.count, 0)
    }
}

/// A scratch directory whose sandbox is dead.
struct Leftover {
    let directory: FilePath
    let slot: Int
    let launcher: FilePath

    /// By the launcher, as the ids that the files belong to. A failure is left for the next run: this build can go on.
    /// - Returns: whether nothing is left.
    @discardableResult
    func remove() -> Bool {
        guard let connection = try? LauncherConnection.start(launcher, output: nil) else { return false }
        connection.send(.remove(identity: IdentityChoice.choose(slot: slot), directory: kernelText(directory)))
        let answer = try? connection.receive().reply
        connection.close()
        if case .finished(_, let errno, _) = answer { return errno == 0 }
        return false
    }
}

extension SandboxSettings {
    /// `codebuild-hash-files`, which is installed beside the launcher. An image in the making has no use for it.
    fileprivate var hashProgram: FilePath? {
        if case .unfinished = image { return nil }
        let program = launcher.removingLastComponent().appending("codebuild-hash-files")
        return program.withPlatformString { access($0, X_OK) } == 0 ? program : nil
    }

    fileprivate var planOfReopening: SandboxPlan.Reopening? {
        guard let reopening else { return nil }
        let directory = reopening.directory ?? sources.first?.path ?? "/"
        return SandboxPlan.Reopening(
            sources: sources.filter { !$0.isWritable }.map { kernelText($0.path) }, directory: kernelText(directory))
    }
}
