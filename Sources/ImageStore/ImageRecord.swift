// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Diagnostics
internal import SystemPackage
internal import YAML

/// What is known of a finished image, kept beside its root file system.
public struct ImageRecord: Sendable, Equatable {
    public var name: String
    /// Of the recipe; see ``ImageRecipe/digest(architecture:)``.
    public var digest: String
    public var suite: String
    /// As Debian names it.
    public var architecture: String
    /// The recipe's directory as the user named it.
    public var recipe: String
    public var created: Timestamp
    /// Bytes on the disk.
    public var size: Int
    public var environment: [ImageRecipe.Variable]
    public var runtimes: [ImageRuntime]

    public init(
        name: String, recipe: ImageRecipe, digest: String, architecture: String, directory: String, created: Timestamp,
        size: Int
    ) {
        self.name = name
        self.digest = digest
        self.suite = recipe.suite
        self.architecture = architecture
        self.recipe = directory
        self.created = created
        self.size = size
        self.environment = recipe.environment
        self.runtimes = recipe.runtimes
    }

    /// As JSON, on one line.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { write(into: &$0) }
        writer.newline()
        return writer.bytes
    }

    /// The members of the record's object.
    public func write(into writer: inout JSONWriter) {
        writer.member("v", 1)
        writer.member("name", name)
        writer.member("digest", digest)
        writer.member("suite", suite)
        writer.member("architecture", architecture)
        writer.member("recipe", recipe)
        writer.member("created", epoch: created)
        writer.member("size", size)
        writer.array("environment") { writer in
            for variable in environment {
                writer.object { writer in
                    writer.member("name", variable.name)
                    writer.member("value", variable.value)
                }
            }
        }
        writer.array("runtimes") { writer in
            for runtime in runtimes {
                writer.object { writer in
                    writer.member("name", runtime.name)
                    writer.array("versions", of: runtime.versions)
                }
            }
        }
    }

    /// Reads what `json` wrote; nil when it is something else. JSON is YAML, and the reader of YAML is here already.
    init?(json bytes: [UInt8]) {
        guard let root = try? YAMLDocument(SourceText(path: "image.json", bytes: bytes)).root,
            root["v"]?.scalar?.text == "1"
        else { return nil }
        func text(_ key: String) -> String? { root[key]?.scalar?.text }
        guard let name = text("name"), let digest = text("digest"), let suite = text("suite"),
            let architecture = text("architecture"), let recipe = text("recipe"),
            let created = text("created").flatMap({ Double($0) }), let size = text("size").flatMap({ Int($0) })
        else { return nil }
        self.name = name
        self.digest = digest
        self.suite = suite
        self.architecture = architecture
        self.recipe = recipe
        self.created = Timestamp(seconds: created)
        self.size = size
        environment = (root["environment"]?.items ?? []).compactMap { item in
            guard let name = item["name"]?.scalar?.text, let value = item["value"]?.scalar?.text else { return nil }
            return ImageRecipe.Variable(name: name, value: value)
        }
        runtimes = (root["runtimes"]?.items ?? []).compactMap { item in
            guard let name = item["name"]?.scalar?.text else { return nil }
            return ImageRuntime(
                name: name, versions: (item["versions"]?.items ?? []).compactMap { $0.scalar?.text })
        }
    }
}
