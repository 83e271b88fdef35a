// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Makes the places that mounts and files go to, in a root file system that nobody vouches for.
///
/// Every component is opened without following a link; a link in the way is replaced in the build's own layer. A root
/// file system whose `/dev` is a link was enough to write to the host through some runtimes (CVE-2026-41579).
enum MountPoint {
    /// A handle to the directory, made when missing.
    static func makeDirectory(_ path: KernelText) throws(SetUpFailure) -> Int32 {
        var current = openat(LINUX_AT_FDCWD, "/", LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC)
        try check(current, .makeMountPoint, "/")
        for component in path.bytes.split(separator: UInt8(ascii: "/")) {
            let next: Int32
            do throws(SetUpFailure) { next = try enter(KernelText(Array(component)), below: current, path) } catch {
                close(current)
                throw error
            }
            close(current)
            current = next
        }
        return current
    }

    private static func enter(_ name: KernelText, below parent: Int32, _ path: KernelText) throws(SetUpFailure) -> Int32
    {
        let flags = LINUX_O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var directory = name.withCString { openat(parent, $0, flags) }
        if directory < 0, errno == ELOOP || errno == ENOTDIR {
            try check(name.withCString { unlinkat(parent, $0, 0) }, .makeMountPoint, path)
            errno = ENOENT
        }
        if directory < 0, errno == ENOENT {
            try check(name.withCString { mkdirat(parent, $0, 0o755) }, .makeMountPoint, path)
            directory = name.withCString { openat(parent, $0, flags) }
        }
        return try check(directory, .makeMountPoint, path)
    }

    /// A handle to a place of the same kind as the mount's root: a directory, or an empty file.
    static func make(_ path: KernelText, like tree: Int32) throws(SetUpFailure) -> Int32 {
        var status = stat()
        try check(fstat(tree, &status), .makeMountPoint, path)
        if status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR) { return try makeDirectory(path) }
        try write(path, "", mode: 0o644)
        let (parent, name) = try parentDirectory(of: path)
        defer { close(parent) }
        return try check(
            name.withCString { openat(parent, $0, LINUX_O_PATH | O_NOFOLLOW | O_CLOEXEC) }, .makeMountPoint, path)
    }

    static func link(_ path: KernelText, to destination: KernelText) throws(SetUpFailure) {
        let (parent, name) = try parentDirectory(of: path)
        defer { close(parent) }
        let result = destination.withCString { target in name.withCString { symlinkat(target, parent, $0) } }
        if result < 0, errno == EEXIST { return }
        try check(result, .makeMountPoint, path)
    }

    /// Writes a file anew: what was there, link or file, is replaced and never written through.
    static func write(_ path: KernelText, _ contents: KernelText, mode: UInt32) throws(SetUpFailure) {
        let (parent, name) = try parentDirectory(of: path)
        defer { close(parent) }
        if name.withCString({ unlinkat(parent, $0, 0) }) < 0, errno != ENOENT {
            throw SetUpFailure(.writeFile, errno: errno, path: path)
        }
        let file = name.withCString { openat(parent, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode) }
        try check(file, .writeFile, path)
        defer { close(file) }
        guard !contents.isEmpty else { return }
        try check(Glibc.write(file, contents.bytes, contents.bytes.count), .writeFile, path)
    }

    private static func parentDirectory(of path: KernelText) throws(SetUpFailure) -> (Int32, KernelText) {
        let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
        let parent = try makeDirectory(KernelText(Array(path.bytes[..<slash])))
        return (parent, KernelText(Array(path.bytes[(slash + 1)...])))
    }
}

/// Lays something harmless over what a build must not see or change. What is not there needs no cover.
enum Cover {
    /// - Parameter emptyDirectory: a mount to be shown in place of a directory, made once for all of them.
    static func mask(_ path: KernelText, emptyDirectory: Int32) throws(SetUpFailure) {
        var status = stat()
        guard path.withCString({ lstat($0, &status) }) == 0 else { return }
        let isDirectory = status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
        let cover: Int32
        if isDirectory {
            cover = try check(
                linux_open_tree(
                    emptyDirectory, "",
                    LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC | UInt32(LINUX_AT_EMPTY_PATH)), .mask, path)
        } else {
            cover = try Staging.clone("/dev/null")
        }
        defer { close(cover) }
        try check(path.withCString { linux_move_mount(cover, LINUX_AT_FDCWD, $0) }, .mask, path)
    }

