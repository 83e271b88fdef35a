// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Files

@Suite("Directory")
struct DirectoryTests {
    @Test("neither a link nor two dots lead out of a directory")
    func staysBelow() throws {
        try TemporaryTree.with { tree in
            try tree.write("secret", "outside")
            try tree.write("in/secret", "inside")
            try tree.link("in/up", to: "..")
            try tree.link("in/absolute", to: FilePath("/").pushing(tree.path("secret")))
            let directory = try tree.root.directory("in")
            #expect(throws: FilesError.self) { try directory.read("absolute", limit: 100) }
            for path: FilePath in ["../secret", "up/secret", "/secret", "up/../../secret"] {
                #expect(String(decoding: try directory.read(path, limit: 100), as: UTF8.self) == "inside")
            }
        }
    }

    @Test("names are bytes, whatever bytes they are")
    func rawNames() throws {
        try TemporaryTree.with { tree in
            let names: [[UInt8]] = [[0xFF, 0xFE], Array("new\nline".utf8), Array("é\u{301}".utf8), [0x01]]
            for name in names { try tree.write(FilePath(bytes: name), "x") }
            let found = try tree.root.entries().map(\.name)
            #expect(Set(found) == Set(names))
            for name in names {
                #expect(FilePath(bytes: name).bytes == name)
                #expect(try tree.root.read(FilePath(bytes: name), limit: 10) == Array("x".utf8))
            }
            #expect(FilePath("a\nb\u{1b}[31m").displayed == "a\\x0ab\\x1b[31m")
        }
    }

    @Test("a file longer than the limit is refused, one as long is read")
    func readLimit() throws {
        try TemporaryTree.with { tree in
            let path = try tree.write("file", String(repeating: "x", count: 5000))
            #expect(try FileContents.read(path, limit: 5000).count == 5000)
            #expect(throws: FilesError(.tooLarge, path: path, limit: 4999)) { try FileContents.read(path, limit: 4999) }
            #expect(throws: FilesError(.tooLarge, path: "/dev/zero", limit: 100_000)) {
                try FileContents.read("/dev/zero", limit: 100_000, regularOnly: false)
            }
            // A file of /proc says it is empty.
            #expect(try FileContents.read("/proc/self/status", limit: 100_000).count > 100)
            #expect(throws: FilesError.self) { try FileContents.read(tree.path, limit: 100) }
        }
    }

    @Test("reading a fifo is refused at once")
    func fifo() throws {
        try TemporaryTree.with { tree in
            try tree.fifo("pipe")
            #expect(throws: FilesError(.notRegular, path: tree.path("pipe"))) {
                try FileContents.read(tree.path("pipe"), limit: 100)
            }
        }
    }

    @Test("a name is taken in one step or not at all, also where a rename always replaces")
    func renamesByLink() throws {
        try TemporaryTree.with { tree in
            try tree.write("a", "new")
            try tree.write("in/taken", "old")
            for isLinked in [true, false] {
                let error = #expect(throws: FilesError.self) {
                    if isLinked {
                        try tree.root.renameByLink("a", to: "in/taken")
                    } else {
                        try tree.root.rename("a", to: "in/taken", replacing: false)
                    }
                }
                #expect(error?.underlying == .fileExists)
                #expect(try tree.text("a") == "new" && tree.text("in/taken") == "old")
            }
            try tree.root.renameByLink("a", to: "in/free")
            #expect(try tree.listing() == ["in/", "in/free", "in/taken"] && tree.text("in/free") == "new")
        }
    }

    @Test("missing directories are made, a name that is taken by a file is told")
    func makeDirectories() throws {
        try TemporaryTree.with { tree in
            _ = try Directory.make(tree.path("a/b/c"))
            try tree.root.makeDirectories("a/b/d/e")
            try tree.write("file")
            #expect(try tree.listing() == ["a/", "a/b/", "a/b/c/", "a/b/d/", "a/b/d/e/", "file"])
            #expect(throws: FilesError.self) { try Directory.make(tree.path("file/x")) }
            #expect(throws: FilesError.self) { try tree.root.makeDirectories("file/x") }
        }
    }

    @Test("removal takes a tree whatever its modes, and never what a link points at")
    func removeTree() throws {
        try TemporaryTree.with { tree in
            try tree.write("keep/file")
            try tree.write("gone/a/b/file")
            try tree.link("gone/link", to: "../keep")
            try tree.link("gone/absolute", to: tree.path("keep"))
            try tree.fifo("gone/pipe")
            try tree.directory("gone/closed/inner")
            try tree.setMode("gone/closed", 0)
            try tree.setMode("gone/a/b", 0o555)
            try tree.root.removeTree("gone")
            #expect(try tree.listing() == ["keep/", "keep/file"])
            try tree.root.removeTree("gone")
            try tree.link("link", to: "keep")
            try tree.root.removeTree("link")
            #expect(try tree.listing() == ["keep/", "keep/file"])
        }
    }

    @Test("a tree 10,000 deep is removed, with few descriptors")
    func removeDeepTree() throws {
        try TemporaryTree.with { tree in
            try makeDeep(tree, levels: 10_000)
            try tree.root.removeTree("d")
            #expect(try tree.listing().isEmpty)
        }
    }

    @Test("an error says what was tried, with the kernel's reason in small letters")
    func errorText() {
        let error = FilesError(.open, path: "a/b", underlying: .noSuchFileOrDirectory)
        #expect("\(error)" == "could not open `a/b`: no such file or directory")
        #expect(
            "\(FilesError(.tooLarge, path: "x"))" == "could not read `x`: it is larger than what is read of such a file"
        )
    }
}

