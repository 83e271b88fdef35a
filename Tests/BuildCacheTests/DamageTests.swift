// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

@Suite("Damaged caches")
struct DamageTests {
    /// A miss with one warning, a record that is gone, and a save that works.
    private func expectMiss(_ cache: StoreFixture, _ what: String, _ reason: String? = nil) throws {
        let request = cache.request("k")
        let (hit, warnings) = try cache.find(request)
        #expect(hit == nil && warnings.count == 1, "\(what)")
        #expect(warnings.first?.message.contains(reason ?? "") == true, "\(what): \(warnings)")
        #expect(!cache.tree.exists(cache.recordPath(request)), "\(what)")
        #expect(try cache.find(request).warnings.isEmpty, "\(what): it is told once")
        try cache.save(request, "anew")
        #expect(try cache.content(request) == "anew", "\(what)")
    }

    @Test("a record with any byte flipped is a miss")
    func flipped() throws {
        try StoreFixture.with { cache in
            let request = cache.request("k")
            let length = { () throws -> Int in try cache.tree.root.status(cache.recordPath(request)).size }
            try cache.save(request, inputs: [KeyInput(name: "$A", value: "b")])
            for position in stride(from: 0, to: try length(), by: 7) {
                let path = cache.recordPath(request)
                var bytes = try cache.tree.root.read(path, limit: 1 << 20)
                guard position < bytes.count else { continue }
                bytes[position] ^= 1 << UInt8(position % 8)
                try cache.tree.write(path, bytes: bytes)
                try expectMiss(cache, "byte \(position)")
            }
        }
    }

    @Test("a record that is cut short, empty, of another version or no file is a miss")
    func replaced() throws {
        try StoreFixture.with { cache in
            let request = cache.request("k")
            let path = cache.recordPath(request)
            let host = cache.tree.path(path)
            let changes: [(String, ([UInt8]) throws -> Void)] = [
                ("empty", { _ in try cache.tree.write(path, "") }),
                ("cut", { try cache.tree.write(path, bytes: Array($0.dropLast(20))) }),
                ("only its head", { try cache.tree.write(path, bytes: Array($0.prefix(40))) }),
                ("longer", { try cache.tree.write(path, bytes: $0 + [0x20]) }),
                (
                    "another version",
                    { bytes in
                        let text = String(decoding: bytes, as: UTF8.self)
                        try cache.tree.write(path, "{\"v\":2" + text.dropFirst(6))
                    }
                ),
                ("huge", { _ in try cache.tree.sparse(path, size: CacheRecord.maximumSize + 1) }),
                (
                    "a link",
                    { bytes in
                        let target = try cache.tree.write("elsewhere", bytes: bytes)
                        try cache.tree.root.remove(path)
                        try cache.tree.link(path, to: target)
                    }
                ),
                (
                    "a directory",
                    { _ in
                        try cache.tree.root.remove(path)
                        try cache.tree.write(path.appending("x"), "")
                    }
                ),
                (
                    "a pipe",
                    { _ in
                        try cache.tree.root.remove(path)
                        try cache.tree.fifo(path)
                    }
                ),
            ]
            for (what, change) in changes {
                try cache.save(request)
                try change(try cache.tree.root.read(path, limit: 1 << 20))
                try expectMiss(cache, what)
            }
            #expect(cache.tree.exists("elsewhere"), "what a link points at is left alone")
            #expect(access(host.string, F_OK) == 0)
        }
    }

    @Test("a record under another's name is a miss")
    func misplaced() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("other"), "other")
            let bytes = try cache.tree.root.read(cache.recordPath(cache.request("other")), limit: 1 << 20)
            try cache.tree.write(cache.recordPath(cache.request("k")), bytes: bytes)
            try expectMiss(cache, "misplaced")
        }
    }

    @Test("a record without one of its layers is a miss", arguments: ["", "files", "lock"])
    func withoutLayer(part: String) throws {
        try StoreFixture.with { cache in
            let request = cache.request("k")
            let layer = try #require(try cache.save(request)?.layers.first)
            let directory = cache.store.layerDirectory(layer.id)
            try StoreFixture.remove(part.isEmpty ? directory : directory.appending(part))
            try expectMiss(cache, part, "files of it are missing")
        }
    }

    @Test("a damaged record hides no other")
    func others() throws {
        try StoreFixture.with { cache in
            try cache.save(cache.request("k"), "exact")
            try cache.save(cache.request("k-old"), "old")
            try cache.tree.write(cache.recordPath(cache.request("k")), "x")
            let (hit, warnings) = try cache.find(cache.request("k", fallback: ["k-"]))
            #expect(hit?.entry.key == "k-old" && warnings.count == 1)
            try cache.tree.write(cache.recordPath(cache.request("k-old")), "x")
            var told = 0
            #expect(try cache.store.entries { _ in told += 1 }.isEmpty)
            #expect(told == 1)
        }
    }

    @Test("what the disk may not have had when the machine went down is a miss")
    func powerCut() throws {
        try StoreFixture.with { cache in
            let first = CacheStore(directory: cache.store.directory) { "first boot" }
            let second = CacheStore(directory: cache.store.directory) { "second boot" }
            let incoming = try cache.incoming()
            _ = try first.publish(
                incoming, layer: StoreFixture.layer(1), for: cache.request("k"), over: nil, inputs: [], build: "b:1",
                now: .init(seconds: 1))
            #expect(try first.find(cache.request("k")) { _ in }?.match == .exact)
            var warnings: [CacheWarning] = []
            #expect(try second.find(cache.request("k")) { warnings.append($0) } == nil)
            #expect(warnings.count == 1 && warnings.first?.message.contains("went down") == true, "\(warnings)")
            #expect(!cache.tree.exists(cache.recordPath(cache.request("k"))))
        }
    }
}
