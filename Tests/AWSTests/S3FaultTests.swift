// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import HTTP
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import AWS

/// A bucket behind a server that does not behave.
@Suite("S3 when things go wrong")
struct S3FaultTests {
    private typealias Step = ScriptedServer.Step

    private let content = String(repeating: "0123456789", count: 40_000)

    private func bucket(
        _ server: ScriptedServer, _ limits: S3Bucket.Limits = S3Bucket.Limits(time: 30),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) -> S3Bucket {
        S3Bucket(
            "bucket",
            configuration: AWSFixture.configuration("http://127.0.0.1:\(server.port)", AWSFixture.key),
            client: HTTPClient(program: BuiltProgram.path("drydock-http")), limits: limits, isCancelled: isCancelled)
    }

    private func open(_ tree: TemporaryTree, _ name: FilePath, _ content: String = "") throws -> FileDescriptor {
        let file = try FileDescriptor.open(try tree.write(name, content), .readWrite)
        tree.atEnd { try? file.close() }
        return file
    }

    private func head(_ count: Int, _ headers: [String: String] = [:]) -> Step {
        Step.answer(200, headers: headers.merging(["Content-Length": "\(count)", "ETag": "\"tag\""]) { $0 + $1 })
            .to("HEAD")
    }

    private func refusal(_ status: Int, _ code: String, _ more: String = "", headers: [String: String] = [:]) -> Step {
        .answer(
            status, "<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code><Message>words</Message>\(more)</Error>",
            headers: headers.merging(["x-amz-request-id": "R", "x-amz-id-2": "H"]) { $0 + $1 })
    }

