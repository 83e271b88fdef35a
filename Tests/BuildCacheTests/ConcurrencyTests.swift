// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

/// Many processes on one store; see `Tests/CacheSaver`.
@Suite("Caches under many hands")
struct ConcurrencyTests {
    private struct Saver {
        let process: ChildProcess
        let output: FileDescriptor

        init(_ cache: StoreFixture, rounds: Int) throws {
            let (reading, writing) = try FileDescriptor.pipe()
            defer { try? writing.close() }
            output = reading
            process = try ChildProcess.spawn(
                executable: BuiltProgram.path("CacheSaver"),
                arguments: [cache.store.directory.string, String(rounds)], environment: [],
                descriptors: [(writing, 1), (.standardError, 2)])
        }

        /// Until it is at work; false when it has ended.
        func begins() -> Bool {
            var byte: UInt8 = 0
            return withUnsafeMutableBytes(of: &byte) { (try? output.read(into: $0)) ?? 0 } > 0
        }

        func end() -> Processes.ExitStatus {
            // Not before: one that has only begun is still to say so.
            defer { try? output.close() }
            return process.wait()
        }
    }

    /// Every record is whole, every layer that it names is there and unmixed, and nothing else is left but what is named.
    private func check(_ cache: StoreFixture) throws {
        var warnings: [CacheWarning] = []
        let entries = try cache.store.entries { warnings.append($0) }
        #expect(warnings.isEmpty, "\(warnings)")
        for entry in entries {
            let hit = try #require(
                try cache.store.find(
                    CacheRequest(
                        namespace: entry.namespace, identity: entry.identity, paths: entry.paths, key: entry.key)
                ) { warnings.append($0) })
            for layer in hit.layers {
                let texts = try ["a", "b", "c/d", "e"].map { name in
                    try FileContents.read(layer.appending("root").pushing(FilePath(name)), limit: 1000)
                }
                #expect(Set(texts).count == 1 && texts.first?.isEmpty == false)
            }
        }
        #expect(warnings.isEmpty, "\(warnings)")
    }

    private func checkCleared(_ cache: StoreFixture) throws {
        let removal = try cache.store.collectLayers(StoreFixture.tools)
        #expect(removal.warnings.isEmpty && removal.damaged.isEmpty)
        for place in ["incoming", "trash"] { #expect(try cache.tree.listing(FilePath("cache/\(place)")).isEmpty) }
        let all = try Directory(cache.store.entriesDirectory).entries().map { String(decoding: $0.name, as: UTF8.self) }
        #expect(all.allSatisfy { $0.hasSuffix(".json") || $0.hasSuffix(".before") }, "\(all)")
        try check(cache)
        for entry in try cache.entries() {
            _ = try cache.store.remove([entry.hash], StoreFixture.tools, now: StoreFixture.now)
        }
        let rest = try cache.tree.listing("cache").filter { !$0.hasSuffix("/") && $0 != "removed" }
        #expect(rest == ["lock"], "\(rest)")
    }

    @Test("savers of the same keys never mix, and takers never see half an entry")
    func many() throws {
        try StoreFixture.with { cache in
            let savers = try (0..<8).map { _ in try Saver(cache, rounds: 60) }
            for saver in savers { #expect(saver.end() == .exited(0)) }
            try check(cache)
            try checkCleared(cache)
        }
    }

    @Test("savers killed at any point leave every record readable and every layer that it names there")
    func killed() throws {
        try StoreFixture.with { cache in
            var kills = 0
            while kills < 200 {
                let savers = try (0..<4).map { _ in try Saver(cache, rounds: 0) }
                for saver in savers {
                    let hasBegun = saver.begins()
                    #expect(hasBegun)
                    usleep(UInt32.random(in: 0..<30_000))
                    saver.process.kill(SIGKILL)
                    #expect(saver.end() == .signaled(Int(SIGKILL)))
                    kills += 1
                }
                try check(cache)
            }
            try checkCleared(cache)
        }
    }
}
