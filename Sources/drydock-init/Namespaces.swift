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
    /// The user namespace, to enter when the build's files are removed; -1 until the ids are mapped.
    private(set) var user: Int32 = -1

    /// Creates pid 1 with all its namespaces at once: cheaper than one by one, and the process is never half inside. A
    /// network of its own it makes itself, when the plan wants one.
    init() throws(SetUpFailure) {
        var ends: [Int32] = [-1, -1]
        try check(linux_socket_pair(&ends), .createNamespaces)
        let flags =
            LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWNS | LINUX_CLONE_NEWPID | LINUX_CLONE_NEWIPC | LINUX_CLONE_NEWUTS
        // As root here, because inside, the way to the program may be closed; as a user there, because here we may not.
        let program = geteuid() == 0 && !ReadOnlyProgram.belongsToRoot ? ReadOnlyProgram.view() : -1
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
    }

    mutating func map(_ identity: SandboxPlan.Identity) throws(SetUpFailure) {
        try IdentityMap(identity).apply(to: child)
        user = KernelText("/proc/\(child)/ns/user").withCString { open($0, O_RDONLY | O_CLOEXEC) }
        // Tells the child that the ids are mapped: it goes on to be pid 1 and waits for the plan.
        Channel(socket: handover).send([])
    }

    /// Waits for pid 1's end: whoever would inherit it may not.
    func abandon() {
        kill(child, SIGKILL)
        while waitpid(child, nil, 0) < 0 && errno == EINTR {}
    }
}
