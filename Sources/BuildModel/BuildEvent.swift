// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// One thing that happened in a build. Every face (terminal, log file, JSON, later an API) reads these and nothing else.
///
/// The output of commands travels beside the events as bytes (`BuildObserver.output`), because it may be any bytes at
/// any rate. Texts in events are already masked.
public enum BuildEvent: Sendable, Equatable {
    case buildStarted(BuildIdentity)
    /// A line of CodeBuild's own log that belongs to no other event, without the `[Container] <time> ` prefix.
    case notice(String)
    /// Something the user should know that is not CodeBuild's: a limit not enforced, a fallback taken.
    /// A grave one says that the build is less than was asked for.
    case warning(message: String, hint: String?, isGrave: Bool = false)
    case phaseStarted(PhaseType)
    case commandStarted(CommandReference)
    case commandEnded(CommandReference, CommandEnd, milliseconds: Int)
    case phaseEnded(PhaseRecord)
    case artifactPacked(ArtifactRecord)
    case cache(CacheEvent)
    /// The build waits, and time goes on.
    case paused(BuildPause)
    case resumed(milliseconds: Int)
    /// The build goes on where another ended, after its source is there.
    case reused(Resumption)
    /// The build will run again from the start in a fresh sandbox (`on-failure: RETRY`).
    case retrying(attempt: Int, limit: Int, phase: PhaseType)
    case buildEnded(BuildOutcome)
}

/// A moment and what happened then.
public struct TimedEvent: Sendable, Equatable {
    public var time: Timestamp
    public var event: BuildEvent

    public init(time: Timestamp, event: BuildEvent) {
        self.time = time
        self.event = event
    }
}

/// Who a build is: what stays the same from its first event to its last.
public struct BuildIdentity: Sendable, Equatable, Codable {
    /// `<project>:<uuid>`.
    public var id: String
    public var arn: String
    public var number: Int
    public var project: String
    /// The source as the user gave it, for display.
    public var source: String
    /// The buildspec's path as the user would write it, for display.
    public var buildspecPath: String

    public init(id: String, arn: String, number: Int, project: String, source: String, buildspecPath: String) {
        self.id = id
        self.arn = arn
        self.number = number
        self.project = project
        self.source = source
        self.buildspecPath = buildspecPath
    }

    /// The part of the id after the colon: names the build's directory in the store.
    public var uuid: String { id.split(separator: ":").last.map(String.init) ?? id }
}

/// A command of the buildspec: which one, its text, and where it stands in the user's file.
public struct CommandReference: Sendable, Equatable, Codable {
    public var phase: PhaseType
    /// Position in its list, from 0.
    public var index: Int
    /// Whether it stands under `finally` rather than `commands`.
    public var isFinally: Bool
    public var text: String
    public var location: Location?

    public init(phase: PhaseType, index: Int, isFinally: Bool = false, text: String, location: Location? = nil) {
        self.phase = phase
        self.index = index
        self.isFinally = isFinally
        self.text = text
        self.location = location
    }

    /// A place in a file, lines and columns from 1, columns in characters; the end is exclusive.
    public struct Location: Sendable, Equatable, Codable {
        public var path: String
        public var line: Int
        public var column: Int
        public var endLine: Int
        public var endColumn: Int

        public init(path: String, line: Int, column: Int, endLine: Int, endColumn: Int) {
            self.path = path
            self.line = line
            self.column = column
            self.endLine = endLine
            self.endColumn = endColumn
        }
    }
}

/// Where a build waits, and how it goes on.
public struct BuildPause: Sendable, Equatable {
    public var reason: Reason
    /// The command that waits, or failed.
    public var command: CommandReference?
    /// What is left of the build's time, in milliseconds; it runs down at a breakpoint, as in CodeBuild.
    public var remaining: Int

    public enum Reason: Sendable, Equatable {
        /// The running command called `codebuild-breakpoint`; this many is the build's number for `drydock attach`.
        case breakpoint(build: Int)
        /// The command failed, and the user has a shell in the place where it did.
        case shell(BuildOutcome.Failure)
    }

    public init(reason: Reason, command: CommandReference?, remaining: Int) {
        self.reason = reason
        self.command = command
        self.remaining = remaining
    }

