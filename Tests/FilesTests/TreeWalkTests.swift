// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("TreeWalk")
struct TreeWalkTests {
    private func paths(of tree: TemporaryTree, from root: FilePath = "/") throws -> (paths: [String], errors: [Errno?])
    {
        let walk = TreeWalk<Void>(tree: DirectoryTree(root: tree.root.descriptor), root: root)
        var paths: [String] = []
        var errors: [Errno?] = []
        walk.run((), unreadable: { errors.append($0.underlying) }) { visit in
            paths.append(FilePath.displayed(visit.path))
            return visit.kind == .directory ? .enter(()) : .pass
        }
        return (paths, errors)
    }

    @Test("names come in the order of their bytes, a directory's right behind it")
    func order() throws {
        try TemporaryTree.with { tree in
            for file: FilePath in ["b/2", "b/1/x", "a", "B", "a.b", "é", "b-"] { try tree.write(file) }
            #expect(try paths(of: tree).paths == ["B", "a", "a.b", "b", "b/1", "b/1/x", "b/2", "b-", "é"])
        }
    }

    @Test("links are visited and not followed, fifos do not block")
    func links() throws {
        try TemporaryTree.with { tree in
            try tree.write("dir/file")
            try tree.link("link", to: "dir")
            try tree.link("loop", to: "loop")
            try tree.fifo("pipe")
            let (paths, errors) = try paths(of: tree)
            #expect(paths == ["dir", "dir/file", "link", "loop", "pipe"])
            #expect(errors.isEmpty)
        }
    }

    @Test("a tree 10,000 deep is walked to its end")
    func deep() throws {
        try TemporaryTree.with { tree in
            try makeDeep(tree, levels: 10_000)
            try tree.write("z")
            let walk = TreeWalk<Void>(tree: DirectoryTree(root: tree.root.descriptor), root: "/")
            var names: [[UInt8]] = []
            var deepest = 0
            walk.run((), unreadable: { Issue.record("\($0)") }) { visit in
                names.append(visit.name)
                deepest = max(deepest, visit.directoryPath.count)
                return visit.kind == .directory ? .enter(()) : .pass
            }
            #expect(names.count == 10_002)
            #expect(names.suffix(2) == [Array("file".utf8), Array("z".utf8)])
            #expect(deepest == 19_999)
        }
    }

    @Test("another file system is told and not entered")
    func otherFileSystem() throws {
        let root = try Directory("/")
        let walk = TreeWalk<Void>(tree: DirectoryTree(root: root.descriptor), root: "/")
        var errors: [FilesError] = []
        walk.run((), names: [Array("proc".utf8)], unreadable: { errors.append($0) }) { _ in .enter(()) }
        #expect(errors == [FilesError(.open, path: "/proc", underlying: .improperLink)])
    }

    @Test("a root that is missing is told")
    func missingRoot() throws {
        try TemporaryTree.with { tree in
            let errors = try paths(of: tree, from: "/none").errors
            #expect(errors == [.noSuchFileOrDirectory])
        }
    }

    @Test("a path longer than the kernel takes at once is opened in steps")
    func longPath() throws {
        try TemporaryTree.with { tree in
            try makeDeep(tree, levels: 5000)
            let opener = DirectoryTree(root: tree.root.descriptor)
            let path = FilePath("/" + String(repeating: "d/", count: 5000) + "file")
            let file = try opener.open(path, directory: false)
            #expect(try FileStatus(of: file, path: path).kind == .regular)
            try file.close()
        }
    }
}
