// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Archives
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Digests")
struct DigestTests {
    private func digests(_ bytes: [UInt8], pieces: Int) -> (String, String) {
        var md5 = MD5()
        var sha256 = SHA256()
        var start = 0
        while start < bytes.count {
            let end = min(start + pieces, bytes.count)
            bytes[start..<end].withUnsafeBytes {
                md5.update($0)
                sha256.update($0)
            }
            start = end
        }
        return (md5.finish(), sha256.finish())
    }

    @Test(
        "digests are those of md5sum and sha256sum, however the bytes come",
        arguments: [0, 1, 55, 56, 63, 64, 65, 1000, 100_003])
    func agreeWithTools(count: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let md5 = try runTool("md5sum", input: bytes).output.prefix(32)
        let sha256 = try runTool("sha256sum", input: bytes).output.prefix(64)
        for pieces in [7, 64, 100, 1 << 20] {
            let ours = digests(bytes, pieces: pieces)
            #expect(ours.0 == md5)
            #expect(ours.1 == sha256)
        }
    }
}

@Suite("ZipWriter")
struct ZipWriterTests {
    @Test("what went in comes out of unzip, with modes and links")
    func roundTrip() throws {
        try TemporaryTree.with { tree in
            try tree.write("in/a.txt", String(repeating: "hello\n", count: 1000), mode: 0o640)
            try tree.write("in/run", "#!/bin/sh\n", mode: 0o6755)
            try tree.write("in/empty")
            let noise = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
            try tree.write("in/sub/large", bytes: noise)
            let summary = try tree.zip { writer in
                for name: FilePath in ["a.txt", "empty", "run", "sub/large"] {
                    try tree.add(writer, FilePath("in").pushing(name), as: name.bytes)
                }
                try writer.addLink(name: Array("link".utf8), target: Array("sub/large".utf8))
            }
            #expect(summary.memberCount == 5)
            try expectSound(tree.path("out.zip"))
            #expect(try runTool("unzip", ["-q", tree.path("out.zip").string, "-d", tree.path("x").string]).status == 0)
            #expect(
                try runTool("diff", ["-r", tree.path("in").string, tree.path("x").string]).lines.filter {
                    !$0.contains("link")
                }.isEmpty)
            #expect(try tree.root.status("x/a.txt").mode == 0o640)
            #expect(try tree.root.status("x/run").mode == 0o755)
            #expect(try tree.root.readLink("x/link") == "sub/large")
            let bytes = try FileContents.read(tree.path("out.zip"), limit: 1 << 30)
            #expect(bytes.count == summary.byteCount)
            #expect(try runTool("md5sum", [tree.path("out.zip").string]).output.hasPrefix(summary.md5))
            #expect(try runTool("sha256sum", [tree.path("out.zip").string]).output.hasPrefix(summary.sha256))
        }
    }

    @Test("names are kept as bytes, and marked as UTF-8 only where they are")
    func names() throws {
        try TemporaryTree.with { tree in
            let names: [[UInt8]] = [
                Array("é.txt".utf8), Array("e\u{301}.txt".utf8), [0x61, 0xFF, 0x62], Array("日本.txt".utf8),
                Array("new\nline".utf8), Array("a b".utf8),
            ]
            try tree.write("file", "x")
            _ = try tree.zip { writer in
                for name in names { try tree.add(writer, "file", as: name) }
            }
            try expectSound(tree.path("out.zip"))
            let script = """
                import sys,zipfile
                for i in zipfile.ZipFile(sys.argv[1]).infolist():
                    print(i.filename.encode('utf-8' if i.flag_bits & 0x800 else 'cp437').hex())
                """
            let listed = try runTool("python3", ["-c", script, tree.path("out.zip").string]).lines
            #expect(listed == names.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() })
        }
    }

    @Test("times are the given moment in UTC, whatever the time zone; the same members give the same bytes")
    func times() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", "x")
            let one = try tree.zip("1.zip", time: 1_700_000_001) { try tree.add($0, "file") }
            let two = try tree.zip("2.zip", time: 1_700_000_000) { try tree.add($0, "file") }
            #expect(one == two)
            let script = "import sys,zipfile; print(zipfile.ZipFile(sys.argv[1]).infolist()[0].date_time)"
            #expect(
                try runTool("python3", ["-c", script, tree.path("1.zip").string]).lines == [
                    "(2023, 11, 14, 22, 13, 20)"
                ])
            _ = try tree.zip("3.zip") { try tree.add($0, "file") }
            #expect(
                try runTool("python3", ["-c", script, tree.path("3.zip").string]).lines == ["(1980, 1, 1, 0, 0, 0)"])
            _ = try tree.zip("4.zip", time: 1_709_210_096) { try tree.add($0, "file") }
            #expect(
                try runTool("python3", ["-c", script, tree.path("4.zip").string]).lines == ["(2024, 2, 29, 12, 34, 56)"]
            )
        }
    }

    @Test("more than 65,535 members need ZIP64, and have it")
    func manyMembers() throws {
        try TemporaryTree.with { tree in
            let summary = try tree.zip { writer in
                for number in 0..<70_000 {
                    try writer.addLink(name: Array("d/\(number)".utf8), target: Array("x".utf8))
                }
            }
            #expect(summary.memberCount == 70_000)
            try expectSound(tree.path("out.zip"))
            #expect(try runTool("bsdtar", ["-tf", tree.path("out.zip").string]).lines.count == 70_000)
            #expect(try runTool("unzip", ["-Z1", tree.path("out.zip").string]).lines.count == 70_000)
        }
    }

    @Test("a file that shrinks or grows while it is read leaves a sound archive")
    func changingFile() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", String(repeating: "x", count: 2_000_000))
            let summary = try tree.zip { writer in
                for (name, size) in [("shrunk", 5_000_000), ("grown", 10), ("grown-long", 1_500_000), ("gone", 100)] {
                    let file = try tree.root.open("file", flags: O_RDONLY)
                    if name == "gone" { try file.seek(offset: 0, from: .end) }
                    try writer.addFile(name: Array(name.utf8), mode: 0o644, size: size, from: file)
                    try file.close()
                }
            }
            #expect(summary.memberCount == 4)
            try expectSound(tree.path("out.zip"))
        }
    }

    @Test("a full disk is told with the archive's path")
    func fullDisk() throws {
        let full = try FileDescriptor.open("/dev/full", .writeOnly)
        defer { try? full.close() }
        let writer = ZipWriter(to: full, path: "artifacts.zip")
        try writer.addLink(name: [0x61], target: [0x62])
        #expect(throws: ArchivesError(code: .write, path: "artifacts.zip", underlying: .noSpace)) {
            try writer.finish()
        }
    }
}
