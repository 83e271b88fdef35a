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
        recipes = [try node(), python(), maven(), gradle(), go(), cargo(), swift(), try composer(), bundler(), cmake()]
            .compactMap { $0 }
        // A Makefile beside another tool mostly calls that tool: then it is a choice, not a second build.
        if recipes.isEmpty, let make = make() { recipes = [make] }
        if recipes.isEmpty { directoriesBelow = below() }
    }

    /// Whether there is a Makefile that `recipes` does not use.
    var hasOtherMakefile: Bool { makefile != nil && recipes.first?.tool != "make" }

    private static let marks: Set = [
        "package.json", "requirements.txt", "pyproject.toml", "setup.py", "Pipfile", "pom.xml", "build.gradle",
        "build.gradle.kts", "go.mod", "Cargo.toml", "Package.swift", "composer.json", "Gemfile", "CMakeLists.txt",
        "Makefile",
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

    /// The text of a file, as far as it is one; nil when it cannot be read.
    func text(_ path: String) -> String? {
        guard let name = path.split(separator: "/").first, names.contains(String(name)),
            let bytes = try? directory.read(FilePath(path), limit: 1 << 20)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    func isDirectory(_ name: String) -> Bool {
        (try? directory.status(FilePath(name)))?.kind == .directory
    }

    /// How a wrapper script is called: by itself, or by the shell where it may not be executed.
    func wrapper(_ name: String) -> String? {
        guard has(name), let status = try? directory.status(FilePath(name)) else { return nil }
        return status.mode & 0o111 != 0 ? "./\(name)" : "sh \(name)"
    }

    /// A file of JSON, which is YAML as well; nil when it is not there.
    func json(_ name: String) throws(ScaffoldError) -> Node? {
        guard has(name) else { return nil }
        let bytes: [UInt8]
        do throws(FilesError) { bytes = try directory.read(FilePath(name), limit: 1 << 20) } catch {
            throw .unreadable(error)
        }
        let source = SourceText(path: name, bytes: Self.withoutSurrogates(bytes))
        let root: Node?
        do throws(YAMLError) { root = try YAMLDocument(source).root } catch {
            throw .broken(name, error.diagnostic, source)
        }
        guard let root, root.entries != nil else { throw .notAnObject(name, source) }
        return root
    }

    /// YAML knows no pairs of `\uD83D\uDE00`; nothing that is looked for here holds one.
    private static func withoutSurrogates(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var index = 0
        while index + 5 < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "u"), bytes[index + 2] | 0x20 == UInt8(ascii: "d"),
                bytes[index + 3] >= UInt8(ascii: "8")
            {
                bytes.replaceSubrange((index + 2)..<(index + 6), with: Array("FFFD".utf8))
            }
            index += 2
        }
        return bytes
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
