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

@Suite("Where credentials come from")
struct CredentialTests {
    private func resolve(
        _ environment: [String: String], home: FilePath? = nil, profile: String? = nil, endpoint: String? = nil
    ) -> Result<AWSCredentials, SecretFailure> {
        AWSCredentialChain(
            configuration: AWSFixture.configuration(endpoint, environment, home: home, profile: profile),
            client: AWSFixture.client
        ).resolve()
    }

    private func message(_ result: Result<AWSCredentials, SecretFailure>) -> String? {
        if case .failure(let failure) = result { failure.message } else { nil }
    }

    private static let inAnHour = ISO8601DateFormatter().string(from: Date(timeIntervalSinceNow: 3600))

    private static func answer(_ token: String, expires: String = inAnHour) -> String {
        #"{"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"hunter2","\#(token)":"tok","Expiration":"\#(expires)"}"#
    }

    @Test("the environment, then profiles; a profile that is asked for before the environment")
    func environmentAndProfiles() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                ".aws/credentials",
                """
                [default]
                aws_access_key_id = AKIADEFAULT
                aws_secret_access_key = one
                [dev]
                aws_access_key_id = ASIADEV
                aws_secret_access_key = two
                aws_session_token = three
                """)
            let cases: [([String: String], String?, String, String)] = [
                (AWSFixture.key, nil, "AKIATEST", "the environment"),
                (AWSFixture.key.merging(["AWS_PROFILE": "dev"]) { $1 }, nil, "AKIATEST", "the environment"),
                (AWSFixture.key, "dev", "ASIADEV", "profile `dev`"),
                ([:], nil, "AKIADEFAULT", "profile `default`"),
                (["AWS_PROFILE": "dev"], nil, "ASIADEV", "profile `dev`"),
            ]
            for (environment, profile, id, source) in cases {
                let credentials = try resolve(environment, home: tree.path, profile: profile).get()
                #expect(credentials.accessKeyID == id && credentials.source == source)
            }
            let dev = try resolve([:], home: tree.path, profile: "dev").get()
            #expect(dev.secretAccessKey == "two" && dev.sessionToken == "three" && dev.expiration == nil)
            #expect(!"\(dev)".contains("two") && !"\(dev)".contains("three"))
        }
    }

    @Test("half of a key is no key")
    func halves() throws {
        #expect(
            message(resolve(["AWS_ACCESS_KEY_ID": "A"]))
                == "aws: the environment has `AWS_ACCESS_KEY_ID` without `AWS_SECRET_ACCESS_KEY`")
        try TemporaryTree.with { tree in
            try tree.write(".aws/credentials", "[default]\naws_secret_access_key = hunter2\n")
            #expect(
                message(resolve([:], home: tree.path))
                    == "aws: profile `default` has `aws_secret_access_key` without `aws_access_key_id`")
        }
    }

    @Test("a program that prints credentials")
    func processes() throws {
        try TemporaryTree.with { tree in
            let good = "{\"Version\":1," + Self.answer("SessionToken").dropFirst()
            let source = "`credential_process` of profile `default`"
            let cases = [
                (good, 0, nil),
                ("{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"hunter2\"}", 0, nil),
                (
                    good.replacingOccurrences(of: "\"Version\":1", with: "\"Version\":2"), 0,
                    "does not print `\"Version\": 1`"
                ),
                ("hunter2", 0, "prints no JSON object"),
                ("{\"Version\":1,\"AccessKeyId\":\"A\"}", 0, "`SecretAccessKey` is missing"),
                (good, 3, "the program failed: try later"),
                (
                    "{\"Version\":1," + Self.answer("SessionToken", expires: "2020-01-01T00:00:00Z").dropFirst(), 0,
                    "the credentials from \(source) have expired"
                ),
            ]
            for (output, status, words) in cases {
                try tree.write(
                    "give", "#!/bin/sh\ncat <<'E'\n\(output)\nE\necho try later >&2\nexit \(status)\n", mode: 0o755)
                try tree.write(".aws/config", "[default]\ncredential_process = '\(tree.path("give"))' \"$WHO\" = 1\n")
                let result = resolve(["WHO": "me", "PATH": "/usr/bin:/bin"], home: tree.path)
                if let words {
                    #expect(message(result)?.contains(words) == true, "\(result)")
                    #expect(message(result)?.contains("hunter2") == false)
                } else {
                    #expect(try result.get().source == source)
                    #expect(try result.get().secretAccessKey == "hunter2")
                }
            }
        }
    }

    @Test("a container's role, from addresses of its own alone")
    func containers() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(200, Self.answer("Token"))], in: tree)
            let file = try tree.write("token", "Basic abc\n").string
            let credentials = try resolve([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:\(server.port)/x?y",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file,
            ]).get()
            #expect(credentials.accessKeyID == "ASIA1" && credentials.sessionToken == "tok")
            #expect(credentials.source == "the container's role" && credentials.expiration != nil)
            #expect(try server.requests()[0].headers["authorization"] == "Basic abc")
            #expect(try server.requests()[0].path == "/x?y")
            for address in [
                "http://example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", "file:///etc/passwd",
            ] {
                #expect(
                    message(resolve(["AWS_CONTAINER_CREDENTIALS_FULL_URI": address]))
                        == "aws: `AWS_CONTAINER_CREDENTIALS_FULL_URI` cannot be `\(address)`")
            }
        }
    }

    @Test("the role of a machine of EC2's, by version 2 of its service")
    func machines() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(
                [.answer(200, "a-token"), .answer(200, "my-role"), .answer(200, Self.answer("Token"))], in: tree)
            let place = [
                "AWS_EC2_METADATA_DISABLED": "",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:\(server.port)/",
            ]
            #expect(try resolve(place).get().source == "this machine's role")
            let requests = try server.requests()
            #expect(requests.map(\.method) == ["PUT", "GET", "GET"])
            #expect(requests[0].headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600")
            #expect(requests[2].path == "/latest/meta-data/iam/security-credentials/my-role")
            #expect(requests[2].headers["x-aws-ec2-metadata-token"] == "a-token")
            let none = ["AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"]
            #expect(message(resolve(none))?.contains("or this machine's role") == true)
        }
    }

    @Test(
        "profiles that cannot give any say why",
        arguments: [
            ("role_arn = r", "has `role_arn`, and neither `source_profile` nor `credential_source`"),
            ("role_arn = r\nsource_profile = default", "assumes its role with itself: default → default"),
            (
                "role_arn = r\nsource_profile = other\n[profile other]\nrole_arn = s\nsource_profile = default",
                "with itself"
            ),
            ("role_arn = r\nsource_profile = none", "there is no profile `none`"),
            (
                "role_arn = r\nsource_profile = other\n[profile other]\nregion = x",
                "is the source of another, and has no credentials"
            ),
            ("role_arn = r\ncredential_source = Moon", "`credential_source` cannot be `Moon`"),
            (
                "role_arn = r\ncredential_source = EcsContainer",
                "assumes its role as a container's role, which gives no credentials"
            ),
            ("role_arn = r\nmfa_serial = m\nsource_profile = x", "asks for a code of a second device"),
            ("sso_session = s", "signs in with `aws sso login`"), ("login_session = s", "signs in with `aws login`"),
            ("role_arn = r\nweb_identity_token_file = /nowhere", "could not open `/nowhere`"),
        ])
    func badProfiles(_ text: String, _ words: String) throws {
        try TemporaryTree.with { tree in
            try tree.write(".aws/config", "[default]\n\(text)\n")
            #expect(message(resolve([:], home: tree.path))?.contains(words) == true, "\(resolve([:], home: tree.path))")
        }
    }

    @Test("a role of the environment counts before a profile's key, and a profile's role before it")
    func orderOfRoles() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                ".aws/config",
                """
                [default]
                aws_access_key_id = AKIADEFAULT
                aws_secret_access_key = one
                [profile role]
                role_arn = arn:aws:iam::1:role/own
                source_profile = default
                """)
            let environment = [
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": tree.path("none").string,
            ]
            let words = "no credentials from role `arn:aws:iam::1:role/r` of the environment"
            #expect(message(resolve(environment, home: tree.path))?.contains(words) == true)
            let own = resolve(
                environment.merging(["AWS_PROFILE": "role"]) { $1 }, home: tree.path, endpoint: "http://127.0.0.1:1")
            #expect(message(own)?.contains("role `arn:aws:iam::1:role/own` of profile `role`") == true)
            let given = resolve(environment, home: tree.path, profile: "default")
            #expect(try given.get().accessKeyID == "AKIADEFAULT")
        }
    }

    @Test("a role by another provider's token, and a role that is denied")
    func webIdentity() throws {
        try TemporaryTree.with { tree in
            let granted = """
                <AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
                <AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>a&amp;b</SecretAccessKey><SessionToken>t</SessionToken>
                <Expiration>\(Self.inAnHour)</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
                </AssumeRoleWithWebIdentityResponse>
                """
            let denied = """
                <ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no &lt;way&gt;</Message></Error>
                <RequestId>r-2</RequestId></ErrorResponse>
                """
            let server = try ScriptedServer([.answer(200, granted), .answer(403, denied)], in: tree)
            let environment = [
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                "AWS_WEB_IDENTITY_TOKEN_FILE": try tree.write("token", "j.w.t\n").string,
            ]
            let endpoint = "http://127.0.0.1:\(server.port)"
            let credentials = try resolve(environment, endpoint: endpoint).get()
            #expect(credentials.accessKeyID == "ASIA2" && credentials.secretAccessKey == "a&b")
            let request = try server.requests()[0]
            #expect(request.headers["authorization"] == nil)
            #expect(
                request.body.contains("Action=AssumeRoleWithWebIdentity")
                    && request.body.contains("WebIdentityToken=j.w.t"))
            #expect(
                message(resolve(environment, endpoint: endpoint))
                    == "role `arn:aws:iam::1:role/r` of the environment cannot be assumed: aws (eu-west-1, a token of "
                    + "another provider) denies it: AccessDenied: no <way>")
        }
    }
}
