// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import SystemPackage

/// Which file systems overlayfs takes as the place of what changes (Documentation/filesystems/overlayfs.rst, "Upper and
/// lower"): not those that other machines or programs may change behind its back, and not another overlay.
enum UpperFileSystem {
    private static let refused: Set<Int64> = [
        LINUX_OVERLAY_MAGIC, 0x6573_5546 /* fuse, virtiofs */, 0x6969 /* nfs */, 0x0102_1997 /* 9p */,
        0xff53_4d42 /* cifs */, 0xfe53_4d42 /* smb2 */, 0xf15f /* ecryptfs */, 0x4d44 /* fat */,
    ]

    static func canHoldUppers(_ directory: FilePath) -> Bool {
        !refused.contains(directory.withPlatformString { linux_file_system_type_at($0) })
    }
}
