// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Where what is built comes from, and what of it a build may change.
@Suite("Sources", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct SourceTests {
    private func spec(_ commands: String...) -> String {
        "version: 0.2\nphases:\n  build:\n    commands:\n" + commands.map { "      - \($0)\n" }.joined()
    }

    private func git(_ arguments: String..., in directory: FilePath) throws {
        let settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        let result = try runTool("git", settings + arguments, in: directory)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("the source stays as it is, unless it is mounted")
    func copyOnWrite() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", spec("echo new >made", "rm old", "test ! -e old"))
            try tree.write("source/old")
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").status == 0)
            #expect(try tree.listing("source") == ["buildspec.yml", "old"])
            #expect(try drydock("run", "-m").status == 0)
            #expect(try tree.listing("source") == ["buildspec.yml", "made"])
        }
    }

    @Test("artifacts go where they were to go, wherever a build with a mounted source makes that lead")
    func artifactsStayInPlace() throws {
        for packaging in ["zip", "directory"] {
            try TemporaryTree.with { tree in
                let text = spec("rm -rf out", "ln -s ../victim out", "echo no >file")
                try tree.write("source/buildspec.yml", text + "artifacts:\n  name: there\n  files: file\n")
                try tree.directory("victim")
                #expect(try Drydock(in: tree)("run", "-m", "-a", "out", "--packaging", packaging).status != 0)
                #expect(try tree.listing("victim") == [])
            }
        }
    }

    @Test("drydock's own state is not the build's to see or change, even inside the source")
    func ownStateInSource() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                spec("find state -mindepth 2", "touch state/builds/x 2>/dev/null && exit 9 || true"))
            for mounting in [[], ["-m"]] {
                func drydock(_ words: [String]) throws -> ToolResult {
                    try runTool(Drydock.program.string, words + ["--state-dir", "state"], in: tree.path("source"))
                }
                let result = try drydock(["run", "-q"] + mounting)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                let log = try drydock(["logs"]).output
                #expect(!log.contains("events.jsonl") && log.contains("find state"), "\(log)")
            }
        }
    }

    @Test("few descriptors are enough for a build")
    func fewDescriptors() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", spec("echo ran"))
            let words = ["-c", "ulimit -n 64; exec \"$@\"", "sh", Drydock.program.string, "run", "--state-dir"]
            let state = tree.path("limited").string
            let result = try runTool("sh", words + [state], in: tree.path("source"))
            #expect(result.status == 0 && result.output.contains("\nran\n"), "\(result.output)\(result.errors)")
        }
    }

    @Test("a repository is checked out at a version, and the build knows which")
    func repository() throws {
        guard hasTool("git") else { return }
        try TemporaryTree.with { tree in
            try tree.write("upstream/buildspec.yml", spec("echo \"first $CODEBUILD_SOURCE_VERSION\""))
            let upstream = tree.path("upstream")
            try git("init", "-q", in: upstream)
            try git("add", ".", in: upstream)
            try git("commit", "-q", "-m", "1", in: upstream)
            try git("tag", "v1", in: upstream)
            try tree.write(
                "upstream/buildspec.yml",
                spec(
                    "echo \"second $CODEBUILD_SOURCE_REPO_URL\"",
                    "test \"$(git rev-parse HEAD)\" = \"$CODEBUILD_RESOLVED_SOURCE_VERSION\""))
            try git("commit", "-q", "-a", "-m", "2", in: upstream)
            let drydock = try Drydock(in: tree)
            let url = "file://\(upstream.string)"

            let tagged = try drydock("run", "-s", url, "--source-version", "v1")
            #expect(tagged.status == 0, "\(tagged.output)\(tagged.errors)")
            #expect(tagged.output.contains("\nfirst v1\n"))
            let newest = try drydock("run", "-s", url)
            #expect(newest.status == 0, "\(newest.output)\(newest.errors)")
            #expect(newest.output.contains("\nsecond \(url)\n"))
            let directory = try drydock("run", "-s", upstream.string, "--source-version", "v1")
            #expect(directory.output.contains("\nfirst v1\n"), "\(directory.output)\(directory.errors)")
            #expect(try tree.listing("state/checkouts").isEmpty)

            let missing = try drydock("run", "-s", url, "--source-version", "nowhere")
            #expect(missing.status == 3)
            #expect(
                missing.output.contains(
                    "CLIENT_ERROR Message: reference not found for primary source and source version nowhere\n"))
            #expect(try tree.listing("state/checkouts").isEmpty)
            let preview = try drydock("run", "--dry-run", "-s", url)
            #expect(preview.output.contains("phase BUILD\n  $ echo \"second"))
            #expect(try tree.listing("state/checkouts").isEmpty)
        }
    }

    @Test("a checkout that hangs is stopped")
    func stuckCheckout() throws {
        guard hasTool("git"), hasTool("python3") else { return }
        try TemporaryTree.with { tree in
            // A server that takes the connection and says nothing.
            let script = """
                import socket, sys, time
                s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
                open(sys.argv[1], "w").write(str(s.getsockname()[1])); time.sleep(30)
                """
            let port = tree.path("port")
            let started = try runTool(
                "sh", ["-c", "python3 -c \"$1\" \"$2\" >/dev/null 2>&1 & echo $!", "sh", script, port.string])
            let server = try #require(pid_t(started.lines.first ?? ""))
            defer { kill(server, SIGKILL) }
            for _ in 0..<100 where (try? String(contentsOfFile: port.string, encoding: .utf8))?.isEmpty ?? true {
                usleep(50_000)
            }
            let number = try String(contentsOfFile: port.string, encoding: .utf8)
            let drydock = try Drydock(in: tree)
            let running = try RunningDrydock(drydock, ["run", "-s", "git://127.0.0.1:\(number)/x.git"])
            #expect(running.wait(for: "Phase is DOWNLOAD_SOURCE"))
            usleep(300_000)
            running.signal(SIGINT)
            #expect(running.end(seconds: 5) == -Int(SIGINT), "\(running.text)\(running.errors)")
            #expect(running.text.contains("Phase complete: DOWNLOAD_SOURCE State: STOPPED"))
            #expect(try tree.listing("state/checkouts").isEmpty)
            let timed = try drydock("run", "--timeout", "0.01", "-s", "git://127.0.0.1:\(number)/x.git")
            #expect(timed.status == 124)
        }
    }

    @Test("names with odd bytes are directories like others")
    func oddNames() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/a b'\"$x\n%\\/buildspec.yml", spec("echo ok"))
            let drydock = try Drydock(in: tree)
            let result = try drydock("run", "-s", "a b'\"$x\n%\\")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("\nok\n"))
        }
    }

    @Test("a buildspec may come from elsewhere")
    func otherBuildspec() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/ci/other.yml", spec("echo other"))
            try tree.write("elsewhere.yml", spec("echo elsewhere"))
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run", "-b", "ci/other.yml").output.contains("\nother\n"))
            let outside = try drydock("run", "-b", tree.path("elsewhere.yml").string)
            #expect(outside.output.contains("YAML location is /codebuild/readonly/buildspec.yml\n"))
            #expect(outside.output.contains("\nelsewhere\n"))
            let inline = try drydock(
                "run", "-b", "{\"version\": 0.2, \"phases\": {\"build\": {\"commands\": [\"echo inline\"]}}}")
            #expect(inline.output.contains("\ninline\n"), "\(inline.output)\(inline.errors)")
        }
    }

    @Test("events go to a file too, one JSON object a line")
    func events() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", spec("printf 'a\\377b'"))
            let drydock = try Drydock(in: tree)
            let result = try drydock("run", "--events", tree.path("events").string, "--progress", "json")
            #expect(result.status == 0, "\(result.errors)")
            for text in [try tree.text("events"), result.output] {
                let lines = text.split(separator: "\n")
                #expect(lines.count > 20)
                for line in lines {
                    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(object?["v"] as? Int == 1)
                }
            }
        }
    }

    @Test("the project's name is the directory's, and numbers count for each project")
    func numbers() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", spec("echo \"$CODEBUILD_BUILD_ID $CODEBUILD_BUILD_NUMBER\""))
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").output.contains("\nsource:"))
            #expect(try drydock("run").output.contains(" 2\n"))
            let named = try drydock("run", "--project", "other").output
            #expect(named.contains("\nother:") && named.contains(" 1\n"))
            let history = try drydock("history", "--json")
            let list = try JSONSerialization.jsonObject(with: Data(history.standardOutput)) as? [[String: Any]]
            #expect(list?.map { $0["buildNumber"] as? Int } == [1, 2, 1])
        }
    }
}