    private func get(
        _ steps: [Step], _ limits: S3Bucket.Limits = S3Bucket.Limits(time: 30), sha256: String? = nil
    ) throws -> (content: String, failure: AWSFailure?, requests: [ScriptedServer.Request]) {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(steps, in: tree)
            let file = try open(tree, "to", "old")
            var failure: AWSFailure?
            do throws(AWSFailure) { try bucket(server, limits).get("k", to: file, sha256: sha256) } catch {
                failure = error
            }
            return (try tree.text("to"), failure, try server.requests())
        }
    }

    @Test("a transfer that breaks off is gone on with where it stopped, more often than attempts are repeated")
    func resumes() throws {
        let pieces = (1...9).map { _ in Step.answer(200, content).ranged.cut(after: 40_000).to("GET") }
        let result = try get([head(content.utf8.count)] + pieces + [.answer(200, content).ranged.to("GET")])
        #expect(result.failure == nil && result.content == content)
        let ranges = result.requests.filter { $0.method == "GET" }.map { $0.headers["range"] }
        #expect(ranges.first == .some(nil) && ranges.last == "bytes=360000-" && ranges.count == 10, "\(ranges)")
        #expect(result.requests.allSatisfy { $0.method == "HEAD" || $0.headers["if-match"] == "\"tag\"" })
    }

    @Test("a server that knows no ranges sends all again; one that sends another range is not believed")
    func ranges() throws {
        let cut = Step.answer(200, content).cut(after: 1000).to("GET")
        let whole = try get([head(content.utf8.count), cut, .answer(200, content).to("GET")])
        #expect(whole.failure == nil && whole.content == content)
        let other = Step.answer(
            206, String(content.dropFirst(500)),
            headers: ["Content-Range": "bytes 500-399998/399999"]
        ).to("GET")
        let result = try get([head(content.utf8.count), cut, other])
        #expect(result.failure?.code == .damaged && result.content.isEmpty)
    }

    @Test("what is not what was stored is asked for once more, and then refused; nothing of it stays")
    func damaged() throws {
        let digest = ContentDigest.sha256(Array(content.utf8))
        let wrong = Step.answer(200, String(content.reversed())).to("GET")
        let told = head(content.utf8.count, ["x-amz-meta-codebuild-content-sha256": digest])
        let bad = try get([told, wrong])
        #expect(bad.failure?.code == .damaged && bad.content.isEmpty && bad.requests.count == 4)
        #expect(bad.failure?.message.contains("`s3://bucket/k` is not what was stored") == true)
        let good = try get([told, wrong, .answer(200, content).to("GET")])
        #expect(good.failure == nil && good.content == content)
        // A length that is consistent, and yet not the object's.
        #expect(try get([head(content.utf8.count), .answer(200, "short").to("GET")]).failure?.code == .damaged)
        #expect(try get([head(5), .answer(200, "right").to("GET")], sha256: digest).failure?.code == .damaged)
    }

    @Test("an object that changes while it is fetched is fetched anew")
    func changed() throws {
        let result = try get([
            head(content.utf8.count), Step.answer(200, content).cut(after: 7).to("GET"),
            refusal(412, "PreconditionFailed").to("GET"), head(3), .answer(200, "new").to("GET"),
        ])
        #expect(result.failure == nil && result.content == "new")
    }

    @Test("what stands still is given up and gone on with")
    func stall() throws {
        var limits = S3Bucket.Limits(time: 60)
        limits.stall = 1
        let start = MonotonicTime.now()
        let result = try get(
            [head(10_000), Step.drip.to("GET"), .answer(200, content.prefix(10_000) + "").to("GET")], limits)
        #expect(result.failure == nil && result.content.count == 10_000)
        #expect(MonotonicTime.now().milliseconds(since: start) < 30_000)
    }

    private func put(
        _ steps: [Step], _ content: String? = nil, _ limits: S3Bucket.Limits = S3Bucket.Limits(time: 30),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> (failure: AWSFailure?, requests: [ScriptedServer.Request]) {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(steps, in: tree)
            let file = try open(tree, "from", content ?? self.content)
            var failure: AWSFailure?
            do throws(AWSFailure) { try bucket(server, limits, isCancelled: isCancelled).put("k", from: file) } catch {
                failure = error
            }
            return (failure, try server.requests())
        }
    }

    @Test(
        "a fault of an upload that passes is overcome, and the whole is sent each time",
        arguments: [
            [Step.reset], [.answer(503, "<Error><Code>SlowDown</Code></Error>")], [.bytes("")],
            [.answer(200, "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>")], [.answer(500)],
        ])
    func overcome(_ steps: [ScriptedServer.Step]) throws {
        let result = try put(steps + [.answer(200)])
        #expect(result.failure == nil)
        #expect(result.requests.count == 2 && result.requests.allSatisfy { $0.bodyCount == content.utf8.count })
        let digest = ContentDigest.sha256(Array(content.utf8))
        #expect(result.requests[1].headers["x-amz-content-sha256"] == digest)
        #expect(result.requests[1].headers["x-amz-meta-drydock-sha256"] == digest)
        #expect(
            result.requests[1].headers["content-md5"] == ContentDigest.base64(ContentDigest.md5(Array(content.utf8))))
    }

    @Test("a refusal is told with S3's numbers, a 200 that is one too")
    func refused() throws {
        for step in [refusal(403, "AccessDenied"), refusal(200, "AccessDenied")] {
            let result = try put([step])
            #expect(result.failure?.code == .denied && result.requests.count == 1)
            #expect(result.failure?.hints == ["a policy has to allow `s3:PutObject` on it"])
            #expect(
                result.failure?.sdkText?.hasPrefix("AccessDenied: words status code:") == true
                    && result.failure?.sdkText?.hasSuffix(", request id: R, host id: H") == true)
        }
    }

    @Test("a key that may not be used is told as what it is: one to encrypt with")
    func refusedKey() throws {
        let failure = try put([refusal(400, "KMS.DisabledException")]).failure
        #expect(failure?.message.contains("cannot encrypt it: KMS.DisabledException") == true, "\(failure as Any)")
        #expect(failure?.hints.first?.contains("`kms:GenerateDataKey`") == true)
    }

    @Test("what S3 takes long to put together is waited for")
    func slowEnd() throws {
        var limits = small
        limits.stall = 1
        let end = Step.answer(200, "<CompleteMultipartUploadResult/>").after(4).to("POST /bucket/k?uploadId")
        let result = try put([begun, part, aborted, end], nil, limits)
        #expect(result.failure == nil)
        #expect(result.requests.filter { $0.method == "POST" }.count == 2)
        let digest = ContentDigest.sha256(Array(content.utf8))
        #expect(result.requests.first?.headers["x-amz-meta-drydock-sha256"] == digest)
    }

    private var small: S3Bucket.Limits {
        var limits = S3Bucket.Limits(time: 30)
        (limits.singleBytes, limits.partBytes) = (100_000, 150_000)
        return limits
    }

    private let begun = Step.answer(
        200, "<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>"
    )
    .to("POST /bucket/k?uploads")
    private let part = Step.answer(200, headers: ["ETag": "\"p\""]).to("PUT")
    private let aborted = Step.answer(204).to("DELETE")

    @Test("parts that fail for a moment are sent again, and the end that is refused with a 200 too")
    func partsOvercome() throws {
        let result = try put(
            [
                begun, Step.reset.to("PUT"), part, aborted,
                .answer(200, "  \n<Error><Code>InternalError</Code></Error>").to("POST /bucket/k?uploadId"),
                .answer(200, "<CompleteMultipartUploadResult/>").to("POST /bucket/k?uploadId"),
            ], nil, small)
        #expect(result.failure == nil)
        let sizes = result.requests.filter { $0.method == "PUT" }.map(\.bodyCount).sorted()
        #expect(sizes == [100_000, 150_000, 150_000, 150_000] || sizes == [100_000, 100_000, 150_000, 150_000])
        let end = try #require(result.requests.last)
        #expect(end.path == "/bucket/k?uploadId=u%261")
        #expect(
            end.body.hasSuffix(
                "<Part><PartNumber>3</PartNumber><ETag>&quot;p&quot;</ETag></Part></CompleteMultipartUpload>"))
        #expect(!result.requests.contains { $0.method == "DELETE" })
    }

    @Test("on a condition nothing is replaced that somebody else wrote; who knows no conditions is asked without")
    func conditions() throws {
        try TemporaryTree.with { tree in
            func store(_ steps: [Step], _ condition: S3Condition) throws -> (Bool, [ScriptedServer.Request]) {
                let server = try ScriptedServer(steps, in: tree)
                let bucket = bucket(server)
                return (try bucket.put("k", bytes: [1], over: condition), try server.requests())
            }
            for status in [409, 412] {
                let (isStored, requests) = try store([refusal(status, "Conflict").to("PUT")], .absent)
                #expect(!isStored && requests.count == 1 && requests[0].headers["if-none-match"] == "*")
            }
            let (isGone, _) = try store([refusal(404, "NoSuchKey")], .entityTag("t"))
            #expect(!isGone)
            let (isStored, requests) = try store([.answer(200)], .entityTag("t"))
            #expect(isStored && requests[0].headers["if-match"] == "\"t\"")
            let unknown = refusal(501, "NotImplemented").to("PUT")
            let (without, asked) = try store([unknown, .answer(200).to("PUT"), .answer(404).to("HEAD")], .absent)
            #expect(without && asked.map(\.method) == ["PUT", "HEAD", "PUT"])
            #expect(asked[2].headers["if-none-match"] == nil)
            let (other, _) = try store([unknown, head(1)], .absent)
            #expect(!other)
        }
    }

    @Test("credentials that do not last are fetched anew while an upload goes on")
    func renewal() throws {
        try TemporaryTree.with { tree in
            let script = """
                #!/bin/sh
                echo x >> \(tree.path("calls"))
                printf '{"Version":1,"AccessKeyId":"AKIA%s","SecretAccessKey":"s","Expiration":"%s"}' \\
                  "$(wc -l < \(tree.path("calls")))" "$(date -u -d '+200 seconds' +%Y-%m-%dT%H:%M:%SZ)"
                """
            try tree.write("give", script, mode: 0o755)
            try tree.write(".aws/config", "[default]\ncredential_process = \(tree.path("give"))\n")
            let server = try ScriptedServer(
                [begun, part, aborted, Step.answer(200, "<R/>").to("POST /bucket/k?uploadId")], in: tree)
            var limits = S3Bucket.Limits(time: 30)
            (limits.singleBytes, limits.partBytes, limits.parts) = (100_000, 50_000, 1)
            let bucket = S3Bucket(
                "bucket",
                configuration: AWSFixture.configuration(
                    "http://127.0.0.1:\(server.port)", ["PATH": "/usr/bin:/bin"], home: tree.path),
                client: AWSFixture.client, limits: limits)
            try bucket.put("k", from: try open(tree, "from", content))
            let keys = try server.requests().map { request in
                request.headers["authorization"]?.firstMatch(of: #/AKIA\d+/#).map { String($0.output) } ?? ""
            }
            #expect(keys.count == 10 && Set(keys).count == 4 && keys[1] == keys[4] && keys[4] != keys[5], "\(keys)")
        }
    }

    @Test("an upload that fails, is stopped or has no end leaves no parts behind")
    func aborts() throws {
        let refusals: [[Step]] = [
            [begun, refusal(403, "AccessDenied").to("PUT"), aborted],
            [begun, part, refusal(400, "InvalidPart").to("POST /bucket/k?uploadId"), aborted],
            [begun, Step.hang.to("PUT"), aborted],
        ]
        for (index, steps) in refusals.enumerated() {
            let start = MonotonicTime.now()
            let result = try put(
                steps, nil, small,
                isCancelled: { index == 2 && MonotonicTime.now().milliseconds(since: start) > 3000 })
            #expect(result.failure?.code == [.denied, .refused, .cancelled][index], "\(result.failure as Any)")
            let last = try #require(result.requests.last)
            #expect(last.method == "DELETE" && last.path == "/bucket/k?uploadId=u%261")
        }
    }

    @Test("an end whose answer was lost is found to be one")
    func completedBefore() throws {
        let digest = ContentDigest.sha256(Array(content.utf8))
        let result = try put(
            [
                begun, part, aborted, Step.reset.to("POST /bucket/k?uploadId"),
                refusal(404, "NoSuchUpload").to("POST /bucket/k?uploadId"),
                head(content.utf8.count, ["x-amz-meta-drydock-sha256": digest]),
            ], nil, small)
        #expect(result.failure == nil)
    }

    @Test("a bucket of another region is asked there, each time in turn")
    func regions() throws {
        let moved = ["x-amz-bucket-region": "us-west-2"]
        let steps: [[Step]] = [
            [refusal(301, "PermanentRedirect", headers: moved), .answer(200)],
            [refusal(400, "AuthorizationHeaderMalformed", "<Region>us-west-2</Region>"), .answer(200)],
            // Said before the content is sent, and with the end of the connection.
            [refusal(301, "PermanentRedirect", headers: moved).early, .answer(200)],
        ]
        for steps in steps {
            let result = try put(steps, String(repeating: content, count: 4))
            #expect(result.failure == nil && result.requests.count == 2)
            #expect(result.requests[0].headers["authorization"]?.contains("/eu-west-1/s3/") == true)
            #expect(result.requests[1].headers["authorization"]?.contains("/us-west-2/s3/") == true)
        }
        // A region that is none would become a part of the host's name.
        let evil = try put([refusal(301, "PermanentRedirect", headers: ["x-amz-bucket-region": "evil.example/"])])
        #expect(evil.failure?.message.contains("is no region") == true && evil.requests.count == 1)
        let circle = try put([refusal(301, "PermanentRedirect", headers: moved)])
        #expect(circle.requests.count == 2 && circle.failure?.message.contains("PermanentRedirect") == true)
    }

    @Test("over TLS a content is not hashed for the signature", .enabled(if: hasTool("openssl")))
    func secure() throws {
        try TemporaryTree.with { tree in
            let paths = ["key", "pem"].map { tree.path(FilePath($0)).string }
            let made = try runTool(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=drydock test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", paths[0], "-out",
                    paths[1],
                ])
            #expect(made.status == 0, "\(made.errors)")
            let both = try tree.write("both", tree.text("pem") + tree.text("key"))
            let server = try ScriptedServer([.answer(200)], certificate: both, in: tree)
            let configuration = AWSFixture.configuration(
                "https://127.0.0.1:\(server.port)", AWSFixture.key.merging(["AWS_CA_BUNDLE": paths[1]]) { $1 })
            let bucket = S3Bucket("bucket", configuration: configuration, client: AWSFixture.client, journal: nil)
            try bucket.put("k", from: try open(tree, "from", content))
            let request = try #require(try server.requests().first)
            #expect(request.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD")
            #expect(request.bodyCount == content.utf8.count && request.headers["content-md5"] != nil)
        }
    }

    @Test("who may only write is not kept from it; a bucket that is not there, or nobody who answers, is told")
    func check() throws {
        try TemporaryTree.with { tree in
            func outcome(_ steps: [Step]) throws -> AWSFailure? {
                let server = try ScriptedServer(steps, in: tree)
                do throws(AWSFailure) { try bucket(server).check() } catch { return error }
                return nil
            }
            let moved = Step.answer(301, headers: ["x-amz-bucket-region": "us-west-2"])
            let ends = try [[.answer(200)], [.answer(403)], [.answer(404)], [moved, .answer(200)], [.reset]].map(
                outcome)
            #expect(ends.map { $0?.code } == [nil, nil, .missing, nil, .unreachable])
        }
    }

    @Test("the bucket's address is as its name and the settings allow")
    func addresses() throws {
        func base(_ bucket: String, _ variables: [String: String] = [:]) throws -> String {
            let configuration = AWSFixture.configuration(nil, variables)
            let bucket = S3Bucket(bucket, configuration: configuration, client: AWSFixture.client, journal: nil)
            return try S3Address(bucket, configuration.settings()).base
        }
        #expect(try base("bucket") == "https://bucket.s3.eu-west-1.amazonaws.com")
        #expect(try base("bucket", ["AWS_REGION": ""]) == "https://bucket.s3.us-east-1.amazonaws.com")
        #expect(try base("bucket", ["AWS_REGION": "cn-north-1"]) == "https://bucket.s3.cn-north-1.amazonaws.com.cn")
        #expect(try base("my.bucket") == "https://s3.eu-west-1.amazonaws.com/my.bucket")
        #expect(try base("Old_Bucket") == "https://s3.eu-west-1.amazonaws.com/Old_Bucket")
        let moved = S3Bucket(
            "bucket", configuration: AWSFixture.configuration(nil), client: AWSFixture.client, journal: nil)
        moved.learnedRegion = "us-west-2"
        #expect(
            try S3Address(moved, moved.configuration.settings()).url(of: "a b", query: [("uploads", "")])
                == "https://bucket.s3.us-west-2.amazonaws.com/a%20b?uploads=")
        #expect(try base("bucket", ["AWS_ENDPOINT_URL_S3": "http://minio:9000/"]) == "http://minio:9000/bucket")
        #expect(throws: AWSFailure.self) { try base("a/b") }
    }

    @Test("places are read as people write them")
    func locations() {
        #expect(S3Location("s3://bucket") == S3Location(bucket: "bucket"))
        #expect(S3Location("s3://bucket//a/b//")?.description == "s3://bucket/a/b")
        #expect(S3Location("arn:aws:s3:::bucket/a")?.key("x") == "a/x")
        #expect(S3Location("bucket/a", bare: true)?.key("") == "a")
        for text in ["s3:/bucket", "s3://", "s3://a b/c", "s3://..", "bucket/a", "arn:aws:sqs:::x", "s3://b"] {
            #expect(S3Location(text) == nil, "\(text)")
        }
    }
}
