// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// What the user changed in a source while a kept state of it had no sandbox.
///
/// Whatever the build only read shows the user's change by itself, as the overlay's lower layer. Of a file that both
/// changed the later change counts: an older copy of the build's, or an older note that it removed the file, is dropped.
final class SourceChanges {
    private let upper: KernelText
    private let lower: Int32
    private(set) var taken: [KernelText] = []
    /// Changes below a directory that the build had removed or replaced: there is no way to show them alone.
    private(set) var refused: [KernelText] = []
    /// Deeper than any source by far; a tree that a build made to be deep is left as it is.
    private static let deepest = 200
    private static let origin = "user.overlay.origin"

    /// - Parameter lower: the source's directory, open, the caller's to close.
    init(upper: KernelText, lower: Int32) {
        self.upper = upper
        self.lower = lower
    }

    /// Drops from the upper layer what the user has changed since.
    func take() {
        open { upper, lower in merge(upper, lower, "", 0) }
    }

    /// Makes a file that the build moved here look like one that it made, so that only a copy of a file that was there stays
    /// recognizable as one.
    func settle() {
        open { upper, lower in settle(upper, lower, 0) }
    }

    private func open(_ body: (Int32, Int32) -> Void) {
        let upper = self.upper.withCString { Glibc.open($0, DirectoryContents.flags) }
        guard upper >= 0 else { return }
        let lower = openat(self.lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if lower >= 0 { body(upper, lower) }
        close(upper)
        if lower >= 0 { close(lower) }
    }

    private func merge(_ upper: Int32, _ lower: Int32, _ path: KernelText, _ depth: Int) {
        guard depth < Self.deepest else { return }
        for name in DirectoryContents.names(upper) ?? [] {
            guard let ours = DirectoryContents.status(name, in: upper) else { continue }
            let full = path.isEmpty ? name : KernelText(path.bytes + [UInt8(ascii: "/")] + name.bytes)
            let theirs = lower < 0 ? nil : DirectoryContents.status(name, in: lower)
            let isDirectory = ours.st_mode & S_IFMT == S_IFDIR
            guard let theirs else {
                if isDirectory { descend(upper, -1, name) { merge($0, $1, full, depth + 1) } }
                // A copy of a file that the user has removed.
                if !isDirectory, lower >= 0, Self.isCopy(upper, name) { drop(upper, name, full) }
                continue
            }
            switch (isDirectory, theirs.st_mode & S_IFMT == S_IFDIR) {
            case (true, true):
                descend(upper, lower, name) { inner, innerLower in
                    if OpaqueMark.isOn(inner) {
                        refuseChanges(innerLower, since: ours, full, depth)
                    } else {
                        merge(inner, innerLower, full, depth + 1)
                    }
                }
            case (true, false): if Self.isLater(theirs, ours) { refused.append(full) }
            case (false, true):
                descend(nil, lower, name) { _, inner in refuseChanges(inner, since: ours, full, depth) }
            case (false, false): if Self.isLater(theirs, ours) { drop(upper, name, full) }
            }
        }
    }

    private func settle(_ upper: Int32, _ lower: Int32, _ depth: Int) {
        guard depth < Self.deepest else { return }
        for name in DirectoryContents.names(upper) ?? [] {
            guard let ours = DirectoryContents.status(name, in: upper) else { continue }
            let theirs = lower < 0 ? nil : DirectoryContents.status(name, in: lower)
            if ours.st_mode & S_IFMT == S_IFDIR {
                let isBelow = theirs.map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
                descend(upper, isBelow ? lower : -1, name) { settle($0, $1, depth + 1) }
            } else if theirs == nil, ours.st_mode & S_IFMT == S_IFREG {
                let file = name.withCString { openat(upper, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
                if file >= 0 {
                    _ = linux_remove_attribute(file, Self.origin)
                    close(file)
                }
            }
        }
    }

    private func drop(_ upper: Int32, _ name: KernelText, _ path: KernelText) {
        if name.withCString({ unlinkat(upper, $0, 0) }) == 0 { taken.append(path) } else { refused.append(path) }
    }

    private func refuseChanges(_ lower: Int32, since: stat, _ path: KernelText, _ depth: Int) {
        guard depth < Self.deepest, lower >= 0 else { return }
        for name in DirectoryContents.names(lower) ?? [] {
            guard let status = DirectoryContents.status(name, in: lower) else { continue }
            let full = KernelText(path.bytes + [UInt8(ascii: "/")] + name.bytes)
            if status.st_mode & S_IFMT == S_IFDIR {
                descend(nil, lower, name) { _, inner in refuseChanges(inner, since: since, full, depth + 1) }
            } else if Self.isLater(status, since) {
                refused.append(full)
            }
        }
    }

    /// Opens a directory in both layers, where it is in both.
    private func descend(_ upper: Int32?, _ lower: Int32, _ name: KernelText, _ body: (Int32, Int32) -> Void) {
        let inner = upper.map { upper in name.withCString { openat(upper, $0, DirectoryContents.flags) } } ?? -1
        if upper != nil, inner < 0 { return }
        let innerLower = lower < 0 ? -1 : name.withCString { openat(lower, $0, DirectoryContents.flags) }
        body(inner, innerLower)
        if inner >= 0 { close(inner) }
        if innerLower >= 0 { close(innerLower) }
    }

    private static func isLater(_ one: stat, _ other: stat) -> Bool {
        (one.st_ctim.tv_sec, one.st_ctim.tv_nsec) > (other.st_ctim.tv_sec, other.st_ctim.tv_nsec)
    }

    private static func isCopy(_ directory: Int32, _ name: KernelText) -> Bool {
        let file = name.withCString { openat(directory, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard file >= 0 else { return false }
        defer { close(file) }
        return linux_get_attribute(file, origin, nil, 0) >= 0
    }
}
