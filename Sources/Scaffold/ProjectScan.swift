// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
public import Files
internal import SystemPackage
internal import YAML

/// What lies at the top of a directory, as far as build tools go by it.
public struct ProjectScan {
    /// In the order in which they build; empty when nothing is known.
    public private(set) var recipes: [Recipe] = []
    /// Directories below, by their names, in which a tool would be recognised; looked for only when nothing lies at the top.
    public private(set) var directoriesBelow: [String] = []

    let directory: Directory
    let names: Set<String>

    /// - Throws: `ScaffoldError` when the directory cannot be listed, or a file that a recipe depends on is broken.
    public init(_ directory: Directory) throws(ScaffoldError) {
        self.directory = directory
        do throws(FilesError) {
            names = Set(try directory.entries().compactMap { String(validating: $0.name, as: UTF8.self) })
        } catch { throw .unreadable(error) }
        recipes = [
            try node(), try python(), try maven(), try gradle(), try go(), try cargo(), try swift(), try composer(),
            try bundler(), try cmake(),
        ].compactMap { $0 }
        // A Makefile beside another tool mostly calls that tool: then it is a choice, not a second build.
        if recipes.isEmpty, let recipe = try make() ?? autotools() { recipes = [recipe] }
        if recipes.isEmpty { directoriesBelow = below() }
    }

    /// Whether there is a Makefile that `recipes` does not use.
    var hasOtherMakefile: Bool { makefile != nil && recipes.first?.tool != "make" }

    private static let marks: Set = [
        "package.json", "requirements.txt", "pyproject.toml", "setup.py", "Pipfile", "pom.xml", "build.gradle",
        "build.gradle.kts", "go.mod", "Cargo.toml", "Package.swift", "composer.json", "Gemfile", "CMakeLists.txt",
        "GNUmakefile", "makefile", "Makefile", "configure", "configure.ac", "configure.in",
    ]

    private func below() -> [String] {
        names.sorted().filter { name in
            guard !name.hasPrefix("."), let inner = try? directory.directory(FilePath(name)),
                let entries = try? inner.entries()
            else { return false }
            return entries.contains { Self.marks.contains(String(decoding: $0.name, as: UTF8.self)) }
        }
    }

    // MARK: Looking

    func has(_ name: String) -> Bool { names.contains(name) }

    /// The first of several names that is there.
    func first(_ candidates: String...) -> String? { candidates.first { names.contains($0) } }

    /// The text of a file that a recipe is made of; nil when it is not there.
    ///
    /// What is there and cannot be read is said: without it the draft would be of something else. Links are followed as
    /// long as they stay in the directory, which is all that a build sees.
    func manifest(_ name: String) throws(ScaffoldError) -> String? {
        try bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The text of a file that only decides a detail; nil when it cannot be read.
    func text(_ path: String) -> String? {
        guard let name = path.split(separator: "/").first, has(String(name)),
            let bytes = try? read(path)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A file of JSON; nil when it is not there.
    func json(_ name: String) throws(ScaffoldError) -> Node? {
        guard let bytes = try bytes(name) else { return nil }
        let source = SourceText(path: name, bytes: bytes)
        let root: Node?
        do throws(YAMLError) { root = try YAMLDocument(json: source).root } catch {
            throw .broken(name, error.diagnostic, source)
        }
        guard let root, root.entries != nil else { throw .notAnObject(name, source) }
        return root
    }

    private func bytes(_ name: String) throws(ScaffoldError) -> [UInt8]? {
        guard has(name), !isDirectory(name) else { return nil }
        do throws(FilesError) { return try read(name) } catch {
            throw error.underlying == .improperLink ? .linkLeaves(name) : .unreadable(error)
        }
    }

    private func read(_ path: String) throws(FilesError) -> [UInt8] {
        let file = try directory.openInside(FilePath(path))
        defer { try? file.close() }
        return try FileContents.read(file, path: directory.path.appending(path), limit: 1 << 20)
    }

    func isDirectory(_ name: String) -> Bool { status(name)?.kind == .directory }

    /// How a wrapper script is called: by itself, or by the shell where it may not be executed.
    func wrapper(_ name: String) -> String? {
        guard has(name), let status = status(name), status.kind == .regular else { return nil }
        return status.mode & 0o111 != 0 ? "./\(name)" : "sh \(name)"
    }

    /// What a name is, links in the directory followed.
    private func status(_ name: String) -> FileStatus? {
        guard let file = try? directory.openInside(FilePath(name)) else { return nil }
        defer { try? file.close() }
        return try? FileStatus(of: file, path: FilePath(name))
    }

    /// The first version that a text holds, `prefix` cut off: `v20.11.1` gives `20`, with two parts `20.11`.
    static func version(_ text: String?, parts: Int) -> String? {
        guard let text else { return nil }
        let digits = text.drop { !$0.isNumber || !$0.isASCII }.prefix { ($0.isNumber && $0.isASCII) || $0 == "." }
        let found = digits.split(separator: ".").prefix(parts)
        guard !found.isEmpty, found.allSatisfy({ $0.count < 4 }) else { return nil }
        return found.joined(separator: ".")
    }

    /// A word that can stand in a command as it is.
    static func isPlain(_ word: some StringProtocol) -> Bool {
        !word.isEmpty && word.first != "-"
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x2E, 0x5F, 0x3A].contains(byte)
            }
    }
}
