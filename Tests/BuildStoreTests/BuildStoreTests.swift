// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import BuildStore

@Suite("The store of builds")
struct BuildStoreTests {
    private func record(_ store: BuildStore, _ number: Int, project: String = "p", uuid: String = BuildStore.makeUUID())
        -> BuildRecord
    {
        BuildRecord(
            id: "\(project):\(uuid)", arn: "a", buildNumber: number, startTime: Timestamp(seconds: 1_751_116_252),
            projectName: project, source: .init(type: "LOCAL", location: "/s"),
            environment: .init(image: "host", computeType: "c"), timeoutInMinutes: 60, initiator: "me",
            drydock: .init(
                version: "1", buildspecPath: "b", sourceDirectory: "/s", logPath: store.logPath(uuid).string,
                processIdentifier: Int(getpid())))
    }

    private func complete(_ store: BuildStore, _ number: Int, project: String = "p") throws -> BuildRecord {
        var record = record(store, number, project: project)
        let writer = try store.begin(record)
        record.buildComplete = true
        record.buildStatus = .succeeded
        writer.write(record)
        #expect(writer.failure == nil)
        // The order of builds is that of their beginnings; the file system's clock ticks every few milliseconds.
        usleep(11_000)
        return record
    }

    @Test("everything is made for the owner alone")
    func modes() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("a/state"))
            try store.prepare()
            let record = record(store, 1)
            let writer = try store.begin(record)
            writer.output(UnsafeRawBufferPointer(start: nil, count: 0))
            let place = FilePath("a/state/builds/\(record.uuid)")
            for name in ["a/state/builds", "a/state/projects", "a/state/sandboxes", place.string] {
                #expect(try tree.root.status(FilePath(name)).mode & 0o777 == 0o700)
            }
            for name in ["build.json", "events.jsonl", "log.txt", "lock"] {
                #expect(try tree.root.status(place.appending(name)).mode & 0o777 == 0o600)
            }
            withExtendedLifetime(writer) {}
        }
    }

    @Test("numbers are counted by project, and odd names have their own counters")
    func numbers() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            try store.prepare()
            let numbers = try (1...3).map { _ in try store.nextBuildNumber(project: "p") }
            #expect(numbers == [1, 2, 3])
            for name in [
                "../../x", "", ".", "..", "a/b", "é", String(repeating: "n", count: 4000),
                String(repeating: "n", count: 4001),
            ] {
                #expect(try store.nextBuildNumber(project: name) == 1, "\(name.prefix(20))")
            }
            #expect(!tree.exists("x"))
        }
    }

    @Test(
        "a damaged counter is set aside and counting goes on",
        arguments: ["", "x", "-1\n", "99999999999999999999999\n", "12", String(repeating: "1", count: 100)])
    func damagedCounter(content: String) throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            _ = try complete(store, 41)
            _ = try store.nextBuildNumber(project: "p")
            try tree.write("state/projects/p/number", content)
            var warnings: [String] = []
            #expect(try store.nextBuildNumber(project: "p") { warnings.append($0) } == 42)
            #expect(warnings.count == 1 && tree.exists("state/projects/p/number.corrupt"))
            #expect(try store.nextBuildNumber(project: "p") == 43)
        }
    }

    @Test("the log holds CodeBuild's lines and the output, the events are JSON Lines")
    func writing() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            let record = record(store, 1)
            let time = Timestamp(seconds: 1_751_116_252)
            let command = CommandReference(phase: .build, index: 0, text: "echo x")
            let writer = try store.begin(record)
            writer.handle(TimedEvent(time: time, event: .commandStarted(command)))
            let large = [UInt8](repeating: 0x61, count: 200_000)
            for chunk in [Array("x\n".utf8), large, [0xFF, 0x0A]] { chunk.withUnsafeBytes { writer.output($0) } }
            writer.handle(TimedEvent(time: time, event: .commandEnded(command, .exited(0), milliseconds: 1)))
            let build = try store.find("latest")
            #expect(build.state == .running)
            var log: [UInt8] = []
            try store.readLog(of: build) {
                log.append(contentsOf: $0); return true
            }
            let expected =
                Array("[Container] 2025/06/28 13:10:52.000000 Running command echo x\nx\n".utf8) + large + [
                    0xFF, 0x0A, 0x0A,
                ]
            #expect(log == expected)
            var events: [UInt8] = []
            try store.readEvents(of: build) {
                events.append(contentsOf: $0); return true
            }
            #expect(events.count(where: { $0 == 0x0A }) == 2)
        }
    }

    @Test("builds are listed newest first, and found by number, id and latest")
    func finding() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            #expect(store.recent().builds.isEmpty && store.recent().warnings.isEmpty)
            #expect(throws: BuildStoreError.self) { try store.find("latest") }
            let records = [try complete(store, 1), try complete(store, 1, project: "q"), try complete(store, 2)]
            #expect(store.recent().builds.map(\.record) == records.reversed())
            #expect(store.recent(limit: 1).builds.map(\.record) == [records[2]])
            #expect(store.recent(limit: 5, project: "q").builds.map(\.record) == [records[1]])
            #expect(try store.find("latest").record == records[2])
            #expect(try store.find("latest", in: .only("q")).record == records[1])
            #expect(try store.find("latest", in: .first("q")).record == records[1])
            #expect(try store.find("latest", in: .first("none")).record == records[2])
            #expect(throws: BuildStoreError.severalProjects(1, ["q", "p"])) { try store.find("1") }
            #expect(throws: BuildStoreError.severalProjects(1, ["q", "p"])) { try store.find("1", in: .first("none")) }
            #expect(try store.find("1", in: .first("p")).record == records[0])
            #expect(try store.find("1", in: .only("q")).record == records[1])
            #expect(try store.find("2", in: .first("q")).record == records[2])
            for selector in ["1", "2", records[0].uuid] {
                let error = #expect(throws: BuildStoreError.self) { try store.find(selector, in: .only("none")) }
                #expect(error?.message == "there is no build `\(selector)` of `none`")
            }
            for record in records {
                #expect(try store.find(record.uuid).record == record)
                #expect(try store.find(String(record.uuid.prefix(13))).record == record)
                #expect(try store.find(record.id).record == record)
            }
            // A number is also looked for as the beginning of an id, and ids are random.
            let absent = try #require(
                (50...99).map(String.init).first { number in !records.contains { $0.uuid.hasPrefix(number) } })
            for wrong in [absent, "zz", "../..", "a/b", "%", "ffffffff-ffff"] {
                #expect(throws: BuildStoreError.self) { try store.find(wrong) }
            }
        }
    }

    @Test("a build whose drydock is gone is shown as stopped")
    func interrupted() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            let record = record(store, 1)
            var writer: BuildLogWriter? = try store.begin(record)
            _ = try tree.directory("state/sandboxes")
            _ = try tree.directory(FilePath("state/sandboxes/\(record.uuid)"))
            #expect(try store.find("1").state == .running)
            #expect(store.abandonedSandboxes().isEmpty)
            withExtendedLifetime(writer) {}
            writer = nil
            let build = try store.find("1")
            #expect(build.state == .interrupted && build.record.buildStatus == .stopped)
            #expect(store.abandonedSandboxes() == [store.sandboxDirectory(record.uuid)])
        }
    }

    @Test("a record cut anywhere, or with any byte changed, costs one warning at most and never the others")
    func damagedRecords() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            let good = try complete(store, 1)
            let bad = try complete(store, 2)
            let path = FilePath("state/builds/\(bad.uuid)/build.json")
            let json = bad.json
            var generator = SystemRandomNumberGenerator()
            var variants = stride(from: 0, to: json.count - 2, by: 37).map { Array(json.prefix($0)) }
            for _ in 0..<200 {
                var flipped = json
                flipped[Int.random(in: 0..<json.count, using: &generator)] ^= UInt8.random(
                    in: 1...255, using: &generator)
                variants.append(flipped)
            }
            for variant in variants {
                try tree.write(path, bytes: variant)
                let listing = store.recent()
                #expect(listing.builds.count + listing.warnings.count == 2)
                #expect(listing.builds.contains { $0.record.id == good.id })
            }
        }
    }

    @Test("what is not ours in the store is left alone")
    func foreign() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            _ = try complete(store, 1)
            try tree.write("state/builds/README", "x")
            _ = try tree.directory("state/builds/other")
            let empty = BuildStore.makeUUID()
            _ = try tree.directory(FilePath("state/builds/\(empty)"))
            let fifo = BuildStore.makeUUID()
            _ = try tree.directory(FilePath("state/builds/\(fifo)"))
            try tree.fifo(FilePath("state/builds/\(fifo)/build.json"))
            let listing = store.recent()
            #expect(listing.builds.count == 1 && listing.warnings.count == 2)
            #expect(listing.warnings.allSatisfy { $0.contains(empty) || $0.contains(fifo) })
        }
    }

    @Test("a state directory that cannot be made is an error with its path")
    func unwritable() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", "x")
            let store = BuildStore(directory: tree.path("file/state"))
            let error = try #require(throws: BuildStoreError.self) { try store.prepare() }
            #expect(error.code == .unwritable && error.message.contains("file/state"))
            #expect(throws: BuildStoreError.self) { try store.nextBuildNumber(project: "p") }
        }
    }

    @Test("a full disk is reported once, with the path, and nothing traps", .enabled(if: geteuid() == 0))
    func fullDisk() throws {
        try TemporaryTree.with { tree in
            let store = BuildStore(directory: tree.path("state"))
            let record = record(store, 1)
            let log = FilePath("state/builds/\(record.uuid)/log.txt")
            _ = try tree.directory(log.removingLastComponent())
            // /dev/full under the log's name: every write fails as on a full disk. Some containers forbid the device.
            guard mknod(tree.path(log).string, S_IFCHR | 0o600, 1 << 8 | 7) == 0 else { return }
            let writer = try BuildLogWriter(directory: store.buildDirectory(record.uuid), lock: nil)
            let chunk = [UInt8](repeating: 0x61, count: 100_000)
            for _ in 0..<3 { chunk.withUnsafeBytes { writer.output($0) } }
            let failure = try #require(writer.failure)
            #expect(failure.code == .unwritable && failure.message.hasSuffix("log.txt`: no space left on device"))
            #expect(failure.hints.count == 1)
            writer.handle(TimedEvent(time: Timestamp(seconds: 0), event: .notice("x")))
            writer.write(record)
            #expect(writer.failure == failure)
            #expect(try store.find(record.uuid).record.id == record.id)
        }
    }

    @Test("identifiers are random UUIDs")
    func identifiers() {
        let uuid = BuildStore.makeUUID()
        #expect(uuid.count == 36 && uuid != BuildStore.makeUUID())
        #expect(Array(uuid)[14] == "4" && "89ab".contains(Array(uuid)[19]))
    }
}
