// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import BuildCache

/// What is shared through a place, here a directory.
@Suite("Caches at a shared place")
struct RemoteTests {
    private static let place = FilePath("shared")

    private func with(_ test: String = #function, _ body: (TemporaryTree, CacheRemote) throws -> Void) throws {
        try TemporaryTree.with(test) { tree in try body(tree, Self.remote(tree)) }
    }

    private static func remote(_ tree: TemporaryTree) -> CacheRemote {
        CacheRemote(DirectoryPlace(tree.path(place)).open(isCancelled: { false }))
    }

    private static func request(
        _ key: String?, fallback: [String] = [], namespace: String = "web", paths: [String] = ["n/**/*"]
    ) -> CacheRequest {
        CacheRequest(
            namespace: namespace, identity: CacheIdentity(text: "root", words: "root"), paths: paths, key: key,
            fallbackKeys: fallback)
    }

    private static func manifest(_ request: CacheRequest, created: Double = 1_000_000) -> CacheManifest {
        CacheManifest(
            CacheEntry(
                hash: request.hash, namespace: request.namespace, identity: request.identity, paths: request.paths,
                key: request.key, version: request.version, layers: [], created: Timestamp(seconds: created),
                lastUsed: Timestamp(seconds: created), build: "web:1",
                inputs: [KeyInput(name: "$A", value: "x", files: [.init(path: "é\u{0}", digest: "00")])]))
    }

    private func archive(_ tree: TemporaryTree, _ content: String) throws -> UnnamedFile {
        let file = try UnnamedFile(on: tree.path)
        _ = try file.descriptor.writeAll(content.utf8)
        return file
    }

    @discardableResult
    private func store(
        _ remote: CacheRemote, _ tree: TemporaryTree, _ request: CacheRequest, _ content: String = "archive",
        created: Double = 1_000_000
    ) throws -> CacheRemote.Outcome {
        let file = try archive(tree, content)
        defer { withExtendedLifetime(file) {} }
        return try remote.store(Self.manifest(request, created: created), archive: file.descriptor)
    }

    private func fetched(_ remote: CacheRemote, _ tree: TemporaryTree, _ manifest: CacheManifest?) throws -> String? {
        guard let manifest else { return nil }
        let file = try UnnamedFile(on: tree.path)
        defer { withExtendedLifetime(file) {} }
        guard try remote.fetch(manifest, into: file.descriptor) else { return nil }
        _ = try file.descriptor.seek(offset: 0, from: .start)
        return String(
            decoding: try FileContents.read(file.descriptor, path: "archive", limit: 1 << 20), as: UTF8.self)
    }

    @Test("a manifest is read as it was written; whatever else stands there is none")
    func manifests() throws {
        var manifest = Self.manifest(Self.request("k\u{0}\"é%41"))
        #expect(CacheManifest(manifest.bytes) == manifest)
        manifest.archive = .init(sha256: String(repeating: "a", count: 64), byteCount: 7)
        let read = try #require(CacheManifest(manifest.bytes))
        #expect(read.inputs.isEmpty, "an index is small")
        #expect(read.archive == manifest.archive && read.key == manifest.key)
        let text = String(decoding: manifest.bytes, as: UTF8.self)
        for (old, new) in [
            ("\"created\":1000000", "\"created\":-1"), ("\"created\":1000000", "\"created\":253402300800"),
            ("\"created\":1000000", "\"created\":-9223372036854700"), ("\"v\":1", "\"v\":2"), ("aaaa", "AAAA"),
            ("\"bytes\":7", "\"bytes\":-7"), ("\"web\"", "\"\""),
        ] {
            #expect(text.contains(old), "\(old)")
            #expect(CacheManifest(Array(text.replacingOccurrences(of: old, with: new).utf8)) == nil, "\(old)")
        }
        #expect(CacheManifest([]) == nil && CacheManifest(Array("[]".utf8)) == nil)
    }

