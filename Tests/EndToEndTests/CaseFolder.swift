// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A case on disk, as buildspecs/README.md describes it.
struct CaseFolder: Sendable, CustomTestStringConvertible {
    var path: FilePath
    var testDescription: String { path.components.suffix(2).map(\.string).joined(separator: "/") }

    /// The cases of this repository, and those of projects that others wrote where `DRYDOCK_THIRD_PARTY` has them.
    static let all: [CaseFolder] = {
        let buildspecs = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("buildspecs")
        var parents = ["runs", "projects"].map { buildspecs.appending($0) }
        if let others = ProcessInfo.processInfo.environment["DRYDOCK_THIRD_PARTY"], !others.isEmpty {
            parents.append(FilePath(others))
        }
        return parents.flatMap { parent in
            let names = (try? Directory(parent).entries()) ?? []
            return names.map { CaseFolder(path: parent.appending(String(decoding: $0.name, as: UTF8.self))) }
                .filter { FileManager.default.fileExists(atPath: $0.path.appending("buildspec.yml").string) }
                .sorted { $0.path.string < $1.path.string }
        }
    }()

    /// A file's text, or nil when the case does not have it.
    func text(_ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path.appending(name).string) else { return nil }
        return String(decoding: try FileContents.read(path.appending(name), limit: 16 << 20), as: UTF8.self)
    }

    func lines(_ name: String) throws -> [String]? {
        try text(name)?.split(separator: "\n").map(String.init)
    }

    /// What the case needs and is not there, or nil.
    func missing(for user: TestUser) throws -> String? {
        for word in try lines("requires") ?? [] {
            if word == "ids" {
                if !user.hasRange { return "a range of user ids" }
            } else if !["/usr/bin", "/bin"].contains(where: { access("\($0)/\(word)", X_OK) == 0 }) {
                return "`\(word)`"
            }
        }
        return nil
    }
}

/// What is left of standard output once everything that differs from run to run is gone.
enum LogFilter {
    static func apply(_ output: [UInt8]) -> String {
        // Bytes that are not UTF-8 are compared as what `String` makes of them, on both sides alike.
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let start = lines.firstIndex {
            $0.hasPrefix("[Container] ") && $0.contains(" Phase complete: DOWNLOAD_SOURCE ")
        }
        guard let start else { return "" }
        return lines[start...].filter { !$0.hasPrefix("[drydock] ") }.map(line).joined(separator: "\n")
    }

    private static func line(_ raw: Substring) -> String {
        var text = String(raw)
        let prefix = "[Container] "
        let stamp = "2025/06/28 13:10:52.671738 "
        if text.hasPrefix(prefix), text.utf8.count >= (prefix + stamp).utf8.count {
            text = prefix + text.dropFirst((prefix + stamp).count)
        }
        return withoutDigits(text)
    }

    /// `/codebuild/output/src123456789/` becomes `/codebuild/output/src/`.
    static func withoutDigits(_ text: String) -> String {
        let marker = "/codebuild/output/src"
        var pieces = text.components(separatedBy: marker)
        for index in pieces.indices.dropFirst() {
            pieces[index] = String(pieces[index].drop { $0.isASCII && $0.isNumber })
        }
        return pieces.joined(separator: marker)
    }
}

/// What an `-a` directory holds, a file a line.
enum ArtifactListing {
    /// ZIP members are read by Python, which is not ours.
    private static let script = """
        import os, stat, sys, zipfile
        lines = []
        def add(name, mode, target):
            line = name
            if stat.S_ISLNK(mode): line += " -> " + target
            elif stat.S_ISDIR(mode) or name.endswith("/"): return
            elif mode & 0o111: line += " *"
            lines.append(line)
        os.chdir(sys.argv[1])
        for directory, names, files in os.walk("."):
            for name in files + [n for n in names if os.path.islink(os.path.join(directory, n))]:
                path = os.path.relpath(os.path.join(directory, name), ".")
                if path.endswith(".zip") and not os.path.islink(path):
                    with zipfile.ZipFile(path) as archive:
                        assert archive.testzip() is None
                        for member in archive.infolist():
                            mode = member.external_attr >> 16
                            target = archive.read(member).decode() if stat.S_ISLNK(mode) else ""
                            add(path + ": " + member.filename, mode, target)
                else:
                    mode = os.lstat(path).st_mode
                    add(path, mode, os.readlink(path) if stat.S_ISLNK(mode) else "")
        sys.stdout.buffer.write(b"".join(sorted((l + "\\n").encode("utf-8", "surrogateescape") for l in lines)))
        """

    static func lines(of directory: FilePath) throws -> String {
        let result = try runTool("python3", ["-c", script, directory.string])
        guard result.status == 0 else { throw Failure(message: result.errors) }
        return result.output
    }

    struct Failure: Error { var message: String }
}

/// A build's record, looked into by paths such as `phases.BUILD`.
enum RecordQuery {
    /// The value as text, or nil when there is no such member.
    static func value(_ key: String, in record: [String: Any]) -> String? {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        guard let first = parts.first, let member = record[first] else { return nil }
        guard parts.count == 2 else { return text(member) }
        if let object = member as? [String: Any] { return value(parts[1], in: object) }
        guard let list = member as? [[String: Any]] else { return nil }
        switch first {
        case "phases":
            return list.last { $0["phaseType"] as? String == parts[1] }.flatMap { $0["phaseStatus"] }.map(text)
        case "exportedEnvironmentVariables":
            return list.first { $0["name"] as? String == parts[1] }.flatMap { $0["value"] }.map(text)
        default:
            let inner = parts[1].split(separator: ".", maxSplits: 1).map(String.init)
            guard inner.count == 2 else { return nil }
            let named = list.first { ($0["artifactIdentifier"] ?? $0["sourceIdentifier"]) as? String == inner[0] }
            return named.flatMap { value(inner[1], in: $0) }
        }
    }

    private static func text(_ value: Any) -> String {
        switch value {
        case let text as String: text
        case let number as NSNumber: number.stringValue
        default: "\(value)"
        }
    }
}
