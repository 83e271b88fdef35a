// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// The program itself, beside sha256sum(1) and a shell.
@Suite("codebuild-hash-files") struct HashFilesTests {
    private func hash(
        _ patterns: [String], in tree: TemporaryTree, variables: [String: String] = [:], from directory: FilePath = ""
    ) throws -> ToolResult {
        try runTool(
            BuiltProgram.path("codebuild-hash-files").string, patterns,
            environment: ["CODEBUILD_SRC_DIR": tree.path.string].merging(variables) { $1 }, in: tree.path(directory))
    }

    /// What other tools make of files in the order given.
    private func expected(_ files: [String], in tree: TemporaryTree) throws -> String {
        let script =
            "sha256sum -z -- \"$@\" | tr '\\n\\0' 'X\\n' | sed 's/^\\(.\\{64\\}\\).*/\\1/' | xxd -r -p | sha256sum"
        let result = try runTool("sh", ["-c", script, "sh"] + files, in: tree.path)
        return result.output.prefix(64) + "\n"
    }

    @Test(
        "is the digest of the files' digests in the order of their paths",
        arguments: [
            (["package-lock.json"], ["package-lock.json"]),
            (["**/*.md"], ["a.md", "a/b/x.md", "a/y.md", "ä.md"]),
            (["*.md"], ["a.md", "ä.md"]),
            (["?.md"], ["a.md", "ä.md"]),
            (["[!b].md"], ["a.md", "ä.md"]),
            (["a/**"], ["a/.hidden", "a/b/x.md", "a/y.md"]),
            (["package-lock.json", "a/*.md", "**/y.md", "a/../package-lock.json"], ["a/y.md", "package-lock.json"]),
            (["a.md", "none", "a/b"], ["a.md"]),
            (["--", "a.md"], ["a.md"]),
            (["--", "-n", "--", "--help"], ["--help", "-n"]),
            (["new*", "back*"], ["back\\slash", "new\nline"]),
        ])
    func digests(patterns: [String], files: [String]) throws {
        guard requireTool("xxd") else { return }
        try TemporaryTree.with { tree in
            for file in [
                "package-lock.json", "a.md", "a/b/x.md", "a/y.md", "a/.hidden", "ä.md", "-n", "--help", "new\nline",
                "back\\slash",
            ] { try tree.write(FilePath(file), "content of \(file)") }
            let result = try hash(patterns, in: tree)
            #expect(result.output == (try expected(files, in: tree)))
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        }
    }

