// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// This program, as a file that nobody can open for writing.
enum ReadOnlyProgram {
    /// Whether an id of the sandbox could write to the program's file at all. An installed program belongs to the host's
    /// root, who has no place in the sandbox, and is not worth executing twice.
    static var isNeeded: Bool {
        var status = stat()
        guard stat("/proc/self/exe", &status) == 0 else { return true }
        // Seen from inside the user namespace, an owner who has no id there is the overflow id.
        let isOwnedInside =
            status.st_uid != overflow("uid") || status.st_gid != overflow("gid") && status.st_mode & 0o020 != 0
        return isOwnedInside || status.st_mode & 0o002 != 0
    }

    /// Seen from outside: then nobody inside may write to it, and no view need be made.
    static var belongsToRoot: Bool {
        var status = stat()
        return stat("/proc/self/exe", &status) == 0 && status.st_uid == 0 && status.st_mode & 0o022 == 0
    }

    private static func overflow(_ kind: String) -> UInt32 {
        var text = [UInt8](repeating: 0, count: 16)
        let file = Glibc.open("/proc/sys/fs/overflow" + kind, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 65_534 }
        defer { close(file) }
        let count = read(file, &text, text.count)
        let digits = text.prefix(max(0, count)).prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        return UInt32(String(decoding: digits, as: UTF8.self)) ?? 65_534
    }

    /// A read-only copy of the program's mount; -1 where that is not allowed or the path is not reachable.
    ///
    /// By path rather than `/proc/self/exe`, which names a mount of another namespace once we have our own.
    static func view() -> Int32 {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return -1 }
        let path = KernelText(buffer[..<count].map { UInt8(bitPattern: $0) })
        let flags = LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC
        let tree = path.withCString { linux_open_tree(LINUX_AT_FDCWD, $0, flags) }
        guard tree >= 0 else { return -1 }
        if linux_mount_setattr(tree, 0, LINUX_MOUNT_ATTR_RDONLY, 0) == 0 { return tree }
        close(tree)
        return -1
    }

    /// The program, to be executed: from a view if there can be one, or (a kernel before 5.12) from a sealed copy in memory,
    /// at the price of copying.
    /// - Parameter view: made by the launcher, or -1.
    static func open(view: Int32) throws(SetUpFailure) -> Int32 {
        let tree = view >= 0 ? view : self.view()
        if tree >= 0 {
            // Attached to a file that everybody may reach, in this mount namespace: it then goes with the host's tree when
            // the root changes. A mount that is attached nowhere ends with its last descriptor, and the kernel keeps
            // whoever closes that waiting for milliseconds.
            let place: KernelText = "/etc/passwd"
            let moved = place.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }
            close(tree)
            if moved == 0 {
                let program = place.withCString { Glibc.open($0, LINUX_O_PATH | O_CLOEXEC) }
                return try check(program, .readOnlyLauncher, place)
            }
        }
        return try copy()
    }

    private static func copy() throws(SetUpFailure) -> Int32 {
        let path: KernelText = "/proc/self/exe"
        let copy = linux_memfd_create("drydock-init", 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */)
        try check(copy, .readOnlyLauncher, path)
        let source = path.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        try check(source, .readOnlyLauncher, path)
        defer { close(source) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count == 0 { break }
            try check(count, .readOnlyLauncher, path)
            try check(write(copy, buffer, count), .readOnlyLauncher, path)
        }
        try check(fcntl(copy, 1033 /* F_ADD_SEALS */, 0xf), .readOnlyLauncher, path)
        return copy
    }
}