/// A chain of directories `d`, with a file in the last.
func makeDeep(_ tree: TemporaryTree, levels: Int) throws {
    var current = try FileDescriptor.open(tree.path, .readOnly, options: .directory)
    for _ in 0..<levels {
        #expect(mkdirat(current.rawValue, "d", 0o755) == 0)
        let next = openat(current.rawValue, "d", O_RDONLY | O_DIRECTORY)
        try current.close()
        current = FileDescriptor(rawValue: next)
    }
    let file = openat(current.rawValue, "file", O_WRONLY | O_CREAT, 0o644)
    #expect(file >= 0)
    close(file)
    try current.close()
}

@Suite("AtomicFile")
struct AtomicFileTests {
    @Test("the old file stays until the new one is whole")
    func replaces() throws {
        try TemporaryTree.with { tree in
            let path = try tree.write("file", "old")
            do {
                let file = try AtomicFile(replacing: path)
                try file.descriptor.writeAll("half".utf8)
                #expect(try tree.text("file") == "old")
            }
            #expect(try tree.listing() == ["file"])
            try AtomicFile.write(Array("new".utf8), to: path, synchronizing: true)
            #expect(try tree.text("file") == "new")
            #expect(try tree.listing() == ["file"])
        }
    }

    @Test("a directory in its place, or none around it, is told")
    func failures() throws {
        try TemporaryTree.with { tree in
            try tree.write("taken/file")
            #expect(throws: FilesError.self) { try AtomicFile.write([], to: tree.path("taken")) }
            #expect(throws: FilesError.self) { try AtomicFile.write([], to: tree.path("missing/file")) }
            #expect(try tree.listing() == ["taken/", "taken/file"])
        }
    }
}

@Suite("FileLock")
struct FileLockTests {
    @Test("a lock excludes a second one until it goes")
    func excludes() throws {
        try TemporaryTree.with { tree in
            var first = try FileLock.acquire(tree.path("lock"), waiting: false)
            #expect(first != nil)
            #expect(try FileLock.acquire(tree.path("lock"), waiting: false) == nil)
            first = nil
            #expect(try FileLock.acquire(tree.path("lock"), waiting: true) != nil)
        }
    }
}
