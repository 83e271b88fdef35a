// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Files that a person has named for output")
struct OutputFileTests {
    @discardableResult
    private func write(_ text: String, to path: FilePath) throws -> Int? {
        let file = try OutputFile(path)
        _ = try file.descriptor.writeAll(text.utf8)
        return try file.commit()
    }

    private func kind(_ path: FilePath) throws -> UInt32 {
        var status = stat()
        try #require(lstat(path.string, &status) == 0)
        return status.st_mode & S_IFMT
    }

    @Test("a regular file has its old content until the new one is whole")
    func regular() throws {
        try TemporaryTree.with { tree in
            try tree.write("a", "old")
            let file = try OutputFile(tree.path("a"))
            _ = try file.descriptor.writeAll("new!".utf8)
            #expect(try tree.text("a") == "old")
            // Whoever is killed now leaves nothing. Not every file system can do that.
            let unnamed = open(tree.path.string, O_RDWR | O_DIRECTORY | 0o20_000_000, 0o600)
            if unnamed >= 0 { #expect(try tree.listing("") == ["a"]) }
            close(unnamed)
            #expect(try file.commit() == 4)
            #expect(try tree.text("a") == "new!")
            do { _ = try OutputFile(tree.path("b")) }
            #expect(try tree.listing("") == ["a"])
        }
    }

    @Test("a link stays, and what it leads to is replaced, or made")
    func links() throws {
        try TemporaryTree.with { tree in
            try tree.write("sub/target", "old")
            for (link, target) in [("one", "sub/target"), ("two", "one"), ("none", "sub/fresh")] {
                try #require(symlink(target, tree.path(FilePath(link)).string) == 0)
            }
            #expect(try write("new", to: tree.path("two")) == 3)
            #expect(try write("made", to: tree.path("none")) == 4)
            #expect(try tree.text("sub/target") == "new" && tree.text("sub/fresh") == "made")
            for link in ["one", "two", "none"] { #expect(try kind(tree.path(FilePath(link))) == S_IFLNK) }
            try #require(symlink("loop", tree.path("loop").string) == 0)
            #expect(throws: FilesError.self) { try OutputFile(tree.path("loop")) }
            #expect(throws: FilesError.self) { try OutputFile(tree.path("sub")) }
            #expect(throws: FilesError.self) { try OutputFile(tree.path("missing/a")) }
        }
    }

    @Test("a named pipe and a device get the bytes, and stay what they are")
    func special() throws {
        try TemporaryTree.with { tree in
            let pipe = tree.path("pipe")
            try #require(mkfifo(pipe.string, 0o600) == 0)
            var asked = 0
            #expect(throws: FilesError.self) {
                try OutputFile(pipe) {
                    asked += 1
                    return asked > 2
                }
            }
            // Open for both, so that neither end waits.
            let reader = try FileDescriptor.open(pipe, .readWrite)
            defer { try? reader.close() }
            #expect(try write("through", to: pipe) == nil)
            var buffer = [UInt8](repeating: 0, count: 20)
            let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
            #expect(String(decoding: buffer.prefix(count), as: UTF8.self) == "through")
            #expect(try kind(pipe) == S_IFIFO)
            // The null device's numbers, at a place of our own; only root can make one.
            let device = tree.path("device")
            if mknod(device.string, S_IFCHR | 0o600, 0x103) == 0, (try? FileDescriptor.open(device, .writeOnly)) != nil
            {
                #expect(try write("gone", to: device) == nil)
                #expect(try kind(device) == S_IFCHR)
            }
        }
    }

    @Test("what a link of /proc shows is written through where it has no path any more")
    func unnamed() throws {
        try TemporaryTree.with { tree in
            let open = try FileDescriptor.open(
                tree.path("a"), .readWrite, options: .create, permissions: .ownerReadWrite)
            defer { try? open.close() }
            let link = FilePath("/proc/self/fd/\(open.rawValue)")
            #expect(OutputFile.leads(link, to: open) && !OutputFile.leads("/", to: open))
            #expect(try write("first", to: link) == 5)
            #expect(try tree.text("a") == "first")
            try #require(unlink(tree.path("a").string) == 0)
            #expect(try write("x", to: link) == nil)
            #expect(try tree.listing("") == [])
        }
    }
}
