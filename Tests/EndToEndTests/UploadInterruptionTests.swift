// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `kill -9` while something is on its way out: the next run goes on with it, or leaves nothing of it.
@Suite("Uploads that a kill broke off", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct UploadInterruptionTests {
    private typealias Step = ScriptedServer.Step

    /// More than goes in one request, and nothing that can be compressed; the same each time where that is wanted.
    private static func large(_ path: String, _ seed: String = "1") -> String {
        "mkdir -p n && openssl enc -aes-128-ctr -nosalt -K \(seed) -iv 0 -in /dev/zero 2>/dev/null | head -c 70000000 > \(path)"
    }

    private func prepared(
        _ tree: TemporaryTree, _ steps: [ScriptedServer.Step]
    ) throws -> (drydock: Drydock, server: ScriptedServer) {
        let server = try ScriptedServer(steps, in: tree)
        var drydock = try Drydock(in: tree)
        drydock.environment.merge([
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)", "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        ]) { $1 }
        return (drydock, server)
    }

    private let begun = Step.answer(
        200, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
    ).to("?uploads")
    private let part = Step.answer(200, headers: ["ETag": "\"p\""]).to("PUT", "partNumber=")
    private let completed = Step.answer(200, "<CompleteMultipartUploadResult/>").to("POST", "?uploadId=")
    private let stored = [Step.answer(200).to("PUT", ".json"), Step.answer(200).to("PUT", ".zip")]
    private static let noKey = Step.answer(404, "<Error><Code>NoSuchKey</Code><Message>w</Message></Error>")
    private let missing = [
        Self.noKey.to("GET"), Step.answer(404).to("HEAD", ".json"), Step.answer(404).to("HEAD", ".zst"),
    ]
    private let aborted = [
        Step.answer(204).to("DELETE "),
        Step.answer(404, "<Error><Code>NoSuchUpload</Code><Message>w</Message></Error>").to("DELETE "),
    ]

    /// Kills a run when the server was asked for something.
    private func kill(_ drydock: Drydock, _ words: [String], _ server: ScriptedServer, at text: String) throws {
        let running = try RunningDrydock(drydock, words)
        let deadline = Date().addingTimeInterval(60)
        while try !lines(server).contains(where: { $0.contains(text) }), Date() < deadline {
            _ = running.wait(for: "\u{0}", seconds: 0.1)
        }
        running.signal(SIGKILL)
        #expect(running.end() == -Int(SIGKILL), "\(running.text)\(running.errors)")
    }

    private func lines(_ server: ScriptedServer) throws -> [String] {
        try server.requests().map { "\($0.method) \($0.path)" }
    }

    private func notes(_ tree: TemporaryTree) throws -> Int {
        try tree.listing("state/uploads").filter { $0 != "uploads/" && !$0.hasSuffix("/") }.count
    }

    private func cached(_ key: String, _ command: String) -> String {
        "version: 0.2\ncache:\n  key: \(key)\n  paths: [n/**/*]\nphases:\n  build:\n    commands:\n      - \(command)\n"
    }

    @Test("the archive of a cache is gone on with: the upload is the same, and what had arrived is not sent again")
    func cacheResumes() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(
                tree,
                [
                    begun, Step.hang.to("PUT", "partNumber=2&"), part, completed,
                ] + stored + missing)
            try tree.write("source/buildspec.yml", cached("k", Self.large("n/a")))
            let words = ["run", "--cache-to", "s3://bucket/p"]
            try kill(drydock, words, server, at: "partNumber=4&")
            #expect(try notes(tree) == 1)
            let before = try server.requests().count
            let further = try drydock.run(words)
            #expect(
                further.status == 0 && further.output.contains("Uploaded cache `k`"),
                "\(further.output)\(further.errors)")
            let asked = try lines(server)
            #expect(asked.filter { $0.contains("?uploads") }.count == 1, "\(asked)")
            #expect(
                asked.dropFirst(before).contains { $0.hasPrefix("POST ") && $0.contains("uploadId=u1") }, "\(asked)")
            #expect(asked.contains { $0.hasPrefix("PUT ") && $0.contains(".json") })
            #expect(try notes(tree) == 0)
        }
    }

    @Test("a signal while a cache is stored stops the build, of which a script hears", arguments: [SIGINT, SIGTERM])
    func cacheStopped(_ number: Int32) throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(tree, [Step.hang.to("PUT", ".zst")] + stored + missing)
            try tree.write("source/buildspec.yml", cached("k", "mkdir n; echo 1 >n/a"))
            let running = try RunningDrydock(drydock, ["run", "--cache-to", "s3://bucket/p"])
            #expect(running.wait(for: "Uploading S3 cache..."))
            let deadline = Date().addingTimeInterval(60)
            while try !lines(server).contains(where: { $0.hasPrefix("PUT") }), Date() < deadline { usleep(20_000) }
            running.signal(number)
            #expect(running.end() == -Int(number), "\(running.text)\(running.errors)")
            let shown = try drydock("show", "--json").output
            #expect(shown.contains("\"buildStatus\": \"STOPPED\""), "\(shown)")
            // What it saved here is here.
            let next = try drydock("run")
            #expect(next.status == 0 && next.output.contains("Restored cache `k`"), "\(next.output)")
        }
    }

    @Test("where nobody answers any more the upload is kept, and the next run goes on with it")
    func cacheUnreachable() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(
                tree, [begun, Step.reset.to("PUT", "partNumber=2&"), part, completed] + stored + missing + aborted)
            try tree.write("source/buildspec.yml", cached("k", Self.large("n/a")))
            let words = ["run", "--cache-to", "s3://bucket/p"]
            let broken = try drydock.run(words)
            #expect(broken.status == 0 && broken.output.contains("the cache is not stored in"), "\(broken.output)")
            #expect(try notes(tree) == 1)
            let further = try drydock.run(words)
            #expect(further.output.contains("Uploaded cache `k`"), "\(further.output)\(further.errors)")
            let asked = try lines(server)
            #expect(asked.filter { $0.contains("?uploads") }.count == 1, "\(asked)")
            #expect(asked.filter { $0.contains("partNumber=") }.count == 6, "the broken one again")
            #expect(!asked.contains { $0.hasPrefix("DELETE") })
            #expect(try notes(tree) == 0)
        }
    }

    @Test("the archive of a cache that has another content by now is taken back")
    func cacheChanges() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(
                tree,
                [begun, Step.hang.to("PUT", "partNumber=2&"), part, completed] + stored + missing + aborted
                    + [Step.answer(200).to("PUT", ".zst")])
            try tree.write("source/buildspec.yml", cached("k", Self.large("n/a")))
            let words = ["run", "--cache-to", "s3://bucket/p"]
            try kill(drydock, words, server, at: "partNumber=2&")
            try tree.write("source/buildspec.yml", cached("other", "mkdir -p n; echo small > n/a"))
            let further = try drydock.run(words)
            #expect(
                further.status == 0 && further.output.contains("Uploaded cache `other`"),
                "\(further.output)\(further.errors)")
            #expect(try lines(server).contains { $0.hasPrefix("DELETE ") && $0.hasSuffix("uploadId=u1") })
            #expect(try notes(tree) == 0)
        }
    }

    @Test("an artifact is taken back by the next build that uploads, before its first command")
    func artifact() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(
                tree,
                [begun, Step.hang.to("PUT", "partNumber=1&"), part, completed, Step.answer(200).to("HEAD /bucket/")]
                    + stored + aborted)
            let text = """
                version: 0.2
                phases:
                  build:
                    commands:
                      - \(Self.large("n/a"))
                artifacts:
                  files: [n/a]
                """
            try tree.write("source/buildspec.yml", text)
            let words = ["run", "-a", "s3://bucket/p"]
            try kill(drydock, words, server, at: "partNumber=1&")
            #expect(try notes(tree) == 1)
            func staged() throws -> String {
                try runTool("find", [tree.path("state/builds").string, "-name", "artifacts*"]).output
            }
            #expect(try !staged().isEmpty)
            try tree.write("source/buildspec.yml", text.replacing("70000000", with: "7"))
            let further = try drydock.run(words)
            #expect(further.status == 0, "\(further.output)\(further.errors)")
            let asked = try lines(server)
            let removal = try #require(
                asked.firstIndex { $0.hasPrefix("DELETE ") && $0.hasSuffix("uploadId=u1") }, "\(asked)")
            let upload = try #require(asked.firstIndex { $0 == "PUT /bucket/p/artifacts.zip" }, "\(asked)")
            #expect(removal < upload)
            #expect(try staged().isEmpty, "what was to go out, on this machine")
            #expect(try notes(tree) == 0)
        }
    }

    @Test("a copy to a directory leaves nothing that the next build would not remove")
    func directory() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.directory("place")
            try tree.write("source/buildspec.yml", cached("k", Self.large("n/a")))
            func parts() throws -> [String] { try tree.listing("place").filter { $0.hasSuffix(".part") } }
            let running = try RunningDrydock(drydock, ["run", "--cache-to", "../place"])
            let deadline = Date().addingTimeInterval(60)
            while try parts().isEmpty, Date() < deadline { usleep(2000) }
            running.signal(SIGKILL)
            #expect(running.end() == -Int(SIGKILL), "\(running.text)")
            let left = try #require(try parts().first)
            #expect(
                try runTool("touch", ["-d", "1 hour ago", tree.path("place").appending(left).string]).status == 0)
            let further = try drydock.run(["run", "--cache-to", "../place"])
            #expect(
                further.status == 0 && further.output.contains("Uploaded cache `k`"),
                "\(further.output)\(further.errors)")
            #expect(try parts().isEmpty)
        }
    }
}
