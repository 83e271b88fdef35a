// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Makes a layer of what a build wrote: by renaming directories, so that it takes as long for a million files as for one.
///
/// By the launcher, as the owner of the build's files, when every process of the build is dead: the views that lie over these
/// directories are still mounted, and nobody looks into them any more. Every component is opened without following a link,
/// for what stands there is the build's.
struct LayerPublishing {
    let publication: LayerPublication
    /// Its owner is the sandbox's root.
    let scratch: KernelText
    private var size = TreeSize()

    init(publication: LayerPublication, scratch: KernelText) {
        self.publication = publication
        self.scratch = scratch
    }

    mutating func perform() throws(SetUpFailure) -> PublishedLayer {
        umask(0o077)
        let place = publication.destination
        try check(place.withCString { mkdir($0, 0o700) }, .makeMountPoint, place)
        let destination = place.withCString { open($0, DirectoryContents.flags) }
        try check(destination, .makeMountPoint, place)
        defer { close(destination) }
        var owner = stat()
        try check(scratch.withCString { stat($0, &owner) }, .makeMountPoint, scratch)
        // A layer in which nothing changed is one all the same.
        close(try makeDirectory("files", in: destination, owner))
        var states: [PublishedLayer.TreeState] = []
        for tree in publication.trees { states.append(try publish(tree, destination, owner)) }
        return PublishedLayer(trees: states, byteCount: size.byteCount, fileCount: size.fileCount)
    }

