// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Where a walk through a copy-on-write view is in the view's upper layer, so that what the build wrote can be given a second
/// name in place of being copied.
///
/// Through the view itself that is not to be had: its files belong to another file system. The layer is thrown away with the
/// build, so nothing writes to such a file later.
struct UpperTrail {
    /// -1 where the layer has nothing of what the walk sees.
    private var directory: Int32
    /// How deep below the last directory that the layer has.
    private var missing = 0
    /// Files that the layer has, of whatever kind.
    private(set) var writtenCount: UInt32 = 0
    /// Those that got a second name.
    private(set) var linkCount: UInt32 = 0

    /// Starts at the directory that an entry lies in.
    /// - Parameter path: of the entry, relative to the scratch directory; empty for none.
    init(_ path: KernelText, in scratch: Int32) {
        guard !path.isEmpty else {
            directory = -1
            return
        }
        directory = openat(scratch, ".", DirectoryContents.flags)
        for name in path.components.dropLast() where directory >= 0 { enter(name) }
        if missing > 0 { end() }
    }

    mutating func end() {
        if directory >= 0 { close(directory) }
        directory = -1
    }

    mutating func enter(_ name: KernelText) {
        guard directory >= 0 else { return }
        let next = missing > 0 ? -1 : name.withCString { openat(directory, $0, DirectoryContents.flags) }
        if next < 0 {
            missing += 1
            return
        }
        close(directory)
        directory = next
    }

    mutating func leave() {
        guard directory >= 0 else { return }
        if missing > 0 {
            missing -= 1
            return
        }
        let above = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        close(directory)
        directory = above
    }

    /// - Parameter status: as the view shows the file.
    /// - Returns: whether the target now has it; if not, it has to be copied.
    mutating func link(_ name: KernelText, _ status: stat, to target: Int32) -> Bool {
        guard directory >= 0, missing == 0, let written = DirectoryContents.status(name, in: directory) else {
            return false
        }
        writtenCount += 1
        guard status.st_mode & S_IFMT == S_IFREG, written.st_mode == status.st_mode, written.st_size == status.st_size,
            name.withCString({ linkat(directory, $0, target, $0, 0) }) == 0
        else { return false }
        linkCount += 1
        return true
    }
}
