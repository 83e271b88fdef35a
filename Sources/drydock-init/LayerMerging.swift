// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Makes one layer of several, as a view of them shows them: what hides something below is gone, and so is what was hidden.
///
/// Files become further names of what the layers hold, for nobody ever changes those. No data is read.
struct LayerMerging {
    let layers: [SandboxPlan.Operation.Layer]

    private struct Failure: Error { var errno: Int32 }

    /// A directory of one of the layers.
    private struct Level {
        var descriptor: Int32
        var shift: IdentityShift
    }

    /// Deeper than any cache by far; each level has a descriptor for each layer.
    private static let deepest = 400
    /// - Returns: 0, or why there is no whole layer.
    func perform(into destination: KernelText) -> Int32 {
        umask(0o077)
        raiseDescriptorLimit()
        guard let top = layers.first else { return EINVAL }
        if destination.withCString({ mkdir($0, 0o700) }) < 0 { return errno }
        let target = destination.withCString { open($0, DirectoryContents.flags) }
        guard target >= 0 else { return errno }
        defer { close(target) }
        var levels: [Level] = []
        defer { for level in levels { close(level.descriptor) } }
        for layer in layers {
            let directory = layer.root.withCString { open($0, DirectoryContents.flags) }
            guard directory >= 0 else { return errno }
            levels.append(Level(descriptor: directory, shift: IdentityShift(from: layer, to: top)))
        }
        do throws(Failure) { try directory("files", in: target, levels, depth: 0) } catch { return error.errno }
        return 0
    }

    private func raiseDescriptorLimit() {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        if linux_get_limit(LINUX_RLIMIT_NOFILE, &soft, &hard) == 0 {
            _ = linux_set_limit(LINUX_RLIMIT_NOFILE, hard, hard)
        }
    }

    /// Makes a directory of those of the layers, whose first gives it its attributes.
    private func directory(
        _ name: KernelText, in parent: Int32, _ levels: [Level], depth: Int
    ) throws(Failure) {
        guard depth < Self.deepest else { throw Failure(errno: ENAMETOOLONG) }
        try check(name.withCString { mkdirat(parent, $0, 0o700) })
        let target = try check(name.withCString { openat(parent, $0, DirectoryContents.flags) })
        defer { close(target) }
        var seen: Set<KernelText> = []
        for (index, level) in levels.enumerated() {
            guard let names = DirectoryContents.names(level.descriptor) else { throw Failure(errno: errno) }
            for name in names where seen.insert(name).inserted {
                var status = stat()
                try check(name.withCString { fstatat(level.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) })
                switch status.st_mode & S_IFMT {
                // It hides what is below, and nothing is any more.
                case S_IFCHR: continue
                case S_IFDIR: try below(name, levels[index...], target, depth)
                default: try file(name, level, target)
                }
            }
        }
        // What is made in a directory changes its times, so its own attributes come last.
        guard let top = levels.first else { return }
        let reason = StateCopy.attributes(top.descriptor, to: target, shift: top.shift)
        if reason != 0 { throw Failure(errno: reason) }
    }

    private func below(
        _ name: KernelText, _ levels: ArraySlice<Level>, _ target: Int32, _ depth: Int
    ) throws(Failure) {
        var inner: [Level] = []
        defer { for level in inner { close(level.descriptor) } }
        for level in levels {
            let directory = name.withCString { openat(level.descriptor, $0, DirectoryContents.flags) }
            if directory < 0 {
                // Not in this layer; or no directory there, and whatever it is ends what shows through.
                if errno == ENOENT { continue }
                if errno == ENOTDIR || errno == ELOOP { break }
                throw Failure(errno: errno)
            }
            inner.append(Level(descriptor: directory, shift: level.shift))
            if OpaqueMark.isOn(directory) { break }
        }
        try self.directory(name, in: target, inner, depth: depth + 1)
    }

    private func file(_ name: KernelText, _ level: Level, _ target: Int32) throws(Failure) {
        if level.shift.isNone {
            let source = level.descriptor
            if name.withCString({ name in linkat(source, name, target, name, 0) }) == 0 { return }
            // As many names as the disk allows a file.
            guard errno == EMLINK else { throw Failure(errno: errno) }
        }
        let reason = StateCopy.file(name, of: level.descriptor, to: target, shift: level.shift)
        if reason != 0 { throw Failure(errno: reason) }
    }

    @discardableResult
    private func check(_ result: Int32) throws(Failure) -> Int32 {
        if result < 0 { throw Failure(errno: errno) }
        return result
    }
}

/// What turns the ids that one sandbox's files have on the disk into another's.
struct IdentityShift {
    var user: UInt32 = 0
    var group: UInt32 = 0

    init() {}

    init(from layer: SandboxPlan.Operation.Layer, to other: SandboxPlan.Operation.Layer) {
        user = other.rootUser &- layer.rootUser
        group = other.rootGroup &- layer.rootGroup
    }

    var isNone: Bool { user == 0 && group == 0 }
}
