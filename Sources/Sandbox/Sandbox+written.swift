// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// What a build wrote to one place.
public struct WrittenFiles: Sendable, Equatable {
    /// Bytes on the disk, of regular files.
    public var byteCount = 0
    public var fileCount = 0
    /// False where there was more than was looked at.
    public var isWhole = true
    /// When files came to be as they are, in tenths of seconds since 1970: what was written at once counts once.
    public var tenths: Set<Int> = []

    /// The time in which they were written: pauses of more than two seconds belong to something else.
    public static func milliseconds(_ tenths: Set<Int>) -> Int {
        let sorted = tenths.sorted()
        return zip(sorted, sorted.dropFirst()).reduce(sorted.isEmpty ? 0 : 100) { sum, pair in
            let gap = pair.1 - pair.0
            return sum + (gap <= 20 ? gap : 1) * 100
        }
    }

    mutating func add(_ status: stat) {
        byteCount += Int(status.st_blocks) * 512
        fileCount += 1
        tenths.insert(Int(status.st_ctim.tv_sec) * 10 + Int(status.st_ctim.tv_nsec) / 100_000_000)
    }

    mutating func add(_ other: WrittenFiles) {
        byteCount += other.byteCount
        fileCount += other.fileCount
        isWhole = isWhole && other.isWhole
        tenths.formUnion(other.tenths)
    }
}

/// What a build wrote to one of its mounts, with the caller's own rights: what the build made of it is never followed by a path
/// of the host, whose directories its links may name.
final class UpperTree: TreeOpener {
    private let directory: Directory
    private let tree: DirectoryTree

    init(_ path: FilePath) throws(FilesError) {
        directory = try Directory(path)
        tree = DirectoryTree(root: directory.descriptor)
    }

    func open(_ path: FilePath, directory: Bool) throws(FilesError) -> FileDescriptor {
        try tree.open(path, directory: directory)
    }
}

// What lies in memory, in a mounted source or in a state that was kept is not looked at: there is nothing to tell it by.
extension Sandbox {
    /// Measures what this build wrote to a directory; nil where it wrote nothing, which one try to open it tells.
    /// - Parameters:
    ///   - path: absolute and inside.
    ///   - entries: how many names may be looked at; what was is taken off.
    public func written(below path: FilePath, entries: inout Int) -> WrittenFiles? {
        guard let place = writtenPlace(of: path) else { return nil }
        var files = WrittenFiles()
        do throws(FilesError) {
            let directory = try place.tree.open(place.below, directory: true)
            try? directory.close()
            var hidden: [[UInt8]] = []
            Self.measure(place.tree, place.below, &files, &entries) { hidden.append($0) }
            for below in hidden { measureInside(FilePath(bytes: path.bytes + below), &files, &entries) }
        } catch {
            // Only the build's own users may look.
            guard error.underlying == .permissionDenied else { return nil }
            measureInside(path, &files, &entries)
        }
        return files.fileCount == 0 ? nil : files
    }

    /// The names of the directories in a directory that this build wrote to, at most so many.
    public func writtenDirectories(in path: FilePath, atMost limit: Int) -> [FilePath.Component] {
        guard let place = writtenPlace(of: path), let top = try? place.tree.open(place.below, directory: true),
            let entries = try? Directory(adopting: top, path: path).entries()
        else { return [] }
        return entries.filter { $0.kind == .directory }.prefix(limit)
            .compactMap { FilePath(bytes: $0.name).lastComponent }
    }

