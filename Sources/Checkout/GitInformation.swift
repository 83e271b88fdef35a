// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// What a work tree's repository says of itself, read from its files: starting git costs more than a build's set-up.
///
/// Nothing of the repository's configuration is obeyed. Where its files are not understood (a new storage format, a torn
/// file) the answer is nil rather than a guess.
public struct GitInformation: Sendable, Equatable {
    /// The directory that holds `.git`.
    public var workTree: FilePath
    /// The commit that is checked out, 40 or 64 hexadecimal digits; nil before the first commit.
    public var commit: String?
    /// The branch that is checked out, without `refs/heads/`; nil when none is.
    public var branch: String?
    /// Of the remote `origin`, without user name and password.
    public var remoteURL: String?

    /// Looks for a repository in a directory of the host and those above it, on the same file system (gitrepository-layout(5)).
    public static func read(_ directory: FilePath) -> GitInformation? {
        guard var current = try? Directory(directory), let device = try? status(current).device else { return nil }
        var path = directory
        while true {
            if let gitDirectory = gitDirectory(in: current, at: path) { return read(gitDirectory, workTree: path) }
            // The parent by descriptor: a path may end in a link.
            let above = path.appending("..")
            guard let parent = try? Directory(above), let found = try? status(parent), found.device == device,
                let here = try? status(current), !found.isSameFile(as: here)
            else { return nil }
            (current, path) = (parent, path.isLexicallyNormal ? path.removingLastComponent() : above)
            if path.isEmpty { path = above }
        }
    }

    private static func status(_ directory: Directory) throws(FilesError) -> FileStatus {
        try FileStatus(of: directory.descriptor, path: directory.path)
    }

    /// `.git` itself, or the directory that a file of that name points to (worktrees, submodules).
    private static func gitDirectory(in directory: Directory, at path: FilePath) -> FilePath? {
        guard let status = try? directory.status(".git") else { return nil }
        let place = path.appending(".git")
        if status.kind == .regular {
            guard let line = text(place, limit: 8192), line.hasPrefix("gitdir: ") else { return nil }
            return path.pushing(FilePath(line.dropFirst("gitdir: ".count).trimmed))
        }
        // A repository has a HEAD; a directory of that name without one is nothing.
        return text(place.appending("HEAD"), limit: 8192) == nil ? nil : place
    }

    private static func read(_ gitDirectory: FilePath, workTree: FilePath) -> GitInformation? {
        guard let head = text(gitDirectory.appending("HEAD"), limit: 8192)?.trimmed else { return nil }
        // A worktree keeps its HEAD to itself and shares the rest.
        let common =
            text(gitDirectory.appending("commondir"), limit: 8192)
            .map { gitDirectory.pushing(FilePath($0.trimmed)) } ?? gitDirectory
        var information = GitInformation(workTree: workTree)
        if let commit = commitName(head) {
            information.commit = commit
        } else if head.hasPrefix("ref: ") {
            let reference = head.dropFirst("ref: ".count).trimmed
            guard isPlain(reference) else { return nil }
            if reference.hasPrefix("refs/heads/") {
                information.branch = String(reference.dropFirst("refs/heads/".count))
            }
            information.commit = resolve(reference, gitDirectory, common)
        } else {
            return nil
        }
        // With another storage of references HEAD names a branch that cannot be.
        if information.branch == ".invalid" { (information.branch, information.commit) = (nil, nil) }
        information.remoteURL = text(common.appending("config"), limit: 1 << 20)
            .flatMap { GitConfiguration($0).value("remote", "origin", "url") }
            .map(GitLocation.withoutCredentials)
        return information
    }

    private static func resolve(_ reference: String, _ gitDirectory: FilePath, _ common: FilePath) -> String? {
        var reference = reference
        // A reference may point to another one; git follows five.
        for _ in 0..<5 {
            let loose =
                text(gitDirectory.pushing(FilePath(reference)), limit: 8192)
                ?? text(common.pushing(FilePath(reference)), limit: 8192)
            guard let content = loose?.trimmed else { return packed(reference, common) }
            guard content.hasPrefix("ref: ") else { return commitName(content) }
            reference = content.dropFirst("ref: ".count).trimmed
            guard isPlain(reference) else { return nil }
        }
        return nil
    }

    private static func packed(_ reference: String, _ common: FilePath) -> String? {
        guard let content = try? FileContents.read(common.appending("packed-refs"), limit: 64 << 20) else { return nil }
        let wanted = Array(" \(reference)".utf8)
        for line in content.split(separator: UInt8(ascii: "\n")) where line.count > 40 {
            if line.suffix(wanted.count).elementsEqual(wanted) {
                return commitName(String(decoding: line.dropLast(wanted.count), as: UTF8.self))
            }
        }
        return nil
    }

    private static func commitName(_ text: String) -> String? {
        let isName = [40, 64].contains(text.utf8.count) && text.utf8.allSatisfy { isHexadecimal($0) }
        return isName ? text.lowercased() : nil
    }

    /// A reference that is a path below the repository and nothing else.
    private static func isPlain(_ reference: String) -> Bool {
        reference.hasPrefix("refs/") && !reference.split(separator: "/").contains("..")
    }

    private static func text(_ path: FilePath, limit: Int) -> String? {
        guard let bytes = try? FileContents.read(path, limit: limit) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
        UInt8(ascii: "A")...UInt8(ascii: "F"):
        true
    default: false
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = Substring(self)
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest.drop(while: \.isWhitespace))
    }
}
