// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Copies or links files of the sandbox beside what the build wrote, to become part of a layer where nothing can be moved:
/// single files among others, what lies in memory, and what lies over files of the source.
///
/// By pid 1, who has the build's ids and sees what the build saw, after every process of the build is dead.
struct Gathering {
    let places: BuildPlaces
    /// Below the scratch directory.
    static let directory: KernelText = "gathered"

    func perform(_ paths: [GatheredPath]) -> LauncherReply {
        umask(0)
        if Self.directory.withCString({ mkdirat(places.scratch, $0, 0o700) }) < 0, errno != EEXIST {
            return .gathered(errno: errno, path: Self.directory, writtenCount: 0, linkCount: 0)
        }
        var (writtenCount, linkCount): (UInt32, UInt32) = (0, 0)
        for path in paths {
            let (reason, written, links) = gather(path)
            if reason != 0 { return .gathered(errno: reason, path: path.path, writtenCount: 0, linkCount: 0) }
            writtenCount += written
            linkCount += links
        }
        return .gathered(errno: 0, path: "", writtenCount: writtenCount, linkCount: linkCount)
    }

    private func gather(_ path: GatheredPath) -> (errno: Int32, writtenCount: UInt32, linkCount: UInt32) {
        var source = openat(LINUX_AT_FDCWD, "/", DirectoryContents.flags)
        var target = Self.directory.withCString { openat(places.scratch, $0, DirectoryContents.flags) }
        defer {
            if source >= 0 { close(source) }
            if target >= 0 { close(target) }
        }
        guard source >= 0, target >= 0 else { return (errno, 0, 0) }
        var names = path.path.components
        guard let last = names.popLast() else { return (EINVAL, 0, 0) }
        var targets = path.target.components
        guard targets.popLast() == last else { return (EINVAL, 0, 0) }
        // The layer's own directories stand before those that both have.
        var ahead = targets.count
        for (one, other) in zip(names.reversed(), targets.reversed()) where ahead > 0 {
            guard one == other else { break }
            ahead -= 1
        }
        for name in targets[..<ahead] where !enter(&target, name, making: true) { return (errno, 0, 0) }
        let alone = names.prefix(max(0, names.count - (targets.count - ahead)))
        for name in alone where !enter(&source, name, making: false) { return (errno, 0, 0) }
        for name in targets[ahead...] {
            guard enter(&source, name, making: false), enter(&target, name, making: true) else { return (errno, 0, 0) }
            var status = stat()
            guard fstat(source, &status) == 0, fchown(target, status.st_uid, status.st_gid) == 0,
                fchmod(target, status.st_mode & 0o7777) == 0
            else { return (errno, 0, 0) }
        }
        return StateCopy.entry(last, of: source, to: target, trail: UpperTrail(path.upper, in: places.scratch))
    }

    private func enter(_ directory: inout Int32, _ name: KernelText, making: Bool) -> Bool {
        if making, name.withCString({ mkdirat(directory, $0, 0o755) }) < 0, errno != EEXIST { return false }
        let next = name.withCString { openat(directory, $0, DirectoryContents.flags) }
        guard next >= 0 else { return false }
        close(directory)
        directory = next
        return true
    }
}
