// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// How one tool builds what lies in a directory: its part of a buildspec.
public struct Recipe: Sendable, Equatable {
    /// As people call it: `npm`, `pip`, `CMake`.
    public var tool: String
    /// The files that it was recognised by.
    public var evidence: [String]
    /// CodeBuild's name of the language, and the version that the files ask for or a current one.
    var runtime: (name: String, version: String)?
    var install: [Step] = []
    var preBuild: [Step] = []
    var build: [Step] = []
    var reports: [Report] = []
    var artifacts: Artifacts?
    /// Paths as CodeBuild's images have them, whose user is root.
    var cache: [String] = []

    init(_ tool: String, _ evidence: [String?]) {
        self.tool = tool
        self.evidence = evidence.compactMap { $0 }
    }

    /// A command, and a comment above it.
    struct Step: Sendable, Equatable {
        var command: String
        var comment: String?

        init(_ command: String, _ comment: String? = nil) {
            self.command = command
            self.comment = comment
        }
    }

    /// Files of test results in JUnit's form.
    struct Report: Sendable, Equatable {
        var name: String
        var files: String
        var directory: String?
    }

    struct Artifacts: Sendable, Equatable {
        var files: [String]
        var directory: String?
        /// False where the place is only a guess: then the section is written as a comment.
        var isCertain = true
    }

    public static func == (left: Recipe, right: Recipe) -> Bool {
        left.tool == right.tool && left.evidence == right.evidence && left.install == right.install
            && left.preBuild == right.preBuild && left.build == right.build && left.reports == right.reports
            && left.artifacts == right.artifacts && left.cache == right.cache
            && left.runtime?.name == right.runtime?.name && left.runtime?.version == right.runtime?.version
    }
}
