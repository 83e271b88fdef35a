// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Gives a new user namespace its ids (user_namespaces(7)).
struct IdentityMap {
    let identity: SandboxPlan.Identity

    init(_ identity: SandboxPlan.Identity) { self.identity = identity }

    func apply(to process: pid_t) throws(SetUpFailure) {
        switch identity.method {
        case .privileged, .inherited:
            try write(process, "gid_map", identity.groups, .mapGroups)
            try write(process, "uid_map", identity.users, .mapUsers)
        case .single:
            // Without it the kernel refuses a gid_map to the unprivileged: dropping a group could grant access.
            try writeFile(KernelText("/proc/\(process)/setgroups"), "deny", step: .mapGroups)
            try write(process, "gid_map", identity.groups, .mapGroups)
            try write(process, "uid_map", identity.users, .mapUsers)
        case .subordinate:
            // Both at once: each takes about two milliseconds, most of it to start.
            let users = try start("newuidmap", process, identity.users, .mapUsers)
            let groups: pid_t
            do throws(SetUpFailure) { groups = try start("newgidmap", process, identity.groups, .mapGroups) } catch {
                _ = succeeded(users)
                throw error
            }
            let mapped = (succeeded(users), succeeded(groups))
            if !mapped.0 { throw SetUpFailure(.mapUsers, errno: EPERM, path: "newuidmap") }
            if !mapped.1 { throw SetUpFailure(.mapGroups, errno: EPERM, path: "newgidmap") }
        }
    }

    private func succeeded(_ process: pid_t) -> Bool {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return status == 0
    }

    private func write(
        _ process: pid_t, _ file: String, _ ranges: [SandboxPlan.Identity.Range], _ step: SetUpStep
    ) throws(SetUpFailure) {
        let lines = ranges.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined()
        try writeFile(KernelText("/proc/\(process)/\(file)"), KernelText(lines), step: step)
    }

    /// The set-uid programs of Debian's `uidmap`, which check the ranges against /etc/subuid and /etc/subgid.
    private func start(
        _ program: KernelText, _ process: pid_t, _ ranges: [SandboxPlan.Identity.Range], _ step: SetUpStep
    ) throws(SetUpFailure) -> pid_t {
        var arguments = [program, KernelText("\(process)")]
        for range in ranges {
            arguments += [range.inside, range.outside, range.count].map { KernelText("\($0)") }
        }
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { $0.withCString { strdup($0) } }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        // An empty environment: the programs are set-uid and need none.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        for directory in ["/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/"] {
            let path = KernelText(directory) + program.description
            var child: pid_t = 0
            let result = path.withCString { posix_spawn(&child, $0, nil, nil, &pointers, &environment) }
            if result == ENOENT { continue }
            guard result == 0 else { throw SetUpFailure(step, errno: result, path: path) }
            return child
        }
        throw SetUpFailure(step, errno: ENOENT, path: program)
    }
}

/// A detached copy of a host directory's mount, in which host ids appear as the sandbox's.
///
/// Only real root may make one. Host root's files become root's inside although host root itself is not mapped, and what
/// is written through it lands on the disk under the host's ids (mount_setattr(2), `MOUNT_ATTR_IDMAP`).
struct MappedTree {
    var source: KernelText
    /// A directory below the source that a build made: reached through no link, and not left. Empty for the source itself.
    var below: KernelText = ""
    /// The namespace whose map applies; -1 for a plain copy.
    var userNamespace: Int32
    var isLower: Bool

    func open() throws(SetUpFailure) -> Int32 {
        // A directory itself comes with what is mounted in it; a lower layer is one file system.
        let recursion = isLower ? 0 : LINUX_AT_RECURSIVE
        let tree =
            below.isEmpty
            ? source.withCString {
                linux_open_tree(LINUX_AT_FDCWD, $0, LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC | recursion)
            } : try openBelow()
        try check(tree, .cloneTree, source)
        if userNamespace >= 0 {
            let attributes = LINUX_MOUNT_ATTR_IDMAP | (isLower ? LINUX_MOUNT_ATTR_RDONLY : 0)
            if linux_mount_setattr(tree, recursion, attributes, UInt64(userNamespace)) < 0 {
                let failure = SetUpFailure(.mapTree, errno: errno, path: source)
                close(tree)
                throw failure
            }
        }
        return tree
    }

    /// A cached directory can have become a link to anywhere on the host, which a path would follow.
    private func openBelow() throws(SetUpFailure) -> Int32 {
        let flags = LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC
        let top = source.withCString { Glibc.open($0, flags) }
        try check(top, .cloneTree, source)
        defer { close(top) }
        let resolution = LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_NO_SYMLINKS | LINUX_RESOLVE_NO_MAGICLINKS
        let directory = below.withCString { linux_openat2(top, $0, UInt64(flags), 0, resolution) }
        try check(directory, .cloneTree, below)
        defer { close(directory) }
        let cloning = LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC | UInt32(LINUX_AT_EMPTY_PATH)
        return try check(linux_open_tree(directory, "", cloning), .cloneTree, below)
    }
}
