// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import CommandExecution
import Files
import SystemPackage

// What a shell leaves beside its answers, in the sandbox that is there for the question alone.

/// The files that `codebuild-hash-files` hashed for a key, so that a later miss can name the one that changed.
enum HashedFiles {
    /// Where it is told to leave them, inside, with a number behind; in memory, and gone with the sandbox.
    static let log = "/codebuild/output/tmp/hashed-files"
    /// Enough to name what changed; whoever hashes more than this has a key that is of no use.
    private static let limit = 1 << 20

    /// - Parameter texts: what was asked, in the order of the question.
    static func read(_ texts: [String], in tree: any TreeOpener) -> [String: [KeyInput.File]] {
        var result: [String: [KeyInput.File]] = [:]
        for (index, text) in texts.enumerated() where text.contains("codebuild-hash-files") {
            let path = FilePath("\(log)-\(index)")
            guard let file = try? tree.open(path, directory: false) else { continue }
            defer { try? file.close() }
            guard let bytes = try? FileContents.read(file, path: path, limit: limit) else { continue }
            result[text] = files(bytes)
        }
        return result
    }

    /// Lines as `sha256sum` writes them: a digest, two blanks, a path; a backslash in front where the path has escapes.
    static func files(_ bytes: [UInt8]) -> [KeyInput.File] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let line = line.first == UInt8(ascii: "\\") ? line.dropFirst() : line
            guard line.count > 66 else { return nil }
            return KeyInput.File(
                path: String(decoding: line.dropFirst(66), as: UTF8.self),
                digest: String(decoding: line.prefix(64), as: UTF8.self))
        }
    }
}

/// How commands in a key ended, which the text that they expand to does not tell.
enum ExitStatuses {
    /// Where the shell leaves them, inside, with a number behind.
    static let log = "/codebuild/output/tmp/exit-status"

    /// - Parameter texts: what was asked, in the order of the question.
    static func read(_ texts: [String], in tree: any TreeOpener) -> [String: Int] {
        var result: [String: Int] = [:]
        for (index, text) in texts.enumerated() where ShellQuestion.isCommand(text) {
            let path = FilePath("\(log)-\(index)")
            guard let file = try? tree.open(path, directory: false) else { continue }
            defer { try? file.close() }
            guard let bytes = try? FileContents.read(file, path: path, limit: 16) else { continue }
            result[text] = Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        }
        return result
    }
}
