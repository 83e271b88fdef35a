// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Archives
import SystemPackage
import TestSupport
import Testing

@Suite("Files in the form of gzip")
struct GzipFileTests {
    @Test("gzip unpacks what is packed", arguments: [0, 1, 300_000, 1_000_001])
    func packs(_ count: Int) throws {
        try TemporaryTree.with { tree in
            let content = String(String(repeating: "a line of some log, é\n", count: count / 20 + 1).prefix(count))
            let source = try FileDescriptor.open(try tree.write("log", content), .readOnly)
            let target = try FileDescriptor.open(try tree.write("log.gz"), .writeOnly)
            defer {
                try? source.close()
                try? target.close()
            }
            try GzipFile.compress(source, into: target)
            #expect(try runTool("gzip", ["-t", tree.path("log.gz").string]).status == 0)
            #expect(try runTool("gzip", ["-dc", tree.path("log.gz").string]).output == content)
        }
    }

    @Test("what cannot be written is told")
    func fails() throws {
        try TemporaryTree.with { tree in
            let source = try FileDescriptor.open(try tree.write("log", "x"), .readOnly)
            defer { try? source.close() }
            #expect(throws: Errno.badFileDescriptor) { try GzipFile.compress(source, into: source) }
        }
    }
}
