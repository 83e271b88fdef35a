// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Sandbox
import SystemPackage

/// What the user changed in a source since a moment, as far as that can be told without a list of how it was: by the times
/// at which the kernel noted a change, which a move and a new mode set as well as new contents do.
enum ChangedFiles {
    /// Paths relative to the directory. A directory ends in `/`: it was moved here, or made empty, or something was removed
    /// from it and nothing else in it changed. `.git` is left out, for every command of git's changes it.
    static func find(in directory: FilePath, since time: Timestamp) -> [[UInt8]] {
        guard let root = try? Directory(directory) else { return [] }
        let tree = DirectoryTree(root: root.descriptor)
        var found: [[UInt8]] = []
        var directories: [[UInt8]] = []
        // Those whose own change is explained by what is named of them.
        var explained: Set<[UInt8]> = []
        if let status = try? FileStatus(of: root.descriptor, path: directory), status.isModified(since: time) {
            directories.append([])
        }
        TreeWalk<Void>(tree: tree, root: "/").run((), unreadable: { _ in }) { visit in
            let isDirectory = visit.kind == .directory
            if isDirectory, visit.name == Array(".git".utf8) { return .pass }
            if let status = try? tree.status(
                of: visit.name, in: visit.directory, path: { FilePath(bytes: visit.path) }),
                status.isChanged(since: time)
            {
                explained.insert(visit.directoryPath)
                if !isDirectory {
                    found.append(visit.path)
                } else if status.isModified(since: time) {
                    directories.append(visit.path)
                } else {
                    found.append(visit.path + [UInt8(ascii: "/")])
                }
            }
            return isDirectory ? .enter(()) : .pass
        }
        for path in directories where !explained.contains(path) {
            found.append((path.isEmpty ? [UInt8(ascii: ".")] : path) + [UInt8(ascii: "/")])
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

extension FileStatus {
    fileprivate func isModified(since time: Timestamp) -> Bool {
        Double(modificationSeconds) + Double(modificationNanoseconds) / 1e9 > time.seconds
    }

    fileprivate func isChanged(since time: Timestamp) -> Bool {
        Double(changeSeconds) + Double(changeNanoseconds) / 1e9 > time.seconds
    }

    /// Whether this is how an overlay shows the other.
    fileprivate func shows(_ other: FileStatus) -> Bool {
        kind == other.kind
            && (kind == .directory
                || size == other.size && modificationSeconds == other.modificationSeconds
                    && modificationNanoseconds == other.modificationNanoseconds)
    }
}

/// Tells what a sandbox shows of a source from what the build that left its state hides.
struct SeenSource {
    let source: BuildPlan.PlannedSource
    private let host: DirectoryTree
    private let root: Directory
    private let inside: any TreeOpener

    init?(_ source: BuildPlan.PlannedSource, in tree: any TreeOpener) {
        guard let root = try? Directory(source.hostPath) else { return nil }
        self.source = source
        self.root = root
        host = DirectoryTree(root: root.descriptor)
        inside = tree
    }

    /// Whether the sandbox has a file, link or directory as the user has it.
    /// - Parameter path: relative to the source; a directory may end in `/`.
    func shows(_ path: [UInt8]) -> Bool {
        var path = path
        if path.last == UInt8(ascii: "/") { path.removeLast() }
        guard let ours = status(path, below: "/", in: host),
            let theirs = status(path, below: FilePath(source.path), in: inside)
        else { return false }
        return theirs.shows(ours)
    }

    private func status(_ path: [UInt8], below root: FilePath, in tree: any TreeOpener) -> FileStatus? {
        let cut = path.lastIndex(of: UInt8(ascii: "/"))
        let parent = cut.map { root.pushing(FilePath(bytes: Array(path[..<$0]))) } ?? root
        guard let directory = try? tree.open(parent.appending("."), directory: true) else { return nil }
        defer { try? directory.close() }
        let name = Array(cut.map { path[($0 + 1)...] } ?? path[...])
        return try? tree.status(of: name, in: directory, path: { parent })
    }

    /// As people read it: below its identifier, where the source has one.
    static func displayed(_ path: [UInt8], of source: BuildPlan.PlannedSource) -> String {
        (source.identifier.map { $0 + ":" } ?? "") + FilePath.displayed(path)
    }
}
