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

/// What commands in a key, or the shell that reads it, said went wrong.
enum ErrorTexts {
    /// Where standard error goes, inside, with a number behind.
    static let log = "/codebuild/output/tmp/key-errors"

    /// The first line for each text that the shell came to; empty where nothing was said.
    /// - Parameter texts: what was asked, in the order of the question.
    static func read(_ texts: [String], in tree: any TreeOpener) -> [String: String] {
        var result: [String: String] = [:]
        for (index, text) in texts.enumerated() {
            guard let file = try? tree.open(FilePath("\(log)-\(index)"), directory: false) else { continue }
            defer { try? file.close() }
            var bytes = [UInt8](repeating: 0, count: 1024)
            let count = (try? bytes.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
            let line = bytes[..<count].split(separator: UInt8(ascii: "\n")).first ?? []
            result[text] = withoutPlace(String(decoding: line, as: UTF8.self))
        }
        return result
    }

    /// A shell's message without its name and the number of a line, which is one of a script that nobody has written:
    /// `bash: line 6: `, `sh: 7: eval: `.
    static func withoutPlace(_ line: String) -> String {
        var parts = line.split(separator: ": ", omittingEmptySubsequences: false)[...]
        func isNumber(_ part: Substring) -> Bool {
            let digits = part.hasPrefix("line ") ? part.dropFirst(5) : part
            return !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard let number = parts.prefix(3).firstIndex(where: isNumber), number + 1 < parts.endIndex else { return line }
        parts = parts[(number + 1)...]
        if parts.count > 1, parts.first == "eval" { parts = parts.dropFirst() }
        return parts.joined(separator: ": ")
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
