// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport

/// The package as it stands on disk: its targets, the floors they stand on and their source files.
struct House {
    struct Target {
        var name: String
        var type: String
        /// Names of modules: targets of this package, and the products of others, which are named like their modules.
        var dependencies: Set<String>
        /// nil for tests, which stand on no floor.
        var floor: Int?
        /// Its place in Package.swift.
        var position: Int
        var files: [SourceFile]

        var isTest: Bool { floor == nil }
    }

    /// Read once for all tests.
    static let current = Result { try House() }

    let root: FilePath
    let targets: [Target]

    init() throws {
        root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        // Without a scratch path of its own it would wait for the lock that the running `swift test` holds.
        let scratch = NSTemporaryDirectory() + "drydock-dump-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let dump = try runTool(
            "swift", ["package", "--package-path", root.string, "--scratch-path", scratch, "dump-package"])
        guard dump.status == 0 else { throw Failure(text: "swift package dump-package failed: " + dump.errors) }
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(dump.standardOutput))
        let floors = Self.floors(inManifest: try Self.text("Package.swift", of: root))

        var targets: [Target] = []
        for (position, target) in manifest.targets.enumerated() {
            let folder = target.path ?? (target.type == "test" ? "Tests/" : "Sources/") + target.name
            targets.append(
                Target(
                    name: target.name, type: target.type, dependencies: Set(target.dependencies.map(\.name)),
                    floor: floors[target.name], position: position,
                    files: try SourceFile.all(below: folder, of: root)))
        }
        self.targets = targets
    }

    /// The text of a file of the package.
    func text(_ path: String) throws -> String { try Self.text(path, of: root) }

    private static func text(_ path: String, of root: FilePath) throws -> String {
        try String(contentsOfFile: root.appending(path).string, encoding: .utf8)
    }

    func target(_ name: String) -> Target? { targets.first { $0.name == name } }

    /// The files of everything that ships.
    var shippedFiles: [SourceFile] { targets.filter { !$0.isTest }.flatMap(\.files) }

    /// Floors by target, from the comments of Package.swift: `// Floor 2 · …` begins one, `// Tests · …` ends them.
    static func floors(inManifest text: String) -> [String: Int] {
        var floors: [String: Int] = [:]
        var floor: Int?
        var awaitsName = false
        for line in text.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
            if line.hasPrefix("// Floor ") {
                floor = Int(line.dropFirst("// Floor ".count).prefix { $0.isNumber })
            } else if line.hasPrefix("// Tests ") {
                floor = nil
            }
            awaitsName = awaitsName || line.contains("arget(") || line.contains("systemLibrary(")
            guard awaitsName, let start = line.range(of: "name: \"") else { continue }
            awaitsName = false
            if let floor { floors[String(line[start.upperBound...].prefix { $0 != "\"" })] = floor }
        }
        return floors
    }

    struct Failure: Error, CustomStringConvertible {
        var text: String
        var description: String { text }
    }
}

/// What is of interest in the answer of `swift package dump-package`.
private struct Manifest: Decodable {
    var targets: [Target]

    struct Target: Decodable {
        var name: String
        var type: String
        var path: String?
        var dependencies: [Dependency]
    }

    /// `{"byName": ["Files", null]}`, or the same under `target` or `product`.
    struct Dependency: Decodable {
        var name: String

        init(from decoder: any Decoder) throws {
            let kinds = try decoder.singleValueContainer().decode([String: [JSON]].self)
            guard let name = kinds.values.first?.first?.text else {
                throw House.Failure(text: "a dependency without a name")
            }
            self.name = name
        }
    }

    struct JSON: Decodable {
        var text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }
}
