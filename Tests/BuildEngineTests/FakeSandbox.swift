// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEngine
import BuildModel
import CommandExecution
import Files
import Processes
import Sandbox
import SystemPackage
import TestSupport

/// A sandbox that runs nothing: each command's output and end are written down beforehand.
final class FakeSandbox: CommandRunning {
    let maker: FakeSandboxMaker

    init(maker: FakeSandboxMaker) { self.maker = maker }

    func run(
        _ request: CommandRequest, deadline: MonotonicTime?, sink: any OutputSink
    ) throws(SandboxError) -> CommandOutcome {
        maker.requests.append(request)
        switch request.script {
        case .observing(let script):
            send(maker.answer(to: script), to: sink)
            return .exited(0)
        case .carryingState(let text), .isolated(let text):
            let scripted = maker.commands[text] ?? Scripted()
            if let error = scripted.error { throw error }
            send(Array(scripted.output.utf8), to: sink)
            if scripted.requestsStop { maker.stop.request = .politely }
            return scripted.outcome
        }
    }

    private func send(_ bytes: [UInt8], to sink: any OutputSink) {
        bytes.withUnsafeBytes { if !$0.isEmpty { sink.receive($0) } }
    }

    func quiesce() throws(SandboxError) { maker.calls.append("quiesce") }

    func tree() throws(SandboxError) -> any TreeOpener { DirectoryTree(root: maker.root.descriptor) }

    func close() throws(SandboxError) { maker.calls.append("close") }
}

/// What a command does.
struct Scripted {
    var output = ""
    var outcome = CommandOutcome.exited(0)
    var error: SandboxError?
    var requestsStop = false
}

final class FakeSandboxMaker: CommandRunnerMaking {
    /// By the command's text; one that is not here prints nothing and succeeds.
    var commands: [String: Scripted] = [:]
    /// What the shell says to drydock's questions: variables by name, texts by themselves.
    var variables: [String: String] = [:]
    var texts: [String: String] = [:]
    var startError: SandboxError?
    var notices: [SandboxNotice] = []
    let stop = ScriptedStop()
    /// The sandbox's file system.
    let root: Directory

    var settings: [SandboxSettings] = []
    var requests: [CommandRequest] = []
    var calls: [String] = []

    init(root: Directory) { self.root = root }

    func start(
        _ settings: SandboxSettings
    ) throws(SandboxError) -> (runner: any CommandRunning, notices: [SandboxNotice]) {
        self.settings.append(settings)
        calls.append("start")
        if let startError { throw startError }
        return (FakeSandbox(maker: self), notices)
    }

    /// Answers as a shell would, from the script's own lines.
    func answer(to script: String) -> [UInt8] {
        var fields: [String] = []
        let lines = script.split(separator: "\n").map(String.init)
        for (index, line) in lines.enumerated() {
            if line.hasPrefix("printf '%s\\0' '") {
                fields.append(String(line.dropFirst("printf '%s\\0' '".count).dropLast()))
            } else if line.hasPrefix("printf '%s\\0' \"${") {
                let name = String(line.dropFirst("printf '%s\\0' \"${".count).prefix { $0 != "+" })
                fields.append(variables[name].map { "=" + $0 } ?? "")
            } else if line.hasPrefix("IFS= read") {
                fields.append(texts[lines[index + 1]] ?? lines[index + 1])
            }
        }
        return fields.flatMap { Array($0.utf8) + [0] }
    }

    /// The texts of the commands that ran, without drydock's questions.
    var commandTexts: [String] {
        requests.compactMap { request in
            switch request.script {
            case .carryingState(let text), .isolated(let text): text
            case .observing: nil
            }
        }
    }
}

/// A stop that a test asks for.
final class ScriptedStop: StopSource {
    var request: StopRequest?
    var descriptor: Int32? { nil }
    var meaning: ExitMeaning { .interrupted(signal: 2) }
}

/// Keeps the events and CodeBuild's log of a build.
final class RecordingObserver: BuildObserver {
    private(set) var events: [BuildEvent] = []
    private(set) var logBytes: [UInt8] = []

    func handle(_ event: TimedEvent) {
        events.append(event.event)
        logBytes += Array(CodeBuildLog.text(of: event).utf8)
    }

    func output(_ bytes: UnsafeRawBufferPointer) { logBytes += Array(bytes) }

    /// The log, without times.
    var log: String {
        String(decoding: logBytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            for prefix in ["[Container] ", "[drydock] "] where line.hasPrefix(prefix) {
                return prefix + line.dropFirst(prefix.count + "2025/06/28 13:10:52.671738 ".count)
            }
            return String(line)
        }.joined(separator: "\n")
    }
}

/// One build in a temporary tree, with a fake sandbox.
struct FakeBuild {
    let maker: FakeSandboxMaker
    let observer = RecordingObserver()
    var request: BuildRequest
    let tree: TemporaryTree

    init(_ buildspec: String, in tree: TemporaryTree) throws {
        self.tree = tree
        try tree.write("source/buildspec.yml", buildspec)
        try tree.write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\nbuilder:x:1001:100::/home/builder:/bin/sh\n")
        try tree.write("root/etc/group", "root:x:0:\nusers:x:100:\ndocker:x:998:other,builder\n")
        maker = FakeSandboxMaker(root: try tree.root.directory("root"))
        request = BuildRequest(source: SourceRequest(location: .directory(tree.path("source"))))
    }

    func run() -> BuildRunner.Result {
        let identifiers = BuildIdentifiers(
            project: "test", uuid: "00000000-0000-4000-8000-000000000000", number: 7, start: Timestamp(seconds: 1e9))
        let clock = BuildClock(start: Timestamp(seconds: 1e9)) { MonotonicTime(nanoseconds: 0) }
        let runner = BuildRunner(
            request: request,
            surroundings: BuildRunner.Surroundings(
                identifiers: identifiers, checkouts: tree.path("checkouts"), scratch: tree.path("scratch"),
                launcher: "/nowhere", sandboxes: maker, observers: [observer], clock: clock, stop: maker.stop))
        return runner.run()
    }
}
