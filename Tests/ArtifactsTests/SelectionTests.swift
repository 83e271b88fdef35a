// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Selecting artifacts")
struct SelectionTests {
    @Test("everything is taken, hidden files among it, and the log is CodeBuild's")
    func everything() throws {
        try TemporaryTree.with { tree in
            for file: FilePath in ["a", "d/b", "d/e/c", ".hidden", ".git/config"] {
                try tree.write(FilePath("sandbox/src/\(file)"))
            }
            let collection = Collection(tree: tree)
            #expect(try collection.contents() == [".git/config", ".hidden", "a", "d/b", "d/e/c"])
            #expect(
                try collection.run().log == [
                    "Expanding base directory path: .", "Assembling file list", "Expanding .",
                    "Expanding file paths for base directory .", "Assembling file list", "Expanding **/*",
                    "Found 5 file(s)",
                ])
        }
    }

    @Test("nothing that matches fails with CodeBuild's words")
    func nothing() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a")
            let outcome = try Collection(tree: tree, files: ["imagedefinitions.json"]).run()
            #expect(outcome.message == "no matching artifact paths found")
            #expect(
                outcome.log == [
                    "Expanding base directory path: .", "Assembling file list", "Expanding .",
                    "Expanding file paths for base directory .", "Assembling file list",
                    "Expanding imagedefinitions.json", "Skipping invalid file path imagedefinitions.json",
                ])
            #expect(!tree.exists("out"))
            let base = try Collection(tree: tree, base: "dist").run()
            #expect(base.message == "no matching base directory path found for dist")
            #expect(base.log.last == "Skipping invalid file path dist")
            #expect(
                try Collection(tree: tree, base: "a").run().message == "no matching base directory path found for a")
            #expect(
                try Collection(tree: tree, base: "d*").run().message == "no matching base directory path found for d*")
        }
    }

    @Test("a missing file is skipped while others match, a glob without a match is not mentioned")
    func partly() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a.txt")
            try tree.directory("sandbox/src/dir")
            let outcome = try Collection(tree: tree, files: ["gone", "*.jar", "a.txt", "dir"]).run()
            #expect(
                outcome.log.suffix(7) == [
                    "Expanding gone", "Skipping invalid file path gone", "Expanding *.jar", "Expanding a.txt",
                    "Expanding dir", "Skipping invalid file path dir", "Found 1 file(s)",
                ])
            #expect(outcome.warnings.isEmpty)
        }
    }

    @Test("a file that two patterns find is taken once")
    func overlap() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/d/a.txt")
            let collection = Collection(tree: tree, files: ["**/*", "d/*", "d/a.txt", "/src/d/a.txt"])
            #expect(try collection.contents() == ["d/a.txt"])
            #expect(try collection.run().log.last == "Found 1 file(s)")
        }
    }

    @Test("excluded paths are left out, within a component and across")
    func excluded() throws {
        try TemporaryTree.with { tree in
            for file: FilePath in [
                "a.txt", "a.log", "d/b.log", "d/node_modules/x/y.js", ".git/config", ".env", "d/.cache/z",
            ] {
                try tree.write(FilePath("sandbox/src/\(file)"))
            }
            let collection = Collection(
                tree: tree, excluded: ["*.log", "**/node_modules/**/*", "**/.*/**/*", "**/.*"])
            #expect(try collection.contents() == ["a.txt", "d/b.log"])
            #expect(
                try Collection(tree: tree, files: ["*.log"], excluded: ["**/*.log"]).run().message
                    == "no matching artifact paths found")
        }
    }

    @Test("the base directory is taken off, also with wildcards, variables and as an absolute path")
    func baseDirectory() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/my-build-1/a")
            try tree.write("sandbox/src/my-build-2/b/c")
            try tree.write("sandbox/src/x/Output/d")
            try tree.write("sandbox/other/src/e")
            try tree.write("sandbox/src/f")
            #expect(try Collection(tree: tree, base: "my-build-1").contents() == ["a"])
            #expect(try Collection(tree: tree, base: "./my-build-2/").contents() == ["b/c"])
            #expect(try Collection(tree: tree, base: "*/Output").contents() == ["d"])
            #expect(try Collection(tree: tree, base: "$WHERE", variables: ["WHERE": "my-build-1"]).contents() == ["a"])
            #expect(
                try Collection(
                    tree: tree, base: "${CODEBUILD_SRC_DIR_other}/src", variables: ["CODEBUILD_SRC_DIR_other": "/other"]
                ).contents() == ["e"])
            #expect(try Collection(tree: tree, base: "${NONE:-my-build-1}").contents() == ["a"])
            #expect(try Collection(tree: tree, files: ["f"], base: "$NONE").contents() == ["f"])
            let merged = Collection(tree: tree, base: "my-build*")
            #expect(try merged.contents() == ["a", "b/c"])
            let lines = try merged.run().log.filter { $0.hasPrefix("Expanding file paths") }
            #expect(
                lines == [
                    "Expanding file paths for base directory my-build-1",
                    "Expanding file paths for base directory my-build-2",
                ])
        }
    }

    @Test("of merged base directories the last one's file is kept, with a warning")
    func mergedCollision() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/b1/same", "one")
            try tree.write("sandbox/src/b2/same", "two")
            try tree.write("sandbox/src/b1/node", "file")
            try tree.write("sandbox/src/b2/node/inner")
            let collection = Collection(tree: tree, base: "b*")
            #expect(try collection.contents() == ["node/inner", "same"])
            #expect(try collection.text("same") == "two")
            #expect(
                try collection.run().warnings == [
                    "`b1/same` and `b2/same` are both `same` in the artifact; the second one is kept",
                    "`b1/node` and `node/` are both `node` in the artifact; the second one is kept",
                ])
        }
    }

    @Test("discarded paths put every file into one directory; of equal names the last is kept, with a warning")
    func discardPaths() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/a/x", "first")
            try tree.write("sandbox/src/b/x", "second")
            try tree.write("sandbox/src/c/y")
            let collection = Collection(tree: tree, discardsPaths: true)
            #expect(try collection.contents() == ["x", "y"])
            #expect(try collection.text("x") == "second")
            #expect(
                try collection.run().warnings == [
                    "`a/x` and `b/x` are both `x` in the artifact; the second one is kept"
                ])
            for number in 0..<30 { try tree.write(FilePath("sandbox/src/\(number)/x")) }
            let warnings = try collection.run().warnings
            #expect(warnings.count == 21)
            #expect(warnings.last == "11 more files have the same path in the artifact as another one")
        }
    }

    @Test("patterns that lead out of the base directory stay in the tree, and keep their absolute path")
    func outside() throws {
        try TemporaryTree.with { tree in
            try tree.write("secret", "outside the sandbox")
            try tree.write("sandbox/secret", "inside")
            try tree.write("sandbox/tmp/t/exec.log")
            try tree.write("sandbox/src/base/a")
            try tree.write("sandbox/src/b")
            let collection = Collection(
                tree: tree, files: ["a", "../b", "/tmp/*/*.log", "../../../../secret", "/src/base/a"], base: "base")
            #expect(try collection.contents() == ["a", "secret", "src/b", "tmp/t/exec.log"])
            #expect(try collection.text("secret") == "inside")
            let up = Collection(tree: tree, files: ["secret"], base: "../../..")
            #expect(try up.contents() == ["secret"])
            #expect(try up.text("secret") == "inside")
        }
    }

    @Test("variables are replaced in patterns, wildcards in their values among them")
    func variables() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/app-1.jar")
            try tree.write("sandbox/src/$literal")
            let collection = Collection(tree: tree, files: ["$NAME-*.jar", "$?literal"], variables: ["NAME": "app"])
            #expect(try collection.contents() == ["$literal", "app-1.jar"].filter { $0 != "$literal" })
        }
    }

    @Test("a pathological pattern over 10,000 files takes no more time than another")
    func globBomb() throws {
        try TemporaryTree.with { tree in
            try tree.directory("sandbox/src")
            let script = """
                import os
                for d in range(100):
                    os.mkdir(str(d))
                    for f in range(100): open(f'{d}/' + 'a' * (f + 50), 'w')
                """
            #expect(try runTool("python3", ["-c", script], in: tree.path("sandbox/src")).status == 0)
            let pattern = String(repeating: "**/", count: 50) + "*a*a*a*a*a*a*a*a*b"
            let time = try ContinuousClock().measure {
                let message = try Collection(tree: tree, files: [pattern]).run().message
                #expect(message == "no matching artifact paths found")
            }
            #expect(time < .seconds(5))
        }
    }
}

