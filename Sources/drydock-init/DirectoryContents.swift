// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Looks into directories that a build has filled: through descriptors, because paths may be changed under them.
enum DirectoryContents {
    /// For opening a directory below another one, and nothing else that goes by its name.
    static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

    /// The names in a directory but `.` and `..`, all read before the first is used: what is done with them may change the
    /// directory, and a stream that goes on then may miss some.
    /// - Returns: nil for one that cannot be read, and `errno` says why.
    static func names(_ directory: Int32) -> [KernelText]? {
        var names: [KernelText] = []
        let isWhole = visit(directory) {
            names.append($0)
            return true
        }
        return isWhole ? names : nil
    }

    /// Whether a directory is known to hold nothing; reads no further than to its first name.
    static func isEmpty(_ directory: Int32) -> Bool { visit(directory) { _ in false } }

    /// - Parameter body: called with each name; false ends it.
    /// - Returns: whether all names were read and wanted. If not, and none was refused, `errno` says why.
    private static func visit(_ directory: Int32, _ body: (KernelText) -> Bool) -> Bool {
        // Not a duplicate, which would share its position with the caller's.
        let copy = openat(directory, ".", flags)
        guard copy >= 0 else { return false }
        guard let stream = fdopendir(copy) else {
            let saved = errno
            close(copy)
            errno = saved
            return false
        }
        defer { closedir(stream) }
        while true {
            // The end and a failure look the same but for this.
            errno = 0
            guard let entry = readdir(stream) else { return errno == 0 }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { KernelText(Array($0.prefix { $0 != 0 })) }
            if name != ".", name != "..", !body(name) { return false }
        }
    }

    static func status(_ name: KernelText, in directory: Int32) -> stat? {
        var status = stat()
        return name.withCString { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0 ? status : nil
    }
}

/// An overlay's mark of a directory that hides what the layers below it hold of its name.
///
/// Views are made with `userxattr`, which keeps the marks in the `user.` namespace (Documentation/filesystems/overlayfs.rst,
/// "User xattr").
enum OpaqueMark {
    private static let name = "user.overlay.opaque"

    static func isOn(_ directory: Int32) -> Bool {
        var value: UInt8 = 0
        return linux_get_attribute(directory, name, &value, 1) == 1 && value == UInt8(ascii: "y")
    }

    static func isOn(_ path: KernelText) -> Bool {
        let directory = path.withCString { open($0, DirectoryContents.flags) }
        guard directory >= 0 else { return false }
        defer { close(directory) }
        return isOn(directory)
    }

    /// - Returns: -1 with `errno` where it cannot be set.
    static func set(_ directory: Int32) -> Int32 { linux_set_attribute(directory, name, "y", 1) }

    static func remove(_ directory: Int32) { _ = linux_remove_attribute(directory, name) }
}
