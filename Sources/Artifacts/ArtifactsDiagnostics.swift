// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import Files
internal import SystemPackage

extension ArtifactsError {
    // CodeBuild's own.

    static let nothingMatched = ArtifactsError(.clientError, "no matching artifact paths found")

    static func noBaseDirectory(_ name: String) -> ArtifactsError {
        ArtifactsError(.clientError, "no matching base directory path found for \(name)")
    }

    // Ours.

    static let cancelled = ArtifactsError(.cancelled, "stopped while artifacts were collected")

    static func invalidName(_ name: String, _ reason: String) -> ArtifactsError {
        ArtifactsError(
            .invalidName, "`\(FilePath.displayed(Array(name.utf8)))` cannot be the name of an artifact: \(reason)",
            hints: ["an artifact's name is a path below the destination, such as `app` or `release/app`"])
    }

    static func notOwn(_ path: FilePath, _ reason: String) -> ArtifactsError {
        ArtifactsError(
            .destinationRefused, "a file of the source may not have artifacts put into `\(path.displayed)`: \(reason)",
            hints: [
                "it may name a directory of its own in the source: one that is missing, empty or made so by an earlier "
                    + "build; `--artifacts DIR` takes any"
            ])
    }

    static func refused(_ message: String, hints: [String]) -> ArtifactsError {
        ArtifactsError(.contentRefused, message, hints: hints)
    }

    static func nothingReadable(_ path: String, _ reason: String) -> ArtifactsError {
        ArtifactsError(.input, "no file of the artifact could be read, `\(path)` among them: \(reason)")
    }

    static func readPartly(_ path: String, _ reason: Errno?) -> ArtifactsError {
        let words = reason.map { ": \($0.words)" } ?? ""
        return ArtifactsError(.input, "could read only a part of `\(path)`\(words)", underlying: reason)
    }

    static func tooLarge(_ path: String, limit: Int) -> ArtifactsError {
        ArtifactsError(
            .tooLarge, "the artifact would hold more than \(limit >> 20) MiB with `\(path)`",
            hints: ["leave the file out with `exclude-paths`"])
    }

    static func tooManyLinkedDirectories(_ path: String, limit: Int) -> ArtifactsError {
        ArtifactsError(
            .tooLarge, "more than \(limit) directories are reached through symbolic links, the last by `\(path)`",
            hints: ["leave the links out with `exclude-paths`, or keep them with `enable-symlinks: yes`"])
    }

    static func output(_ path: FilePath, _ reason: Errno?) -> ArtifactsError {
        let words = reason.map { ": \($0.words)" } ?? ""
        return ArtifactsError(.output, "could not write `\(path.displayed)`\(words)", underlying: reason)
    }

    static func output(_ error: FilesError) -> ArtifactsError {
        ArtifactsError(.output, "\(error)", underlying: error.underlying)
    }
}

/// Warnings, each of which names what is not in the artifact.
enum ArtifactWarning {
    static func notAFile(_ path: String, _ kind: FileKind) -> String {
        "`\(path)` is left out of the artifact: it is \(kind.words)"
    }

    static func unreadable(_ path: String, _ reason: Errno?) -> String {
        "`\(path)` is left out of the artifact: \(reason?.words ?? "it cannot be read")"
    }

    static func otherFileSystem(_ path: String) -> String {
        "`\(path)` is left out of the artifact: it lies on another file system"
    }

    static func kernelFile(_ path: String) -> String {
        "`\(path)` is left out of the artifact: it leads to a file of the kernel"
    }

    static func dangling(_ path: String, _ target: [UInt8]) -> String {
        "`\(path)` is left out of the artifact: the link's target `\(FilePath.displayed(target))` does not exist"
    }

    static func circular(_ path: String) -> String {
        "`\(path)` is left out of the artifact: the link leads back to where it is"
    }

    static func pathTooLong(_ path: String) -> String {
        "`\(path)` is left out of the artifact: its path is longer than a program can open"
    }

    static func collision(_ lost: String, _ kept: String, _ output: String) -> String {
        "`\(lost)` and `\(kept)` are both `\(output)` in the artifact; the second one is kept"
    }

    static func furtherCollisions(_ count: Int) -> String {
        "\(count) more files have the same path in the artifact as another one"
    }

    static func gitLeftOut(_ count: Int) -> String {
        "\(count) file\(count == 1 ? "" : "s") of a directory `.git` left out of the artifact, which goes where a file of "
            + "the source said"
    }

    static func gitStays(_ path: FilePath) -> String {
        "`\(path.displayed)` stays as it is: it is git's own"
    }

    static func oldDirectoryStays(_ path: FilePath, _ error: FilesError) -> String {
        "the artifact that was replaced could not be removed from `\(path.displayed)`: \(error)"
    }
}
