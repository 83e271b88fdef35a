// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// Why a build without a sandbox cannot go on.
public struct DirectExecutionError: Error, Sendable, Equatable {
    public var code: Code
    public var message: String
    public var hints: [String]

    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable { case source, state, command, processes, stopped }
        private var kind: Kind

        /// A source cannot be read.
        public static let source = Code(kind: .source)
        /// The build's own directory cannot be made or filled.
        public static let state = Code(kind: .state)
        /// A command cannot be started: no such shell, or a user whom the caller cannot become.
        public static let command = Code(kind: .command)
        /// Processes of the build are left that the caller may not end.
        public static let processes = Code(kind: .processes)
        /// The caller wanted the build to end while its source was copied.
        public static let stopped = Code(kind: .stopped)
    }
}

extension DirectExecutionError {
    static func sourceUnreadable(_ path: FilePath, _ error: FilesError) -> DirectExecutionError {
        DirectExecutionError(
            code: .source, message: "the source directory `\(path.displayed)` cannot be copied: \(error)", hints: [])
    }

    static func copyFailed(_ error: FilesError) -> DirectExecutionError {
        guard error.underlying != nil else {
            return DirectExecutionError(code: .stopped, message: "the build was stopped", hints: [])
        }
        return DirectExecutionError(
            code: .state, message: "the source cannot be copied: \(error)",
            hints: ["choose another state directory with `--state-dir`, or build in the source itself with `-m`"])
    }

    static func scratch(_ path: FilePath, _ error: FilesError) -> DirectExecutionError {
        DirectExecutionError(
            code: .state, message: "cannot use `\(path.displayed)` for the build: \(error)",
            hints: ["choose another state directory with `--state-dir`"])
    }

    /// - Parameter path: in memory, or below the state directory.
    static func stateNotWritten(_ path: FilePath, _ error: FilesError) -> DirectExecutionError {
        var failure = scratch(path, error)
        let memory: FilePath = "/dev/shm"
        if path.starts(with: memory) { failure.hints = ["make room in `\(memory)`, which holds the shell's variables"] }
        return failure
    }

    static func shellMissing(_ name: String) -> DirectExecutionError {
        DirectExecutionError(
            code: .command, message: "cannot find the shell `\(name)`: No such file or directory",
            hints: ["this machine must have the shell that `env.shell` names, or `sh`"])
    }

    static func notStarted(_ reason: String) -> DirectExecutionError {
        DirectExecutionError(code: .command, message: "cannot start a command: \(reason)", hints: [])
    }

    static let userNotOurs = DirectExecutionError(
        code: .command, message: "cannot become the user that `run-as` names: only root can, without a sandbox",
        hints: ["run drydock as root, or as that user"])

    static func outOfReach(_ directory: FilePath, behind closed: FilePath) -> DirectExecutionError {
        DirectExecutionError(
            code: .state,
            message:
                "the user that `run-as` names cannot reach the build in `\(directory.displayed)`: it may not enter "
                + "`\(closed.displayed)`",
            hints: ["choose a state directory that every user can reach with `--state-dir`, as `/var/lib/drydock`"])
    }

    static func leftRunning(_ processes: [Int32]) -> DirectExecutionError {
        DirectExecutionError(
            code: .processes,
            message: "processes of the build cannot be ended: "
                + processes.prefix(8).map(String.init).joined(separator: ", "),
            hints: ["they run as another user: `sudo kill` ends them"])
    }
}
