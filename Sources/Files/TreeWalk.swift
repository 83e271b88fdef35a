// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// Goes through a tree in a fixed order: names of a directory by their bytes, what is in a directory right after it.
///
/// It goes by descriptors, at any depth, follows no link that the visitor does not tell it to follow, and stays on the
/// file system where it began. `State` is what the visitor knows about a directory, handed to what is in it.
public struct TreeWalk<State> {
    /// One name that the walk came to.
    public struct Visit {
        /// Raw bytes of the last component.
        public let name: [UInt8]
        public let kind: FileKind
        /// The directory it is in, open while the visit lasts.
        public let directory: FileDescriptor
        /// What the visitor said about that directory.
        public let state: State
        /// Levels below the walk's root, from 1.
        public let depth: Int
        fileprivate let prefix: [UInt8]

        /// Relative to the walk's root, `/` between components.
        public var path: [UInt8] {
            var path = [UInt8]()
            path.reserveCapacity(prefix.count + 1 + name.count)
            path += prefix
            if !prefix.isEmpty { path.append(UInt8(ascii: "/")) }
            path += name
            return path
        }

        /// The path of the directory it is in, relative to the walk's root.
        public var directoryPath: [UInt8] { prefix }
    }

    /// What the visitor wants next.
    public enum Step {
        case pass
        /// Go into this directory; with `names`, only to those, and without listing it.
        case enter(State, names: [[UInt8]]? = nil)
        /// Go into the directory that this link leads to, opened by the visitor and closed by the walk.
        case follow(FileDescriptor, State, names: [[UInt8]]? = nil)
    }

    private struct Level {
        /// Last first.
        var names: [(name: [UInt8], kind: FileKind?)]
        var state: State
        /// How much of the walk's path leads to this directory.
        var pathLength: Int
    }

    private let tree: any TreeOpener
    private let root: FilePath

    /// - Parameter root: a directory, absolute inside the tree; links in it are followed, inside the tree.
    public init(tree: any TreeOpener, root: FilePath) {
        self.tree = tree
        self.root = root
    }

    /// - Parameters:
    ///   - names: the only names wanted of the root itself; nil lists it.
    ///   - unreadable: told of a directory that cannot be entered: `.permissionDenied`, `.improperLink` for another
    ///     file system, `.tooManySymbolicLinkLevels` for a link that leads back to where the walk is.
    ///   - visit: called for each name.
    public func run<Failure: Error>(
        _ state: State, names: [[UInt8]]? = nil, unreadable: (FilesError) throws(Failure) -> Void,
        visit: (Visit) throws(Failure) -> Step
    ) throws(Failure) {
        var stack = DirectoryStack()
        var levels: [Level] = []
        // The directory that the walk is in. One for all levels: each with its own would take the square of the depth.
        var prefix: [UInt8] = []
        let rootStatus: FileStatus
        do throws(FilesError) {
            let descriptor = try tree.open(root.appending("."), directory: true)
            rootStatus = try FileStatus(of: descriptor, path: root)
            levels.append(try Self.level(descriptor, state, names, pathLength: 0))
            stack.push(descriptor, rootStatus)
        } catch { return try unreadable(FilesError(error.code, path: root, underlying: error.underlying)) }

        while let level = levels.indices.last {
            guard let (name, listedKind) = levels[level].names.popLast() else {
                levels.removeLast()
                guard let above = levels.last else { continue }
                let left = prefix
                prefix.removeSubrange(above.pathLength...)
                do throws(Errno) {
                    try stack.pop { try? tree.open(absolute(prefix).appending("."), directory: true) }
                } catch {
                    // What is left of the directory above cannot be reached any more.
                    try unreadable(FilesError(.open, path: absolute(left).appending(".."), underlying: error))
                    return
                }
                continue
            }
            let directory = stack.top
            guard let kind = listedKind ?? kind(of: name, in: directory, prefix) else { continue }
            let here = Visit(
                name: name, kind: kind, directory: directory, state: levels[level].state, depth: levels.count,
                prefix: prefix)
            let next: State
            let nextNames: [[UInt8]]?
            var followed: FileDescriptor?
            switch try visit(here) {
            case .pass: continue
            case .enter(let state, let names): (next, nextNames) = (state, names)
            case .follow(let descriptor, let state, let names):
                (followed, next, nextNames) = (descriptor, state, names)
            }
            let path = here.path
            do throws(FilesError) {
                let descriptor =
                    if let followed { followed } else {
                        try tree.openEntry(name, in: directory, path: { absolute(path) }, directory: true)
                    }
                do throws(FilesError) {
                    let status = try FileStatus(of: descriptor, path: "")
                    if status.device != rootStatus.device {
                        throw FilesError(.open, path: "", underlying: .improperLink)
                    }
                    if followed != nil, stack.contains(status) {
                        throw FilesError(.open, path: "", underlying: .tooManySymbolicLinkLevels)
                    }
                    levels.append(try Self.level(descriptor, next, nextNames, pathLength: path.count))
                    stack.push(descriptor, status)
                    prefix = path
                } catch {
                    try? descriptor.close()
                    // Named only now: a path is not made for each directory that can be entered.
                    throw FilesError(error.code, path: absolute(path), underlying: error.underlying)
                }
            } catch { try unreadable(error) }
        }
    }

    private func absolute(_ path: [UInt8]) -> FilePath {
        // By bytes: FilePath's own append is slow for a path of thousands of components.
        path.isEmpty ? root : FilePath(bytes: root.bytes + [UInt8(ascii: "/")] + path)
    }

    private static func level(
        _ descriptor: FileDescriptor, _ state: State, _ names: [[UInt8]]?, pathLength: Int
    ) throws(FilesError) -> Level {
        let found: [(name: [UInt8], kind: FileKind?)]
        if let names {
            found = names.map { ($0, nil) }
        } else {
            found = try listEntries(of: descriptor, path: "").map { ($0.name, $0.kind) }
        }
        return Level(names: found.sorted { $1.name.precedes($0.name) }, state: state, pathLength: pathLength)
    }

    /// Nil when there is no such name.
    private func kind(of name: [UInt8], in directory: FileDescriptor, _ prefix: [UInt8]) -> FileKind? {
        var path = prefix
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        path += name
        return try? tree.status(of: name, in: directory, path: { absolute(path) }).kind
    }
}
