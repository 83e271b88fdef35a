// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `codebuild_build.sh`, started as AWS's script would be.
struct LocalAgent {
    let drydock: Drydock
    var environment: [String: String]

    /// The installed script where drydock is installed, otherwise the repository's, which finds drydock on PATH.
    private static var script: FilePath {
        let installed = Drydock.program.removingLastComponent().appending("codebuild_build.sh")
        if access(installed.string, X_OK) == 0 { return installed }
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        return root.appending("Sources/drydock/Packaging/codebuild_build.sh")
    }

    init(in tree: TemporaryTree) throws {
        drydock = try Drydock(in: tree)
        environment = drydock.environment
        let tools = try tree.directory("tools").string
        environment["PATH"] =
            tools + ":" + Drydock.program.removingLastComponent().string + ":" + (environment["PATH"] ?? "")
        environment["XDG_STATE_HOME"] = tree.path("state").string
        environment["USER"] = "alejandro"
    }

    func callAsFunction(_ words: String...) throws -> ToolResult { try run(words) }

    func run(_ words: [String]) throws -> ToolResult {
        try runTool(Self.script.string, words, environment: environment, in: drydock.directory)
    }
}

@Suite("The drop-in for AWS's local agent")
struct LocalAgentTests {
    private static func buildspec(_ commands: String...) -> String {
        let lines = commands.map { "      - '" + $0.replacing("'", with: "''") + "'\n" }.joined()
        return "version: 0.2\nphases:\n  build:\n    commands:\n" + lines
    }

