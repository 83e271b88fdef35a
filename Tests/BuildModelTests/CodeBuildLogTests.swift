// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Testing

@Suite("CodeBuild's log lines")
struct CodeBuildLogTests {
    private let time = Timestamp(seconds: 1_751_116_252.671738)
    private let stamp = "2025/06/28 13:10:52.671738"

    private func text(_ event: BuildEvent) -> String { CodeBuildLog.text(of: TimedEvent(time: time, event: event)) }

    @Test("the time of a line is read as it was written")
    func timeOfLine() {
        #expect(Timestamp(logText: stamp)?.logText == stamp)
        #expect(Timestamp(logText: "1969/12/31 23:59:59.500000")?.seconds == -0.5)
        for text in ["", "2025/06/28 13:10:52", "2025/13/28 13:10:52.671738", "2025-06-28 13:10:52.671738"] {
            #expect(Timestamp(logText: text) == nil)
        }
    }

    @Test("phases, commands and contexts are worded as in real logs")
    func phases() {
        let command = CommandReference(phase: .build, index: 0, text: "make test")
        #expect(text(.phaseStarted(.preBuild)) == "[Container] \(stamp) Entering phase PRE_BUILD\n")
        #expect(text(.phaseStarted(.uploadArtifacts)) == "")
        #expect(text(.phaseStarted(.finalizing)) == "")
        #expect(text(.commandStarted(command)) == "[Container] \(stamp) Running command make test\n")
        #expect(text(.commandEnded(command, .exited(0), milliseconds: 3)) == "\n")
        #expect(
            text(.commandEnded(command, .exited(127), milliseconds: 3))
                == "\n[Container] \(stamp) Command did not exit successfully make test exit status 127\n")
        #expect(
            text(.commandEnded(command, .signaled(9), milliseconds: 3))
                == "\n[Container] \(stamp) Command did not exit successfully make test signal: killed\n")
        let ended = PhaseRecord(
            phaseType: .build, phaseStatus: .succeeded, startTime: time, endTime: time, contexts: [PhaseContext()])
        #expect(
            text(.phaseEnded(ended))
                == "[Container] \(stamp) Phase complete: BUILD State: SUCCEEDED\n"
                + "[Container] \(stamp) Phase context status code:  Message: \n")
    }

    @Test("a failed phase carries its code and message")
    func failure() {
        let message = "Error while executing command: false. Reason: exit status 1"
        let ended = PhaseRecord(
            phaseType: .install, phaseStatus: .failed, startTime: time, endTime: time,
            contexts: [PhaseContext(statusCode: "COMMAND_EXECUTION_ERROR", message: message)])
        #expect(
            text(.phaseEnded(ended))
                == "[Container] \(stamp) Phase complete: INSTALL State: FAILED\n"
                + "[Container] \(stamp) Phase context status code: COMMAND_EXECUTION_ERROR Message: \(message)\n")
    }

    @Test("phases outside the container are silent unless they fail")
    func outside() {
        var record = PhaseRecord(
            phaseType: .provisioning, phaseStatus: .succeeded, startTime: time, endTime: time,
            contexts: [PhaseContext()])
        #expect(text(.phaseEnded(record)) == "")
        record.phaseStatus = .failed
        #expect(
            text(.phaseEnded(record)).hasPrefix("[Container] \(stamp) Phase complete: PROVISIONING State: FAILED\n"))
        #expect(text(.phaseEnded(PhaseRecord(phaseType: .completed, startTime: time))) == "")
    }

    @Test("the phases found are counted, with a blank before each")
    func phasesFound() {
        let lines = CodeBuildLog.phasesFound([(.install, 11), (.build, 1)])
        #expect(lines == ["Phases found in YAML: 2", " INSTALL: 11 commands", " BUILD: 1 commands"])
    }

    @Test("lines of drydock's own are told apart")
    func own() {
        #expect(
            text(.warning(message: "memory is not limited", hint: "run as root"))
                == "[drydock] \(stamp) warning: memory is not limited\n[drydock] \(stamp) hint: run as root\n")
        #expect(
            text(.buildEnded(BuildOutcome(status: .succeeded, milliseconds: 17_540)))
                == "[drydock] \(stamp) build SUCCEEDED after 17.5s\n")
    }

    @Test(
        "durations read as people say them",
        arguments: [
            (0, "0.0s"), (49, "0.0s"), (50, "0.1s"), (59_940, "59.9s"), (59_960, "1m 00s"), (3_603_000, "1h 00m 03s"),
            (-5, "0.0s"),
        ])
    func durations(milliseconds: Int, text: String) {
        #expect(CodeBuildLog.durationText(milliseconds) == text)
    }
}