    /// Shows the build its own part of the control group tree, where programs look for their limits, and nothing of the
    /// host's: a view of version 2 that begins at the build's own group, or where that cannot be had nothing.
    static func controlGroups(_ path: KernelText, emptyDirectory: Int32) throws(SetUpFailure) {
        let attributes =
            LINUX_MOUNT_ATTR_RDONLY | LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NODEV | LINUX_MOUNT_ATTR_NOEXEC
        let place = path.withCString { open($0, LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC) }
        guard place >= 0 else { return }
        defer { close(place) }
        let isVersion2 = linux_file_system_type(place) == 0x6367_7270  // CGROUP2_SUPER_MAGIC
        if isVersion2, let tree = try? Staging.fileSystem("cgroup2", .mountSystem, attributes: attributes) {
            defer { close(tree) }
            if path.withCString({ linux_move_mount(tree, LINUX_AT_FDCWD, $0) }) == 0 { return }
        }
        try mask(path, emptyDirectory: emptyDirectory)
    }

    /// A directory with nothing in it, on a mount that is attached nowhere yet.
    static func emptyDirectory() throws(SetUpFailure) -> Int32 {
        let attributes =
            LINUX_MOUNT_ATTR_RDONLY | LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NODEV | LINUX_MOUNT_ATTR_NOEXEC
        return try Staging.temporary(size: 4096, mode: 0o555, attributes: attributes)
    }

    static func forbidWriting(_ path: KernelText) throws(SetUpFailure) {
        guard path.withCString({ access($0, F_OK) }) == 0 else { return }
        let tree = try Staging.clone(path, recursively: true)
        defer { close(tree) }
        let attributes = LINUX_MOUNT_ATTR_RDONLY | LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NODEV
        try check(linux_mount_setattr(tree, LINUX_AT_RECURSIVE, attributes, 0), .readOnly, path)
        try check(path.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }, .readOnly, path)
    }
}

/// `/dev`: nodes of the host that are harmless to share, terminals of the sandbox's own, and shared memory.
struct DeviceTree {
    private static let names = ["null", "zero", "full", "random", "urandom", "tty"]
    private let trees: [(String, Int32)]

    /// Nodes are the host's, bound one by one: making one needs a privilege that a user namespace does not have.
    static func openHostDevices() throws(SetUpFailure) -> DeviceTree {
        var trees: [(String, Int32)] = []
        for name in names {
            do throws(SetUpFailure) { trees.append((name, try Staging.clone(KernelText("/dev/" + name)))) } catch {
                // A container need not have a terminal's name.
                guard name == "tty", error.errno == ENOENT else { throw error }
            }
        }
        return DeviceTree(trees: trees)
    }

    func populate(_ target: KernelText, _ groundwork: Groundwork, terminalGroup: UInt32?) throws(SetUpFailure) {
        for (name, tree) in trees {
            let path = target + "/\(name)"
            let file = path.withCString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
            try check(file, .devices, path)
            close(file)
            try check(path.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }, .devices, path)
            close(tree)
        }
        let links = [
            ("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"),
        ]
        for (name, destination) in links {
            let path = target + "/\(name)"
            try check(path.withCString { symlink(destination, $0) }, .devices, path)
        }
        var options: [(String, KernelText)] = [("ptmxmode", "0666"), ("mode", "0620")]
        if let terminalGroup { options.append(("gid", KernelText("\(terminalGroup)"))) }
        let attributes = LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NOEXEC
        let terminals = try Staging.fileSystem("devpts", .devices, options: options, attributes: attributes)
        try attach(terminals, target + "/pts")
        try attach(groundwork.sharedMemory, target + "/shm")
        try attach(groundwork.messageQueues, target + "/mqueue")
    }

    private func attach(_ tree: Int32, _ path: KernelText) throws(SetUpFailure) {
        try check(path.withCString { mkdir($0, 0o755) }, .devices, path)
        try check(path.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }, .devices, path)
        close(tree)
    }
}
