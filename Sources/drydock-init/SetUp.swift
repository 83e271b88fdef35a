// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan
import Wire

/// Performs a plan's operations from inside the new namespaces, and gives up every privilege at the end.
///
/// The order is forced by the kernel in three places: sources are opened while the host's tree is still there; process
/// and system file systems can be made only while the host's are visible; and targets are resolved after the root has
/// changed, so that a link in a foreign root file system can lead nowhere but into that root.
struct SetUp {
    let plan: SandboxPlan
    let handover: Channel
    let groundwork: Groundwork

    /// Gives what could not be had and was done without, and where the build's files are.
    func perform() throws(SetUpFailure) -> (SetUpCompromises, BuildPlaces) {
        // Only now that pid 1 is in its control groups, so that the namespace begins there.
        let network = plan.hasOwnNetwork ? LINUX_CLONE_NEWNET : 0
        try check(linux_unshare(Int32(LINUX_CLONE_NEWCGROUP | network)), .createNamespaces)
        let mapped = try receiveTrees()
        var staging = try Staging(plan: plan, mapped: mapped, groundwork: groundwork)
        try staging.takeSourceChanges { DrydockInit.tell(.sourceChanges(taken: $0, refused: $1)) }
        let devices = groundwork.devices
        var detached: [Int32?] = []
        for (index, operation) in plan.operations.enumerated() {
            detached.append(try staging.detach(operation, index: index))
        }
        try enterRoot(detached)
        for (operation, tree) in zip(plan.operations, detached).dropFirst() {
            try attach(operation, tree: tree, devices: devices, emptyDirectory: groundwork.emptyDirectory)
        }
        if plan.operations.contains(where: { if case .restore = $0 { true } else { false } }) {
            RestoreStamp.set(in: staging.places.scratch)
        }
        if plan.hasOwnNetwork { try check(linux_bring_loopback_up(), .network) }
        // A container's filter may refuse it to whoever is not root of the whole container; the name is worth no failure.
        if plan.hostname.withCString({ sethostname($0, plan.hostname.bytes.count) }) < 0, errno != EPERM {
            throw SetUpFailure(.hostname, errno: errno)
        }
        try limit()
        try dropPrivileges()
        return (staging.compromises.union(groundwork.sharesProcesses ? .sharedProcesses : []), staging.places)
    }

    /// The trees that only the outside could make, by operation; the scratch directory's under the largest number.
    private func receiveTrees() throws(SetUpFailure) -> [UInt32: Int32] {
        guard plan.identity.method == .privileged || plan.identity.method == .inherited else { return [:] }
        var trees: [UInt32: Int32] = [:]
        while trees[UInt32.max] == nil {
            guard let message = handover.receive() else { throw SetUpFailure(.protocolMismatch, errno: 0) }
            // Passed-on ids do without, where the outside may not mount.
            if message.descriptor < 0, plan.identity.method == .inherited { return trees }
            guard message.descriptor >= 0 else { throw SetUpFailure(.protocolMismatch, errno: 0) }
            var decoder = WireDecoder(message.bytes)
            guard let index = try? decoder.number(UInt32.self) else { throw SetUpFailure(.protocolMismatch, errno: 0) }
            trees[index] = message.descriptor
        }
        return trees
    }

    private func enterRoot(_ detached: [Int32?]) throws(SetUpFailure) {
        guard let root = detached.first ?? nil else { throw SetUpFailure(.pivotRoot, errno: EINVAL) }
        let mountPoint = Staging.root
        try check(mountPoint.withCString { linux_move_mount(root, LINUX_AT_FDCWD, $0) }, .attachMount, mountPoint)
        try check(mountPoint.withCString { chdir($0) }, .pivotRoot, mountPoint)
        // Both on the same directory: the old root then lies on top of the new one and is detached from there, so the
        // new root needs no place to put it (pivot_root(2), "pivot_root(".", ".")").
        try check(linux_pivot_root(".", "."), .pivotRoot)
        try check(umount2(".", Int32(MNT_DETACH)), .pivotRoot)
        try check(chdir("/"), .pivotRoot)
    }

