// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import HTTP
import SystemPackage
import TestSupport
import Testing

@testable import AWS

@Suite("CloudWatch Logs")
struct LogStreamTests {
    private func batches(_ events: [LogEvent]) -> [[LogEvent]] {
        var batches = LogBatches()
        let full = events.flatMap { batches.add($0) }
        let last = batches.takeOpen()
        return full + (last.isEmpty ? [] : [last])
    }

    private func event(_ seconds: Double, _ message: String) -> LogEvent {
        LogEvent(time: Timestamp(seconds: seconds), message: message)
    }

    @Test("batches are within what one call takes, and lose nothing")
    func limits() {
        let lines = (0..<25_000).map { event(Double($0) / 1000, "line \($0)\n") }
        #expect(batches(lines).map(\.count) == [10_000, 10_000, 5_000])
        #expect(batches(lines).flatMap { $0 } == lines)

        let long = (0..<40).map { event(1, "\($0)" + String(repeating: "é", count: 50_000)) }
        for batch in batches(long) {
            #expect(batch.reduce(0) { $0 + $1.message.utf8.count + 26 } <= 1_048_576)
        }
        #expect(batches(long).flatMap { $0 } == long)

        let huge = event(1, String(repeating: "aé€😀", count: 100_000))
        let pieces = batches([huge]).flatMap { $0 }
        #expect(pieces.count > 1 && pieces.map(\.message).joined() == huge.message)
        #expect(pieces.allSatisfy { $0.message.utf8.count <= 256 * 1024 - 26 })
        #expect(batches([event(1, ""), event(1, "\n")]).flatMap { $0 } == [event(1, "\n")])
    }

    @Test("a day is a batch at most, and time never goes back")
    func order() {
        let times = batches([event(0, "a"), event(100, "b"), event(50, "c"), event(86_400, "d"), event(86_401, "e")])
        #expect(times.map { $0.map(\.time.seconds) } == [[0, 100, 100], [86_400, 86_401]])
    }

    private func send(_ events: [LogEvent], _ group: String, _ name: String, to address: String) throws(AWSFailure) {
        var rest = events[...]
        try LogStream(
            group: group, name: name, configuration: AWSFixture.configuration(address, AWSFixture.key),
            client: AWSFixture.client
        ).send { rest.popFirst() }
    }

    @Test(
        "a group and a stream are made where they are missing, and added to",
        .enabled(if: PythonServer.canImport(MotoServer.modules)))
    func moto() throws {
        let address = try MotoServer.shared.get().address
        let now = Date().timeIntervalSince1970.rounded()
        let lines = (0..<12_000).map { event(now, "line \($0) \"é\"\n") }
        try send(lines, "/aws/codebuild/p", "uuid", to: address)
        try send([event(now, "more\n")], "/aws/codebuild/p", "uuid", to: address)
        try send([event(now, "other\n")], "/aws/codebuild/p", "other", to: address)
        let told = try MotoServer.shared.get().ask(
            """
            logs = client("logs")
            events, token = [], None
            while True:
                page = logs.get_log_events(logGroupName="/aws/codebuild/p", logStreamName="uuid", startFromHead=True,
                                           **({"nextToken": token} if token else {}))
                if page["nextForwardToken"] == token or not page["events"]:
                    break
                events += page["events"]
                token = page["nextForwardToken"]
            print(len(events), events[3]["message"].strip(), events[-1]["message"].strip(), events[0]["timestamp"])
            """)
        #expect(told == "12001 line 3 \"é\" more \(Int(now * 1000))\n")
    }

    @Test("lines that are not taken, and refusals, are failures")
    func refusals() throws {
        try TemporaryTree.with { tree in
            let type = ["Content-Type": "application/x-amz-json-1.1"]
            let rejecting = try ScriptedServer(
                [
                    .answer(200, headers: type), .answer(500), .answer(400, #"{"__type":"ThrottlingException"}"#),
                    .answer(200, #"{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}}"#, headers: type),
                ], in: tree)
            let partly = #expect(throws: AWSFailure.self) {
                try send([event(1, "x")], "g", "s", to: "http://127.0.0.1:\(rejecting.port)")
            }
            #expect(partly?.message.hasSuffix("does not take all lines: tooOldLogEventEndIndex") == true)
            let targets = try rejecting.requests().map { $0.headers["x-amz-target"] ?? "" }
            #expect(
                targets == ["Logs_20140328.CreateLogStream"] + Array(repeating: "Logs_20140328.PutLogEvents", count: 3))
            let denying = try ScriptedServer(
                [.answer(400, #"{"__type":"AccessDeniedException","message":"no"}"#, headers: type)], in: tree)
            let denied = #expect(throws: AWSFailure.self) {
                try send([event(1, "x")], "g", "s", to: "http://127.0.0.1:\(denying.port)")
            }
            #expect(denied?.hints == ["a policy has to allow `logs:CreateLogStream` on it"])
        }
    }
}
