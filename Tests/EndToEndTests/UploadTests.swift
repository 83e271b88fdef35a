// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What leaves the machine, and that nothing does unasked.
@Suite("Uploads of artifacts and logs", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct UploadTests {
    private static let buildspec = """
        version: 0.2
        phases:
          build:
            commands:
              - mkdir -p out/d && echo one > out/a.txt && echo two > "out/d/b c.txt"
              - echo "the token is $TOKEN"
        artifacts:
          base-directory: out
          files: ['**/*']
          secondary-artifacts:
            second:
              files: [out/a.txt]
        """
    private static let project = """
        {
          "name": "demo", "source": {"type": "S3", "location": "bucket/source.zip"},
          "artifacts": {
            "type": "S3", "location": "bucket", "path": "MyArtifacts", "namespaceType": "BUILD_ID", "name": "app.zip",
            "packaging": "ZIP", "bucketOwnerAccess": "FULL"
          },
          "secondaryArtifacts": [
            {"type": "S3", "location": "other", "name": "two", "artifactIdentifier": "second", "encryptionDisabled": true}
          ],
          "encryptionKey": "alias/mine",
          "logsConfig": {
            "cloudWatchLogs": {"status": "ENABLED", "groupName": "group", "streamName": "stream"},
            "s3Logs": {"status": "ENABLED", "location": "logs/of"}
          }
        }
        """

    private func prepared(
        _ tree: TemporaryTree, _ steps: [ScriptedServer.Step]
    ) throws -> (drydock: Drydock, server: ScriptedServer) {
        try tree.write("source/buildspec.yml", Self.buildspec)
        try tree.write("p.json", Self.project)
        let server = try ScriptedServer(steps, in: tree)
        var drydock = try Drydock(in: tree)
        drydock.environment.merge([
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)", "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        ]) { $1 }
        return (drydock, server)
    }

    private func lines(_ server: ScriptedServer) throws -> [String] {
        try server.requests().map { "\($0.method) \($0.path)" }
    }

    @Test("-a s3://… puts artifacts there, with CodeBuild's metadata, and leaves no copy here")
    func toBucket() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(tree, [.answer(200)])
            let result = try drydock("run", "-a", "s3://bucket/pre/fix/")
            #expect(result.status == 0, "\(result.all)")
            #expect(result.output.contains("artifact written: s3://bucket/pre/fix/artifacts.zip (2 files)"))
            #expect(
                try lines(server) == [
                    "HEAD /bucket/", "PUT /bucket/pre/fix/artifacts.zip", "PUT /bucket/pre/fix/second.zip",
                ])
            let headers = try #require(try server.requests().first { $0.method == "PUT" }).headers
            let shown = try drydock("show", "--json").output
            let id = try #require(shown.firstMatch(of: #/"arn":\s*"([^"]*)"/#)).output.1
            #expect(headers["x-amz-meta-codebuild-buildarn"] == String(id))
            #expect(headers["x-amz-meta-codebuild-content-md5"]?.count == 32)
            #expect(headers["x-amz-meta-codebuild-content-sha256"] == headers["x-amz-content-sha256"])
            #expect(headers["x-amz-server-side-encryption"] == nil)
            #expect(shown.contains("arn:aws:s3:::bucket/pre/fix/artifacts.zip"))
            let left = try runTool("find", [tree.path("state").string, "-name", "artifacts*"])
            #expect(left.output.isEmpty, "\(left.output)")

            let files = try drydock("run", "-a", "s3://bucket", "--packaging", "directory")
            #expect(files.status == 0, "\(files.all)")
            #expect(
                try lines(server).dropFirst(4).sorted() == [
                    "PUT /bucket/artifacts/a.txt", "PUT /bucket/artifacts/d/b%20c.txt", "PUT /bucket/second/out/a.txt",
                ])
            #expect(
                try drydock("run", "--dry-run", "-a", "s3://bucket/x").output.contains(
                    "artifacts    s3://bucket/x (zip)"))
        }
    }

    @Test("a project's places and logs are used when that is asked for, secrets masked; without it nothing is sent")
    func projects() throws {
        try TemporaryTree.with { tree in
            let type = ["Content-Type": "application/x-amz-json-1.1"]
            let (drydock, server) = try prepared(
                tree, [.answer(200, "{}", headers: type).to("POST"), .answer(200)])
            let quiet = try drydock("run", "--project", "../p.json")
            #expect(quiet.status == 0 && quiet.all.contains("--upload-artifacts"), "\(quiet.all)")
            #expect(try server.requests().isEmpty)

            let result = try drydock(
                "run", "--project", "../p.json", "--upload-artifacts", "--upload-logs",
                "--secret", "TOKEN=tok-abcdef", "-a", "../artifacts")
            #expect(result.status == 0, "\(result.all)")
            #expect(try lines(server).prefix(2) == ["HEAD /bucket/", "HEAD /other/"])
            let requests = try server.requests().filter { $0.method != "HEAD" }
            let uuid = try #require(requests.first?.path.split(separator: "/").dropFirst(2).first.map(String.init))
            #expect(
                requests.map { "\($0.method) \($0.path)" } == [
                    "PUT /bucket/MyArtifacts/\(uuid)/app.zip", "PUT /other/two/out/a.txt", "POST /", "POST /",
                    "PUT /logs/of/\(uuid).gz",
                ])
            #expect(requests[0].headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/mine")
            #expect(requests[0].headers["x-amz-acl"] == "bucket-owner-full-control")
            #expect(requests[1].headers["x-amz-server-side-encryption"] == nil)
            #expect(requests[2].body == #"{"logGroupName":"group","logStreamName":"stream/\#(uuid)"}"#)
            #expect(requests[3].body.contains(#"the token is ***\n"#) && !requests[3].body.contains("tok-abcdef"))
            // The user's own directory has them as well.
            let local = try runTool("ls", [tree.path("artifacts").string])
            #expect(local.output == "app.zip\nsecond\n")
        }
    }

    @Test("an artifact that is not taken fails its phase and stays whole; the build's result says so")
    func refused() throws {
        try TemporaryTree.with { tree in
            let refusal = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            let (drydock, server) = try prepared(
                tree, [.answer(403, refusal, headers: ["x-amz-request-id": "R", "x-amz-id-2": "H"])])
            let result = try drydock("run", "-a", "s3://bucket/p", "--upload-logs")
            #expect(result.status == 1)
            #expect(
                result.output.contains(
                    "Phase context status code: CLIENT_ERROR Message: AccessDenied: Access Denied status code: 403, "
                        + "request id: R, host id: H\n"), "\(result.output)")
            #expect(result.output.contains("hint: a policy has to allow `s3:PutObject` on it\n"))
            let place = try #require(result.output.firstMatch(of: #/the artifact itself is whole: `([^`]*)`/#)).output.1
            #expect(try runTool("unzip", ["-tq", String(place)]).status == 0)
            #expect(try server.requests().count >= 2)
            // A log that is not taken is a warning, and the build's own failure stays the result.
            #expect(
                result.errors.contains("warning: the log cannot be sent to group `/aws/codebuild/source`"),
                "\(result.errors)")
        }
    }

    @Test("a bucket that is not there, or cannot be asked, ends a build before its first command")
    func early() throws {
        try TemporaryTree.with { tree in
            var (drydock, server) = try prepared(tree, [.answer(404)])
            let result = try drydock("run", "-a", "s3://bucket/p")
            #expect(result.status == 3 && !result.output.contains("Running command"), "\(result.all)")
            #expect(
                result.all.contains(
                    "artifacts cannot go to `s3://bucket`: aws (eu-west-1, the environment): there is no bucket"))
            #expect(try lines(server) == ["HEAD /bucket/"])
            drydock.environment["AWS_SECRET_ACCESS_KEY"] = nil
            let without = try drydock("run", "-a", "s3://bucket/p")
            #expect(without.status == 3 && without.all.contains("has `AWS_ACCESS_KEY_ID` without"), "\(without.all)")
        }
    }

    @Test("a log that is not taken changes nothing of a good build")
    func logRefused() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(tree, [.answer(400, #"{"__type":"AccessDeniedException"}"#)])
            let result = try drydock("run", "--upload-logs")
            #expect(result.status == 0 && result.errors.contains("denies it"), "\(result.all)")
            #expect(try server.requests().count == 1)
        }
    }

    @Test(
        "words that lead nowhere are wrong use",
        arguments: [
            (["-a", "s3://"], "that is no place in S3"), (["-a", "s3:x"], "that is no place in S3"),
            (["--upload-artifacts"], "has nowhere to go"),
            (["--upload-artifacts", "-a", "s3://bucket"], "exclude"),
        ])
    func wrongUse(_ words: [String], _ message: String) throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(tree, [.answer(200)])
            let result = try drydock.run(["run"] + words)
            #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
            #expect(try server.requests().isEmpty)
        }
    }

    @Test("a large artifact goes in parts, and through nobody's memory")
    func memory() throws {
        try TemporaryTree.with { tree in
            let (drydock, server) = try prepared(
                tree,
                [
                    .answer(200).to("HEAD"),
                    .answer(200, "<R><UploadId>u</UploadId></R>").to("POST /bucket/artifacts/big?uploads"),
                    .answer(200, headers: ["ETag": "\"t\""]).to("PUT"),
                    .answer(200, "<CompleteMultipartUploadResult/>").to("POST /bucket/artifacts/big?uploadId"),
                ])
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases: {build: {commands: [head -c 200000000 /dev/urandom > big]}}
                artifacts: {files: [big]}
                """)
            let script = """
                import resource, subprocess, sys
                status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
                print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                """
            let words = Drydock.withState(
                ["run", "-a", "s3://bucket", "--packaging", "directory"], drydock.state)
            let result = try runTool(
                PythonServer.python.string, ["-c", script, Drydock.program.string] + words,
                environment: drydock.environment, in: drydock.directory)
            let numbers = result.output.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }
            #expect(numbers.first == 0, "\(result.all)")
            // In kilobytes, of the largest of all programs. Python's own beginning counts too.
            #expect((numbers.last ?? .max) < 60_000, "\(result.output)")
            let sizes = try server.requests().filter { $0.method == "PUT" }.map(\.bodyCount)
            #expect(sizes.reduce(0, +) == 200_000_000 && sizes.count == 12)
        }
    }
}

extension ToolResult {
    fileprivate var all: String { output + errors }
}
