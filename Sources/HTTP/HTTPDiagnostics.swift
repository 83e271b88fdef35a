// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Processes
internal import SystemPackage

extension HTTPError {
    static let cancelled = HTTPError(.cancelled, "stopped before the answer came")
    static let timedOut = HTTPError(.timedOut, "no answer in time")

    private static let installation =
        "install `drydock-http` beside `drydock`, or in `../libexec/drydock` seen from there"

    static func notInstalled(_ program: FilePath) -> HTTPError {
        HTTPError(.program, "`\(program)`, which speaks to servers, is not installed", hints: [installation])
    }

    static func cannotStart(_ program: FilePath, _ reason: String) -> HTTPError {
        HTTPError(.program, "`\(program)` cannot be started: \(reason)")
    }

    static func otherBuild(_ program: FilePath) -> HTTPError {
        HTTPError(.program, "`drydock` and `\(program)` are of different builds", hints: [installation])
    }

    /// - Parameter words: what it said on its standard error; the dynamic linker's words, mostly.
    static func ended(_ program: FilePath, _ status: ExitStatus, words: String?) -> HTTPError {
        let end =
            switch status {
            case .exited(let code): "ended with \(code)"
            case .signaled(let number): "was ended by signal \(number)"
            }
        // 127 is the dynamic linker's own: a library is missing.
        let hints = status == .exited(127) ? ["install libcurl: `apt-get install libcurl4`"] : []
        return HTTPError(
            .program, "`\(program)` \(end)" + (words.map { ": \($0)" } ?? " before it answered"), hints: hints)
    }
}
