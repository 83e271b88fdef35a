// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// What every sandbox needs whatever its plan, done while the plan is still in the making.
struct Groundwork {
    /// The host's harmless device nodes, attached nowhere yet.
    let devices: DeviceTree
    /// The private file system that the new root is put together in.
    let staging: Int32
    /// Holds what a build changes of directories that it hardly changes; half the machine's memory at most.
    let memory: Int32
    /// A process file system for this pid namespace, or the outer one where a new one is refused.
    let processes: Int32
    let sharesProcesses: Bool
    /// What `/dev` itself, its shared memory and its message queues will be.
    let deviceDirectory: Int32
    let sharedMemory: Int32
    let messageQueues: Int32
    /// To be shown in place of directories that are hidden.
    let emptyDirectory: Int32

    init() throws(SetUpFailure) {
        try check(setsid(), .createNamespaces)
        umask(0o022)
        try check(mount(nil, "/", nil, UInt(MS_REC | MS_PRIVATE), nil), .privateMounts)
        devices = try DeviceTree.openHostDevices()
        staging = try Staging.temporary(size: 1 << 20, mode: 0o700)
        memory = try Staging.fileSystem(
            "tmpfs", .mountTemporary, options: [("mode", "700")], attributes: LINUX_MOUNT_ATTR_NODEV)
        let plain = LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NOEXEC
        (processes, sharesProcesses) = try Self.processTree(plain | LINUX_MOUNT_ATTR_NODEV)
        deviceDirectory = try Staging.temporary(size: 64 << 10, mode: 0o755, attributes: plain)
        sharedMemory = try Staging.temporary(size: 64 << 20, mode: 0o1777, attributes: plain | LINUX_MOUNT_ATTR_NODEV)
        messageQueues = try Staging.fileSystem("mqueue", .devices, attributes: plain | LINUX_MOUNT_ATTR_NODEV)
        emptyDirectory = try Cover.emptyDirectory()
    }

    /// A container hides parts of its `/proc`, and the kernel then refuses a new one, which would show them
    /// (mount_too_revealing() in fs/namespace.c). The old one keeps what is hidden hidden: there the build sees the names of
    /// the container's processes, but lacks the privilege over their user namespace that looking into them takes. Nothing in
    /// it can be written to, because some files of a process ask for no more than its user id.
    private static func processTree(_ attributes: UInt64) throws(SetUpFailure) -> (Int32, Bool) {
        do throws(SetUpFailure) {
            return (try Staging.fileSystem("proc", .mountProcesses, attributes: attributes), false)
        } catch {
            guard error.errno == EPERM || error.errno == EACCES else { throw error }
            guard let tree = try? Staging.clone("/proc", recursively: true) else { throw error }
            guard linux_mount_setattr(tree, LINUX_AT_RECURSIVE, attributes | LINUX_MOUNT_ATTR_RDONLY, 0) == 0 else {
                close(tree)
                throw error
            }
            return (tree, true)
        }
    }
}
