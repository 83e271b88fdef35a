// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Files
import Glibc
public import SystemPackage

/// A directory of a test's own, gone when the test ends; kept, and its path told, when `KEEP=1` is set.
///
/// It is named after the test. What the test asks to undo is undone first, last things first.
public final class TemporaryTree {
    /// Absolute, without links.
    public let path: FilePath
    public let root: Directory
    private let parent: Directory
    private let name: FilePath
    private var cleanUps: [() -> Void] = []

    /// Makes a tree, calls `body` with it and removes it again.
    public static func with<Result>(
        _ test: String = #function, _ body: (TemporaryTree) throws -> Result
    ) throws -> Result {
        let tree = try TemporaryTree(test)
        defer { tree.remove() }
        return try body(tree)
    }

    /// For a test that calls ``remove()`` itself.
    public init(_ test: String = #function) throws {
        let base = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/tmp"
        parent = try Directory.make(base.appending("drydock-tests-\(getuid())"), mode: 0o755)
        let words = test.prefix { $0 != "(" }.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        name = FilePath("\(String(words.prefix(60))).\(UInt32.random(in: 0 ... .max))")
        try parent.makeDirectory(name)
        path = parent.path.pushing(name)
        root = try parent.directory(name)
    }

    /// Has something undone before the tree goes.
    public func atEnd(_ cleanUp: @escaping () -> Void) { cleanUps.append(cleanUp) }

    public func remove() {
        while let cleanUp = cleanUps.popLast() { cleanUp() }
        if let keep = getenv("KEEP"), String(cString: keep) == "1" {
            let line = "kept \(path)\n"
            _ = try? FileDescriptor.standardError.writeAll(line.utf8)
            return
        }
        do { try parent.removeTree(name) } catch {
            _ = try? FileDescriptor.standardError.writeAll("\(error)\n".utf8)
        }
    }

    /// A path below the tree as the host sees it.
    public func path(_ below: FilePath) -> FilePath { path.pushing(below) }

    // MARK: Making

    /// Writes a file, with the directories above it.
    @discardableResult
    public func write(_ below: FilePath, _ content: String = "", mode: UInt32 = 0o644) throws -> FilePath {
        try write(below, bytes: Array(content.utf8), mode: mode)
    }

    @discardableResult
    public func write(_ below: FilePath, bytes: [UInt8], mode: UInt32 = 0o644) throws -> FilePath {
        try root.makeDirectories(below.removingLastComponent())
        let file = try root.open(below, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        defer { try? file.close() }
        try file.writeAll(bytes)
        fchmod(file.rawValue, mode)
        return path(below)
    }

    @discardableResult
    public func directory(_ below: FilePath) throws -> FilePath {
        try root.makeDirectories(below)
        return path(below)
    }

    public func link(_ below: FilePath, to target: FilePath) throws {
        try root.makeDirectories(below.removingLastComponent())
        try root.makeLink(below, to: target)
    }

    public func fifo(_ below: FilePath) throws {
        try root.makeDirectories(below.removingLastComponent())
        if path(below).withPlatformString({ mkfifo($0, 0o644) }) != 0 { throw Errno(rawValue: errno) }
    }

    /// A file of that many bytes that takes no room.
    public func sparse(_ below: FilePath, size: Int) throws {
        try write(below)
        if path(below).withPlatformString({ truncate($0, size) }) != 0 { throw Errno(rawValue: errno) }
    }

    public func setMode(_ below: FilePath, _ mode: UInt32) throws {
        if path(below).withPlatformString({ chmod($0, mode) }) != 0 { throw Errno(rawValue: errno) }
    }

    // MARK: Looking

    public func text(_ below: FilePath) throws -> String {
        String(decoding: try root.read(below, limit: 1 << 30), as: UTF8.self)
    }

    public func exists(_ below: FilePath) -> Bool { (try? root.status(below)) != nil }

    /// Every path below a directory of the tree, sorted; directories with a `/` behind, links with ` -> target`.
    public func listing(_ below: FilePath = "") throws -> [String] {
        let directory = below.isEmpty ? root : try root.directory(below)
        var lines: [String] = []
        try Self.list(directory, prefix: "", &lines)
        return lines.sorted()
    }

    private static func list(_ directory: Directory, prefix: String, _ lines: inout [String]) throws {
        for entry in try directory.entries() {
            let name = FilePath(bytes: entry.name)
            let shown = prefix + FilePath.displayed(entry.name)
            switch try directory.status(name).kind {
            case .directory:
                lines.append(shown + "/")
                try list(try directory.directory(name), prefix: shown + "/", &lines)
            case .symbolicLink: lines.append("\(shown) -> \(try directory.readLink(name))")
            default: lines.append(shown)
            }
        }
    }
}