    @Test("is below the source directory wherever it is called, and below the working directory without one")
    func places() throws {
        try TemporaryTree.with { tree in
            try tree.write("file", "of the source")
            try tree.write("sub/file", "of sub")
            try tree.link("alias", to: tree.path)
            let of = (source: try hash(["file"], in: tree).output, sub: try hash(["sub/file"], in: tree).output)
            #expect(of.source != of.sub && of.source.count == 65)
            #expect(try hash(["file"], in: tree, from: "sub").output == of.source)
            #expect(try hash(["file"], in: tree, variables: ["CODEBUILD_SRC_DIR": ""], from: "sub").output == of.sub)
            // Absolute patterns count below the source directory, by either of its names.
            #expect(try hash([tree.path("sub/f*").string], in: tree).output == of.sub)
            let alias = ["CODEBUILD_SRC_DIR": tree.path("alias").string]
            for place in ["alias", ""] {
                let pattern = tree.path(FilePath(place)).appending("file").string
                #expect(try hash([pattern], in: tree, variables: alias).output == of.source)
            }
            #expect(try hash(["/etc/passwd", "../*/file", "sub/../../x"], in: tree).status == 1)
            let missing = try hash(["file"], in: tree, variables: ["CODEBUILD_SRC_DIR": "/nosuch"])
            #expect(missing.status == 2 && missing.output.isEmpty)
            #expect(
                missing.errors == "codebuild-hash-files: could not open `/nosuch`: no such file or directory\n")
        }
    }

    @Test("without a match there is no digest, and status 1")
    func nothing() throws {
        try TemporaryTree.with { tree in
            try tree.directory("directory")
            try tree.fifo("pipe")
            let result = try hash(["*.lock", "directory", "p*", "pipe", "."], in: tree)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(
                result.errors
                    == "codebuild-hash-files: no file below `\(tree.path)` matches `*.lock` or `directory` or "
                    + "`p*` or `pipe` or `.`\n")
            let usage = try hash([], in: tree)
            #expect(usage.status == 2 && usage.output.isEmpty)
            #expect(usage.errors.hasPrefix("usage: codebuild-hash-files PATTERN…\n"))
            #expect(try hash(["--help"], in: tree).output == usage.errors)
        }
    }

    @Test("links to files count as those files, and none leads out of the source")
    func links() throws {
        try TemporaryTree.with { tree in
            try tree.write("outside", "secret")
            try tree.write("source/real/file", "text")
            try tree.link("source/inside", to: "real/file")
            try tree.link("source/directory", to: "real")
            try tree.link("source/loop", to: "loop")
            try tree.link("source/out", to: "../outside")
            try tree.link("source/absolute", to: tree.path("outside"))
            try tree.link("source/dangling", to: "nothing")
            try tree.link("source/real/up", to: "..")
            let source = ["CODEBUILD_SRC_DIR": tree.path("source").string]
            let one = try hash(["real/file"], in: tree, variables: source).output
            #expect(one.count == 65)
            #expect(try hash(["inside"], in: tree, variables: source).output == one)
            #expect(try hash(["directory/file"], in: tree, variables: source).output == one)
            let all = try hash(["**/*e*"], in: tree, variables: source)
            // `inside` and `real/file`; the walk goes through no link.
            #expect(all.status == 0 && all.output != one)
            #expect(
                all.errors == "codebuild-hash-files: `absolute` leads out of the source directory, and is left out\n")
            let out = try hash(["out"], in: tree, variables: source)
            #expect(out.status == 1 && out.output.isEmpty)
            #expect(
                out.errors.hasPrefix("codebuild-hash-files: `out` leads out of the source directory, and is left out\n")
            )
            #expect(try hash(["dangling"], in: tree, variables: source).status == 1)
            let loop = try hash(["loop"], in: tree, variables: source)
            #expect(loop.status == 2 && loop.output.isEmpty)
        }
    }

    @Test("names of bytes that are no text are names like any others")
    func oddNames() throws {
        try TemporaryTree.with { tree in
            let script = "printf one >\"$(printf 'a\\377b')\"; printf two >\"$(printf 'a\\001b')\""
            #expect(try runTool("bash", ["-c", script], in: tree.path).status == 0)
            let both = try hash(["a?b"], in: tree)
            #expect(both.status == 0)
            // Typed by a shell, in bytes.
            let program = BuiltProgram.path("codebuild-hash-files").string
            let typed = try runTool(
                "bash", ["-c", "\"$1\" \"$(printf 'a\\377b')\" \"$(printf 'a\\001b')\"", "bash", program],
                environment: ["PATH": "/usr/bin:/bin"], in: tree.path)
            #expect(typed.output == both.output)
            let none = try runTool(
                "bash", ["-c", "\"$1\" \"$(printf 'x\\377')\"", "bash", program],
                environment: ["PATH": "/usr/bin:/bin"],
                in: tree.path)
            #expect(none.errors == "codebuild-hash-files: no file below `.` matches `x\\xff`\n")
        }
    }

    @Test(
        "a file that cannot be read is no smaller digest but a failure",
        .enabled(if: getuid() != 0 || hasTool("setpriv")))
    func unreadable() throws {
        try TemporaryTree.with { tree in
            try tree.write("open")
            try tree.write("closed/file", mode: 0)
            let program = BuiltProgram.path("codebuild-hash-files")
            let copy = tree.path("program")
            try FileManager.default.copyItem(atPath: program.string, toPath: copy.string)
            try tree.setMode("", 0o755)
            let words = [copy.string, "**/*"]
            func run() throws -> ToolResult {
                guard getuid() == 0 else { return try runTool(words[0], [words[1]], in: tree.path) }
                let identity = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
                return try runTool("setpriv", identity + words, environment: ["PATH": "/usr/bin:/bin"], in: tree.path)
            }
            let file = try run()
            #expect(file.status == 2 && file.output.isEmpty)
            #expect(file.errors == "codebuild-hash-files: could not read `closed/file`: permission denied\n")
            try tree.setMode("closed", 0)
            #expect(try run().errors == "codebuild-hash-files: could not read `closed`: permission denied\n")
            try tree.setMode("closed", 0o755)
        }
    }

    @Test("the log names each file with its digest, as sha256sum does, and is appended to")
    func log() throws {
        try TemporaryTree.with { tree in
            for file in ["b", "a/c", "new\nline", "back\\slash"] { try tree.write(FilePath("source/" + file), file) }
            let source = tree.path("source").string
            let variables = ["CODEBUILD_SRC_DIR": source, "DRYDOCK_HASH_FILES_LOG": tree.path("log").string]
            let plain = try hash(["**/*"], in: tree, variables: ["CODEBUILD_SRC_DIR": source])
            #expect(try hash(["**/*"], in: tree, variables: variables).output == plain.output)
            let names = ["a/c", "b", "back\\slash", "new\nline"]
            let sums = try runTool("sha256sum", ["--"] + names, in: tree.path("source")).output
            #expect(try tree.text("log") == sums)
            #expect(try hash(["b"], in: tree, variables: variables).status == 0)
            #expect(try tree.text("log") == sums + (try runTool("sha256sum", ["b"], in: tree.path("source")).output))
            #expect(try runTool("sha256sum", ["--check", "--quiet", "../log"], in: tree.path("source")).status == 0)

            let errors = ["CODEBUILD_SRC_DIR": source, "DRYDOCK_HASH_FILES_LOG": "2"]
            #expect(try hash(["**/*"], in: tree, variables: errors).errors == sums)
            let closed = ["CODEBUILD_SRC_DIR": source, "DRYDOCK_HASH_FILES_LOG": tree.path("no/such").string]
            let unlogged = try hash(["b"], in: tree, variables: closed)
            #expect(unlogged.status == 0 && unlogged.output.count == 65)
            #expect(
                unlogged.errors
                    == "codebuild-hash-files: could not write the log `\(tree.path("no/such"))`: no such file "
                    + "or directory\n")
        }
    }

    @Test("60,000 files are hashed in the order that sort has")
    func many() throws {
        guard requireTool("xxd") else { return }
        try TemporaryTree.with { tree in
            let script = """
                for a in $(seq 300); do mkdir $a $a.d && for b in $(seq 100); do echo $a/$b >$a/$b.c; echo x$b >$a.d/$b.c; done; done
                find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum | cut -c1-64 | xxd -r -p | sha256sum | cut -c1-64
                """
            let expected = try runTool("sh", ["-c", script], in: tree.path)
            #expect(try hash(["**/*.c", "1/**", "2.d/1.c"], in: tree).output == expected.output)
        }
    }

    private func requireTool(_ name: String) -> Bool {
        if hasTool(name) { return true }
        if ProcessInfo.processInfo.environment["REQUIRE_SANDBOX"] == "1" { Issue.record("no \(name)") }
        return false
    }
}
