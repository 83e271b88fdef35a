// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The moment at which everything was copied that a cache had, to tell later whether the build changed any of it: a file with
/// the times of that moment, in the scratch directory.
enum RestoreStamp {
    private static let name: KernelText = "restored"
    /// The kernel's clock for files goes on every ten milliseconds at the latest: what was copied is older than the stamp.
    private static let tick: UInt32 = 10_000
    /// TMPFS_MAGIC of linux/magic.h.
    private static let temporaryFileSystem: Int = 0x0102_1994

    static func set(in scratch: Int32) {
        // A file there that is written to through a mapping keeps its times.
        guard linux_file_system_type(scratch) != temporaryFileSystem else { return }
        usleep(tick)
        let file = name.withCString { openat(scratch, $0, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        if file >= 0 { close(file) }
    }

    /// Nil where nothing was copied, or where times do not tell.
    static func read(in scratch: KernelText) -> timespec? {
        var status = stat()
        let path = KernelText((scratch + "/").bytes + name.bytes)
        guard path.withCString({ lstat($0, &status) }) == 0 else { return nil }
        // A clock that was set back gives what came later times before it.
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.isBefore(status.st_ctim) ? nil : status.st_ctim
    }
}

extension timespec {
    func isBefore(_ other: timespec) -> Bool { (tv_sec, tv_nsec) < (other.tv_sec, other.tv_nsec) }
}