    /// In a sentence's words; nil where the user needs none, sitting in the shell.
    public var words: (message: String, hint: String)? {
        guard case .breakpoint(let build) = reason else { return nil }
        return (
            "paused at a breakpoint; the build's time goes on: \(CodeBuildLog.durationText(remaining)) are left",
            "`drydock attach \(build)` opens a shell there, and `codebuild-resume` in it goes on; so does "
                + "`drydock attach --resume \(build)`"
        )
    }
}

/// How a command ended.
public enum CommandEnd: Sendable, Equatable {
    case exited(Int)
    /// The shell itself was killed by this signal.
    case signaled(Int)
    /// The build's time was up.
    case timedOut
    /// The user stopped the build.
    case stopped
    /// Killed for memory; the limit in bytes where one is known, and the exit status the shell gave, if it lived.
    case outOfMemory(limit: Int?, status: Int)

    public var succeeded: Bool { self == .exited(0) }
}

/// How a build ended.
public struct BuildOutcome: Sendable, Equatable {
    public var status: BuildStatus
    public var milliseconds: Int
    public var failure: Failure?

    public init(status: BuildStatus, milliseconds: Int, failure: Failure? = nil) {
        self.status = status
        self.milliseconds = milliseconds
        self.failure = failure
    }

    /// The first thing that went wrong: what the user wants to see at the end.
    public struct Failure: Sendable, Equatable {
        public var phase: PhaseType
        public var context: PhaseContext
        public var command: CommandReference?
        public var end: CommandEnd?
        /// The directory that the command left, inside the sandbox; nil where it is not known.
        public var directory: String?
        /// Our better words for it, with advice.
        public var message: String?
        public var hints: [String]
        /// Whether what the build left is kept, for a shell in it or another build to go on with.
        public var isStateKept = false

        public init(
            phase: PhaseType, context: PhaseContext, command: CommandReference? = nil, end: CommandEnd? = nil,
            directory: String? = nil, message: String? = nil, hints: [String] = []
        ) {
            self.directory = directory
            self.phase = phase
            self.context = context
            self.command = command
            self.end = end
            self.message = message
            self.hints = hints
        }
    }
}

/// What one artifact became. Source of the field names: `BuildArtifacts`, AWS CodeBuild API Reference.
public struct ArtifactRecord: Sendable, Equatable, Codable {
    /// Absolute path of the ZIP or directory that was written; of what was put into a bucket the ARN, as in CodeBuild.
    public var location: String
    /// Hexadecimal digests of the ZIP; absent for a directory, as in CodeBuild.
    public var md5sum: String?
    public var sha256sum: String?
    /// Absent for the primary artifact.
    public var artifactIdentifier: String?
    public var fileCount: Int
    public var byteCount: Int

    public init(
        location: String, md5sum: String? = nil, sha256sum: String? = nil, artifactIdentifier: String? = nil,
        fileCount: Int, byteCount: Int
    ) {
        self.location = location
        self.md5sum = md5sum
        self.sha256sum = sha256sum
        self.artifactIdentifier = artifactIdentifier
        self.fileCount = fileCount
        self.byteCount = byteCount
    }
}

extension ArtifactRecord {
    /// The location as people type it: `s3://bucket/key` for an ARN.
    public var displayLocation: String {
        let fields = location.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0] == "arn", fields[2] == "s3" else { return location }
        return "s3://\(fields[5])"
    }
}

/// Receives what happens in a build, in order, on the engine's thread.
public protocol BuildObserver: AnyObject {
    func handle(_ event: TimedEvent)
    /// Output of the running command, masked. The bytes are valid during the call only.
    func output(_ bytes: UnsafeRawBufferPointer)
    /// A descriptor this observer must write to before it can take more output, or nil. The engine polls it together
    /// with everything else, so that a reader that stops reading never keeps a timeout or a signal from working.
    var blockedDescriptor: Int32? { get }
    /// The blocked descriptor can be written again.
    func resume()
    /// Called about ten times a second while a command runs, for elapsed times.
    func tick(at time: Timestamp)
}

extension BuildObserver {
    public var blockedDescriptor: Int32? { nil }
    public func resume() {}
    public func tick(at time: Timestamp) {}
}
