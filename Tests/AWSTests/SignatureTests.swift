// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import HTTP
import Secrets
import SystemPackage
import TestSupport
import Testing

@testable import AWS

@Suite("Signature Version 4")
struct SignatureTests {
    static let key = AWSCredentials(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", source: "a test")

    private func signature(_ request: HTTPRequest, _ signer: RequestSigner) -> String? {
        // 2015-08-30T12:36:00Z
        let signed = signer.signed(request, at: Timestamp(seconds: 1_440_938_160))
        return signed.header("Authorization").flatMap { $0.split(separator: "=").last.map(String.init) }
    }

    /// Requests and signatures are AWS's published ones: the aws-sig-v4-test-suite of awslabs/aws-c-auth (Apache-2.0),
    /// with its key, region `us-east-1`, service `service` and time.
    @Test(
        "AWS's published signatures come out",
        arguments: [
            Vector("get-vanilla", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector(
                "get-unreserved", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
            Vector("get-utf8", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
            Vector(
                "get-vanilla-empty-query-key", "/?Param1=value1",
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
            Vector(
                "get-vanilla-query-order-encoded", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"),
            Vector(
                "get-vanilla-query-order-key", "/?Param1=value2&Param1=Value1",
                "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"),
            Vector(
                "get-vanilla-query-order-key-case", "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
            Vector(
                "get-vanilla-query-order-value", "/?Param1=value2&Param1=value1",
                "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
            Vector(
                "get-vanilla-utf8-query", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
            Vector(
                "get-header-key-duplicate", "/", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
                headers: [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")]),
            Vector(
                "get-header-value-multiline", "/", "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
                headers: [("My-Header1", "value1\n  value2\n     value3")]),
            Vector(
                "get-header-value-order", "/", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
                headers: [
                    ("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"),
                    ("My-Header1", "value2"),
                ]),
            Vector(
                "get-header-value-trim", "/", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
                headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")]),
            Vector(
                "get-relative-relative", "/example1/example2/../..",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector("get-slash-dot-slash", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector(
                "get-slash-pointless-dot", "/./example",
                "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
            Vector("get-slash", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector("get-slashes", "//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
            Vector("get-space", "/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
            Vector(
                "get-special-character", "/example/$delete",
                "a853c9b21b528b19643d00910d35b83a10c366a10833ceefb45edd6c80e40f27"),
            Vector(
                "post-vanilla", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", method: "POST"),
            Vector(
                "post-vanilla-query", "/?Param1=value1",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
                method: "POST"),
            Vector(
                "post-header-value-case", "/", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
                method: "POST", headers: [("My-Header1", "VALUE1")]),
            Vector(
                "post-x-www-form-urlencoded", "/", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
                method: "POST", headers: [("Content-Type", "application/x-www-form-urlencoded")], body: "Param1=value1"),
            Vector(
                "post-x-www-form-urlencoded-parameters", "/",
                "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe", method: "POST",
                headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf8")], body: "Param1=value1"),
            Vector(
                "get-vanilla-with-session-token", "/",
                "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
                token: "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
        ])
    func publishedVectors(_ vector: Vector) {
        var credentials = Self.key
        credentials.sessionToken = vector.token.map { SecretText($0) }
        let request = HTTPRequest(
            method: vector.method, url: "https://example.amazonaws.com" + vector.target,
            headers: vector.headers.map { HTTPHeader($0.0, $0.1) }, body: .bytes(Array(vector.body.utf8)))
        let signer = RequestSigner(credentials: credentials, region: "us-east-1", service: "service")
        #expect(signature(request, signer) == vector.signature)
    }

    struct Vector: Sendable, CustomTestStringConvertible {
        var name, target, signature, method, body: String
        var headers: [(String, String)]
        var token: String?

        init(
            _ name: String, _ target: String, _ signature: String, method: String = "GET",
            headers: [(String, String)] = [], body: String = "", token: String? = nil
        ) {
            self.name = name
            self.target = target
            self.signature = signature
            self.method = method
            self.headers = headers
            self.body = body
            self.token = token
        }

        var testDescription: String { name }
    }

    @Test("botocore signs the same requests alike", .enabled(if: PythonServer.canImport(["botocore"])))
    func agreesWithBotocore() throws {
        let form = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa&Version=2011-06-15"
        let cases: [(service: String, region: String, request: HTTPRequest)] = [
            (
                "ssm", "eu-west-1",
                HTTPRequest(
                    method: "POST", url: "https://ssm.eu-west-1.amazonaws.com/",
                    headers: [
                        HTTPHeader("Content-Type", "application/x-amz-json-1.1"),
                        HTTPHeader("X-Amz-Target", "AmazonSSM.GetParameters"), HTTPHeader("User-Agent", "drydock"),
                    ], body: .bytes(Array(#"{"Names":["/ä"],"WithDecryption":true}"#.utf8)))
            ),
            (
                "secretsmanager", "cn-north-1",
                HTTPRequest(method: "POST", url: "http://127.0.0.1:4566/", body: .bytes(Array("{}".utf8)))
            ),
            (
                "sts", "us-east-1",
                HTTPRequest(
                    method: "POST", url: "https://sts.amazonaws.com:443/",
                    headers: [HTTPHeader("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
                    body: .bytes(Array(form.utf8)))
            ),
            (
                "service", "us-east-1",
                HTTPRequest(method: "GET", url: "https://host.example:8443/a%20b/../c?b=2&a=%2F1")
            ),
            (
                // S3's keys are encoded once, and stand as they are.
                "s3", "eu-west-1",
                HTTPRequest(
                    method: "GET",
                    url: "https://b.s3.eu-west-1.amazonaws.com/a//b/../c%20%2B%C3%A9?prefix=x%2Fy&uploads=",
                    headers: [HTTPHeader("Range", "bytes=5-"), HTTPHeader("If-Match", "\"tag\"")])
            ),
            (
                "s3", "us-east-1",
                HTTPRequest(
                    method: "PUT", url: "http://127.0.0.1:9000/b/k",
                    headers: [
                        HTTPHeader("Content-MD5", "x"), HTTPHeader("x-amz-meta-codebuild-buildarn", "arn:aws:x:y/z"),
                    ], body: .bytes(Array("body".utf8)))
            ),
            (
                "s3", "us-east-1",
                HTTPRequest(
                    method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/k",
                    headers: [HTTPHeader("Content-MD5", "x"), HTTPHeader("x-amz-server-side-encryption", "aws:kms")],
                    body: .file(HTTPRequest.FilePart(.standardInput, count: 5)))
            ),
        ]
        var credentials = Self.key
        credentials.sessionToken = "a/token+with=signs"
        for (service, region, request) in cases {
            var body: [UInt8] = []
            if case .bytes(let bytes) = request.body { body = bytes }
            let input = try JSONSerialization.data(
                withJSONObject: [
                    "method": request.method, "url": request.url, "service": service, "region": region,
                    "body": String(decoding: body, as: UTF8.self), "unsigned": request.body != .bytes(body),
                    "headers": Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) }),
                ] as [String: Any])
            let result = try runTool(PythonServer.python.string, ["-c", Self.script], input: Array(input))
            #expect(result.status == 0, "\(result.errors)")
            let signer = RequestSigner(credentials: credentials, region: region, service: service)
            let signed = signer.signed(request, at: Timestamp(seconds: 1_440_938_160))
            #expect(signed.header("Authorization") == result.output, "\(request)")
        }
    }

    private static let script = """
        import datetime, json, sys
        import botocore.auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        moment = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.timezone.utc)
        if hasattr(botocore.auth, "get_current_datetime"):
            botocore.auth.get_current_datetime = lambda remove_tzinfo=True: moment.replace(tzinfo=None) if remove_tzinfo else moment
        else:
            class Clock(datetime.datetime):
                @classmethod
                def utcnow(cls):
                    return moment.replace(tzinfo=None)
            botocore.auth.datetime.datetime = Clock
        case = json.load(sys.stdin)
        request = AWSRequest(case["method"], case["url"], case["headers"], case["body"].encode())
        key = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/token+with=signs")
        request.context["has_streaming_input"] = case["unsigned"]
        sign = botocore.auth.S3SigV4Auth if case["service"] == "s3" else botocore.auth.SigV4Auth
        sign(key, case["service"], case["region"]).add_auth(request)
        sys.stdout.write(request.headers["Authorization"])
        """
}

extension HTTPRequest {
    fileprivate func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
