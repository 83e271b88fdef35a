// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

/// `codebuild-breakpoint` and `codebuild-resume`, as in a build that has no debug session: there is nothing to attach to, and
/// a build that names them goes on.
enum BreakpointPrograms {
    private static let texts = [
        (
            "codebuild-breakpoint",
            "echo 'codebuild-breakpoint: without a sandbox there is no debug session, and the build goes on' >&2"
        ),
        ("codebuild-resume", "exit 0"),
    ]

    static func write(into directory: FilePath) throws(FilesError) {
        _ = try Directory.make(directory, mode: 0o755)
        for (name, text) in texts {
            let path = directory.appending(name)
            let number = path.withPlatformString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o755) }
            guard number >= 0 else { throw FilesError(.create, path: path, underlying: Errno(rawValue: errno)) }
            let file = FileDescriptor(rawValue: number)
            defer { try? file.close() }
            // Whatever the caller's mask is, whomever `run-as` names may run it.
            fchmod(number, 0o755)
            do { try file.writeAll("#!/bin/sh\n\(text)\n".utf8) } catch {
                throw FilesError(.write, path: path, underlying: error as? Errno)
            }
        }
    }
}
