// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Where pid 1 reaches what the build writes, after the root has changed: descriptors of mounts, -1 where there is none.
final class BuildPlaces {
    var scratch: Int32 = -1
    /// The root in memory, without what is mounted in it.
    var root: Int32 = -1
    /// Holds the upper layers that are in memory.
    var memory: Int32 = -1
}

/// Puts what a build left in memory beside what it left on the disk, so that a later sandbox begins there.
///
/// By pid 1, who has the build's ids, after every process of the build is dead. Not kept: the directory of the shell's
/// state, because it holds secrets; drydock puts what may be kept of it beside the rest.
struct Parking {
    let plan: SandboxPlan
    let places: BuildPlaces

    /// Why it cannot be done, found before anything is copied: 0, or most likely ENOSPC.
    var refusal: Int32 {
        guard places.scratch >= 0 else { return EBADF }
        // Where the disk can hold no layers nothing can begin again from what is there.
        let isBoundToMemory = plan.operations.contains { operation in
            if case .overlay(let view) = operation { view.staysInMemory && view.lower != view.target } else { false }
        }
        guard !isBoundToMemory else { return EOPNOTSUPP }
        // On the disk already.
        if plan.reopening != nil { return 0 }
        var disk = statvfs()
        guard fstatvfs(places.scratch, &disk) == 0 else { return errno }
        var needed: UInt64 = 1 << 20
        for place in [places.root, places.memory] where place >= 0 {
            var used = statvfs()
            guard fstatvfs(place, &used) == 0 else { return errno }
            needed += UInt64(used.f_blocks - used.f_bfree) * UInt64(used.f_frsize)
        }
        return UInt64(disk.f_bavail) * UInt64(disk.f_frsize) >= needed ? 0 : ENOSPC
    }

    /// - Returns: 0, or why the state is not whole.
    func perform() -> Int32 {
        if plan.reopening != nil { return 0 }
        umask(0)
        let links: KernelText = "links"
        if links.withCString({ mkdirat(places.scratch, $0, 0o700) }) < 0 { return errno }
        let linkPlace = Self.open(places.scratch, links)
        guard linkPlace >= 0 else { return errno }
        for operation in plan.operations {
            var result: Int32 = 0
            switch operation {
            case .root: result = copy(places.root, to: "root", linkPlace)
            case .overlay(let view) where view.staysInMemory:
                // A directory that is shown as it is has neither.
                for name in [view.upper.lastComponent, view.copyName] {
                    let layer = Self.open(places.memory, name)
                    guard layer >= 0 else { continue }
                    result = copy(layer, to: name, linkPlace)
                    close(layer)
                }
            default: continue
            }
            if result != 0 { return result }
            Self.empty(linkPlace)
        }
        close(linkPlace)
        return links.withCString { unlinkat(places.scratch, $0, AT_REMOVEDIR) } < 0 ? errno : 0
    }

    private func copy(_ source: Int32, to name: KernelText, _ links: Int32) -> Int32 {
        if name.withCString({ mkdirat(places.scratch, $0, 0o700) }) < 0 { return errno }
        let target = Self.open(places.scratch, name)
        guard target >= 0 else { return errno }
        defer { close(target) }
        return StateCopy.copy(source, to: target, links: links)
    }

    private static func open(_ directory: Int32, _ name: KernelText) -> Int32 {
        name.withCString { openat(directory, $0, DirectoryContents.flags) }
    }

    /// File numbers are those of one file system; the next copy is of another.
    private static func empty(_ directory: Int32) {
        for name in DirectoryContents.names(directory) ?? [] {
            _ = name.withCString { unlinkat(directory, $0, 0) }
        }
    }
}

/// The launcher's part, after pid 1 has ended: what was parked becomes the kept state of its project, in one step.
struct KeptPlace {
    let plan: SandboxPlan
    let destination: KernelText
    let sources: [KernelText]
    /// Locks on what the state lies over.
    let held: [Int32]
    let cleanUp: CleanUp

    /// - Returns: whether the state is kept, and the locks are let go; otherwise everything is where it was.
    func take() -> Bool {
        let old = destination + ".old-\(getpid())"
        let hadOne = rename(destination, old)
        guard rename(plan.scratch, destination) else {
            if hadOne { _ = rename(old, destination) }
            return false
        }
        // From now on its record says what it lies over, to whoever would remove that.
        for lock in held { close(lock) }
        // From here on as the build's root, where the files need it.
        cleanUp.becomeOwner()
        for operation in plan.operations {
            guard case .overlay(let view) = operation, sources.contains(view.target) else { continue }
            let lower = view.lower.withCString { open($0, LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC) }
            guard lower >= 0 else { continue }
            let upper = KernelText(destination.bytes + [UInt8(ascii: "/")] + view.upper.lastComponent.bytes)
            SourceChanges(upper: upper, lower: lower).settle()
            close(lower)
        }
        if hadOne { _ = TreeRemoval.remove(old) }
        return true
    }

    private func rename(_ from: KernelText, _ to: KernelText) -> Bool {
        from.withCString { old in to.withCString { Glibc.rename(old, $0) } } == 0
    }
}

extension SandboxPlan.Operation.Overlay {
    /// What it is a view of, for messages: the lower directory, or what lies over nothing.
    var named: KernelText { lower.isEmpty ? layers.first?.path ?? target : lower }

    /// The name of a copy of what lies below, where there is one instead of an upper layer.
    var copyName: KernelText { KernelText(Array("whole-".utf8) + upper.lastComponent.bytes) }
}

extension KernelText {
    /// What follows the last slash.
    var lastComponent: KernelText {
        KernelText(Array(bytes.suffix(from: bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)))
    }
}
