// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import Testing

@Suite("JSON of events and records")
struct JSONTests {
    private let time = Timestamp(seconds: 1_751_116_252.671)

    private func line(_ event: BuildEvent) -> String {
        String(decoding: TimedEvent(time: time, event: event).jsonLine, as: UTF8.self)
    }

    private func object(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test("an event is one line that begins with the version, the time and its name")
    func form() {
        let start = #"{"v":1,"time":"2025-06-28T13:10:52.671Z","event":"#
        #expect(
            line(.notice("a \"b\"\\\n\t\u{1}\u{7F}é")) == start + #""notice","message":"a \"b\"\\\n\t\u0001\u007fé"}"#
                + "\n")
        #expect(line(.phaseStarted(.build)) == start + #""phase-started","phase":"BUILD"}"# + "\n")
        #expect(
            line(.retrying(attempt: 1, limit: 3, phase: .build)) == start
                + #""retrying","attempt":1,"limit":3,"phase":"BUILD"}"# + "\n")
        #expect(line(.warning(message: "m", hint: nil)) == start + #""warning","message":"m"}"# + "\n")
    }

    @Test("a command's end says which command, how and how long")
    func commandEnd() throws {
        let location = CommandReference.Location(path: "buildspec.yml", line: 3, column: 9, endLine: 3, endColumn: 12)
        let command = CommandReference(phase: .build, index: 2, isFinally: true, text: "x", location: location)
        let event = TimedEvent(
            time: time, event: .commandEnded(command, .outOfMemory(limit: 5, status: 137), milliseconds: 12))
        let object = try object(event.jsonLine)
        #expect(object["event"] as? String == "command-ended")
        #expect(object["milliseconds"] as? Int == 12)
        let inner = try #require(object["command"] as? [String: Any])
        #expect(inner["list"] as? String == "finally")
        #expect((inner["location"] as? [String: Any])?["endColumn"] as? Int == 12)
        let end = try #require(object["end"] as? [String: Any])
        #expect(end["kind"] as? String == "out-of-memory" && end["status"] as? Int == 137 && end["limit"] as? Int == 5)
    }

    @Test("every event is valid JSON")
    func everyEvent() throws {
        let command = CommandReference(phase: .build, index: 0, text: "x\u{0}y")
        let failure = BuildOutcome.Failure(
            phase: .build, context: PhaseContext(statusCode: "A", message: "b"), command: command, end: .signaled(9),
            message: "m", hints: ["h", "i"])
        let events: [BuildEvent] = [
            .buildStarted(BuildIdentity(id: "p:u", arn: "a", number: 1, project: "p", source: "s", buildspecPath: "b")),
            .commandStarted(command), .commandEnded(command, .timedOut, milliseconds: 0),
            .commandEnded(command, .stopped, milliseconds: 0),
            .phaseEnded(
                PhaseRecord(phaseType: .build, phaseStatus: .failed, startTime: time, endTime: time, contexts: nil)),
            .artifactPacked(ArtifactRecord(location: "/a", artifactIdentifier: "x", fileCount: 1, byteCount: 2)),
            .buildEnded(BuildOutcome(status: .failed, milliseconds: 1, failure: failure)),
        ]
        for event in events {
            let bytes = TimedEvent(time: time, event: event).jsonLine
            #expect(bytes.count(where: { $0 == 0x0A }) == 1 && bytes.last == 0x0A)
            #expect(try object(bytes)["v"] as? Int == 1)
        }
    }

    @Test("output that is not UTF-8 is replaced, not lost")
    func output() throws {
        let bytes: [UInt8] = Array("a\u{1B}[1m\u{0}".utf8) + [0xFF, 0xE2, 0x82] + Array("é\r\n".utf8)
        let line = bytes.withUnsafeBytes { TimedEvent.outputLine($0, at: time) }
        #expect(try object(line)["text"] as? String == "a\u{1B}[1m\u{0}\u{FFFD}\u{FFFD}é\r\n")
        for byte in UInt8.min ... .max {
            let line = [byte].withUnsafeBytes { TimedEvent.outputLine($0, at: time) }
            #expect(try object(line)["text"] as? String == String(decoding: [byte], as: UTF8.self))
        }
    }

    @Test("a record that was written is read back the same")
    func record() throws {
        var record = BuildRecord(
            id: "p:u", arn: "arn", buildNumber: 7, startTime: time, projectName: "p\"\n",
            source: .init(type: "LOCAL", location: "/src", buildspec: "b.yml"),
            environment: .init(
                image: "host", computeType: "BUILD_GENERAL1_SMALL", environmentVariables: [.init(name: "A", value: "é")]
            ),
            timeoutInMinutes: 60, initiator: "me",
            drydock: .init(
                version: "1", buildspecPath: "b.yml", sourceDirectory: "/src", logPath: "/l", processIdentifier: 4))
        #expect(try JSONDecoder().decode(BuildRecord.self, from: Data(record.json)) == record)
        record.endTime = Timestamp(seconds: 1_751_116_300.001)
        record.phases = [
            PhaseRecord(phaseType: .submitted, phaseStatus: .succeeded, startTime: time, endTime: time),
            PhaseRecord(
                phaseType: .build, phaseStatus: .failed, startTime: time, endTime: time,
                contexts: [PhaseContext(statusCode: "A", message: "b")]),
            PhaseRecord(phaseType: .completed, startTime: time),
        ]
        record.sourceVersion = "main"
        record.resolvedSourceVersion = "abc"
        record.secondarySources = [.init(type: "GIT", location: "u", sourceIdentifier: "s2")]
        record.artifacts = ArtifactRecord(location: "/a.zip", md5sum: "m", sha256sum: "s", fileCount: 1, byteCount: 2)
        record.secondaryArtifacts = [
            ArtifactRecord(location: "/b", artifactIdentifier: "b", fileCount: 1, byteCount: 2)
        ]
        record.exportedEnvironmentVariables = [.init(name: "X", value: "1")]
        record.drydock.exitCode = 1
        record.drydock.failure = "f"
        #expect(try JSONDecoder().decode(BuildRecord.self, from: Data(record.json)) == record)
    }

    @Test(
        "times keep their milliseconds, also before 1970 and when they are no numbers",
        arguments: [0, 0.5, -1.25, 1e300, .nan])
    func times(seconds: Double) throws {
        var writer = JSONWriter()
        writer.object { $0.member("t", epoch: Timestamp(seconds: seconds)) }
        let expected = abs(seconds) < 1e15 ? seconds : 0
        #expect(try object(writer.bytes)["t"] as? Double == expected)
    }
}
