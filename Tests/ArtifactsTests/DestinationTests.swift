// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import Files
import SystemPackage
import TestSupport
import Testing

/// Where artifacts may go when a file of the source says so.
@Suite("Destinations that a source names")
struct DestinationTests {
    private func reason(_ tree: TemporaryTree, _ path: String) throws -> String? {
        let source = tree.path("source")
        do throws(ArtifactsError) {
            _ = try ArtifactDestination.openOwn(source.appending(path), in: source)
            return nil
        } catch {
            #expect(error.code == .destinationRefused, "\(error)")
            return error.message
        }
    }

    @Test("a directory of its own is made, and written to again by later builds")
    func own() throws {
        try TemporaryTree.with { tree in
            try tree.directory("source")
            #expect(try reason(tree, "build/out") == nil)
            try tree.write("source/build/out/artifact.zip")
            #expect(try reason(tree, "build/out") == nil)
            try tree.directory("source/empty")
            #expect(try reason(tree, "empty") == nil)
        }
    }

    @Test(
        "what is there, git's directory, and what links lead to are refused",
        arguments: [
            "", ".", "./.", "src", "src/.", ".git", ".GIT/hooks", ".git/new", "sub/.git", "hooks", "away", "new/../src",
        ])
    func refused(path: String) throws {
        try TemporaryTree.with { tree in
            try tree.write("source/src/a.c")
            try tree.directory("source/.git/hooks")
            try tree.directory("source/sub/.git/hooks")
            // Both lead to directories that are empty.
            try tree.link("source/hooks", to: ".git/hooks")
            try tree.link("source/away", to: "../outside")
            try tree.directory("outside")
            #expect(try reason(tree, path) != nil)
            #expect(try tree.listing("outside").isEmpty)
        }
    }

    @Test("another name that the file system has for .git is no way to it")
    func sameFile() throws {
        try TemporaryTree.with { tree in
            try tree.directory("source/.git")
            try tree.directory("source/alias")
            let mounted = try runTool("mount", ["--bind", ".git", "alias"], in: tree.path("source"))
            guard mounted.status == 0 else { return }
            defer { _ = try? runTool("umount", [tree.path("source/alias").string]) }
            #expect(try reason(tree, "alias")?.hasSuffix("it belongs to git") == true)
        }
    }

    @Test("a build's own .git is left out where the source named the destination")
    func nestedRepository() throws {
        try TemporaryTree.with { tree in
            try tree.directory("source")
            try tree.write("sandbox/src/a")
            try tree.write("sandbox/src/x/.GIT/config")
            var collection = Collection(tree: tree)
            collection.packaging = .directory
            collection.opened = try ArtifactDestination.openOwn(
                tree.path("source/out"), in: tree.path("source"))
            let outcome = try collection.run()
            #expect(try outcome.result.get().fileCount == 1)
            #expect(outcome.warnings.count == 1 && outcome.warnings.allSatisfy { $0.hasPrefix("1 file of") })
            #expect(try tree.listing("source/out") == ["artifacts/", "artifacts/a"])
        }
    }

    @Test("an artifact that is added to a directory leaves the repository there alone")
    func addedTo() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            try tree.write("sandbox/src/.git/hooks/post-checkout")
            try tree.write("out/artifacts/.git/HEAD")
            var collection = Collection(tree: tree)
            collection.packaging = .directory
            #expect(try collection.run().warnings.count == 1)
            #expect(try collection.contents() == [".git/HEAD", "a"])
        }
    }

    @Test("no artifact is named .git", arguments: [".git", ".git/hooks", "a/.Git/b"])
    func name(name: String) throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            #expect(
                try Collection(tree: tree, name: name).run().message
                    == "`\(name)` cannot be the name of an artifact: `.git` is git's own")
        }
    }
}
