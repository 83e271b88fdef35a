// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Diagnostics
import Foundation
import HTTP
import Processes
import Secrets
import SystemPackage
import TestSupport
import Testing

@testable import AWS

/// The store against a server that does not behave.
@Suite("AWS's stores when things go wrong")
struct FaultTests {
    private typealias Step = ScriptedServer.Step

    private struct Result {
        var answers: [SecretAnswer]
        var requests: [ScriptedServer.Request]
        var seconds: Double

        /// The only failure.
        var failure: SecretFailure? {
            if case .failed(let failure) = answers[0] { failure } else { nil }
        }
    }

    private func ask(
        _ steps: [ScriptedServer.Step], _ references: [String] = ["/a"], kind: SecretRequest.Kind = .parameter,
        timeLimit: Double = 30,
        now: @escaping @Sendable () -> Timestamp = { Timestamp(seconds: Date().timeIntervalSince1970) },
        isCancelled: @escaping () -> Bool = { false }
    ) throws -> Result {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(steps, in: tree)
            let store = AWSSecretStore(
                configuration: AWSFixture.configuration("http://127.0.0.1:\(server.port)", AWSFixture.key, now: now),
                client: HTTPClient(program: BuiltProgram.path("drydock-http")), timeLimit: timeLimit)
            let start = MonotonicTime.now()
            let answers = store.answers(
                to: references.map { SecretRequest(variable: "X", kind: kind, reference: $0, span: nil) },
                isCancelled: isCancelled)
            return Result(
                answers: answers, requests: try server.requests(),
                seconds: Double(MonotonicTime.now().milliseconds(since: start)) / 1000)
        }
    }

    private func json(_ status: Int, _ text: String, _ headers: [String: String] = [:]) -> ScriptedServer.Step {
        .answer(
            status, text,
            headers: headers.merging(["Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "r-1"]) {
                $0 + $1
            })
    }

    private func refusal(_ code: String, _ message: String, _ headers: [String: String] = [:]) -> ScriptedServer.Step {
        json(400, #"{"__type":"\#(code)","message":"\#(message)"}"#, headers)
    }

    private var good: ScriptedServer.Step {
        json(200, #"{"Parameters":[{"Name":"/a","Value":"x"}],"InvalidParameters":[]}"#)
    }
    private let found = SecretAnswer.value("x", from: "aws:eu-west-1")

    @Test(
        "a fault that passes is overcome",
        arguments: [
            [Step.reset], [.answer(500, "<html>"), .answer(503), .answer(502)], [.bytes("")], [.answer(429)],
        ])
    func overcome(_ steps: [ScriptedServer.Step]) throws {
        let result = try ask(steps + [good])
        #expect(result.answers == [found])
        #expect(result.requests.count == steps.count + 1)
    }

    @Test("throttling is waited for as the service says")
    func throttling() throws {
        let result = try ask([refusal("ThrottlingException", "Rate exceeded", ["Retry-After": "1"]), good])
        #expect(result.answers == [found])
        #expect(result.seconds >= 0.9)
    }

    @Test(
        "a fault that stays is told, with the number of attempts",
        arguments: [
            (
                [Step.answer(500, "<html>secret</html>")],
                "answers 500 with 19 bytes that are not AWS's (after 5 attempts)", 5
            ),
            ([.answer(200, "<html>secret</html>")], "answers 200 with 19 bytes that are not AWS's", 1),
            ([.answer(200, "{\"Parameters\":")], "answers 200 with 14 bytes that are not AWS's", 1),
            ([.answer(302, "", headers: ["Location": "http://127.0.0.1:1/"])], "answers 302 with 0 bytes", 1),
            ([.reset], "cannot be reached at", 5),
            ([.flood], "the answer is larger than 1048576 bytes", 1),
            ([.bytes("babble\r\n\r\n")], "cannot be reached at", 1),
        ])
    func lasting(_ steps: [ScriptedServer.Step], _ words: String, _ attempts: Int) throws {
        let result = try ask(steps)
        let failure = try #require(result.failure)
        #expect(failure.message.hasPrefix("aws (eu-west-1, the environment)"), "\(failure.message)")
        #expect(failure.message.contains(words) && !failure.message.contains("secret<"), "\(failure.message)")
        #expect(failure.codeBuild?.statusCode == "Decrypted Variables Error")
        #expect(result.requests.count == attempts)
    }

    @Test(
        "a server that does not answer, or a byte a second, takes no longer than the deadline",
        arguments: [
            Step.hang, .drip,
        ])
    func slow(_ step: ScriptedServer.Step) throws {
        let result = try ask([step], timeLimit: 2)
        #expect(result.failure?.message.contains("cannot be reached at") == true)
        #expect(result.seconds < 8)
    }

    @Test("who asks can stop it")
    func cancelled() throws {
        let start = MonotonicTime.now()
        let result = try ask(
            [.hang], timeLimit: 60, isCancelled: { MonotonicTime.now().milliseconds(since: start) > 3000 })
        #expect(result.failure?.message.contains("stopped") == true && result.seconds < 20)
    }

    @Test(
        "what AWS refuses is told in its words, with what to do",
        arguments: [
            (
                "ExpiredTokenException", "The security token included in the request is expired",
                "these credentials have expired", "get new ones"
            ),
            ("UnrecognizedClientException", "The security token is invalid", "does not accept these credentials", ""),
            (
                "InvalidSignatureException", "The request signature does not match",
                "does not accept these credentials", ""
            ),
            (
                "AccessDeniedException", "User: u is not authorized to perform: ssm:GetParameters",
                "denies it: AccessDeniedException: User: u", "`ssm:GetParameters`"
            ),
            ("AccessDeniedException", "not authorized to perform: kms:Decrypt", "denies it", "`kms:Decrypt`"),
            ("InvalidKeyId", "key is disabled", "cannot decrypt it", "`kms:Decrypt`"),
            ("ValidationException", "bad name", "says ValidationException: bad name", ""),
        ])
    func refused(_ code: String, _ message: String, _ words: String, _ hint: String) throws {
        let result = try ask([refusal("com.amazonaws#" + code, message)])
        let failure = try #require(result.failure)
        #expect(failure.message.contains(words), "\(failure.message)")
        #expect(hint.isEmpty || failure.hints.contains { $0.contains(hint) }, "\(failure.hints)")
        #expect(failure.codeBuild?.message == "\(code): \(message) status code: 400, request id: r-1")
        #expect(result.requests.count == 1)
    }

    @Test(
        "a clock that is wrong is told beside AWS's", arguments: ["InvalidSignatureException", "RequestTimeTooSkewed"])
    func clockSkew(_ code: String) throws {
        let step = refusal(code, "Signature expired", ["Date": "Sun, 30 Aug 2015 12:36:00 GMT"])
        let result = try ask([step], now: { Timestamp(seconds: 1_440_938_160 - 7380) })
        #expect(
            result.failure?.message
                == "aws (eu-west-1, the environment) does not accept a request of this time: this machine's clock is "
                + "2 h 3 min behind; it says 2015-08-30T10:33:00Z, and AWS 2015-08-30T12:36:00Z")
    }

    @Test("a stage that a known secret does not have is told, where moto says only that it is not there")
    func unknownStage() throws {
        let words = "Secrets Manager can't find the specified secret value for staging label: LAST"
        let result = try ask([refusal("ResourceNotFoundException", words)], ["s::LAST"], kind: .secret)
        #expect(result.failure?.message.hasSuffix("says ResourceNotFoundException: \(words)") == true)
        #expect(result.requests.first?.body == #"{"SecretId":"s","VersionStage":"LAST"}"#)
        let none = refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        #expect(try ask([none], ["s"], kind: .secret).answers == [.unknown])
    }

    @Test("one name that may not be read does not spoil the others")
    func oneIsDenied() throws {
        let denied = refusal("AccessDeniedException", "no")
        let result = try ask([denied, good.after(0.3), denied], ["/a", "/b"])
        // The two are asked again at once, so whichever comes first gets the good answer, which is of /a.
        #expect(result.requests.count == 3)
        #expect(result.answers.contains { if case .failed = $0 { true } else { false } })
    }

    @Test("nobody there, and no such host")
    func unreachable() {
        for (endpoint, words) in [
            ("http://127.0.0.1:1", "cannot be reached at `http://127.0.0.1:1/`"),
            ("http://drydock-test.invalid", "cannot be reached at `http://drydock-test.invalid/`"),
        ] {
            let store = AWSSecretStore(
                configuration: AWSFixture.configuration(endpoint, AWSFixture.key), client: AWSFixture.client)
            let answers = store.answers(to: [SecretRequest(variable: "X", kind: .secret, reference: "s", span: nil)])
            guard case .failed(let failure) = answers[0] else {
                Issue.record("\(answers)")
                continue
            }
            #expect(failure.message.contains(words), "\(failure.message)")
            #expect(failure.codeBuild?.statusCode == "Secrets Manager Error")
            #expect(failure.codeBuild?.message?.hasPrefix("RequestError: send request failed") == true)
        }
    }

    @Test("what is asked is signed anew at each attempt, with the key of whom it is asked as")
    func requests() throws {
        let times = Times([1_440_938_160, 1_440_938_161, 1_440_938_162])
        let result = try ask([.answer(500), good], now: { times.next() })
        #expect(result.requests.map { $0.headers["x-amz-date"] } == ["20150830T123600Z", "20150830T123601Z"])
        let request = result.requests[0]
        #expect(request.method == "POST" && request.path == "/")
        #expect(request.body == #"{"Names":["/a"],"WithDecryption":true}"#)
        #expect(request.headers["x-amz-target"] == "AmazonSSM.GetParameters")
        #expect(request.headers["content-type"] == "application/x-amz-json-1.1")
        #expect(
            request.headers["authorization"]?.hasPrefix(
                "AWS4-HMAC-SHA256 Credential=AKIATEST/20150830/eu-west-1/ssm/aws4_request, "
                    + "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=") == true)
    }

    // A lock guards the list.
    private final class Times: @unchecked Sendable {
        private var seconds: [Double]
        private let lock = NSLock()

        init(_ seconds: [Double]) { self.seconds = seconds }

        func next() -> Timestamp {
            lock.withLock { Timestamp(seconds: seconds.count > 1 ? seconds.removeFirst() : seconds[0]) }
        }
    }
}