    private func attach(
        _ operation: SandboxPlan.Operation, tree: Int32?, devices: DeviceTree, emptyDirectory: Int32
    ) throws(SetUpFailure) {
        if let tree {
            defer { close(tree) }
            let target = operation.target
            if case .restore = operation {
                let place = try MountPoint.makeDirectory(target)
                defer { close(place) }
                let reason = StateCopy.merge(tree, into: place)
                if reason != 0 { throw SetUpFailure(.restoreCache, errno: reason, path: target) }
                return
            }
            let point = try MountPoint.make(target, like: tree)
            defer { close(point) }
            try check(linux_move_mount(tree, point, ""), .attachMount, target)
        }
        switch operation {
        case .system(let target): try Cover.controlGroups(target + "/fs/cgroup", emptyDirectory: emptyDirectory)
        case .devices(let target): try devices.populate(target, groundwork, terminalGroup: terminalGroup)
        // A root made from nothing has them already, and touching them would copy them into the build's layer.
        case .directory where startsEmpty, .symbolicLink where startsEmpty: break
        case .directory(let target, let mode):
            let directory = try MountPoint.makeDirectory(target)
            defer { close(directory) }
            try check(target.withCString { chmod($0, mode) }, .makeMountPoint, target)
        case .symbolicLink(let target, let destination): try MountPoint.link(target, to: destination)
        case .file(let target, let contents, let mode):
            do throws(SetUpFailure) { try MountPoint.write(target, contents, mode: mode) } catch {
                // In a directory that is shown as it is, the host's file has to do.
                guard error.errno == EROFS else { throw error }
            }
        case .mask(let target): try Cover.mask(target, emptyDirectory: emptyDirectory)
        case .readOnly(let target): try Cover.forbidWriting(target)
        default: break
        }
    }

    private var startsEmpty: Bool {
        if case .root? = plan.operations.first { true } else { false }
    }

    /// Debian's and Red Hat's `tty` group, where the map has it.
    private var terminalGroup: UInt32? {
        plan.identity.groups.contains { $0.inside <= 5 && 5 < $0.inside + $0.count } ? 5 : nil
    }

    private func limit() throws(SetUpFailure) {
        for (resource, wanted) in [
            (LINUX_RLIMIT_NOFILE, plan.openFilesLimit), (LINUX_RLIMIT_NPROC, plan.processesLimit),
        ] {
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            try check(linux_get_limit(resource, &soft, &hard), .limits)
            // Never above our own hard limit: raising it needs a privilege of the host.
            let limit = min(wanted, hard)
            try check(linux_set_limit(resource, limit, limit), .limits)
        }
        // A core dump is written by the host's handler, outside, with the build's secrets in it.
        try check(linux_set_limit(LINUX_RLIMIT_CORE, 0, 0), .limits)
    }

    private func dropPrivileges() throws(SetUpFailure) {
        for capability in UInt64(0)..<64 where plan.capabilities >> capability & 1 == 0 {
            if linux_prctl(LINUX_PR_CAPBSET_DROP, UInt(capability)) < 0 {
                // The first number that the kernel does not know.
                if errno == EINVAL { break }
                throw SetUpFailure(.privileges, errno: errno)
            }
        }
        _ = linux_clear_ambient_capabilities()
        try check(linux_set_capabilities(plan.capabilities), .privileges)
        try check(linux_prctl(LINUX_PR_SET_NO_NEW_PRIVS, 1), .privileges)
        // Once, in pid 1: every command inherits it, and starting one costs nothing more.
        try check(linux_install_seccomp_filter(), .seccomp)
    }
}

extension SandboxPlan.Operation {
    var target: KernelText {
        switch self {
        case .root: "/"
        case .overlay(let overlay): overlay.target
        case .scratchDirectory(_, let target, _), .bind(_, let target, _), .temporaryFileSystem(let target, _, _),
            .processes(let target), .system(let target), .devices(let target), .directory(let target, _),
            .symbolicLink(let target, _), .file(let target, _, _), .mask(let target), .readOnly(let target),
            .restore(_, let target), .layer(_, let target):
            target
        }
    }
}
