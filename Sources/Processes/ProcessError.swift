// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// Why a program of the host could not be run.
public struct ProcessError: Error, Sendable, Equatable {
    public var code: Code
    /// The program as the caller named it.
    public var program: String
    public var underlying: Errno?

    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable { case notFound, spawn, pipe, read, tooMuchOutput, cancelled }
        private var kind: Kind

        /// No such program, on `PATH` or at the path given.
        public static let notFound = Code(kind: .notFound)
        public static let spawn = Code(kind: .spawn)
        public static let pipe = Code(kind: .pipe)
        public static let read = Code(kind: .read)
        public static let tooMuchOutput = Code(kind: .tooMuchOutput)
        /// The caller did not want its end any more.
        public static let cancelled = Code(kind: .cancelled)
    }

    static func notFound(_ program: String) -> ProcessError { ProcessError(code: .notFound, program: program) }
    static func spawnFailed(_ program: String, _ errno: Errno) -> ProcessError {
        errno == .noSuchFileOrDirectory
            ? .notFound(program) : ProcessError(code: .spawn, program: program, underlying: errno)
    }
}

extension ProcessError: CustomStringConvertible {
    public var description: String {
        let reason = underlying.map { ": \($0)" } ?? ""
        return switch code {
        case .notFound: "`\(program)` is not installed or not on PATH"
        case .cancelled: "`\(program)` was stopped"
        case .tooMuchOutput: "`\(program)` wrote more than was expected of it"
        default: "`\(program)` could not be run\(reason)"
        }
    }
}
