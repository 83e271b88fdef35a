// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// User namespaces that show the files of other builds' layers as this build's own.
///
/// Sandboxes of real root that run at the same time have ids of their own, so what one of them left belongs to other ids than
/// this one's. A mount with a namespace's map translates; only the map counts, so the namespace lives on in a descriptor.
struct LayerNamespaces {
    let identity: SandboxPlan.Identity
    private var made: [UInt64: Int32] = [:]

    init(identity: SandboxPlan.Identity) { self.identity = identity }

    /// - Returns: -1 where the ids are this sandbox's already.
    mutating func namespace(for layer: SandboxPlan.Operation.Layer) throws(SetUpFailure) -> Int32 {
        guard let users = identity.users.first, let groups = identity.groups.first,
            users.outside != layer.rootUser || groups.outside != layer.rootGroup
        else { return -1 }
        let key = UInt64(layer.rootUser) << 32 | UInt64(layer.rootGroup)
        if let namespace = made[key] { return namespace }
        // What is looked up here are ids on the disk.
        let map = SandboxPlan.Identity(
            users: [.init(inside: layer.rootUser, outside: users.outside, count: users.count)],
            groups: [.init(inside: layer.rootGroup, outside: groups.outside, count: groups.count)],
            method: .privileged)
        let namespace = try Self.make(map)
        made[key] = namespace
        return namespace
    }

    func close() { for namespace in made.values { Glibc.close(namespace) } }

    private static func make(_ map: SandboxPlan.Identity) throws(SetUpFailure) -> Int32 {
        let child = linux_fork_with_namespaces(LINUX_CLONE_NEWUSER)
        try check(child, .createNamespaces)
        if child == 0 { while true { pause() } }
        defer {
            kill(child, SIGKILL)
            while waitpid(child, nil, 0) < 0 && errno == EINTR {}
        }
        try IdentityMap(map).apply(to: child)
        let path = KernelText("/proc/\(child)/ns/user")
        return try check(path.withCString { open($0, O_RDONLY | O_CLOEXEC) }, .mapTree, path)
    }
}
