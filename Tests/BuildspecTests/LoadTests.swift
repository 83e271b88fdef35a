// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
import Diagnostics
import Foundation
import Testing

@Suite("reading a file that may be anything")
struct LoadTests {
    private func rule(_ result: Result<SourceText, Buildspec.UnreadableFile>) -> String? {
        switch result {
        case .success(let source): Buildspec.read(source, lint: false).diagnostics.first?.rule
        case .failure(let failure): failure.diagnostic.rule
        }
    }

    private func inTemporaryDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/load-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test("a file is read whole")
    func file() throws {
        try inTemporaryDirectory { directory in
            try Data("version: 0.2\n".utf8).write(to: URL(fileURLWithPath: directory + "/b.yml"))
            let source = try Buildspec.load(directory + "/b.yml", as: "b.yml").get()
            #expect(source.path == "b.yml")
            #expect(source.line(1) == "version: 0.2")
        }
    }

    @Test("what is missing, a directory, a device without end or a silent pipe is named")
    func oddFiles() throws {
        try inTemporaryDirectory { directory in
            #expect(rule(Buildspec.load(directory + "/missing.yml")) == "file-missing")
            #expect(rule(Buildspec.load(directory)) == "file-unreadable")
            #expect(rule(Buildspec.load("/dev/zero")) == "file-too-large")
            #expect(rule(Buildspec.load("/dev/null")) == "not-a-buildspec")
            #expect(mkfifo(directory + "/fifo", 0o600) == 0)
            // Without a writer a fifo is at its end at once.
            #expect(rule(Buildspec.load(directory + "/fifo", waitMilliseconds: 50)) == "not-a-buildspec")
            let writer = open(directory + "/fifo", O_RDWR)
            defer { close(writer) }
            #expect(rule(Buildspec.load(directory + "/fifo", waitMilliseconds: 50)) == "file-unreadable")
        }
    }

    @Test("a file over the limit is refused by its size, not read")
    func largeFile() throws {
        try inTemporaryDirectory { directory in
            let path = directory + "/large.yml"
            #expect(FileManager.default.createFile(atPath: path, contents: Data()))
            #expect(truncate(path, 1 << 40) == 0)
            let clock = ContinuousClock()
            let duration = clock.measure { #expect(rule(Buildspec.load(path)) == "file-too-large") }
            #expect(duration < .seconds(2))
        }
    }
}
