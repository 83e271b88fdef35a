// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Events as JSON Lines: one object a line, `"v"` first. The schema is described in docs/events.md.
extension TimedEvent {
    /// The version of the schema. Members may be added within a version; their meaning does not change.
    public static let schemaVersion = 1

    /// The event as one line of JSON, newline included.
    public var jsonLine: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            Self.begin(&writer, name: name, time: time)
            event.write(to: &writer)
        }
        writer.newline()
        return writer.bytes
    }

    /// Output of a command as one line of JSON; bytes that are not UTF-8 become U+FFFD.
    public static func outputLine(_ output: UnsafeRawBufferPointer, at time: Timestamp) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: output.count + output.count / 8 + 128)
        writer.object { writer in
            begin(&writer, name: "output", time: time)
            writer.member("text", bytes: output)
        }
        writer.newline()
        return writer.bytes
    }

    private static func begin(_ writer: inout JSONWriter, name: String, time: Timestamp) {
        writer.member("v", schemaVersion)
        writer.member("time", time.rfc3339)
        writer.member("event", name)
    }

    private var name: String {
        switch event {
        case .buildStarted: "build-started"
        case .notice: "notice"
        case .warning: "warning"
        case .phaseStarted: "phase-started"
        case .commandStarted: "command-started"
        case .commandEnded: "command-ended"
        case .phaseEnded: "phase-ended"
        case .artifactPacked: "artifact-packed"
        case .cache(let event): event.name
        case .paused: "paused"
        case .resumed: "resumed"
        case .reused: "state-reused"
        case .retrying: "retrying"
        case .buildEnded: "build-ended"
        }
    }
}

extension BuildEvent {
    fileprivate func write(to writer: inout JSONWriter) {
        switch self {
        case .buildStarted(let build):
            writer.object("build") { writer in
                writer.member("id", build.id)
                writer.member("arn", build.arn)
                writer.member("number", build.number)
                writer.member("project", build.project)
                writer.member("source", build.source)
                writer.member("buildspecPath", build.buildspecPath)
            }
        case .notice(let text):
            writer.member("message", text)
        case .warning(let message, let hint, _):
            writer.member("message", message)
            writer.member("hint", ifPresent: hint)
        case .phaseStarted(let phase):
            writer.member("phase", phase.rawValue)
        case .commandStarted(let command):
            command.write("command", to: &writer)
        case .commandEnded(let command, let end, let milliseconds):
            command.write("command", to: &writer)
            end.write("end", to: &writer)
            writer.member("milliseconds", milliseconds)
        case .phaseEnded(let record):
            writer.member("phase", record.phaseType.rawValue)
            writer.member("status", ifPresent: record.phaseStatus?.rawValue)
            writer.member("startTime", record.startTime.rfc3339)
            writer.member("endTime", ifPresent: record.endTime?.rfc3339)
            writer.array("contexts") { writer in
                for context in record.contexts ?? [] { writer.object { context.write(to: &$0) } }
            }
        case .artifactPacked(let artifact):
            writer.object("artifact") { artifact.write(to: &$0) }
        case .cache(let event):
            event.write(to: &writer)
        case .paused(let pause):
            switch pause.reason {
            case .breakpoint(let build):
                writer.member("reason", "breakpoint")
                writer.member("build", build)
            case .shell(let failure):
                writer.member("reason", "shell")
                failure.write("failure", to: &writer)
            }
            writer.member("remainingMilliseconds", pause.remaining)
            pause.command?.write("command", to: &writer)
        case .resumed(let milliseconds):
            writer.member("milliseconds", milliseconds)
        case .reused(let resumption):
            writer.object("reused") { writer in
                writer.member("buildIdentifier", resumption.buildIdentifier)
                writer.member("buildNumber", resumption.buildNumber)
                writer.member("endTime", resumption.endTime.rfc3339)
                writer.member("phase", resumption.phase.rawValue)
                writer.array("reusedPhases", of: resumption.reusedPhases.map(\.rawValue))
                writer.array("changedFiles", of: resumption.changedFiles)
                writer.array("hiddenFiles", of: resumption.hiddenFiles)
            }
        case .retrying(let attempt, let limit, let phase):
            writer.member("attempt", attempt)
            writer.member("limit", limit)
            writer.member("phase", phase.rawValue)
        case .buildEnded(let outcome):
            writer.member("status", outcome.status.rawValue)
            writer.member("milliseconds", outcome.milliseconds)
            outcome.failure?.write("failure", to: &writer)
        }
    }
}

extension BuildOutcome.Failure {
    fileprivate func write(_ name: StaticString, to writer: inout JSONWriter) {
        writer.object(name) { writer in
            writer.member("phase", phase.rawValue)
            writer.object("context") { context.write(to: &$0) }
            command?.write("command", to: &writer)
            end?.write("end", to: &writer)
            writer.member("directory", ifPresent: directory)
            writer.member("message", ifPresent: message)
            writer.array("hints", of: hints)
            writer.member("stateKept", isStateKept)
        }
    }
}

extension CommandReference {
    fileprivate func write(_ name: StaticString, to writer: inout JSONWriter) {
        writer.object(name) { writer in
            writer.member("phase", phase.rawValue)
            writer.member("list", isFinally ? "finally" : "commands")
            writer.member("index", index)
            writer.member("text", text)
            guard let location else { return }
            writer.object("location") { writer in
                writer.member("path", location.path)
                writer.member("line", location.line)
                writer.member("column", location.column)
                writer.member("endLine", location.endLine)
                writer.member("endColumn", location.endColumn)
            }
        }
    }
}

extension CommandEnd {
    fileprivate func write(_ name: StaticString, to writer: inout JSONWriter) {
        writer.object(name) { writer in
            switch self {
            case .exited(let status):
                writer.member("kind", "exited")
                writer.member("status", status)
            case .signaled(let signal):
                writer.member("kind", "signaled")
                writer.member("signal", signal)
            case .timedOut:
                writer.member("kind", "timed-out")
            case .stopped:
                writer.member("kind", "stopped")
            case .outOfMemory(let limit, let status):
                writer.member("kind", "out-of-memory")
                writer.member("status", status)
                if let limit { writer.member("limit", limit) }
            }
        }
    }
}

extension PhaseContext {
    func write(to writer: inout JSONWriter) {
        writer.member("statusCode", statusCode)
        writer.member("message", message)
    }
}

extension ArtifactRecord {
    func write(to writer: inout JSONWriter) {
        writer.member("location", location)
        writer.member("md5sum", ifPresent: md5sum)
        writer.member("sha256sum", ifPresent: sha256sum)
        writer.member("artifactIdentifier", ifPresent: artifactIdentifier)
        writer.member("fileCount", fileCount)
        writer.member("byteCount", byteCount)
    }
}
