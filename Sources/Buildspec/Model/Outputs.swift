// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

extension Buildspec {
    /// What to keep of a build, from `artifacts` or one of its `secondary-artifacts`.
    public struct Artifact: Sendable, Equatable {
        /// Evaluated by the shell.
        public var name: Text?
        /// Patterns below the base directory.
        public var files: [Text] = []
        /// Nil means the source directory; may hold wildcards and variables.
        public var baseDirectory: Text?
        public var excludePaths: [Text] = []
        /// Whether every file lands in one directory.
        public var discardPaths = false
        public var enableSymlinks = false
        public var s3Prefix: Text?
        public var span: SourceSpan

        public init(
            files: [Text] = [], name: Text? = nil, baseDirectory: Text? = nil, excludePaths: [Text] = [],
            discardPaths: Bool = false, enableSymlinks: Bool = false, s3Prefix: Text? = nil, span: SourceSpan
        ) {
            self.files = files
            self.name = name
            self.baseDirectory = baseDirectory
            self.excludePaths = excludePaths
            self.discardPaths = discardPaths
            self.enableSymlinks = enableSymlinks
            self.s3Prefix = s3Prefix
            self.span = span
        }
    }

    /// A further artifact with the identifier that the project knows it by.
    public struct SecondaryArtifact: Sendable, Equatable {
        public var identifier: Text
        public var artifact: Artifact
    }

    /// A group of test or coverage reports.
    public struct Report: Sendable, Equatable {
        /// A name or an ARN; may hold a variable.
        public var name: Text
        public var files: [Text] = []
        /// As written; nil means JUnit XML.
        public var fileFormat: Text?
        public var baseDirectory: Text?
        public var discardPaths = false
        public var span: SourceSpan

        /// The formats that CodeBuild reads; case does not count.
        public static let formats = [
            "JUNITXML", "CUCUMBERJSON", "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX", "CLOVERXML",
            "COBERTURAXML", "JACOCOXML", "SIMPLECOV",
        ]
    }

    /// The `cache` section.
    public struct Cache: Sendable, Equatable {
        /// Expanded by the shell.
        public var key: Text?
        /// Prefixes, tried in order.
        public var fallbackKeys: [Text] = []
        /// Nil means both.
        public var action: Action?
        public var paths: [Text] = []
        public var span: SourceSpan

        public enum Action: String, Sendable, Equatable {
            case restore, save
        }
    }
}
