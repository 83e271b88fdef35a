// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// A copy of a small directory of the host, for where no copy-on-write view of it can be made.
///
/// What cannot be read is left out: through a view the build could not have read it either. Set-id bits and special files
/// are left out too.
struct TreeCopy {
    /// Bytes copied at most, so that memory does not fill up with what nobody looks at.
    let limit: Int

    func copy(_ source: KernelText, to target: KernelText, named: KernelText) throws(SetUpFailure) {
        let directory = source.withCString { open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        try check(directory, .cloneTree, named)
        defer { close(directory) }
        try check(target.withCString { mkdir($0, 0o755) }, .makeMountPoint, target)
        let copy = target.withCString { open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        try check(copy, .makeMountPoint, target)
        defer { close(copy) }
        var remaining = limit
        contents(of: directory, to: copy, depth: 0, &remaining)
        guard remaining >= 0 else { throw SetUpFailure(.mountOverlay, errno: EFBIG, path: named) }
        take(directory, copy)
    }

    private func contents(of source: Int32, to target: Int32, depth: Int, _ remaining: inout Int) {
        let duplicate = fcntl(source, F_DUPFD_CLOEXEC, 0)
        guard depth < 64, duplicate >= 0, let stream = fdopendir(duplicate) else { return }
        defer { closedir(stream) }
        while remaining >= 0, let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { KernelText(Array($0.prefix { $0 != 0 })) }
            if name == "." || name == ".." { continue }
            var status = stat()
            guard name.withCString({ fstatat(source, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else { continue }
            switch status.st_mode & UInt32(S_IFMT) {
            case UInt32(S_IFDIR): directory(name, source, target, depth: depth, &remaining)
            case UInt32(S_IFREG): file(name, source, target, &remaining)
            case UInt32(S_IFLNK): link(name, source, target)
            default: continue
            }
        }
    }

    private func directory(
        _ name: KernelText, _ source: Int32, _ target: Int32, depth: Int, _ remaining: inout Int
    ) {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let from = name.withCString { openat(source, $0, flags) }
        guard from >= 0 else { return }
        defer { close(from) }
        guard name.withCString({ mkdirat(target, $0, 0o700) }) == 0 else { return }
        let into = name.withCString { openat(target, $0, flags) }
        guard into >= 0 else { return }
        defer { close(into) }
        contents(of: from, to: into, depth: depth + 1, &remaining)
        take(from, into)
    }

    private func file(_ name: KernelText, _ source: Int32, _ target: Int32, _ remaining: inout Int) {
        let from = name.withCString { openat(source, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard from >= 0 else { return }
        defer { close(from) }
        let into = name.withCString { openat(target, $0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        guard into >= 0 else { return }
        defer { close(into) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while remaining >= 0 {
            let count = read(from, &buffer, buffer.count)
            guard count > 0, write(into, buffer, count) == count else { break }
            remaining -= count
        }
        take(from, into)
    }

    private func link(_ name: KernelText, _ source: Int32, _ target: Int32) {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = name.withCString { readlinkat(source, $0, &buffer, 4096) }
        guard count > 0 else { return }
        buffer[count] = 0
        _ = name.withCString { symlinkat(buffer, target, $0) }
    }

    /// Owner and mode; an owner who has no id inside cannot be had.
    private func take(_ source: Int32, _ target: Int32) {
        var status = stat()
        guard fstat(source, &status) == 0 else { return }
        _ = fchown(target, status.st_uid, status.st_gid)
        _ = fchmod(target, status.st_mode & 0o777)
    }
}
