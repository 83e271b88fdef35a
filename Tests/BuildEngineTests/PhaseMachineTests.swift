// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEngine
import BuildModel
import Testing

/// One build as a line of text: what goes wrong, and what must follow.
///
/// Faults are `phase.N` (command N fails), `phase.fN` (item N of `finally`), `phase.N=stopped`, or `phase=fault` for the
/// phase's own work. What follows is read back in the same words: `build.0! ` is a failed command.
struct Course: Sendable, CustomTestStringConvertible {
    var title: String
    var scripts: [PhaseType: PhaseMachine.Script] = [:]
    var selection = Set(PhaseType.commandPhases)
    var faults: [String: PhaseMachine.End] = [:]
    var retryMatches = true
    var expected: String
    var testDescription: String { title }

    /// Runs the machine to its end.
    func travel() -> String {
        var machine = PhaseMachine(scripts: scripts, selection: selection)
        var action = machine.start()
        var trace: [String] = []
        for _ in 0..<200 {
            switch action {
            case .begin(let phase):
                action = machine.workEnded(faults[phase.rawValue.lowercased()] ?? .succeeded)
            case .run(let phase, let index, let isFinally):
                let name = "\(phase.rawValue.lowercased()).\(isFinally ? "f" : "")\(index)"
                let end = faults[name] ?? .succeeded
                trace.append(name + (end == .succeeded ? "" : "!"))
                let flag = machine.buildSucceeding
                action = machine.commandEnded(end)
                if !flag { trace[trace.count - 1] += "(0)" }
            case .end(let phase, let status):
                if phase.buildspecName != nil || phase == .uploadArtifacts || status != .succeeded {
                    trace.append("\(phase.rawValue)=\(status.rawValue)")
                }
                action = machine.phaseEnded(retryMatches: retryMatches)
            case .retry(let attempt, let limit, let phase):
                trace.append("retry \(attempt)/\(limit) \(phase.rawValue)")
                action = machine.restarted()
            case .complete(let status):
                return trace.joined(separator: " ") + " → \(status.rawValue)"
            }
        }
        return "endless"
    }
}

private func all(_ rule: PhaseMachine.FailureRule?, in phase: PhaseType) -> [PhaseType: PhaseMachine.Script] {
    var scripts: [PhaseType: PhaseMachine.Script] = [:]
    for phase in PhaseType.commandPhases { scripts[phase] = .init(commands: 1) }
    scripts[phase]?.onFailure = rule
    return scripts
}

private let upTo =
    "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED"

@Suite("Phase machine")
struct PhaseMachineTests {
    @Test("follows CodeBuild's rules", arguments: transitions + onFailure + lists + retries + interruptions)
    func follows(course: Course) {
        #expect(course.travel() == course.expected)
    }

    static let transitions: [Course] = [
        Course(title: "an empty buildspec enters every phase", expected: "\(upTo) → SUCCEEDED"),
        Course(
            title: "a failed source ends the build", faults: ["download_source": .failed],
            expected: "DOWNLOAD_SOURCE=FAILED → FAILED"),
        Course(
            title: "our own fault at the start is a FAULT", faults: ["provisioning": .fault],
            expected: "PROVISIONING=FAULT → FAULT"),
        Course(
            title: "a failed install goes straight to the end", scripts: all(nil, in: .install),
            faults: ["install.0": .failed], expected: "install.0! INSTALL=FAILED → FAILED"),
        Course(
            title: "a failed pre_build goes straight to the end", scripts: all(nil, in: .install),
            faults: ["pre_build.0": .failed],
            expected: "install.0 INSTALL=SUCCEEDED pre_build.0! PRE_BUILD=FAILED → FAILED"),
        Course(
            title: "a failed build still runs post_build and uploads", scripts: all(nil, in: .install),
            faults: ["build.0": .failed],
            expected: "install.0 INSTALL=SUCCEEDED pre_build.0 PRE_BUILD=SUCCEEDED build.0! BUILD=FAILED "
                + "post_build.0(0) POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "a failed post_build still uploads", scripts: [.postBuild: .init(commands: 1)],
            faults: ["post_build.0": .failed],
            expected: "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED post_build.0! POST_BUILD=FAILED "
                + "UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "a failed upload fails the build", faults: ["upload_artifacts": .failed],
            expected: "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED "
                + "UPLOAD_ARTIFACTS=FAILED → FAILED"),
        Course(
            title: "an unknown run-as user fails the phase before its first command", scripts: all(nil, in: .build),
            faults: ["build": .failed],
            expected: "install.0 INSTALL=SUCCEEDED pre_build.0 PRE_BUILD=SUCCEEDED BUILD=FAILED "
                + "post_build.0(0) POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "only the selected phases are entered", scripts: all(nil, in: .build), selection: [.build],
            expected: "build.0 BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → SUCCEEDED"),
    ]

