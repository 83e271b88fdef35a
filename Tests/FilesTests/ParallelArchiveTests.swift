// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Archives
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("ZipWriter on several threads")
struct ParallelArchiveTests {
    /// How long a job is, and what of a file is compressed as a whole; sizes around them are where something could break.
    private static let pieceSize = 256 << 10
    private static let wholeLimit = 512 << 10

    private static let text: [UInt8] = (0..<30_000).flatMap { Array("\($0) is \($0 % 7 * $0)\n".utf8) }

    private func text(_ count: Int, _ seed: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + Self.text.count)
        let start = seed * 7919 % Self.text.count
        bytes += Self.text[start...]
        while bytes.count < count { bytes += Self.text }
        return Array(bytes.prefix(count))
    }

    private func noise(_ count: Int) throws -> [UInt8] {
        let source = try FileDescriptor.open("/dev/urandom", .readOnly)
        defer { try? source.close() }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            while used < count {
                used += try source.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[used...]))
            }
        }
    }

    /// Files of all sizes, with text, noise and nothing in them, in the order in which they are put in.
    private func fill(_ tree: TemporaryTree) throws -> [FilePath] {
        var names: [FilePath] = []
        func write(_ name: String, _ bytes: [UInt8]) throws {
            names.append(FilePath(name))
            try tree.write(FilePath("in/\(name)"), bytes: bytes)
        }
        try write("long", text(10 << 20, 1))
        for number in 0..<400 { try write("small/\(number)", text(number * number / 4, number)) }
        for edge in [Self.pieceSize, Self.wholeLimit, 3 * Self.pieceSize] {
            for size in [edge - 1, edge, edge + 1] {
                try write("text-\(size)", text(size, size))
                try write("noise-\(size)", noise(size))
            }
        }
        try write("empty", [])
        try write("long-noise", noise(5 << 20))
        try write("last", text(1000, 3))
        return names
    }

    @Test("the bytes are the same with any number of threads, however often, and all tools read them")
    func sameBytes() throws {
        try TemporaryTree.with { tree in
            let names = try fill(tree)
            var summaries: [ZipWriter.Summary] = []
            for count in [1, 2, 4, 4, 8, 3] {
                summaries.append(
                    try tree.zip(FilePath("\(summaries.count).zip"), threadCount: count) { writer in
                        for name in names { try tree.add(writer, FilePath("in").pushing(name), as: name.bytes) }
                        try writer.addLink(name: Array("link".utf8), target: Array("last".utf8))
                    })
            }
            #expect(Set(summaries.map(\.sha256)).count == 1)
            #expect(summaries.allSatisfy { $0 == summaries[0] })
            for number in 1..<summaries.count {
                #expect(
                    try runTool("cmp", [tree.path("0.zip").string, tree.path(FilePath("\(number).zip")).string]).status
                        == 0)
            }
            try expectSound(tree.path("0.zip"))
            #expect(try runTool("unzip", ["-q", tree.path("0.zip").string, "-d", tree.path("x").string]).status == 0)
            try tree.link("in/link", to: "last")
            #expect(try runTool("diff", ["-r", tree.path("in").string, tree.path("x").string]).lines.isEmpty)
        }
    }

    @Test("a file that cannot be read leaves no trace, whatever its size and its place")
    func unreadable() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", bytes: text(100_000, 1))
            let summary = try tree.zip(threadCount: 2) { writer in
                let directory = try FileDescriptor.open(tree.path("."), .readOnly, options: .directory)
                defer { try? directory.close() }
                for number in 0..<50 {
                    try tree.add(writer, "file", as: Array("\(number)".utf8))
                    for size in [1, 10_000, Self.wholeLimit + 1, 50 << 20] {
                        #expect(throws: ArchivesError(code: .read, path: "bad", underlying: .isDirectory)) {
                            try writer.addFile(name: Array("bad".utf8), mode: 0o644, size: size, from: directory)
                        }
                    }
                }
            }
            #expect(summary.memberCount == 50)
            try expectSound(tree.path("out.zip"))
            #expect(try runTool("unzip", ["-Z1", tree.path("out.zip").string]).lines == (0..<50).map { "\($0)" })
        }
    }

    @Test("what is stopped or left in the middle ends its threads", arguments: [1, 2, 4])
    func left(threadCount: Int) throws {
        try TemporaryTree.with { tree in
            try tree.write("file", bytes: text(20 << 20, 1))
            for limit in [0, 1, 20, 70] {
                let output = try FileDescriptor.open("/dev/null", .writeOnly)
                defer { try? output.close() }
                let writer = ZipWriter(to: output, path: "out.zip", threadCount: threadCount)
                let file = try tree.root.open("file", flags: O_RDONLY)
                defer { try? file.close() }
                var asked = 0
                #expect(throws: ArchivesError(code: .readPartly, path: "file")) {
                    try writer.addFile(name: Array("file".utf8), mode: 0o644, size: 20 << 20, from: file) {
                        asked += 1
                        return asked <= limit
                    }
                }
            }
        }
    }

    @Test("a full disk is told while files still come", arguments: [1, 2, 4])
    func fullDisk(threadCount: Int) throws {
        try TemporaryTree.with { tree in
            try tree.write("file", bytes: noise(1 << 20))
            let full = try FileDescriptor.open("/dev/full", .writeOnly)
            defer { try? full.close() }
            let writer = ZipWriter(to: full, path: "out.zip", threadCount: threadCount)
            #expect(throws: ArchivesError(code: .write, path: "out.zip", underlying: .noSpace)) {
                for number in 0..<100 { try tree.add(writer, "file", as: Array("\(number)".utf8)) }
            }
        }
    }

    @Test("a file that was to be of more than 4 GiB and is not is marked as one that may be")
    func announcedBeyondFourGiB() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", bytes: text(1 << 20, 1))
            _ = try tree.zip { writer in
                let file = try tree.root.open("file", flags: O_RDONLY)
                defer { try? file.close() }
                let name = Array("file".utf8)
                #expect(try writer.addFile(name: name, mode: 0o644, size: 1 << 33, from: file) == 1 << 20)
            }
            try expectSound(tree.path("out.zip"))
        }
    }

    @Test("a file of more than 4 GiB needs ZIP64, and has it")
    func beyondFourGiB() throws {
        try TemporaryTree.with { tree in
            let size = 1 << 32 + 12_345
            try tree.sparse("file", size: size)
            try tree.write("after", "x")
            _ = try tree.zip { writer in
                try tree.add(writer, "file")
                try tree.add(writer, "after")
            }
            let archive = tree.path("out.zip").string
            // All of it would take unzip longer than all the other tests here.
            #expect(try runTool("unzip", ["-tqq", archive, "after"]).status == 0)
            #expect(try runTool("bsdtar", ["-tf", archive]).lines == ["file", "after"])
            let script = "import sys,zipfile; print([i.file_size for i in zipfile.ZipFile(sys.argv[1]).infolist()])"
            #expect(try runTool("python3", ["-c", script, archive]).lines == ["[\(size), 1]"])
        }
    }
}
