// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The sandbox's init: sets it up from inside, then lives as long as the build and starts its commands.
enum PidOne {
    /// How the program knows that it runs as pid 1 of a sandbox.
    static let argument = "pid-1"

    /// Runs in the fresh namespaces, until the program is executed again from a read-only view of itself.
    ///
    /// A build can make the kernel execute `/proc/self/exe` (an interpreter line in a script is enough) and then open
    /// that program for writing, which was once the way out of every container runtime (CVE-2019-5736). Through this
    /// view the file cannot be opened for writing, by anyone.
    static func becomeInit() -> Never {
        let control = Channel(socket: DrydockInit.control)
        let handover = Channel(socket: DrydockInit.handover)
        // An exec while no id is mapped would drop every capability, so the maps come first.
        guard handover.receive() != nil else { exit(0) }
        do throws(SetUpFailure) {
            // Where setgroups is denied the groups cannot be dropped; they are those of the caller anyway.
            _ = linux_setgroups(0, nil)
            try check(linux_setresgid(0), .becomeRoot)
            try check(linux_setresuid(0), .becomeRoot)
            let program = try readOnlyProgram()
            // Cleared by the exec that follows, so that nothing of the launcher's leaks into pid 1.
            _ = linux_close_range(UInt32(DrydockInit.handover) + 1, UInt32.max, 4 /* CLOSE_RANGE_CLOEXEC */)
            var arguments = [strdup("drydock-init"), strdup(argument), nil]
            var environment: [UnsafeMutablePointer<CChar>?] = [nil]
            try check(linux_execveat(program, &arguments, &environment), .readOnlyLauncher)
        } catch {
            control.send(error.reply)
        }
        exit(1)
    }

    private static func readOnlyProgram() throws(SetUpFailure) -> Int32 {
        let path: KernelText = "/proc/self/exe"
        let tree = path.withCString {
            linux_open_tree(LINUX_AT_FDCWD, $0, LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC)
        }
        if tree >= 0, linux_mount_setattr(tree, 0, LINUX_MOUNT_ATTR_RDONLY, 0) == 0 { return tree }
        // A kernel before 5.12: a sealed copy in memory is as unwritable, and costs copying the program.
        let copy = linux_memfd_create("drydock-init", 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */)
        try check(copy, .readOnlyLauncher, path)
        let source = path.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        try check(source, .readOnlyLauncher, path)
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count == 0 { break }
            try check(count, .readOnlyLauncher, path)
            try check(write(copy, buffer, count), .readOnlyLauncher, path)
        }
        try check(fcntl(copy, 1033 /* F_ADD_SEALS */, 0xf), .readOnlyLauncher, path)
        return copy
    }

    static func main() -> Never {
        let control = Channel(socket: DrydockInit.control)
        let handover = Channel(socket: DrydockInit.handover)
        // Commands of the build must not look into this process: its memory holds the plan, and its environment and
        // descriptors are the way to drydock.
        _ = linux_prctl(LINUX_PR_SET_DUMPABLE, 0)
        do throws(SetUpFailure) {
            guard let message = handover.receive(), case .setUp(let plan)? = try? LauncherRequest(message.bytes) else {
                throw SetUpFailure(.protocolMismatch, errno: 0)
            }
            try SetUp(plan: plan, handover: handover).perform()
            close(DrydockInit.handover)
            let signals = linux_signal_descriptor(0)
            try check(signals, .startCommand)
            control.send(.ready)
            var service = CommandService(plan: plan, control: control, signals: signals)
            service.serve()
        } catch {
            control.send(error.reply)
            exit(1)
        }
    }
}