    static let onFailure: [Course] = [
        Course(
            title: "CONTINUE in install goes on, and the build still fails", scripts: all(.proceed, in: .install),
            faults: ["install.0": .failed],
            expected: "install.0! INSTALL=FAILED pre_build.0(0) PRE_BUILD=SUCCEEDED build.0(0) BUILD=SUCCEEDED "
                + "post_build.0(0) POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "CONTINUE in pre_build goes on", scripts: all(.proceed, in: .preBuild),
            faults: ["pre_build.0": .failed],
            expected: "install.0 INSTALL=SUCCEEDED pre_build.0! PRE_BUILD=FAILED build.0(0) BUILD=SUCCEEDED "
                + "post_build.0(0) POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "ABORT in install is as unset", scripts: all(.abort, in: .install), faults: ["install.0": .failed],
            expected: "install.0! INSTALL=FAILED → FAILED"),
        Course(
            title: "ABORT in build skips post_build and upload", scripts: all(.abort, in: .build),
            faults: ["build.0": .failed],
            expected: "install.0 INSTALL=SUCCEEDED pre_build.0 PRE_BUILD=SUCCEEDED build.0! BUILD=FAILED → FAILED"),
        Course(
            title: "ABORT in post_build skips the upload", scripts: [.postBuild: .init(commands: 1, onFailure: .abort)],
            faults: ["post_build.0": .failed],
            expected: "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED post_build.0! POST_BUILD=FAILED → FAILED"),
        Course(
            title: "CONTINUE in build is as unset", scripts: [.build: .init(commands: 1, onFailure: .proceed)],
            faults: ["build.0": .failed],
            expected: "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED build.0! BUILD=FAILED POST_BUILD=SUCCEEDED "
                + "UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
    ]

    static let lists: [Course] = [
        Course(
            title: "the first failure ends the list, finally runs and knows",
            scripts: [.install: .init(commands: 3, finally: 2)], faults: ["install.1": .failed],
            expected: "install.0 install.1! install.f0(0) install.f1(0) INSTALL=FAILED → FAILED"),
        Course(
            title: "finally runs after success", scripts: [.build: .init(commands: 1, finally: 1)],
            selection: [.build],
            expected: "build.0 build.f0 BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → SUCCEEDED"),
        Course(
            title: "finally alone is enough for a phase", scripts: [.build: .init(finally: 1)], selection: [.build],
            expected: "build.f0 BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED → SUCCEEDED"),
        Course(
            title: "a failing item of finally ends it and fails the phase",
            scripts: [.install: .init(commands: 1, finally: 2)], faults: ["install.f0": .failed],
            expected: "install.0 install.f0! INSTALL=FAILED → FAILED"),
        Course(
            title: "both lists may fail", scripts: [.install: .init(commands: 1, finally: 2, onFailure: .abort)],
            faults: ["install.0": .failed, "install.f0": .failed],
            expected: "install.0! install.f0!(0) INSTALL=FAILED → FAILED"),
    ]

    static let retries: [Course] = [
        Course(
            title: "RETRY runs the build again, so many times",
            scripts: [.install: .init(commands: 1, onFailure: .retry(limit: 2))],
            faults: ["install.0": .failed],
            expected: "install.0! INSTALL=FAILED retry 1/2 INSTALL install.0! INSTALL=FAILED retry 2/2 INSTALL "
                + "install.0! INSTALL=FAILED → FAILED"),
        Course(
            title: "RETRY-0 does not retry", scripts: [.install: .init(commands: 1, onFailure: .retry(limit: 0))],
            faults: ["install.0": .failed], expected: "install.0! INSTALL=FAILED → FAILED"),
        Course(
            title: "a pattern that does not match does not retry",
            scripts: [.install: .init(commands: 1, onFailure: .retry(limit: 3))], faults: ["install.0": .failed],
            retryMatches: false, expected: "install.0! INSTALL=FAILED → FAILED"),
        Course(
            title: "after the last retry a failed build is as unset",
            scripts: [.build: .init(commands: 1, onFailure: .retry(limit: 1))], selection: [.build],
            faults: ["build.0": .failed],
            expected: "build.0! BUILD=FAILED retry 1/1 BUILD build.0! BUILD=FAILED UPLOAD_ARTIFACTS=SUCCEEDED → FAILED"),
        Course(
            title: "finally runs before the retry",
            scripts: [.install: .init(commands: 1, finally: 1, onFailure: .retry(limit: 1))],
            faults: ["install.0": .failed],
            expected: "install.0! install.f0(0) INSTALL=FAILED retry 1/1 INSTALL "
                + "install.0! install.f0(0) INSTALL=FAILED → FAILED"),
        Course(
            title: "a stop is not retried", scripts: [.install: .init(commands: 1, onFailure: .retry(limit: 1))],
            faults: ["install.0": .stopped], expected: "install.0! INSTALL=STOPPED → STOPPED"),
    ]

    static let interruptions: [Course] = [
        Course(
            title: "a stop runs neither finally nor what follows",
            scripts: [.build: .init(commands: 2, finally: 1), .postBuild: .init(commands: 1)],
            selection: [.build, .postBuild],
            faults: ["build.0": .stopped], expected: "build.0! BUILD=STOPPED → STOPPED"),
        Course(
            title: "a timeout runs neither finally nor what follows",
            scripts: [.build: .init(commands: 2, finally: 1), .postBuild: .init(commands: 1)],
            selection: [.build, .postBuild],
            faults: ["build.0": .timedOut], expected: "build.0! BUILD=TIMED_OUT → TIMED_OUT"),
        Course(
            title: "CONTINUE does not hold against a timeout",
            scripts: [.install: .init(commands: 1, onFailure: .proceed)], faults: ["install.0": .timedOut],
            expected: "install.0! INSTALL=TIMED_OUT → TIMED_OUT"),
        Course(
            title: "a timeout in post_build after a failed build is a timeout",
            scripts: [.build: .init(commands: 1), .postBuild: .init(commands: 1)], selection: [.build, .postBuild],
            faults: ["build.0": .failed, "post_build.0": .timedOut],
            expected: "build.0! BUILD=FAILED post_build.0!(0) POST_BUILD=TIMED_OUT → TIMED_OUT"),
        Course(
            title: "a timeout in finally after a failed command ends the phase as timed out",
            scripts: [.install: .init(commands: 1, finally: 2)],
            faults: ["install.0": .failed, "install.f0": .timedOut],
            expected: "install.0! install.f0!(0) INSTALL=TIMED_OUT → TIMED_OUT"),
        Course(
            title: "a stop while artifacts are packed", faults: ["upload_artifacts": .stopped],
            expected: "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED "
                + "UPLOAD_ARTIFACTS=STOPPED → STOPPED"),
        Course(
            title: "a fault between two commands", scripts: [.build: .init(commands: 2, finally: 1)],
            selection: [.build], faults: ["build.1": .fault], expected: "build.0 build.1! BUILD=FAULT → FAULT"),
    ]
}
