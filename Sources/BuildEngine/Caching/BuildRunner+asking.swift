// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import CommandExecution
import Sandbox
import SystemPackage

/// What a shell answered, and what it left of each text.
struct AnswerToKey {
    var answer = ShellQuestion.Answer()
    /// The files that were hashed.
    var files: [String: [KeyInput.File]] = [:]
    /// Exit statuses, of texts that are one command.
    var statuses: [String: Int] = [:]
    /// What was written to standard error first.
    var errors: [String: String] = [:]
    /// Where there is no answer to all: then none counts.
    var missing: Missing?

    struct Missing {
        /// What the shell did not come behind; nil where that is not known.
        var text: String?
        var reason: String?
    }
}

extension BuildRunner {
    /// Asks a shell in a sandbox of its own: what is mounted in the build's depends on the answer.
    func ask(
        _ question: ShellQuestion, _ plan: BuildPlan, _ settings: SandboxSettings
    ) throws(SandboxError) -> AnswerToKey {
        guard !question.isEmpty else { return AnswerToKey() }
        var question = question
        question.hashLogs = HashedFiles.log
        question.statusLogs = ExitStatuses.log
        question.errorLogs = ErrorTexts.log
        var settings = settings
        settings.scratchDirectory = settings.scratchDirectory.removingLastComponent().appending(
            (settings.scratchDirectory.lastComponent?.string ?? "build") + "-key")
        let runner = try surroundings.sandboxes.start(settings).runner
        let sink = AnswerSink(stop: surroundings.stop)
        let script = "exec 2>/dev/null\n" + question.script
        let request = CommandRequest(script: .observing(script), shell: plan.shell, buildSucceeding: true)
        // Whatever becomes of this sandbox, the build has one of its own.
        let outcome = try? runner.run(request, deadline: deadline, sink: sink)
        var asked = AnswerToKey()
        if let tree = try? runner.tree() {
            asked.files = HashedFiles.read(question.texts, in: tree)
            asked.statuses = ExitStatuses.read(question.texts, in: tree)
            asked.errors = ErrorTexts.read(question.texts, in: tree)
        }
        if outcome == .exited(0), let answer = question.answer(from: sink.bytes) {
            asked.answer = answer
            // Some shells go on behind a text that they cannot read.
            let missed = question.texts.first { answer.texts[$0] == nil }
            asked.missing = missed.map { AnswerToKey.Missing(text: $0, reason: asked.errors[$0]) }
        } else {
            let last = question.texts.last { asked.errors[$0] != nil }
            let reason = last.flatMap { asked.errors[$0] }.flatMap { $0.isEmpty ? nil : $0 }
            asked.missing = .init(text: last, reason: reason ?? outcome.flatMap(Self.words))
        }
        try? runner.close()
        return asked
    }

    private static func words(_ outcome: CommandOutcome) -> String? {
        switch outcome {
        case .exited(0), .timedOut, .stopped: nil
        case .exited(let status): "the shell ends with \(status)"
        case .signaled(let signal): "the shell is killed by signal \(signal)"
        case .outOfMemory: "the memory is used up"
        }
    }
}