    @Test("what was stored is found by its key, and by nobody who asks for something else")
    func exact() throws {
        try with { tree, remote in
            let none = try remote.exact(Self.request("a"))
            #expect(none == nil, "the place need not be there")
            #expect(try remote.fallback(Self.request("a", fallback: [""])) == nil)
            #expect(try store(remote, tree, Self.request("a")) == .stored)
            #expect(try fetched(remote, tree, remote.exact(Self.request("a"))) == "archive")
            for other in [
                Self.request("b"), Self.request(nil), Self.request("a", namespace: "other"),
                Self.request("a", paths: ["m"]),
            ] {
                let found = try remote.exact(other)
                #expect(found == nil)
            }
            // Never replaced, and nothing is left of the attempt.
            #expect(try store(remote, tree, Self.request("a"), "another", created: 2_000_000) == .alreadyThere)
            #expect(try fetched(remote, tree, remote.exact(Self.request("a"))) == "archive")
            #expect(try files(tree).count == 2)
        }
    }

    @Test("of an archive that is longer than its index says no more is taken than that")
    func tooLong() throws {
        try with { tree, remote in
            try store(remote, tree, Self.request("a"))
            let manifest = try #require(try remote.exact(Self.request("a")))
            let archive = try #require(try files(tree).first { $0.hasSuffix(".zst") })
            try tree.sparse(Self.place.pushing(FilePath(archive)), size: 1 << 40)
            let file = try UnnamedFile(on: tree.path)
            defer { withExtendedLifetime(file) {} }
            #expect { try remote.fetch(manifest, into: file.descriptor) } throws: {
                ($0 as? CacheError)?.code == .damaged
            }
            #expect(try file.descriptor.seek(offset: 0, from: .end) == 0)
        }
    }

    private func files(_ tree: TemporaryTree) throws -> [String] {
        try tree.listing(Self.place).filter { $0.contains(".json") || $0.contains(".zst") || $0.contains(".part") }
    }

    @Test("a fallback key finds the newest entry whose key begins with it, however long keys are")
    func fallbacks() throws {
        try with { tree, remote in
            let long = "long/" + String(repeating: "é", count: 100)
            for (key, time) in [("npm-1", 1.0), ("npm-3", 3.0), ("npm-2", 2.0), ("n_m-9", 9.0), (long + "x", 4.0)] {
                try store(remote, tree, Self.request(key), key, created: time)
            }
            try store(remote, tree, Self.request(nil), "none", created: 99)
            func found(_ keys: String...) throws -> String? {
                try fetched(remote, tree, remote.fallback(Self.request("other", fallback: keys)))
            }
            #expect(try found("npm-") == "npm-3")
            #expect(try found("nothing", "npm-2") == "npm-2")
            #expect(try found("n_") == "n_m-9")
            #expect(try found("n=") == nil && found("npm-33") == nil)
            #expect(try found(long) == long + "x" && found(long + "y") == nil)
            #expect(try found("") == "n_m-9")
        }
    }

    @Test("the entry without a key is replaced by a newer one, and what it replaced is gone")
    func unkeyed() throws {
        try with { tree, remote in
            let request = Self.request(nil)
            #expect(try store(remote, tree, request, "first", created: 1) == .stored)
            let old = try #require(try remote.exact(request))
            #expect(try store(remote, tree, request, "third", created: 3) == .stored)
            #expect(try store(remote, tree, request, "second", created: 2) == .alreadyThere)
            #expect(try fetched(remote, tree, remote.exact(request)) == "third")
            #expect(try fetched(remote, tree, old) == nil, "who comes too late is told to look again")
            #expect(try files(tree).count == 2)
        }
    }

    @Test("ten writers at once leave one entry that is whole", arguments: ["k", nil])
    func concurrent(_ key: String?) throws {
        try with { tree, remote in
            let group = DispatchGroup()
            let directory = DirectoryPlace(tree.path(Self.place))
            let base = tree.path
            for number in 0..<10 {
                DispatchQueue.global().async(group: group) {
                    let remote = CacheRemote(directory.open(isCancelled: { false }))
                    guard let file = try? UnnamedFile(on: base) else { return }
                    defer { withExtendedLifetime(file) {} }
                    _ = try? file.descriptor.writeAll("content \(number)".utf8)
                    let manifest = Self.manifest(Self.request(key), created: Double(number + 1))
                    _ = try? remote.store(manifest, archive: file.descriptor)
                }
            }
            group.wait()
            let content = try #require(try fetched(remote, tree, remote.exact(Self.request(key))))
            #expect(content.hasPrefix("content "))
            let left = try files(tree)
            #expect(!left.contains { $0.contains(".part") })
            #expect(left.count == 2, "\(left)")
        }
    }

    @Test("an archive that was changed, cut or lost is never handed on, and a lost one is stored anew")
    func damage() throws {
        try with { tree, remote in
            let request = Self.request("a")
            try store(remote, tree, request)
            let manifest = try #require(try remote.exact(request))
            let archive = try #require(manifest.archive)
            let name = CacheRemote.archiveName(manifest, archive)
            let path = "\(Self.place)/\(name)"
            try tree.write(FilePath(path), "Archive")
            let error = #expect(throws: CacheError.self) { try fetched(remote, tree, manifest) }
            #expect(error?.code == .damaged && error?.message.contains(archive.sha256) == true)
            try tree.write(FilePath(path), "arch")
            #expect(throws: CacheError.self) { try fetched(remote, tree, manifest) }
            #expect(try store(remote, tree, request) == .stored, "cut short")
            #expect(try fetched(remote, tree, manifest) == "archive")
            unlink(tree.path(FilePath(path)).string)
            #expect(try fetched(remote, tree, manifest) == nil)
            #expect(try store(remote, tree, request, "new") == .stored, "lost")
            #expect(try fetched(remote, tree, remote.exact(request)) == "new")
        }
    }

    @Test("an index that somebody else's words stand in is as good as none")
    func foreignIndex() throws {
        try with { tree, remote in
            let request = Self.request("a")
            try store(remote, tree, request)
            let name = "\(Self.place)/\(CacheRemote.scope(request))\(CacheRemote.indexName("a"))"
            var manifest = try #require(try remote.exact(request))
            manifest.paths = ["m"]
            try tree.write(FilePath(name), String(decoding: manifest.bytes, as: UTF8.self))
            #expect(try remote.exact(request) == nil)
            #expect(try remote.fallback(Self.request("x", fallback: ["a"])) == nil)
            // Told are only those that no version has written, and each once.
            for (text, isDamaged) in [("{", true), ("", true), ("{\"v\":1}", true), ("{\"v\":2}", false)] {
                try tree.write(FilePath(name), text)
                var damaged: [String] = []
                #expect(try remote.exact(request) { damaged.append($0) } == nil)
                let other = Self.request("x", fallback: ["a", ""])
                #expect(try remote.fallback(other) { damaged.append($0) } == nil)
                #expect(try remote.fallback(Self.request("a", fallback: ["a"])) { damaged.append($0) } == nil)
                let index = String(name.dropFirst("\(Self.place)/".utf8.count))
                #expect(damaged == (isDamaged ? [index, index] : []), "\(text)")
            }
        }
    }

    @Test("a writer that was killed leaves a hidden file, which another removes, but never one that is being written")
    func leftovers() throws {
        try with { tree, remote in
            let other = Self.request("b", namespace: "other")
            let scopes = [Self.request("a"), other].map { "\(Self.place)/\(CacheRemote.scope($0))" }
            let names = [scopes[0] + ".old.part", scopes[1] + ".far.part", scopes[0] + ".live.part"]
            for name in names { try tree.write(FilePath(name), "half") }
            try tree.write(FilePath(scopes[0] + ".new.part"), "half")
            for name in names {
                #expect(try runTool("touch", ["-d", "1 hour ago", tree.path(FilePath(name)).string]).status == 0)
            }
            let live = try FileDescriptor.open(tree.path(FilePath(names[2])), .readWrite, options: [.closeOnExec])
            #expect(FileLock.hold(live) == true)
            remote.tidy(Self.request("a"))
            #expect(
                try files(tree).filter { $0.contains(".part") }.map { $0.split(separator: "/").last ?? "" } == [
                    ".live.part", ".new.part",
                ])
            try live.close()
            remote.tidy(Self.request("a"))
            #expect(try files(tree).filter { $0.contains(".part") }.count == 1)
        }
    }

    /// A place where something else happens before an index is stored, and where nothing may be removed if that is said.
    private struct Meddled: SharedObjects {
        let objects: any SharedObjects
        var removes = true
        var before: () throws -> Void = {}
        var stores: (String) -> Void = { _ in }

        func list(_ prefix: String) throws(CacheError) -> [SharedObject] { try objects.list(prefix) }
        func has(_ name: String, sha256: String, byteCount: Int) throws(CacheError) -> Bool {
            try objects.has(name, sha256: sha256, byteCount: byteCount)
        }
        func read(_ name: String, limit: Int) throws(CacheError) -> SharedContent? {
            try objects.read(name, limit: limit)
        }
        func fetch(
            _ name: String, _ archive: CacheManifest.Archive, into file: FileDescriptor
        ) throws(CacheError) -> Bool {
            try objects.fetch(name, archive, into: file)
        }
        func store(_ name: String, from file: FileDescriptor) throws(CacheError) {
            stores(name)
            try objects.store(name, from: file)
        }
        func store(_ name: String, bytes: [UInt8], over before: SharedContent?) throws(CacheError) -> Bool {
            do { try self.before() } catch { throw .place("\(error)") }
            return try objects.store(name, bytes: bytes, over: before)
        }
        func tidy(_ scope: String) { objects.tidy(scope) }
        func remove(_ names: [String]) throws(CacheError) {
            guard removes else { throw .place("nothing is removed here") }
            try objects.remove(names)
        }
    }

    private static func objects(_ tree: TemporaryTree) -> any SharedObjects {
        DirectoryPlace(tree.path(place)).open(isCancelled: { false })
    }

    @Test("who loses against another writer takes away what he brought; of two without a key the newer one counts")
    func races() throws {
        for (key, ours, theirs, outcome) in [
            ("k", 1.0, 2.0, CacheRemote.Outcome.alreadyThere), (nil, 1, 2, .alreadyThere), (nil, 2, 1, .stored),
        ] {
            try with { tree, remote in
                let request = Self.request(key)
                var isFirst = true
                let meddled = Meddled(objects: Self.objects(tree)) {
                    guard isFirst else { return }
                    isFirst = false
                    try store(remote, tree, request, "theirs", created: theirs)
                }
                #expect(try store(CacheRemote(meddled), tree, request, "ours", created: ours) == outcome)
                let found = try remote.exact(request)
                #expect(try fetched(remote, tree, found) == (outcome == .stored ? "ours" : "theirs"))
                let left = try files(tree)
                #expect(left.count == 2, "\(left)")
            }
        }
    }

    @Test("an index whose answer was lost is found to be stored")
    func lostAnswer() throws {
        try with { tree, remote in
            let request = Self.request("k")
            var manifest = Self.manifest(request)
            let same = try archive(tree, "ours")
            manifest.archive = try CacheRemote.digest(of: same.descriptor)
            let bytes = manifest.bytes
            var attempts = 0
            let meddled = Meddled(objects: Self.objects(tree)) {
                attempts += 1
                let name = CacheRemote.scope(request) + CacheRemote.indexName("k")
                _ = try Self.objects(tree).store(name, bytes: bytes, over: nil)
            }
            #expect(try store(CacheRemote(meddled), tree, request, "ours") == .stored)
            let found = try remote.exact(request)
            #expect(try fetched(remote, tree, found) == "ours")
            #expect(attempts == 1)
        }
    }

    @Test("an archive that lacks its index alone is not sent again")
    func archiveAlone() throws {
        try with { tree, remote in
            let request = Self.request("k")
            try store(remote, tree, request)
            let name = "\(Self.place)/\(CacheRemote.scope(request))\(CacheRemote.indexName("k"))"
            unlink(tree.path(FilePath(name)).string)
            var sent: [String] = []
            let meddled = Meddled(objects: Self.objects(tree), stores: { sent.append($0) })
            #expect(try store(CacheRemote(meddled), tree, request) == .stored)
            #expect(sent.isEmpty)
        }
    }

    @Test("an archive that is damaged is put right by who found it so; an index of a later version stays as it is")
    func heals() throws {
        try with { tree, remote in
            let request = Self.request("k")
            for content in ["archive", "another"] {
                try store(remote, tree, request)
                let damaged = try #require(try remote.exact(request))
                let archive = try #require(damaged.archive)
                try tree.write(FilePath("\(Self.place)/\(CacheRemote.archiveName(damaged, archive))"), "Archive")
                #expect(try store(remote, tree, request, content) == .alreadyThere)
                #expect(try remote.holds(damaged) && !remote.holds(damaged, damaged: damaged))
                let file = try self.archive(tree, content)
                defer { withExtendedLifetime(file) {} }
                let outcome = try remote.store(Self.manifest(request), archive: file.descriptor, damaged: damaged)
                #expect(outcome == .stored)
                let found = try remote.exact(request)
                #expect(try fetched(remote, tree, found) == content)
                #expect(try files(tree).count == 2)
            }
            let name = FilePath("\(Self.place)/\(CacheRemote.scope(request))\(CacheRemote.indexName("k"))")
            try tree.write(name, try tree.text(name).replacing("\"v\":1", with: "\"v\":2"))
            let later = try tree.text(name)
            var sent: [String] = []
            let meddled = CacheRemote(Meddled(objects: Self.objects(tree), stores: { sent.append($0) }))
            #expect(try meddled.holds(Self.manifest(request)))
            #expect(try store(meddled, tree, request, "new") == .alreadyThere)
            #expect(try tree.text(name) == later && sent.isEmpty)
            // What is nobody's is replaced.
            try tree.write(name, "{")
            #expect(try store(meddled, tree, request, "new") == .stored)
            let found = try remote.exact(request)
            #expect(try fetched(remote, tree, found) == "new")
        }
    }

    @Test("archives that no index names go after a day, by the place's own clock")
    func orphans() throws {
        try with { tree, remote in
            let (kept, unkeyed) = (Self.request("kept"), Self.request(nil))
            try store(remote, tree, kept, "kept")
            try store(remote, tree, unkeyed, "new")
            func orphan(_ request: CacheRequest, _ content: String, age: String) throws -> String {
                let archive = CacheManifest.Archive(sha256: CacheRequest.digest(of: content), byteCount: 1)
                let path = FilePath("\(Self.place)/\(CacheRemote.archiveName(Self.manifest(request), archive))")
                #expect(try runTool("touch", ["-d", age, try tree.write(path, content).string]).status == 0)
                return path.lastComponent?.string ?? ""
            }
            let old = try [kept, unkeyed, Self.request("gone")].map { try orphan($0, "old", age: "2 days ago") }
            let young = try orphan(Self.request("young"), "young", age: "23 hours ago")
            let far = try orphan(Self.request("gone", paths: ["m"]), "far", age: "2 days ago")
            // However old, it is somebody's.
            let manifest = try #require(try remote.exact(kept))
            let name = CacheRemote.archiveName(manifest, try #require(manifest.archive))
            #expect(
                try runTool("touch", ["-d", "9 days ago", tree.path(FilePath("\(Self.place)/\(name)")).string]).status
                    == 0)
            remote.tidy(kept)
            let left = try files(tree).joined(separator: " ")
            #expect(old.allSatisfy { !left.contains($0) }, "\(left)")
            #expect([young, far, String(name.split(separator: "/")[2])].allSatisfy(left.contains), "\(left)")
            let found = try remote.exact(kept)
            #expect(try fetched(remote, tree, found) == "kept")
        }
    }

    @Test("an entry is stored where the one before it may not be removed")
    func refusedRemoval() throws {
        try with { tree, remote in
            let keeping = CacheRemote(Meddled(objects: Self.objects(tree), removes: false))
            for (content, time) in [("first", 1.0), ("second", 2)] {
                let outcome = try store(keeping, tree, Self.request(nil), content, created: time)
                #expect(outcome == .stored)
            }
            let found = try remote.exact(Self.request(nil))
            #expect(try fetched(remote, tree, found) == "second")
        }
    }

    @Test("a place that cannot be used is told with its name")
    func unusable() throws {
        try with { tree, remote in
            try tree.write(Self.place, "a file")
            #expect(try remote.exact(Self.request("a")) == nil)
            let error = #expect(throws: CacheError.self) { try store(remote, tree, Self.request("a")) }
            #expect(error?.code == .place && error?.message.contains("shared") == true)
        }
    }
}
