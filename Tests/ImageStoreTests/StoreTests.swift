// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Files
import SystemPackage
import TestSupport
import Testing

@testable import ImageStore

@Suite("Stored images")
struct StoreTests {
    private func store(_ tree: TemporaryTree) -> ImageStore {
        ImageStore(directory: tree.path("images")) { version in
            guard let name = version.lastComponent, let parent = try? Directory(version.removingLastComponent()) else {
                return false
            }
            return (try? parent.removeTree(FilePath(root: nil, [name]))) != nil
        }
    }

    private func record(_ name: String, digest: String = "d", created: Double = 1) -> ImageRecord {
        var recipe = ImageRecipe(suite: "bookworm")
        recipe.environment = [.init(name: "QUOTED", value: "a \"b\"\n\\ ü '#: no")]
        recipe.runtimes = [ImageRuntime(name: "python", versions: ["3.10", "3.11"])]
        return ImageRecord(
            name: name, recipe: recipe, digest: digest, architecture: "amd64", directory: "images/x",
            created: Timestamp(seconds: created), size: 12345)
    }

    private func change(_ store: ImageStore) throws -> ImageChange {
        try #require(try store.beginChange { false })
    }

    private func make(_ name: String, _ content: String, in store: ImageStore) throws {
        let image = try change(store).newImage(name)
        try AtomicFile.write(Array(content.utf8), to: image.root.appending("content"))
        try image.commit(record(name))
    }

    private func content(_ image: StoredImage) throws -> String {
        String(decoding: try FileContents.read(image.root.appending("content"), limit: 100), as: UTF8.self)
    }

