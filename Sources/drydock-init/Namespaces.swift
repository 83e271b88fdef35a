// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// A sandbox's namespaces, kept by the process in them that will be its pid 1.
struct Namespaces {
    let child: pid_t
    /// The way to pid 1 until it has its plan.
    let handover: Int32
    /// The user namespace, to enter when the build's files are removed.
    let user: Int32

    /// Creates pid 1 with all its namespaces at once: cheaper than one by one, and the process is never half inside.
    init(_ identity: SandboxPlan.Identity, hasOwnNetwork: Bool) throws(SetUpFailure) {
        var ends: [Int32] = [-1, -1]
        try check(linux_socket_pair(&ends), .createNamespaces)
        var flags = LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWNS | LINUX_CLONE_NEWPID | LINUX_CLONE_NEWIPC
        flags |= LINUX_CLONE_NEWUTS
        if hasOwnNetwork { flags |= LINUX_CLONE_NEWNET }
        // As real root here, because inside, the way to the program may be closed; as a user there, because here we may not.
        let isPrivileged = identity.method == .privileged
        let program = isPrivileged && !ReadOnlyProgram.belongsToRoot ? ReadOnlyProgram.view() : -1
        child = linux_fork_with_namespaces(flags)
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
        handover = ends[0]
        do throws(SetUpFailure) { try IdentityMap(identity).apply(to: child) } catch {
            kill(child, SIGKILL)
            while waitpid(child, nil, 0) < 0 && errno == EINTR {}
            throw error
        }
        user = KernelText("/proc/\(child)/ns/user").withCString { open($0, O_RDONLY | O_CLOEXEC) }
        // Tells the child that the ids are mapped: it goes on to be pid 1 and waits for the plan.
        Channel(socket: handover).send([])
    }

    func abandon() { kill(child, SIGKILL) }
}
