// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import BuildModel

/// What an image is made of, as `image.yml` says it, with the files that lie beside it in `files/`.
public struct ImageRecipe: Sendable, Equatable {
    /// Debian's release: `bookworm`, `trixie`.
    public var suite: String
    /// Where packages come from; nil is wherever this machine's own apt has them from.
    public var mirror: String?
    public var components = ["main"]
    /// Installed without what they only recommend, beside what every Debian has.
    public var packages: [String] = []
    public var users: [User] = []
    /// Of every build in the image; the buildspec and the caller override it.
    public var environment: [Variable] = []
    /// Tools that a buildspec may ask for below `runtime-versions`.
    public var runtimes: [ImageRuntime] = []
    /// Run by `sh` as root inside, when all else is there.
    public var commands: [String] = []
    /// Copied over the root.
    public var files: [RecipeFile] = []

    public init(suite: String) { self.suite = suite }

    /// A user that the image has beside Debian's own.
    public struct User: Sendable, Equatable {
        public var name: String
        /// Nil is the next free one.
        public var identifier: Int?
        public var home: String?
        public var shell: String?
        public var groups: [String] = []
    }

    public struct Variable: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A file, directory or link below `files/`.
    public struct RecipeFile: Sendable, Equatable {
        /// Relative to `files/`.
        public var path: String
        public var isExecutable: Bool
        /// SHA-256 of a file's content; `directory`; or `link` and where it leads.
        public var content: String
    }

    /// Raised when a recipe would be built in another way than before, so that images are built anew.
    private static let format = 1

    /// SHA-256 of everything that decides what is in the image: the same for two recipes that differ in comments, in the
    /// order of packages or in where this machine has packages from.
    /// - Parameter architecture: as Debian names it.
    public func digest(architecture: String) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("format", Self.format)
            writer.member("architecture", architecture)
            writer.member("suite", suite)
            writer.member("mirror", ifPresent: mirror)
            writer.array("components", of: components)
            writer.array("packages", of: Set(packages).sorted())
            writer.array("users") { writer in
                for user in users {
                    writer.object { writer in
                        writer.member("name", user.name)
                        writer.member("id", user.identifier ?? -1)
                        writer.member("home", ifPresent: user.home)
                        writer.member("shell", ifPresent: user.shell)
                        writer.array("groups", of: user.groups)
                    }
                }
            }
            writer.array("environment", of: environment.map { "\($0.name)=\($0.value)" })
            writer.array("runtimes", of: runtimes.map { "\($0.name) \($0.versions.joined(separator: " "))" })
            writer.array("commands", of: commands)
            writer.array("files", of: files.map { "\($0.isExecutable ? "x" : "-") \($0.content) \($0.path)" })
        }
        var digest = SHA256()
        writer.bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }
}

/// A tool and the versions of it that an image has.
public struct ImageRuntime: Sendable, Equatable {
    /// As `runtime-versions` names it: `python`, `java`.
    public var name: String
    public var versions: [String]

    public init(name: String, versions: [String]) {
        self.name = name
        self.versions = versions
    }

    /// The version that a buildspec's word means, or nil when there is none such.
    ///
    /// The word itself; `latest`; or `3.x` for the highest 3. Numbers count as numbers: 3.10 is above 3.9, `corretto17`
    /// above `corretto8`. Source: AWS CodeBuild User Guide, "Runtime versions in buildspec file sample".
    public func version(for word: String) -> String? {
        if versions.contains(word) { return word }
        let candidates: [String]
        if word == "latest" {
            candidates = versions
        } else if word.hasSuffix(".x") {
            let major = word.dropLast(2)
            candidates = versions.filter { $0 == major || $0.hasPrefix("\(major).") }
        } else {
            return nil
        }
        return candidates.max { Self.numbers($0).lexicographicallyPrecedes(Self.numbers($1)) }
    }

    private static func numbers(_ version: String) -> [Int] {
        version.split { !$0.isNumber }.map { Int($0) ?? 0 }
    }
}
