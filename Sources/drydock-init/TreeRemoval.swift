// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Removes a directory with everything below, however deep and whatever its permissions, following no link.
///
/// Nothing inside runs any more, so `..` leads back where we came from; going down and up one step at a time needs one
/// descriptor and no path, where a path would exceed the kernel's limit at a depth of a few thousand.
enum TreeRemoval {
    /// The first thing that could not be removed; `errno` 0 when nothing is left.
    struct Leftover {
        var errno: Int32 = 0
        var path: KernelText = ""
    }

    static func remove(_ directory: KernelText) -> Leftover {
        let top = directory.withCString { open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        guard top >= 0 else {
            let saved = errno
            return saved == ENOENT ? Leftover() : Leftover(errno: saved, path: directory)
        }
        var left = Leftover(path: directory)
        empty(top, &left)
        if directory.withCString({ rmdir($0) }) < 0, left.errno == 0 { left.errno = errno }
        return left
    }

    /// Removes everything in a directory, which is closed.
    static func empty(_ directory: Int32) -> Leftover {
        var left = Leftover()
        empty(directory, &left)
        return left
    }

    private static func empty(_ top: Int32, _ left: inout Leftover) {
        var current = top
        var names: [KernelText] = []
        while true {
            if let child = removeFiles(current, &left) {
                // A directory: go down. The name waits for the way back.
                var next = child.withCString { openat(current, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
                if next < 0, errno == EACCES {
                    _ = child.withCString { fchmodat(current, $0, 0o700, 0) }
                    next = child.withCString { openat(current, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
                }
                if next >= 0 {
                    close(current)
                    current = next
                    names.append(child)
                    continue
                }
                if left.errno == 0 { left.errno = errno }
            }
            // Empty, or as empty as it gets: go up and remove it.
            guard let name = names.popLast() else { break }
            let parent = "..".withCString { openat(current, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            close(current)
            guard parent >= 0 else {
                if left.errno == 0 { left.errno = errno }
                return
            }
            current = parent
            if name.withCString({ unlinkat(current, $0, AT_REMOVEDIR) }) < 0 {
                if left.errno == 0 { left.errno = errno }
                // It would be entered again for ever.
                break
            }
        }
        close(current)
    }

    /// Unlinks everything that is not a directory; gives the first directory met, or nil when none is left.
    private static func removeFiles(_ directory: Int32, _ left: inout Leftover) -> KernelText? {
        let copy = fcntl(directory, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0, let stream = fdopendir(copy) else { return nil }
        defer { closedir(stream) }
        rewinddir(stream)
        // Without write and search permission on the directory nothing in it can be unlinked; it is ours to change.
        var prepared = false
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { KernelText(Array($0.prefix { $0 != 0 })) }
            if name == "." || name == ".." { continue }
            if entry.pointee.d_type == UInt8(DT_DIR) { return name }
            if name.withCString({ unlinkat(directory, $0, 0) }) == 0 { continue }
            if errno == EISDIR { return name }
            if errno == EACCES, !prepared {
                prepared = true
                fchmod(directory, 0o700)
                if name.withCString({ unlinkat(directory, $0, 0) }) == 0 { continue }
            }
            if left.errno == 0 { left.errno = errno }
        }
        return nil
    }
}
