// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import HTTP
import Testing

@testable import AWS

@Suite("When to try again")
struct RetryPolicyTests {
    private let policy = RetryPolicy()

    private func pause(_ attempts: Int, _ end: RetryPolicy.End, random: Double = 1) -> Double? {
        policy.pause(after: attempts, end, random: random)
    }

    private func answer(_ status: Int, _ code: String? = nil, after: Double? = nil) -> RetryPolicy.End {
        .answer(status: status, code: code, retryAfter: after)
    }

    @Test("what may pass is tried again, and nothing else")
    func decides() {
        for end: RetryPolicy.End in [
            answer(500), answer(502), answer(503), answer(504), answer(429), answer(400, "ThrottlingException"),
            answer(400, "RequestTimeout"), .noAnswer(.interrupted), .noAnswer(.timedOut), .noAnswer(.cannotConnect),
        ] { #expect(pause(1, end) != nil, "\(end)") }
        for end: RetryPolicy.End in [
            answer(200), answer(302), answer(400, "AccessDeniedException"), answer(403), answer(404), answer(501),
            answer(400, "ExpiredTokenException"), .noAnswer(.insecure), .noAnswer(.unknownHost), .noAnswer(.malformed),
            .noAnswer(.tooLarge), .noAnswer(.cancelled), .noAnswer(.program), .noAnswer(.invalidRequest),
        ] { #expect(pause(1, end) == nil, "\(end)") }
    }

    @Test("pauses double, are a part of that by lot, and end at twenty seconds")
    func backsOff() {
        #expect((1...4).map { pause($0, answer(500)) } == [0.25, 0.5, 1, 2])
        #expect((1...4).map { pause($0, answer(429)) } == [1, 2, 4, 8])
        #expect(pause(1, answer(500), random: 0) == 0)
        #expect(pause(2, answer(500), random: 0.5) == 0.25)
        var patient = policy
        patient.mostAttempts = 100
        #expect(patient.pause(after: 90, answer(429), random: 1) == 20)
    }

    @Test("after the most attempts it gives up")
    func givesUp() {
        #expect(pause(4, answer(500)) != nil)
        #expect(pause(5, answer(500)) == nil)
    }

    @Test("a service's own word on when counts, if it is later")
    func honoursRetryAfter() {
        #expect(pause(1, answer(429, after: 7)) == 7)
        #expect(pause(4, answer(429, after: 1)) == 8)
        #expect(pause(1, answer(200, after: 1)) == nil)
    }

    @Test("answers are read as the policy wants them")
    func readsAnswers() {
        let throttled = HTTPResponse(
            status: 400, headers: [HTTPHeader("Retry-After", "3")],
            body: Array(
                #"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}"#.utf8))
        #expect(RetryPolicy.End(.success(throttled)) == answer(400, "ThrottlingException", after: 3))
        let broken = HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "soon")], body: Array("<html>".utf8))
        #expect(RetryPolicy.End(.success(broken)) == answer(503, ""))
        #expect(RetryPolicy.End(.failure(HTTPError(.interrupted, ""))) == .noAnswer(.interrupted))
    }
}

@Suite("Moments")
struct AWSTimeTests {
    @Test("are written and read as AWS does")
    func roundTrips() {
        let moment = Timestamp(seconds: 1_440_938_160)
        #expect(AWSTime.basic(moment) == "20150830T123600Z")
        #expect(AWSTime.web("Sun, 30 Aug 2015 12:36:00 GMT") == moment)
        for text in [
            "2015-08-30T12:36:00Z", "2015-08-30T12:36:00.123Z", "2015-08-30T14:36:00+02:00",
            "2015-08-30T07:06:00-05:30",
            "2015-08-30T12:36:00+00:00",
        ] { #expect(AWSTime.internet(text) == moment, "\(text)") }
        #expect(AWSTime.internet("2000-02-29T00:00:00Z") == Timestamp(seconds: 951_782_400))
        for text in [
            "", "2015-08-30", "2015-08-30T12:36:00", "2015-13-30T12:36:00Z", "tomorrow, if that is early enough",
        ] {
            #expect(AWSTime.internet(text) == nil, "\(text)")
            #expect(AWSTime.web(text) == nil, "\(text)")
        }
    }
}