    @Test("builds into artifacts.zip, under a local build id, in CodeBuild's log lines")
    func builds() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write(
                "source/buildspec.yml",
                Self.buildspec("echo id=$CODEBUILD_BUILD_ID by=$CODEBUILD_INITIATOR", "echo made >made.txt")
                    + "artifacts:\n  files: made.txt\n")
            try tree.write("artifacts/other.txt", "mine")
            let result = try agent("-i", "host", "-a", "../artifacts")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.isEmpty, "\(result.errors)")
            #expect(result.output.hasPrefix("Build Command:\n\n/"), "\(result.output)")
            #expect(result.lines.contains { $0.hasPrefix("[Container] ") && $0.hasSuffix(" Entering phase BUILD") })
            let id = try #require(result.lines.first { $0.hasPrefix("id=") })
            #expect(id.hasPrefix("id=local:") && id.hasSuffix(" by=alejandro"), "\(id)")
            #expect(id.count == "id=local:00000000-0000-0000-0000-000000000000 by=alejandro".count)
            #expect(try ArtifactListing.lines(of: tree.path("artifacts")) == "artifacts.zip: made.txt\nother.txt\n")
            #expect(!tree.exists("source/made.txt"))
        }
    }

    @Test("takes paths with blanks, line breaks, colons and leading dashes, relative to the caller's directory")
    func oddPaths() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write("source/-main\nsource/file", "main\n")
            try tree.write("source/a b: c/file", "second\n")
            try tree.write(
                "source/-build spec: x.yml",
                Self.buildspec("cat file \"$CODEBUILD_SRC_DIR_lib/file\"", "env")
                    + "artifacts:\n  files: file\n")
            try tree.write("source/-e n v", "# no\n\nQUOTED=\"a 'b'\"\nBLANK= x # y \n")
            let result = try agent(
                "-i", "host", "-a-out\nside", "-s-main\nsource", "-slib:a b: c", "-b-build spec: x.yml", "-e-e n v")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("\nmain\nsecond\n"))
            #expect(result.output.contains("\nQUOTED=\"a 'b'\"\n") && result.output.contains("\nBLANK= x # y \n"))
            #expect(tree.exists("source/-out\nside/artifacts.zip"))
        }
    }

    @Test("finds the buildspec in the caller's directory, and below the source where there is none")
    func buildspecs() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write("source/both.yml", Self.buildspec("echo of the caller"))
            try tree.write("source/sub/both.yml", Self.buildspec("echo of the source"))
            try tree.write("source/sub/inner.yml", Self.buildspec("echo inner"))
            for (name, line) in [
                ("both.yml", "of the caller"), ("./both.yml", "of the caller"), ("inner.yml", "inner"),
            ] {
                let result = try agent("-i", "host", "-a", "../artifacts", "-s", "sub", "-b", name)
                #expect(result.status == 0 && result.lines.contains(line), "\(name)\n\(result.output)\(result.errors)")
            }
            let nowhere = try agent("-i", "host", "-a", "../artifacts", "-b", "none.yml", "-s", "sub")
            #expect(nowhere.status == 2)
            #expect(
                nowhere.errors.contains("/source/none.yml`, nor `") && nowhere.errors.contains("/source/sub/none.yml`"),
                "\(nowhere.errors)")
            let missing = try agent("-i", "host", "-a", "../artifacts", "-b", "none.yml")
            #expect(missing.status == 2 && missing.errors.contains("none.yml"), "\(missing.errors)")
        }
    }

    @Test("ends with the build's result, and says which letters have no effect")
    func resultsAndNotes() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec("echo x >made.txt", "exit 3"))
            let result = try agent(
                "-i", "aws/codebuild/standard:7.0", "-a", "../artifacts", "-r", "reports", "-l", "agent:latest", "-d",
                "-m",
                "-p", "other")
            #expect(result.status == 1)
            let notes = result.errors.split(separator: "\n").filter { $0.contains(": note: ") }
            for text in ["no local image `aws/codebuild/standard:7.0`", "-l has", "-d has", "-r has", "-p has"] {
                #expect(notes.contains { $0.contains(text) }, "\(text)\n\(result.errors)")
            }
            #expect(notes.count == 5)
            #expect(try tree.text("source/made.txt") == "x\n", "-m lets the build write into the source")
            #expect(!tree.exists("source/reports"))
        }
    }

    @Test(
        "wrong words are told with the usage, and end with 2",
        arguments: [
            ([], "(-i) must be included"), (["-i", "host"], "The artifact directory (-a) must be included"),
            (["-a", "x"], "The image name flag (-i) must be included"), (["-i", "host", "-a", ""], "(-a) must be"),
            (["-i", "host", "-a"], "Missing option argument for -a"), (["-x"], "Unknown option: -x"),
            (["-i", "host", "-a", "x", "word", "-m"], "Unexpected argument: word"),
            (["-i", "host", "-a", "x", "-s", ".", "-s", "nothing"], "is written identifier:directory: nothing"),
            (["-i", "host", "-a", "x", "-s", ".", "-s", "a-b:."], "is written identifier:directory: a-b:."),
            (["-i", "host", "-a", "x", "-s", ".", "-s", "a:"], "is written identifier:directory: a:"),
            (["--image", "host"], "Unknown option: --"),
            (["-i", "--help", "-a", "x"], "An image's name cannot begin with a dash: --help"),
            (["-i", "dir:", "-a", "x"], "The image dir: names no directory"),
            (["-i", "Host", "-a", "x"], "There is no such image: Host"),
        ] as [([String], String)])
    func wrongUse(words: [String], message: String) throws {
        try TemporaryTree.with { tree in
            let result = try LocalAgent(in: tree).run(words)
            #expect(result.status == 2)
            #expect(result.output.isEmpty)
            #expect(result.errors.hasPrefix("codebuild_build.sh: error: ") && result.errors.contains(message))
            #expect(result.errors.contains("\nusage: codebuild_build.sh -i IMAGE -a DIRECTORY [options]\n"))
            #expect(try tree.listing("source").isEmpty)
        }
    }

    @Test("every command of its page builds, and every letter stands there")
    func page() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        let path = Checkout.root.appending("docs/coming-from-aws-local.md").string
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        for letter in "iasbecpmrldh" { #expect(lines.contains { $0.hasPrefix("| `-\(letter)") }, "\(letter)") }
        let commands = lines.filter { $0.hasPrefix("    ") }.map { $0.split(separator: " ").map(String.init) }
        #expect(commands.count >= 4)
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec("echo $NAME >x") + "artifacts:\n  files: x\n")
            try tree.write("source/env.txt", "NAME=\"quoted\"\n")
            for command in commands {
                let words = Array(command.dropFirst())
                let result =
                    command[0] == "drydock"
                    ? try runTool(
                        Drydock.program.string, words, environment: agent.environment, in: agent.drydock.directory)
                    : try agent.run(words)
                #expect(result.status == 0, "\(command)\n\(result.errors)")
                #expect(words[0] == "lint" || tree.exists("source/artifacts/artifacts.zip"))
            }
        }
    }

    @Test("a file called `local` is nothing to it, and of a failed build nothing is kept")
    func surroundings() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let agent = try LocalAgent(in: tree)
            try tree.write("source/local", "no project")
            try tree.write("source/buildspec.yml", Self.buildspec("echo here; exit 3"))
            let result = try agent("-i", "host", "-a", "../artifacts")
            #expect(result.status == 1 && result.lines.contains("here"), "\(result.output)\(result.errors)")
            // Only what lies there is asked for: what the build wrote may still be on its way out.
            #expect(tree.exists("state/drydock/builds") && !tree.exists("state/drydock/kept"))
        }
    }

    @Test("the usage is what is asked for with -h")
    func usage() throws {
        try TemporaryTree.with { tree in
            let result = try LocalAgent(in: tree)("-h")
            #expect(result.status == 0 && result.errors.isEmpty)
            #expect(result.output.hasPrefix("usage: codebuild_build.sh -i IMAGE -a DIRECTORY [options]\n"))
            for letter in "iaseblcmdrph" { #expect(result.output.contains("-\(letter) "), "\(letter)") }
        }
    }
}
