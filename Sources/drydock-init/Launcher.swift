// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The process outside: makes the namespaces with pid 1 in them, gives pid 1 what only the outside can give, and when
/// pid 1 has ended removes everything that the build left on the host.
enum Launcher {
    static func main() -> Never {
        let control = Channel(socket: DrydockInit.control)
        guard let message = control.receive() else { exit(0) }
        guard let request = try? LauncherRequest(message.bytes) else {
            control.send(SetUpFailure(.protocolMismatch, errno: 0).reply)
            exit(1)
        }
        switch request {
        case .setUp(let plan): launch(plan, encoded: message.bytes, control: control)
        case .remove(let identity, let directory): remove(directory, identity: identity, control: control)
        default:
            control.send(SetUpFailure(.protocolMismatch, errno: 0).reply)
            exit(1)
        }
    }

    private static func launch(_ plan: SandboxPlan, encoded: [UInt8], control: Channel) -> Never {
        var userNamespace: Int32 = -1
        var status: Int32 = 0
        do throws(SetUpFailure) {
            let child = try start(plan)
            defer { while waitpid(child.identifier, &status, 0) < 0 && errno == EINTR {} }
            do throws(SetUpFailure) {
                try prepare(plan, child: child, userNamespace: &userNamespace, encoded: encoded)
            } catch {
                kill(child.identifier, SIGKILL)
                throw error
            }
            close(child.handover)
            // Only commands and pid 1 may hold the output open: drydock reads its end to know that all are gone.
            close(DrydockInit.output)
        } catch {
            control.send(error.reply)
        }
        let cleanUp = CleanUp(plan: plan, userNamespace: userNamespace)
        cleanUp.removeControlGroups()
        // Nothing of the build runs or is mounted any more; nobody need wait for its files to go.
        control.send(.finished(status: status, errno: 0, path: ""))
        close(DrydockInit.control)
        exit(cleanUp.removeScratch().errno == 0 ? 0 : 1)
    }

    private struct Child {
        var identifier: pid_t
        var handover: Int32
    }

    /// Creates pid 1 with all its namespaces at once: cheaper than one by one, and the process is never half inside.
    private static func start(_ plan: SandboxPlan) throws(SetUpFailure) -> Child {
        var ends: [Int32] = [-1, -1]
        try check(linux_socket_pair(&ends), .createNamespaces)
        var flags = LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWNS | LINUX_CLONE_NEWPID | LINUX_CLONE_NEWIPC
        flags |= LINUX_CLONE_NEWUTS
        if plan.hasOwnNetwork { flags |= LINUX_CLONE_NEWNET }
        // As real root here, because inside, the way to the program may be closed; as a user there, because here we may not.
        let isPrivileged = plan.identity.method == .privileged
        let program = isPrivileged && !ReadOnlyProgram.belongsToRoot ? ReadOnlyProgram.view() : -1
        let child = linux_fork_with_namespaces(flags)
        try check(child, .createNamespaces)
        if child == 0 {
            close(ends[0])
            dup2(ends[1], DrydockInit.handover)
            // The pair may have got that very number, and then still closes on the exec to come.
            _ = fcntl(DrydockInit.handover, F_SETFD, 0)
            PidOne.becomeInit(program: program)
        }
        close(ends[1])
        if program >= 0 { close(program) }
        return Child(identifier: child, handover: ends[0])
    }

    private static func prepare(
        _ plan: SandboxPlan, child: Child, userNamespace: inout Int32, encoded: [UInt8]
    ) throws(SetUpFailure) {
        try IdentityMap(plan.identity).apply(to: child.identifier)
        userNamespace = KernelText("/proc/\(child.identifier)/ns/user").withCString { open($0, O_RDONLY | O_CLOEXEC) }
        for group in plan.controlGroups { try join(group, child.identifier) }
        try Scratch(plan: plan).create()
        let channel = Channel(socket: child.handover)
        // The first message says that the ids are mapped; then the plan, then the trees that only real root can make.
        channel.send([])
        channel.send(encoded)
        guard plan.identity.method == .privileged else { return }
        for (index, operation) in plan.operations.enumerated() {
            guard let source = operation.hostSource else { continue }
            let tree = try MappedTree(source: source, userNamespace: userNamespace, isLower: operation.isOverlay).open()
            var number = WireEncoder()
            number.append(UInt32(index))
            channel.send(number.bytes, descriptor: tree)
            close(tree)
        }
        let scratch = try MappedTree(source: plan.scratch, userNamespace: -1, isLower: false).open()
        var number = WireEncoder()
        number.append(UInt32.max)
        channel.send(number.bytes, descriptor: scratch)
        close(scratch)
    }

    private static func join(_ group: KernelText, _ process: pid_t) throws(SetUpFailure) {
        let path = group + "/cgroup.procs"
        try writeFile(path, KernelText("\(process)\n"), step: .joinControlGroup)
    }

    /// Removes what an earlier sandbox left when it could not: as the same ids, because its files are theirs.
    private static func remove(_ directory: KernelText, identity: SandboxPlan.Identity, control: Channel) -> Never {
        var left = TreeRemoval.Leftover()
        do throws(SetUpFailure) {
            if identity.method == .privileged || identity.method == .inherited {
                left = TreeRemoval.remove(directory)
            } else {
                let child = linux_fork_with_namespaces(LINUX_CLONE_NEWUSER)
                try check(child, .createNamespaces)
                if child == 0 {
                    // Stopped until the ids are mapped.
                    raise(SIGSTOP)
                    _ = linux_setresgid(0)
                    _ = linux_setresuid(0)
                    exit(TreeRemoval.remove(directory).errno)
                }
                var status: Int32 = 0
                waitpid(child, &status, WUNTRACED)
                do throws(SetUpFailure) { try IdentityMap(identity).apply(to: child) } catch {
                    kill(child, SIGKILL)
                    throw error
                }
                kill(child, SIGCONT)
                waitpid(child, &status, 0)
                left = TreeRemoval.Leftover(errno: status >> 8 & 0xff, path: directory)
            }
        } catch {
            control.send(error.reply)
            exit(1)
        }
        control.send(.finished(status: 0, errno: left.errno, path: left.path))
        exit(0)
    }
}

extension SandboxPlan.Operation {
    /// The host's directory or file that the operation shows inside, or nil.
    var hostSource: KernelText? {
        switch self {
        case .overlay(let overlay): overlay.lower
        case .bind(let source, _, _): source
        default: nil
        }
    }

    var isOverlay: Bool {
        if case .overlay = self { true } else { false }
    }
}

/// Writes a small file of the kernel's in one call, as `uid_map` and `cgroup.procs` demand.
func writeFile(_ path: KernelText, _ contents: KernelText, step: SetUpStep) throws(SetUpFailure) {
    let file = path.withCString { open($0, O_WRONLY | O_CLOEXEC) }
    try check(file, step, path)
    defer { close(file) }
    try check(write(file, contents.bytes, contents.bytes.count), step, path)
}
