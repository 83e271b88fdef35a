// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import DirectExecution
import Files
import Processes
public import Sandbox
public import SystemPackage

/// How a build is kept apart from the machine.
public enum Isolation: String, Sendable, CaseIterable {
    /// In a sandbox, or not at all.
    case namespaces
    /// Not: its commands are ordinary processes of the caller.
    case none
    /// In a sandbox where one can be made, otherwise not.
    case auto
}

/// Where a build without a sandbox has what a sandbox would show it at places of its own.
public struct HostPlaces: Sendable, Equatable {
    /// The build's own directory, made when it starts and removed at its end.
    public var directory: FilePath
    /// The caller's `PATH`: what is installed here is found as the caller finds it.
    public var searchPath: String?

    public init(directory: FilePath, searchPath: String?) {
        self.directory = directory
        self.searchPath = searchPath
    }

    var home: String { DirectExecution.places(in: directory).home.string }
    var temporary: String { DirectExecution.places(in: directory).temporary.string }
    func source(digits: String) -> String { directory.appending("src\(digits)").appending("src").string }
}

/// Runs commands without a sandbox.
public final class DirectMaker: CommandRunnerMaking {
    private let places: HostPlaces
    private let stop: any StopSource
    /// Why no sandbox could be made; nil when none was asked for.
    private let refusal: SandboxError?
    private var hasWarned = false

    /// - Parameters:
    ///   - stop: ends the copying of sources.
    ///   - refusal: why there is no sandbox, where one would have been taken.
    public init(places: HostPlaces, stop: any StopSource, refusal: SandboxError? = nil) {
        self.places = places
        self.stop = stop
        self.refusal = refusal
    }

    public func start(
        _ settings: SandboxSettings
    ) throws(SandboxError) -> (runner: any CommandRunning, notices: [SandboxNotice]) {
        let direct = DirectExecution.Settings(
            directory: places.directory,
            sources: settings.sources.map { .init(original: $0.hostPath, path: $0.isWritable ? $0.hostPath : $0.path) },
            environment: settings.environment, launcher: settings.launcher)
        do {
            let (execution, notices) = try DirectExecution.start(direct) { [stop] in stop.request == nil }
            defer { hasWarned = true }
            let warnings = hasWarned ? [] : [warning] + limits(settings.limits)
            return (DirectRunner(execution), warnings + notices.map { SandboxNotice(message: $0) })
        } catch { throw SandboxError(error) }
    }

    private var warning: SandboxNotice {
        let lost = """
            the build is not isolated: its commands run as you on this machine itself; they can read and change every file \
            that you can, see and end your processes, use the network, and leave things behind outside of their own \
            directory
            """
        guard let refusal else {
            return SandboxNotice(
                message: lost, hint: "docs/isolation.md says what is kept and what is lost", isGrave: true)
        }
        return SandboxNotice(
            message: "no sandbox can be made here (\(refusal.message)), so \(lost)",
            hint: refusal.hints.first.map { "for a sandbox: \($0)" }, isGrave: true)
    }

    private func limits(_ limits: SandboxSettings.Limits) -> [SandboxNotice] {
        let asked = [
            ("memory", limits.memoryBytes != nil), ("cpu", limits.cpus != nil), ("process", limits.processes != nil),
        ]
        return asked.filter(\.1).map {
            SandboxNotice(
                message: "the \($0.0) limit is not enforced: there is no sandbox to hold to it", isGrave: true)
        }
    }
}

/// A build without a sandbox, as the engine sees it.
private final class DirectRunner: CommandRunning {
    private let execution: DirectExecution

    init(_ execution: DirectExecution) { self.execution = execution }

    func run(
        _ request: CommandRequest, deadline: MonotonicTime?, sink: any OutputSink
    ) throws(SandboxError) -> CommandOutcome {
        do { return try execution.run(request, deadline: deadline, sink: sink) } catch { throw SandboxError(error) }
    }

    func quiesce() throws(SandboxError) {
        do { try execution.quiesce() } catch { throw SandboxError(error) }
    }

    func tree() throws(SandboxError) -> any TreeOpener {
        do { return try execution.tree() } catch { throw SandboxError(error) }
    }

    func close() throws(SandboxError) {
        do { try execution.close() } catch { throw SandboxError(error) }
    }

    var ordinaryUser: UInt32 { DirectExecution.ordinaryUser }
}

extension SandboxError {
    fileprivate init(_ error: DirectExecutionError) {
        let code: Code =
            switch error.code {
            case .source: .source
            case .command: .command
            case .processes: .cannotIsolate
            default: .state
            }
        self.init(code: code, message: error.message, hints: error.hints)
    }
}
