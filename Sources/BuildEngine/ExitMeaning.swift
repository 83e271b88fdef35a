// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What drydock's exit code says. docs/exit-codes.md is this list for users.
public enum ExitMeaning: Sendable, Equatable {
    case succeeded
    /// The build ran, and failed.
    case buildFailed
    /// Wrong use of drydock, or a buildspec that CodeBuild would reject.
    case wrongUse
    /// A source, an image, a secret or a cache could not be had.
    case inputUnavailable
    /// This machine cannot run it; `drydock doctor` says why.
    case machineUnable
    case timedOut
    /// A fault of drydock itself.
    case internalFault
    /// Ended by a signal to drydock (or by the end of whoever read its output, which is SIGPIPE).
    case interrupted(signal: Int32)
    /// What a shell or a command that drydock ran for the user ended with (`drydock shell`, `drydock attach`).
    case command(status: Int32)

    public var code: Int32 {
        switch self {
        case .succeeded: 0
        case .buildFailed: 1
        case .wrongUse: 2
        case .inputUnavailable: 3
        case .machineUnable: 4
        case .timedOut: 124
        case .internalFault: 125
        case .interrupted(let signal): 128 + signal
        case .command(let status): status
        }
    }
}