    /// The directories that this build wrote most to, each with everything below it.
    /// - Parameters:
    ///   - path: where to look, absolute and inside.
    ///   - bytes: what takes less is left out.
    ///   - skipped: absolute and inside; not looked into.
    ///   - entries: as for `written(below:entries:)`.
    public func writtenMost(
        below path: FilePath, atLeast bytes: Int, skipping skipped: Set<FilePath>, entries: inout Int
    ) -> [(path: FilePath, files: WrittenFiles)] {
        guard let place = writtenPlace(of: path) else { return [] }
        var nodes = [WrittenNode(path: path, parent: nil)]
        TreeWalk<Int>(tree: place.tree, root: place.below).run(0) { _ in
        } visit: { entry in
            guard entries > 0 else {
                nodes[0].files.isWhole = false
                return .pass
            }
            entries -= 1
            if entry.kind == .regular {
                if let status = Self.status(entry) { nodes[entry.state].files.add(status) }
                return .pass
            }
            guard entry.kind == .directory else { return .pass }
            // What is deeper is part of something, not something by itself.
            guard entry.depth <= 4 else { return .enter(entry.state) }
            let here = FilePath(bytes: path.bytes + [0x2F] + entry.path)
            if skipped.contains(here) { return .pass }
            nodes.append(WrittenNode(path: here, parent: entry.state))
            nodes[entry.state].children.append(nodes.count - 1)
            return .enter(nodes.count - 1)
        }
        let isWhole = nodes[0].files.isWhole
        for index in nodes.indices.reversed() {
            nodes[index].files.isWhole = isWhole
            if let parent = nodes[index].parent { nodes[parent].files.add(nodes[index].files) }
        }
        var found: [(path: FilePath, files: WrittenFiles)] = []
        var pending = nodes[0].children
        while let index = pending.popLast() {
            let node = nodes[index]
            guard node.files.byteCount >= bytes else { continue }
            // Where nearly everything is in one directory, that is the one.
            let main = node.children.first { nodes[$0].files.byteCount * 10 >= node.files.byteCount * 9 }
            if let main { pending.append(main) } else { found.append((node.path, node.files)) }
        }
        return found.sorted { $0.files.byteCount > $1.files.byteCount }
    }

    private struct WrittenNode {
        var path: FilePath
        var parent: Int?
        var children: [Int] = []
        var files = WrittenFiles()
    }

    // MARK: Places

    /// Where what the build wrote to a directory or file lies, absolute in a tree; nil where that cannot be told.
    func writtenPlace(of path: FilePath) -> (tree: UpperTree, below: FilePath)? {
        guard prepared.plan.reopening == nil else { return nil }
        let bytes = path.bytes
        guard let mount = mounts.mount(of: bytes), let upper = mount.upper else { return nil }
        let opened = openedUppers[mount.index] ?? (try? UpperTree(FilePath(bytes: upper.bytes)))
        guard let opened else { return nil }
        openedUppers[mount.index] = opened
        let below = mount.below(bytes)
        return (opened, below.isEmpty ? "/" : FilePath(bytes: Array(below)))
    }

    // MARK: Measuring

    /// Through the sandbox, which may open everything.
    private func measureInside(_ path: FilePath, _ files: inout WrittenFiles, _ entries: inout Int) {
        guard let tree = try? tree() else { return }
        Self.measure(tree, path, &files, &entries) { _ in }
    }

    private static func measure(
        _ tree: any TreeOpener, _ root: FilePath, _ files: inout WrittenFiles, _ entries: inout Int,
        hidden: ([UInt8]) -> Void
    ) {
        let rootLength = root == "/" ? 0 : root.bytes.count
        TreeWalk<Void>(tree: tree, root: root).run(()) { error in
            if error.underlying == .permissionDenied { hidden(Array(error.path.bytes.dropFirst(rootLength))) }
        } visit: { entry in
            guard entries > 0 else {
                files.isWhole = false
                return .pass
            }
            entries -= 1
            if entry.kind == .regular, let status = status(entry) { files.add(status) }
            return entry.kind == .directory ? .enter(()) : .pass
        }
    }

    private static func status<State>(_ entry: TreeWalk<State>.Visit) -> stat? {
        var status = stat()
        let result = FilePath(bytes: entry.name).withPlatformString {
            fstatat(entry.directory.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW)
        }
        return result == 0 ? status : nil
    }
}
