// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import HTTP
import Processes
import Secrets
import SystemPackage
import TestSupport
import Testing

@testable import AWS

/// The store against moto, by drydock-http, as a build would ask it.
@Suite("AWS's stores", .enabled(if: PythonServer.canImport(MotoServer.modules)))
struct AWSSecretStoreTests {
    private func ask(
        _ kind: SecretRequest.Kind, _ references: [String], _ environment: [String: String] = AWSFixture.key
    ) throws -> [SecretAnswer] {
        let moto = try MotoServer.shared.get()
        let store = AWSSecretStore(
            configuration: AWSFixture.configuration(moto.address, environment), client: AWSFixture.client)
        return store.answers(
            to: references.map { SecretRequest(variable: "X", kind: kind, reference: $0, span: nil) })
    }

    private func value(_ text: String, from: String = "aws:eu-west-1") -> SecretAnswer {
        .value(SecretText(text), from: from)
    }

    @Test("parameters: plain, decrypted, lists, versions, labels, ARNs, more than ten")
    func parameters() throws {
        let references =
            (1...30).map { "/many/\($0)" } + [
                "plain", "/ci/secure", "/ci/list", "/ci/versions", "/ci/versions:1", "/ci/versions:prod", "/many/1",
            ]
        let expected =
            (1...30).map { value("value \($0)") } + [
                value("no slash"), value("tok-123 é\n\"x\""), value("a,b,c"), value("v3"), value("v1"), value("v2"),
                value("value 1"),
            ]
        #expect(try ask(.parameter, references) == expected)
    }

    @Test("an ARN's region decides where it is asked, and needs no other")
    func regions() throws {
        let moto = try MotoServer.shared.get()
        let far = try #require(moto.names["far-arn"])
        #expect(try ask(.secret, [far, "far"]) == [value("far away", from: "aws:us-east-1"), .unknown])
        let without = AWSFixture.key.merging(["AWS_REGION": ""]) { $1 }
        let answers = try ask(.secret, [far, "prod/db"], without)
        #expect(answers[0] == value("far away", from: "aws:us-east-1"))
        guard case .failed(let failure) = answers[1] else { throw UnexpectedAnswer(answers[1]) }
        #expect(failure.message == "aws: no region says whom to ask")
        #expect(failure.codeBuild?.statusCode == "Secrets Manager Error")
    }

    @Test("what is not there is unknown, and a version of what is there is a failure")
    func missing() throws {
        let answers = try ask(.parameter, ["/none", "/none:3", "plain", "/ci/versions:9", "/ci/versions:test"])
        #expect(Array(answers[..<3]) == [.unknown, .unknown, value("no slash")])
        for (answer, selector) in zip(answers[3...], ["9", "test"]) {
            guard case .failed(let failure) = answer else { throw UnexpectedAnswer(answer) }
            #expect(
                failure.message
                    == "aws (eu-west-1, the environment): the parameter has no version or label `\(selector)`")
            #expect(failure.hints == ["its newest version is 3"])
            #expect(failure.codeBuild?.statusCode == "Decrypted Variables Error")
            #expect(failure.codeBuild?.message == "parameter does not exist: /ci/versions:\(selector)")
        }
    }

    @Test("secrets: names, ARNs, stages and version ids; keys are left to who asks")
    func secrets() throws {
        let moto = try MotoServer.shared.get()
        let arn = try #require(moto.names["db-arn"])
        let old = try #require(moto.names["db-old"])
        let (before, after) = (#"{"user": "app", "password": "old"}"#, #"{"user": "app", "password": "new"}"#)
        let answers = try ask(
            .secret,
            [
                "prod/db", "prod/db:password", arn, "\(arn):user", "prod/db::AWSPREVIOUS", "\(arn):user:AWSPREVIOUS",
                "prod/db:::\(old)", "prod/db:password:AWSCURRENT", "prod/other",
            ])
        #expect(
            answers == [after, after, after, after, before, before, before, after].map { value($0) } + [.unknown])
    }

    @Test(
        "binary, empty, deleted and other versions are failures of their own",
        arguments: [
            ("binary", "the secret is binary", nil),
            ("none", "secret value", "ResourceNotFoundException: "),
            ("deleted", "marked deleted", "InvalidRequestException: "),
            ("prod/db:::00000000-0000-0000-0000-000000000000", "secret value", "ResourceNotFoundException: "),
        ])
    func badSecrets(_ reference: String, _ words: String, _ verdict: String?) throws {
        let answer = try ask(.secret, [reference])[0]
        guard case .failed(let failure) = answer else { throw UnexpectedAnswer(answer) }
        #expect(failure.message.hasPrefix("aws (eu-west-1, the environment)"), "\(failure.message)")
        #expect(failure.message.contains(words), "\(failure.message)")
        #expect(failure.codeBuild?.statusCode == "Secrets Manager Error")
        #expect(
            verdict == nil
                ? failure.codeBuild?.message == nil : failure.codeBuild?.message?.hasPrefix(verdict ?? "") == true)
        if reference == "deleted" {
            #expect(failure.hints.first?.contains("restore-secret --secret-id deleted") == true)
        }
    }

    @Test("roles are assumed, one with another's credentials")
    func assumesRoles() throws {
        let moto = try MotoServer.shared.get()
        try TemporaryTree.with { tree in
            try tree.write(
                ".aws/config",
                """
                [profile first]
                role_arn = \(moto.names["first"] ?? "")
                source_profile = base
                role_session_name = a test
                [profile second]
                role_arn = \(moto.names["second"] ?? "")
                source_profile = first
                external_id = a&b=c
                duration_seconds = 900
                """)
            try tree.write(
                ".aws/credentials", "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = hunter2\n")
            let chain = AWSCredentialChain(
                configuration: AWSFixture.configuration(moto.address, ["AWS_PROFILE": "second"], home: tree.path),
                client: AWSFixture.client)
            let credentials = try chain.resolve().get()
            #expect(credentials.accessKeyID.hasPrefix("ASIA") && credentials.sessionToken?.isEmpty == false)
            #expect(credentials.source == "role `\(moto.names["second"] ?? "")` of profile `second`")
            #expect(credentials.expiration != nil)
        }
    }

    @Test("no credentials, no such profile: each request fails with CodeBuild's status code")
    func noCredentials() throws {
        let moto = try MotoServer.shared.get()
        for (environment, words, verdict) in [
            ([:], "aws: no credentials in the environment, in profile `default`", "NoCredentialProviders"),
            (["AWS_PROFILE": "nobody"], "aws: there is no profile `nobody`", "SharedConfigProfileNotExistsError"),
        ] {
            let store = AWSSecretStore(
                configuration: AWSFixture.configuration(moto.address, environment), client: AWSFixture.client)
            let answers = store.answers(to: [
                SecretRequest(variable: "A", kind: .parameter, reference: "/ci/list", span: nil),
                SecretRequest(variable: "B", kind: .secret, reference: "prod/db", span: nil),
            ])
            for (answer, status) in zip(answers, ["Decrypted Variables Error", "Secrets Manager Error"]) {
                guard case .failed(let failure) = answer else { throw UnexpectedAnswer(answer) }
                #expect(failure.message.hasPrefix(words), "\(failure.message)")
                #expect(failure.codeBuild?.statusCode == status)
                #expect(failure.codeBuild?.message?.hasPrefix(verdict) == true)
            }
        }
    }
}

struct UnexpectedAnswer: Error {
    var answer: SecretAnswer
    init(_ answer: SecretAnswer) { self.answer = answer }
}