@Suite("Links in artifacts")
struct LinkTests {
    @Test("a link gives its target's content, as found inside the tree and nowhere else")
    func content() throws {
        try TemporaryTree.with { tree in
            try tree.write("canary", "OUTSIDE")
            try tree.write("sandbox/etc/passwd", "inside")
            try tree.write("sandbox/src/d/a", "a")
            try tree.link("sandbox/src/relative", to: "d/a")
            try tree.link("sandbox/src/absolute", to: "/etc/passwd")
            try tree.link("sandbox/src/up", to: "../../../../../etc/passwd")
            try tree.link("sandbox/src/chain", to: "relative")
            try tree.link("sandbox/src/host", to: tree.path("canary"))
            try tree.link("sandbox/src/loop", to: "loop")
            try tree.link("sandbox/src/magic", to: "/proc/self/environ")
            let collection = Collection(tree: tree)
            #expect(try collection.contents() == ["absolute", "chain", "d/a", "relative", "up"])
            #expect(try collection.text("absolute") == "inside")
            #expect(try collection.text("up") == "inside")
            #expect(try collection.text("chain") == "a")
            let warnings = try collection.run().warnings
            #expect(warnings.count == 3)
            #expect(
                warnings[0]
                    == "`host` is left out of the artifact: the link's target `\(tree.path("canary"))` does not exist")
        }
    }

    @Test("a link to a directory gives what is in it, and going round ends with a warning")
    func directories() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/src/real/a")
            try tree.write("sandbox/lib/b")
            try tree.link("sandbox/src/linked", to: "real")
            try tree.link("sandbox/src/lib", to: "/lib")
            try tree.link("sandbox/src/real/round", to: "..")
            let collection = Collection(tree: tree)
            #expect(try collection.contents() == ["lib/b", "linked/a", "real/a"])
            #expect(
                try collection.run().warnings == [
                    "`linked/round` is left out of the artifact: the link leads back to where it is",
                    "`real/round` is left out of the artifact: the link leads back to where it is",
                ])
            #expect(try Collection(tree: tree, files: ["linked/a"]).contents() == ["linked/a"])
            #expect(try Collection(tree: tree, base: "lib").contents() == ["b"])
        }
    }

    @Test("links upon links upon links end in an error, not in a full disk")
    func linkBomb() throws {
        try TemporaryTree.with { tree in
            for level in 0..<20 {
                try tree.directory(FilePath("sandbox/src/\(level)"))
                for name in ["a", "b", "c"] {
                    try tree.link(FilePath("sandbox/src/\(level)/\(name)"), to: FilePath("../\(level + 1)"))
                }
            }
            try tree.write("sandbox/src/20/file")
            let outcome = try Collection(tree: tree).run()
            #expect(
                outcome.message?.hasPrefix("more than 10000 directories are reached through symbolic links") == true)
            #expect(!tree.exists("out"))
        }
    }

    @Test("with enable-symlinks a ZIP keeps links that stay inside, and takes the content of others")
    func kept() throws {
        try TemporaryTree.with { tree in
            try tree.write("sandbox/etc/conf", "content")
            try tree.write("sandbox/src/real/a")
            try tree.link("sandbox/src/inside", to: "real/a")
            try tree.link("sandbox/src/real/up", to: "../inside")
            try tree.link("sandbox/src/directory", to: "real")
            try tree.link("sandbox/src/dangling", to: "gone")
            try tree.link("sandbox/src/outside", to: "../etc/conf")
            var collection = Collection(tree: tree, keepsLinks: true)
            #expect(
                try collection.contents() == [
                    "dangling -> gone", "directory -> real", "inside -> real/a", "outside", "real/a",
                    "real/up -> ../inside",
                ])
            #expect(try collection.text("outside") == "content")
            collection.packaging = .directory
            #expect(
                try collection.contents() == ["directory/a", "directory/up", "inside", "outside", "real/a", "real/up"])
        }
    }

    @Test("a base directory that is a link to the host is not found")
    func baseIsLink() throws {
        try TemporaryTree.with { tree in
            try tree.write("canary/file", "OUTSIDE")
            try tree.link("sandbox/src/out", to: tree.path("canary"))
            #expect(
                try Collection(tree: tree, base: "out").run().message == "no matching base directory path found for out"
            )
            #expect(
                try Collection(tree: tree, base: "o*").run().message == "no matching base directory path found for o*")
        }
    }
}
