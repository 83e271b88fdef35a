// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Looks up the names in restored caches beside the build, so that it finds them looked up.
///
/// An overlay makes an inode of its own for each file that is asked for by name for the first time, and each build has an
/// overlay of its own. That takes as long as a fifth of opening and reading a small file; on a processor that has nothing
/// else to do it costs the build nothing.
enum NameReadAhead {
    /// Each name holds about a kilobyte of the kernel's memory, which it takes back when it has need of it.
    static let limit = 100_000
    /// Deeper than any cache of a tool's; what a build made to be deep is left alone.
    private static let deepest = 100

    /// Starts a process of its own, which ends by itself or with the sandbox. One that cannot be started is done without.
    static func start(_ directories: [KernelText]) {
        guard !directories.isEmpty, fork() == 0 else { return }
        // The descriptors lead to drydock. What else it has from pid 1 it is as hidden from the build as that.
        linux_close_range(0, UInt32.max, 0)
        _ = linux_run_last()
        var remaining = limit
        for directory in directories {
            let top = directory.withCString { open($0, DirectoryContents.flags) }
            guard top >= 0 else { continue }
            walk(top, &remaining, depth: 0)
            close(top)
        }
        // Nothing that pid 1 has registered may run here.
        _exit(0)
    }

    /// In the order in which programs read a tree, so that it stays ahead of them.
    private static func walk(_ directory: Int32, _ remaining: inout Int, depth: Int) {
        guard depth < deepest else { return }
        for name in DirectoryContents.names(directory) ?? [] {
            guard remaining > 0 else { return }
            remaining -= 1
            guard let status = DirectoryContents.status(name, in: directory), status.st_mode & S_IFMT == S_IFDIR else {
                continue
            }
            let below = name.withCString { openat(directory, $0, DirectoryContents.flags) }
            guard below >= 0 else { continue }
            walk(below, &remaining, depth: depth + 1)
            close(below)
        }
    }
}
