// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Builds that do not begin because of a parameter or a secret: each is told with the phase and the status code of
/// CodeBuild's, at its line, and ends with 3.
@Suite("Secrets that cannot be had", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct SecretFaultTests {
    private enum Kind: String {
        case parameter = "parameter-store"
        case secret = "secrets-manager"

        var statusCode: String { self == .parameter ? "Decrypted Variables Error" : "Secrets Manager Error" }
    }

    /// A build of one variable, and what is always so.
    private func expect(
        _ words: String, of reference: String, _ kind: Kind, _ options: [String] = [],
        environment: [String: String] = [:], in tree: TemporaryTree, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try tree.write(
            "source/buildspec.yml",
            """
            version: 0.2
            env:
              \(kind.rawValue):
                TOKEN: "\(reference)"
            phases:
              build:
                commands: [touch never]

            """)
        var drydock = try Drydock(in: tree)
        drydock.environment["AWS_EC2_METADATA_DISABLED"] = "true"
        drydock.environment.merge(environment) { $1 }
        let result = try drydock.run(["run"] + options)
        let all = result.output + result.errors
        #expect(result.status == 3, "\(all)", sourceLocation: sourceLocation)
        #expect(
            result.output.contains("Phase context status code: \(kind.statusCode) Message: "), "\(all)",
            sourceLocation: sourceLocation)
        #expect(
            result.output.contains("Phase complete: DOWNLOAD_SOURCE State: FAILED"), "\(all)",
            sourceLocation: sourceLocation)
        #expect(result.errors.contains(words), "\(all)", sourceLocation: sourceLocation)
        let carets = String(repeating: "^", count: reference.utf8.count + 2)
        #expect(
            result.errors.contains("buildspec.yml:4:12") && result.errors.contains(" \(carets)\n"), "\(all)",
            sourceLocation: sourceLocation)
        #expect(!all.contains("Running command") && !all.contains("hunter2"), sourceLocation: sourceLocation)
    }

    @Test(
        "a reference that is none",
        arguments: [
            ("/ci/token:", false, "the version or label after `:` is empty"),
            (":3", false, "the parameter's name is empty"), ("", false, "the parameter's name is empty"),
            ("/ci/token:1:2", false, "`2` follows the version or label"),
            ("arn:aws:s3:::bucket", false, "the ARN is not one of a parameter"),
            (":password", true, "the secret's name is empty"), ("db:a:b:c:d", true, "`d` follows the version id"),
            ("db:a:AWSCURRENT:0123", true, "it names both a version stage and a version id"),
            ("arn:aws:ssm:eu-west-1:1:parameter/x", true, "the ARN is not one of a secret"),
        ])
    func malformed(_ reference: String, _ isSecret: Bool, _ words: String) throws {
        try TemporaryTree.with { try expect(words, of: reference, isSecret ? .secret : .parameter, in: $0) }
    }

    @Test("a value that no variable could hold, or that nobody can have meant")
    func values() throws {
        try TemporaryTree.with { tree in
            try tree.write("d/empty", "\n")
            try tree.write("d/nul", "hunter2\0")
            #expect(
                try runTool("sh", ["-c", "printf 'hunter2\\377' > \(tree.path("d/bytes"))"]).status == 0)
            try tree.write("d/json", #"{"user": "hunter2"}"#)
            try tree.write("d/large", String(repeating: "hunter2", count: 20_000))
            let options = ["--secrets", "dir:../d"]
            try expect("the value that `dir:../d/empty` gives is empty", of: "empty", .parameter, options, in: tree)
            try expect("holds a NUL, which no variable can", of: "nul", .secret, options, in: tree)
            try expect("is not UTF-8 text", of: "bytes", .secret, options, in: tree)
            try expect("has no key `usr`", of: "json:usr", .secret, options, in: tree)
            try expect("is no JSON object, so it has no key `a`", of: "large:a", .secret, options, in: tree)
        }
    }

    @Test("AWS that cannot be asked, or does not answer as it should")
    func aws() throws {
        try TemporaryTree.with { tree in
            let options = ["--secrets", "aws"]
            let region = ["AWS_REGION": "eu-west-1"]
            let key = region.merging(["AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "hunter2"]) { $1 }
            try expect("aws: no region says whom to ask", of: "/a", .parameter, options, in: tree)
            try expect("aws: no credentials", of: "a", .secret, options, environment: region, in: tree)
            try expect(
                "cannot be reached at `http://127.0.0.1:1/`", of: "/a", .parameter, options,
                environment: key.merging(["AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"]) { $1 },
                in: tree)
            try tree.write(
                ".aws/config",
                "[profile s]\nsso_session = x\n[profile m]\nrole_arn = r\nmfa_serial = m\nsource_profile = k\n")
            let files = region.merging(["AWS_CONFIG_FILE": tree.path(".aws/config").string]) { $1 }
            for (profile, words) in [("s", "aws sso login"), ("m", "aws configure export-credentials --profile m")] {
                try expect(
                    words, of: "a", .secret, options + ["--aws-profile", profile], environment: files, in: tree)
            }

            let type = ["Content-Type": "application/x-amz-json-1.1"]
            let server = try ScriptedServer(
                [
                    .answer(200, #"{"Name":"a","SecretBinary":"aHVudGVyMg=="}"#, headers: type),
                    .answer(
                        400, #"{"__type":"InvalidSignatureException","message":"Signature expired"}"#,
                        headers: type.merging(["Date": "Sun, 30 Aug 2015 12:36:00 GMT"]) { $1 }),
                    .answer(200, "<html>hunter2</html>"),
                ], in: tree)
            let asked = key.merging(["AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)"]) { $1 }
            for (words, kind) in [
                ("the secret is binary", Kind.secret), ("this machine's clock is", .parameter),
                ("answers 200 with 20 bytes that are not AWS's", .secret),
            ] {
                try expect(words, of: "a", kind, options, environment: asked, in: tree)
            }
        }
    }
}
