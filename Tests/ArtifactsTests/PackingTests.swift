// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Packing artifacts")
struct PackingTests {
    @Test("the same tree gives the same bytes, whatever its times and the order it was made in")
    func deterministic() throws {
        try TemporaryTree.with { tree in
            try TemporaryTree.with("other") { other in
                let names: [FilePath] = ["b", "a/z", "a/y", "é", "c"]
                for name in names { try tree.write(FilePath("sandbox/src/\(name)"), "content of \(name)") }
                for name in names.reversed() { try other.write(FilePath("sandbox/src/\(name)"), "content of \(name)") }
                let touched = try runTool("touch", ["-d", "2001-01-01", other.path("sandbox/src/b").string])
                #expect(touched.status == 0)
                let one = try Collection(tree: tree).run().result.get()
                let two = try Collection(tree: other).run().result.get()
                #expect(one.sha256 == two.sha256)
                #expect(try runTool("cmp", [one.location.string, two.location.string]).status == 0)
                #expect(try runTool("md5sum", [one.location.string]).output.hasPrefix(try #require(one.md5)))
                #expect(one.fileCount == 5)
                #expect(one.byteCount == names.reduce(0) { $0 + "content of \($1)".utf8.count })
            }
        }
    }

    @Test(
        "an artifact bears the name that the shell gave it",
        arguments: [
            (nil, nil, "artifacts.zip"), ("app", nil, "app.zip"), ("app.zip", nil, "app.zip"),
            ("builds/7/my app", nil, "builds/7/my app.zip"), ("", nil, "artifacts.zip"), ("dir/", nil, "dir.zip"),
            (nil, "extra", "extra.zip"),
        ] as [(String?, String?, FilePath)])
    func names(name: String?, identifier: String?, expected: FilePath) throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            let result = try Collection(tree: tree, name: name, identifier: identifier).run().result.get()
            #expect(result.location == tree.path("out").pushing(expected))
            #expect(tree.exists(FilePath("out/\(expected)")))
        }
    }

    @Test(
        "a name that leads elsewhere is refused",
        arguments: ["../x", "/x", "a/../../x", ".", "..", "a//b", "/", "a\nb", "./x"])
    func badNames(name: String) throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            let outcome = try Collection(tree: tree, name: name).run()
            #expect(outcome.message?.contains("cannot be the name of an artifact") == true)
            #expect(!tree.exists("out"))
        }
    }

    @Test("a name that leads through a link of the destination stays in the destination")
    func linkedDestination() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            try tree.directory("elsewhere")
            try tree.link("out/link", to: tree.path("elsewhere"))
            _ = try Collection(tree: tree, name: "link/app").run()
            #expect(try tree.listing("elsewhere").isEmpty)
        }
    }

    @Test("modes are kept but for setuid, setgid and sticky, in both packagings")
    func modes() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/run", mode: 0o6755)
            try tree.write("sandbox/src/plain", mode: 0o640)
            let result = try Collection(tree: tree).run().result.get()
            _ = try runTool("unzip", ["-q", result.location.string, "-d", tree.path("x").string])
            _ = try Collection(tree: tree, packaging: .directory).run().result.get()
            for directory: FilePath in ["x", "out/artifacts"] {
                #expect(try tree.root.status(directory.appending("run")).mode == 0o755)
                #expect(try tree.root.status(directory.appending("plain")).mode == 0o640)
            }
        }
    }

    @Test("special files are left out with a warning and nothing blocks", arguments: ArtifactRequest.Packaging.allCases)
    func specialFiles(packaging: ArtifactRequest.Packaging) throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/ok")
            try tree.fifo("sandbox/src/pipe")
            try tree.link("sandbox/src/to-pipe", to: "pipe")
            _ = try runTool(
                "python3", ["-c", "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", "s"],
                in: tree.path("sandbox/src"))
            var collection = Collection(tree: tree)
            collection.packaging = packaging
            #expect(try collection.contents() == ["ok"])
            #expect(
                try collection.run().warnings == [
                    "`pipe` is left out of the artifact: it is a named pipe",
                    "`s` is left out of the artifact: it is a socket",
                    "`to-pipe` is left out of the artifact: it is a named pipe",
                ])
        }
    }

    @Test("a file of one terabyte without content fails as a ZIP, naming it, and stays a hole in a directory")
    func sparse() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/ok")
            try tree.sparse("sandbox/src/big", size: 1 << 40)
            let outcome = try Collection(tree: tree).run()
            #expect(outcome.message == "the artifact would hold more than 20480 MiB with `big`")
            #expect(try tree.listing("out").isEmpty)
            let result = try Collection(tree: tree, packaging: .directory).run().result.get()
            #expect(result.fileCount == 2)
            let status = try tree.root.status("out/artifacts/big")
            #expect(status.size == 1 << 40)
            #expect(status.allocatedSize < 1 << 20)
        }
    }

    @Test("holes between content are copied as holes, content as it is")
    func holes() throws {
        try TemporaryTree.with { tree in
            try tree.sparse("sandbox/src/file", size: 50 << 20)
            let file = try tree.root.open("sandbox/src/file", flags: O_WRONLY)
            try file.writeAll(toAbsoluteOffset: 10 << 20, "middle".utf8)
            try file.writeAll(toAbsoluteOffset: (50 << 20) - 3, "end".utf8)
            try file.close()
            _ = try Collection(tree: tree, packaging: .directory).run().result.get()
            #expect(
                try runTool("cmp", [tree.path("sandbox/src/file").string, tree.path("out/artifacts/file").string])
                    .status == 0)
            #expect(try tree.root.status("out/artifacts/file").allocatedSize < 1 << 20)
            let zipped = try Collection(tree: tree).run().result.get()
            #expect(try runTool("unzip", ["-tqq", zipped.location.string]).status == 0)
        }
    }

    @Test("the limit on content is told with the file that passes it", arguments: ArtifactRequest.Packaging.allCases)
    func limit(packaging: ArtifactRequest.Packaging) throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a", String(repeating: "x", count: 700_000))
            try tree.write("sandbox/src/b", String(repeating: "x", count: 700_000))
            let collection = Collection(tree: tree, packaging: packaging, maximumBytes: 1 << 20)
            #expect(try collection.run().message == "the artifact would hold more than 1 MiB with `b`")
            #expect(try tree.listing("out").isEmpty)
        }
    }

    @Test("names of any bytes and any length come through", arguments: ArtifactRequest.Packaging.allCases)
    func hostileNames(packaging: ArtifactRequest.Packaging) throws {
        try TemporaryTree.with { tree in
            let names: [[UInt8]] = [
                Array("new\nline".utf8), Array("é".utf8), Array("e\u{301}".utf8), Array("a".utf8), Array("A".utf8),
                Array(" ".utf8), Array("*".utf8), Array("\\".utf8), Array("-rf".utf8), [0x66, 0xFF, 0xFE],
                [UInt8](repeating: 0x6E, count: 255),
            ]
            for name in names { try tree.write(FilePath("sandbox/src").pushing(FilePath(bytes: name)), "x") }
            var collection = Collection(tree: tree)
            collection.packaging = packaging
            let result = try collection.run().result.get()
            #expect(result.fileCount == names.count)
            if packaging == .zip {
                #expect(try runTool("unzip", ["-tqq", result.location.string]).status == 0)
                #expect(try runTool("bsdtar", ["-tf", result.location.string]).status == 0)
            } else {
                let found = try tree.root.directory("out/artifacts").entries().map(\.name)
                #expect(Set(found) == Set(names))
            }
        }
    }

    @Test("a tree 10,000 deep is collected into a ZIP, and left out of a directory with a warning")
    func deep() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/ok")
            var current = try FileDescriptor.open(tree.path("sandbox/src"), .readOnly, options: .directory)
            for _ in 0..<10_000 {
                _ = mkdirat(current.rawValue, "d", 0o755)
                let next = openat(current.rawValue, "d", O_RDONLY | O_DIRECTORY)
                try current.close()
                current = FileDescriptor(rawValue: next)
            }
            close(openat(current.rawValue, "file", O_WRONLY | O_CREAT, 0o644))
            try current.close()
            let zipped = try Collection(tree: tree).run()
            #expect(try zipped.result.get().fileCount == 2)
            #expect(zipped.warnings.isEmpty)
            let copied = try Collection(tree: tree, packaging: .directory).run()
            #expect(try copied.result.get().fileCount == 1)
            #expect(copied.warnings.count == 1)
            #expect(copied.warnings[0].hasSuffix("its path is longer than a program can open"))
        }
    }

    @Test("a stop is obeyed and leaves nothing", arguments: ArtifactRequest.Packaging.allCases)
    func cancelled(packaging: ArtifactRequest.Packaging) throws {
        try TemporaryTree.with { tree in
            for number in 0..<50 { try tree.write(FilePath("sandbox/src/\(number)")) }
            for limit in [0, 10, 60, 99] {
                var asked = 0
                let outcome = try Collection(tree: tree, packaging: packaging).run {
                    asked += 1
                    return asked > limit
                }
                if case .failure(let error) = outcome.result {
                    #expect(error.code == .cancelled)
                } else {
                    Issue.record("not stopped after \(limit)")
                }
                if tree.exists("out") { #expect(try tree.listing("out").isEmpty) }
            }
        }
    }

    @Test("an older ZIP file stays until the new one is whole")
    func replacesZip() throws {
        try TemporaryTree.with { tree in
            try tree.write("out/artifacts.zip", "old")
            #expect(try Collection(tree: tree, files: ["none"]).run().message != nil)
            try tree.write("sandbox/src/big", String(repeating: "x", count: 2 << 20))
            #expect(try Collection(tree: tree, maximumBytes: 10).run().message != nil)
            #expect(try tree.text("out/artifacts.zip") == "old")
            #expect(try Collection(tree: tree).contents() == ["big"])
            #expect(try tree.listing("out") == ["artifacts.zip"])
        }
    }

    @Test("a directory that was collected before is replaced as a whole, one of somebody else is added to")
    func replacesDirectory() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/d/new")
            try tree.write("sandbox/src/same", "new")
            try tree.write("out/mine/same", "old")
            try tree.write("out/mine/d/precious")
            _ = try Collection(tree: tree, packaging: .directory, name: "mine").run().result.get()
            #expect(try tree.listing("out") == ["mine/", "mine/d/", "mine/d/new", "mine/d/precious", "mine/same"])
            #expect(try tree.text("out/mine/same") == "new")

            _ = try Collection(tree: tree, packaging: .directory).run().result.get()
            let marked = try tree.root.directory("out/artifacts").hasMark("drydock.artifact")
            try tree.root.remove("sandbox/src/same")
            _ = try Collection(tree: tree, packaging: .directory).run().result.get()
            // Where the file system keeps no marks nobody can tell whose directory it is.
            #expect(try tree.listing("out/artifacts") == (marked ? ["d/", "d/new"] : ["d/", "d/new", "same"]))
        }
    }

    @Test("what cannot be replaced is told with its path, and stays")
    func blocked() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            try tree.write("out/artifacts.zip/file")
            #expect(
                try Collection(tree: tree).run().message
                    == "could not write `\(tree.path("out/artifacts.zip"))`: is a directory")
            #expect(try tree.listing("out") == ["artifacts.zip/", "artifacts.zip/file"])
            try tree.write("out/artifacts", "a file")
            #expect(
                try Collection(tree: tree, packaging: .directory).run().message
                    == "could not write `\(tree.path("out/artifacts"))`: not a directory")
            #expect(try tree.text("out/artifacts") == "a file")
            #expect(
                try Collection(tree: tree, destination: tree.path("sandbox/src/a")).run().message?.contains(
                    "not a directory") == true)
        }
    }

    @Test("a full disk is told with the path, and nothing is left", .enabled(if: getuid() == 0))
    func fullDisk() throws {
        try TemporaryTree.with { tree in
            try tree.directory("out")
            let place = tree.path("out").string
            guard try runTool("mount", ["-t", "tmpfs", "-o", "size=1m", "none", place]).status == 0 else { return }
            tree.atEnd { _ = try? runTool("umount", [place]) }
            var generator = SystemRandomNumberGenerator()
            try tree.write(
                "sandbox/src/noise", bytes: (0..<3_000_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
            for packaging in ArtifactRequest.Packaging.allCases {
                let outcome = try Collection(tree: tree, packaging: packaging).run()
                #expect(outcome.message?.hasSuffix(": no space left on device") == true)
                #expect(outcome.message?.contains(tree.path("out").string) == true)
                #expect(try runTool("ls", ["-A", tree.path("out").string]).output == "")
            }
        }
    }
}

@Suite("Unreadable artifacts")
struct UnreadableTests {
    /// A tree whose ordinary door refuses some paths, and whose privileged door opens some of those.
    final class GuardedTree: TreeOpener {
        let inner: DirectoryTree
        let refused: Set<FilePath>

        init(_ root: Directory, refused: Set<FilePath>) {
            inner = DirectoryTree(root: root.descriptor)
            self.refused = refused
        }

        func open(_ path: FilePath, directory: Bool) throws(FilesError) -> FileDescriptor {
            if refused.contains(path.lexicallyNormalized()) {
                throw FilesError(.open, path: path, underlying: .permissionDenied)
            }
            return try inner.open(path, directory: directory)
        }
    }

    @Test("a file that cannot be read is named in a warning, and the others are collected")
    func unreadable() throws {
        try TemporaryTree.with { tree in
            // Only another user's rights show it; the tests may run as root.
            try tree.write("sandbox/src/closed", mode: 0)
            try tree.write("sandbox/src/ok")
            try tree.directory("sandbox/src/dir")
            try tree.write("sandbox/src/dir/inner")
            try tree.setMode("sandbox/src/dir", 0)
            let outcome = try Collection(tree: tree).run()
            if getuid() == 0 {
                #expect(try outcome.result.get().fileCount == 3)
            } else {
                #expect(try outcome.result.get().fileCount == 1)
                #expect(
                    outcome.warnings == [
                        "`dir` is left out of the artifact: permission denied",
                        "`closed` is left out of the artifact: permission denied",
                    ])
            }
        }
    }

    @Test("a link through a door that refuses is named in a warning")
    func refusedLink() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/closed/file")
            try tree.write("sandbox/src/ok")
            try tree.link("sandbox/src/link", to: "../closed/file")
            let root = try tree.root.directory("sandbox")
            let collector = ArtifactCollector(tree: GuardedTree(root, refused: ["/closed"]))
            var warnings: [String] = []
            let request = try Collection(tree: tree).request()
            let result = try collector.collect(
                request, log: { _ in }, warn: { warnings.append($0) }, isCancelled: { false })
            #expect(result.fileCount == 1)
            #expect(warnings == ["`link` is left out of the artifact: permission denied"])
        }
    }
}