    private mutating func publish(
        _ tree: LayerPublication.Tree, _ destination: Int32, _ owner: stat
    ) throws(SetUpFailure) -> PublishedLayer.TreeState {
        var names = tree.path.components
        var source = tree.source.withCString { open($0, DirectoryContents.flags) }
        guard source >= 0 else {
            if errno == ENOENT { return .absent }
            throw SetUpFailure(.restoreCache, errno: errno, path: tree.source)
        }
        defer { close(source) }
        // Where the place itself is published, its own directory is what is moved.
        if names.isEmpty { return try publishPlace(tree, source, destination, owner) }
        let last = names.removeLast()
        var hidesWhatIsBelow = tree.relation == .replacement || OpaqueMark.isOn(source)
        var missing = false
        var passed: [Int32] = [dup(source)]
        defer { for directory in passed { close(directory) } }
        for name in names {
            let next = name.withCString { openat(source, $0, DirectoryContents.flags) }
            guard next >= 0 else {
                // A file, a link or a mark that hides what was there: whatever the build put there, it is not the path.
                missing = true
                if errno != ENOENT { hidesWhatIsBelow = true }
                break
            }
            close(source)
            source = next
            passed.append(dup(next))
            if OpaqueMark.isOn(source) { hidesWhatIsBelow = true }
        }
        var status = stat()
        let isThere = !missing && last.withCString { fstatat(source, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
        let isMark = isThere && status.st_mode & S_IFMT == S_IFCHR
        let isWhole = tree.relation == .whole
        if !isThere || (isMark && isWhole) {
            if isWhole { return .absent }
            if !hidesWhatIsBelow { return .unchanged }
        }
        // A name that is gone, or that another thing has now, has changed its directory, or one above.
        let isAsRestored = isAsRestored(tree) { found in
            for directory in passed.dropFirst() { found.addItself(directory) }
            if isThere { found.add(entry: last, of: source) } else { found.addItself(source) }
        }
        if isAsRestored { return .unchanged }
        if isThere, !isMark, !isWhole, !hidesWhatIsBelow, isUnchanged(source, last, status) { return .unchanged }
        let parent = try makeParents(tree, names, passed, destination, owner)
        defer { close(parent) }
        guard isThere else {
            try check(last.withCString { mknodat(parent, $0, S_IFCHR, 0) }, .writeFile, last)
            return .absent
        }
        if status.st_mode & S_IFMT == S_IFDIR { try mark(source, last, isWhole, hidesWhatIsBelow) }
        try check(
            last.withCString { name in renameat(source, name, parent, name) }, .restoreCache, publication.destination)
        if isMark { return .absent }
        size.add(entry: last, of: parent)
        return .published
    }

    private mutating func publishPlace(
        _ tree: LayerPublication.Tree, _ source: Int32, _ destination: Int32, _ owner: stat
    ) throws(SetUpFailure) -> PublishedLayer.TreeState {
        if isAsRestored(tree, { $0.add(source) }) { return .unchanged }
        if tree.relation == .change, !OpaqueMark.isOn(source), DirectoryContents.isEmpty(source) { return .unchanged }
        var components = tree.target.components
        guard let name = components.popLast() else { throw SetUpFailure(.restoreCache, errno: EINVAL) }
        let parent = try makeDirectories(components, in: destination, owner)
        defer { close(parent) }
        switch tree.relation {
        case .whole: OpaqueMark.remove(source)
        case .replacement: try check(OpaqueMark.set(source), .restoreCache, name)
        case .change: break
        }
        // An empty directory that was made for it gives way.
        let moved = tree.source.withCString { old in name.withCString { renameat(AT_FDCWD, old, parent, $0) } }
        try check(moved, .restoreCache, publication.destination)
        size.add(entry: name, of: parent)
        return .published
    }

    /// A layer says by itself what of the layers below it counts, and never hides a file of the source.
    private func mark(_ parent: Int32, _ name: KernelText, _ isWhole: Bool, _ hides: Bool) throws(SetUpFailure) {
        guard isWhole || hides else { return }
        let directory = name.withCString { openat(parent, $0, DirectoryContents.flags) }
        try check(directory, .restoreCache, name)
        defer { close(directory) }
        if isWhole {
            OpaqueMark.remove(directory)
        } else {
            try check(OpaqueMark.set(directory), .restoreCache, name)
        }
    }

    /// A directory that was only looked into is copied up without anything in it.
    private func isUnchanged(_ parent: Int32, _ name: KernelText, _ status: stat) -> Bool {
        guard status.st_mode & S_IFMT == S_IFDIR else { return false }
        let directory = name.withCString { openat(parent, $0, DirectoryContents.flags) }
        guard directory >= 0 else { return false }
        defer { close(directory) }
        return !OpaqueMark.isOn(directory) && DirectoryContents.isEmpty(directory)
    }

    /// Whether nothing changed since it was copied out of the layers.
    private func isAsRestored(_ tree: LayerPublication.Tree, _ add: (inout TreeSize) -> Void) -> Bool {
        guard tree.relation == .replacement, let stamp = RestoreStamp.read(in: scratch) else { return false }
        var found = TreeSize()
        add(&found)
        return found.lastChange.isBefore(stamp)
    }

    // MARK: Directories above

    /// They look as in the build: seen through a later view their attributes are those that count.
    private func makeParents(
        _ tree: LayerPublication.Tree, _ names: [KernelText], _ originals: [Int32], _ destination: Int32, _ owner: stat
    ) throws(SetUpFailure) -> Int32 {
        var current = try makeDirectories(tree.target.components, in: destination, owner)
        if let place = originals.first { try take(place, current, owner) }
        for (index, name) in names.enumerated() {
            let next: Int32
            do throws(SetUpFailure) { next = try makeDirectory(name, in: current, owner) } catch {
                close(current)
                throw error
            }
            close(current)
            current = next
            if originals.indices.contains(index + 1) { try take(originals[index + 1], current, owner) }
        }
        return current
    }

    private func makeDirectories(
        _ names: [KernelText], in parent: Int32, _ owner: stat
    ) throws(SetUpFailure) -> Int32 {
        var current = dup(parent)
        try check(current, .makeMountPoint)
        for name in names {
            let next: Int32
            do throws(SetUpFailure) { next = try makeDirectory(name, in: current, owner) } catch {
                close(current)
                throw error
            }
            close(current)
            current = next
        }
        return current
    }

    private func makeDirectory(_ name: KernelText, in parent: Int32, _ owner: stat) throws(SetUpFailure) -> Int32 {
        if name.withCString({ mkdirat(parent, $0, 0o755) }) == 0 {
            let made = name.withCString { openat(parent, $0, DirectoryContents.flags) }
            try check(made, .makeMountPoint, name)
            _ = fchmod(made, 0o755)
            if fchown(made, owner.st_uid, owner.st_gid) < 0 {
                let saved = errno
                close(made)
                throw SetUpFailure(.makeMountPoint, errno: saved, path: name)
            }
            return made
        }
        guard errno == EEXIST else { throw SetUpFailure(.makeMountPoint, errno: errno, path: name) }
        return try check(name.withCString { openat(parent, $0, DirectoryContents.flags) }, .makeMountPoint, name)
    }

    private func take(_ original: Int32, _ directory: Int32, _ owner: stat) throws(SetUpFailure) {
        var status = stat()
        try check(fstat(original, &status), .makeMountPoint)
        try check(fchown(directory, status.st_uid, status.st_gid), .makeMountPoint)
        try check(fchmod(directory, status.st_mode & 0o7777), .makeMountPoint)
    }
}

extension KernelText {
    /// Names between slashes; none that leads elsewhere is among those that drydock sends.
    var components: [KernelText] {
        bytes.split(separator: UInt8(ascii: "/")).map { KernelText(Array($0)) }
    }
}