    @Test("an image is there when it is whole, with its record")
    func commits() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            #expect(store.names.isEmpty)
            try make("one", "1", in: store)
            try make("two", "2", in: store)
            #expect(store.names == ["one", "two"])
            #expect(try store.list().map(\.record) == [record("one"), record("two")])
            #expect(try content(store.open("one")) == "1")
            // Setuid files of an image are no way in for other users of the machine.
            #expect(try tree.root.status("images").mode == 0o700)
            #expect(try tree.root.status("images/one").mode == 0o700)
        }
    }

    @Test("what is not committed goes, and the image before it stays")
    func abandons() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            _ = try change(store).newImage("one")
            #expect(try tree.listing("images") == ["lock"])
            try make("one", "old", in: store)
            let before = try tree.listing("images")
            do {
                let image = try change(store).newImage("one")
                try AtomicFile.write([], to: image.root.appending("half"))
            }
            #expect(try tree.listing("images") == before)
            #expect(try content(store.open("one")) == "old")
        }
    }

    @Test("what a killed build left is cleared by the next change")
    func clearsLeftovers() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            try make("one", "1", in: store)
            let before = try tree.listing("images")
            try tree.write("images/one/0123456789abcdef/root/etc/passwd", "x")
            try tree.write("images/other/0123456789abcdef/lock", "")
            _ = try change(store)
            #expect(try tree.listing("images") == before)
        }
    }

    @Test("a new version takes the name at once, and the old one goes when nobody uses it")
    func replaces() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            try make("one", "old", in: store)
            var used: StoredImage? = try store.open("one")
            try make("one", "new", in: store)
            #expect(try content(store.open("one")) == "new")
            #expect(try used.map(content) == "old")
            used = nil
            _ = try change(store)
            #expect(try tree.listing("images/one").filter { $0.hasSuffix("/root/") }.count == 1)
        }
    }

    @Test("an image in use is not removed, and any other is, to the last file")
    func removes() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            try make("one", "1", in: store)
            do {
                let used = try store.open("one")
                let error = try #require(throws: ImageStoreError.self) { try change(store).remove("one") }
                #expect(error.code == .inUse)
                #expect(try content(used) == "1")
            }
            try change(store).remove("one")
            #expect(try tree.listing("images") == ["lock"])
            let error = try #require(throws: ImageStoreError.self) { try change(store).remove("one") }
            #expect(error.code == .notFound)
        }
    }

    @Test("one changes the store at a time")
    func excludes() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            let first = try change(store)
            var questions = 0
            let second = try store.beginChange {
                questions += 1
                return questions < 3
            }
            #expect(second == nil)
            #expect(questions == 3)
            withExtendedLifetime(first) {}
        }
    }

    @Test("an unknown name is told with the nearest that there is")
    func suggests() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            try make("debian", "1", in: store)
            let error = try #require(throws: ImageStoreError.self) { try store.open("debain") }
            #expect(error.code == .notFound)
            #expect(error.hints.first == "did you mean `debian`?")
            #expect(error.hints.last?.contains("drydock image build") == true)
        }
    }

    @Test("a damaged record is told, and can be removed")
    func damaged() throws {
        try TemporaryTree.with { tree in
            let store = store(tree)
            try make("one", "1", in: store)
            let version = try #require(store.version(of: "one"))
            for text in ["", "{", "[]", "{\"v\":2}", "{\"v\":1,\"name\":{}}", "\u{0}"] {
                try tree.write(FilePath("images/one/\(version)/image.json"), text)
                let error = try #require(throws: ImageStoreError.self) { try store.open("one") }
                #expect(error.code == .damaged)
            }
            let images = try store.list()
            #expect(images.map(\.name) == ["one"] && images.first?.record == nil, "it is not hidden")
            try change(store).remove("one")
            #expect(try tree.listing("images") == ["lock"])
        }
    }

    @Test("a store that cannot be read is no empty one")
    func unreadable() throws {
        try TemporaryTree.with { tree in
            // A file in its place is what root cannot read either.
            try tree.write("images", "")
            #expect(try #require(throws: ImageStoreError.self) { try store(tree).list() }.code == .storage)
            #expect(try #require(throws: ImageStoreError.self) { try store(tree).open("one") }.code == .storage)
            #expect(try ImageStore(directory: tree.path("none")) { _ in true }.list().isEmpty)
        }
    }

    @Test("what is missed is offered only where there is a recipe for it")
    func missing() throws {
        try TemporaryTree.with { tree in
            try tree.write("recipes/debian/image.yml", "suite: bookworm\n")
            try tree.write("recipes/other/README", "")
            let store = ImageStore(directory: tree.path("images"), recipes: tree.path("recipes")) { _ in true }
            let debian = try #require(throws: ImageStoreError.self) { try store.open("debian") }
            #expect(debian.code == .notFound && debian.hints == ["build it first: `drydock image build debian`"])
            let other = try #require(throws: ImageStoreError.self) { try store.open("other") }
            let hint = other.hints.first ?? ""
            #expect(!hint.contains("build other") && hint.hasSuffix("that came with drydock: `debian`"), "\(hint)")
        }
    }

    @Test(
        "names are plain words",
        arguments: [
            ("debian", true), ("Debian-12.5_x", true), ("host", false), ("lock", false), ("", false), (".x", false),
            ("a/b", false), ("..", false), ("a:b", false), ("-x", false), ("ü", false),
            (String(repeating: "a", count: 65), false),
        ])
    func names(word: String, isName: Bool) { #expect(ImageStore.isName(word) == isName) }

    @Test("packages and users are read from the image's own files")
    func contents() {
        let status = """
            Package: zip
            Status: install ok installed
            Version: 3.0-13
            Description: Archiver
             Package: not this

            Package: gone
            Status: deinstall ok config-files
            Version: 1

            Package: bash
            Status: install ok installed
            Version: 5.2.15-2+b7
            """
        #expect(
            ImageContents.packages(status).map { "\($0.name) \($0.version)" } == ["bash 5.2.15-2+b7", "zip 3.0-13"])
        let users = ImageContents.users("root:x:0:0:root:/root:/bin/bash\nbroken\nu:x:1000:1000:,,,:/home/u:/bin/sh\n")
        #expect(users.map(\.name) == ["root", "u"])
        #expect(users.last?.home == "/home/u")
    }
}
