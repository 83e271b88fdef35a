// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Archives
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

extension TemporaryTree {
    /// Writes an archive into the tree.
    func zip(
        _ name: FilePath = "out.zip", time: Int = 0, threadCount: Int? = nil, _ fill: (ZipWriter) throws -> Void
    ) throws -> ZipWriter.Summary {
        let file = try AtomicFile(replacing: path(name))
        let writer = ZipWriter(to: file.descriptor, path: file.path, time: time, threadCount: threadCount)
        try fill(writer)
        let summary = try writer.finish()
        try file.commit()
        return summary
    }

    /// Adds a file of the tree to an archive.
    func add(_ writer: ZipWriter, _ name: FilePath, as member: [UInt8]? = nil) throws {
        let file = try root.open(name, flags: O_RDONLY)
        defer { try? file.close() }
        let status = try FileStatus(of: file, path: name)
        try writer.addFile(name: member ?? name.bytes, mode: status.mode, size: status.size, from: file)
    }
}

/// Three programs that know nothing of each other read the whole of it.
func expectSound(_ archive: FilePath) throws {
    #expect(try runTool("unzip", ["-tqq", archive.string]).status == 0)
    #expect(try runTool("bsdtar", ["-xOf", archive.string]).status == 0)
    let python = try runTool(
        "python3",
        ["-c", "import sys,zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)", archive.string])
    #expect(python.status == 0, "\(python.errors)")
}
