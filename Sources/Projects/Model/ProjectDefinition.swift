// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// A value with its place in a file, or on the command line.
public struct Placed<Value: Sendable & Equatable>: Sendable, Equatable {
    public var value: Value
    public var span: SourceSpan

    public init(_ value: Value, _ span: SourceSpan) {
        self.value = value
        self.span = span
    }
}

/// A project as CodeBuild defines one, as far as it has a meaning on this machine.
///
/// Source: `CreateProject`, AWS CodeBuild API Reference; `AWS::CodeBuild::Project`, AWS CloudFormation User Guide. What
/// has no meaning here stands in `ProjectFile.Selection.diagnostics` and nowhere else.
public struct ProjectDefinition: Sendable, Equatable {
    public var name: Placed<String>?
    public var source = Source()
    /// Overrides the version of the source.
    public var sourceVersion: Placed<String>?
    public var secondarySources: [Source] = []
    /// Versions by the identifier of their source.
    public var secondarySourceVersions: [SourceVersion] = []
    public var artifacts = Artifacts()
    public var secondaryArtifacts: [Artifacts] = []
    public var environment = Environment()
    public var timeoutMinutes: Placed<Int>?
    /// A key's ARN, or `alias/…`.
    public var encryptionKey: Placed<String>?
    /// Read only where logs are uploaded.
    public var logs = Logs()
    /// Whose caches the project's builds share; nil for its own.
    public var cacheNamespace: Placed<String>?
    /// Of the project's ARN, or of the stack; nil where nothing says it.
    public var region: String?
    /// Twelve digits, as `region`.
    public var accountIdentifier: String?

    public init() {}

    /// `ProjectSource`.
    public struct Source: Sendable, Equatable {
        public var type: Placed<SourceType>?
        public var location: Placed<String>?
        /// A path in the source, an S3 ARN, or the document itself.
        public var buildspec: Placed<String>?
        /// Nil for the primary source.
        public var identifier: Placed<String>?
        /// `gitCloneDepth`; nil for all of the history.
        public var cloneDepth: Int?
        /// `gitSubmodulesConfig.fetchSubmodules`.
        public var fetchesSubmodules = false

        public init() {}
    }

    /// `SourceType`.
    public enum SourceType: String, Sendable, CaseIterable {
        case codeCommit = "CODECOMMIT"
        case codePipeline = "CODEPIPELINE"
        case gitHub = "GITHUB"
        case gitHubEnterprise = "GITHUB_ENTERPRISE"
        case gitLab = "GITLAB"
        case gitLabSelfManaged = "GITLAB_SELF_MANAGED"
        case bitbucket = "BITBUCKET"
        case s3 = "S3"
        case none = "NO_SOURCE"

        /// Whether `location` is the URL of a git repository.
        public var isGit: Bool {
            switch self {
            case .codeCommit, .gitHub, .gitHubEnterprise, .gitLab, .gitLabSelfManaged, .bitbucket: true
            case .codePipeline, .s3, .none: false
            }
        }
    }

    /// `ProjectSourceVersion`.
    public struct SourceVersion: Sendable, Equatable {
        public var identifier: Placed<String>
        public var version: Placed<String>
    }

    /// `ProjectArtifacts`.
    public struct Artifacts: Sendable, Equatable {
        public var type: Placed<ArtifactsType>?
        public var name: Placed<String>?
        /// Whether the artifact is one ZIP file; otherwise its files are a directory. Nil where nothing is said.
        public var isZip: Placed<Bool>?
        /// Whether the buildspec's `artifacts/name` counts.
        public var overridesName: Placed<Bool>?
        /// Nil for the primary artifact.
        public var identifier: Placed<String>?
        /// Where in S3 it goes; read only where artifacts are uploaded.
        public var place = Place()

        public init() {}

        /// A place in a bucket, and how objects are stored there.
        public struct Place: Sendable, Equatable {
            /// The bucket's name.
            public var bucket: Placed<String>?
            public var path: Placed<String>?
            /// `namespaceType` `BUILD_ID`: the build's identifier is a part of the path.
            public var hasBuildIdentifier = false
            public var isEncryptionDisabled = false
            public var ownerAccess = OwnerAccess.none

            public init() {}
        }
    }

    /// `bucketOwnerAccess`: what the bucket's owner may do with objects of another account.
    public enum OwnerAccess: String, Sendable, CaseIterable {
        case none = "NONE"
        case read = "READ_ONLY"
        case full = "FULL"
    }

    /// `LogsConfig`.
    public struct Logs: Sendable, Equatable {
        /// `cloudWatchLogs`, which CodeBuild has by default.
        public var goesToCloudWatch = true
        public var group: Placed<String>?
        /// What the stream's name begins with.
        public var stream: Placed<String>?
        /// `s3Logs.location` where that is on: `bucket/prefix`, or its ARN.
        public var bucketLocation: Placed<String>?
        public var isEncryptionDisabled = false
        public var ownerAccess = OwnerAccess.none

        public init() {}
    }

    /// `ArtifactsType`.
    public enum ArtifactsType: String, Sendable, CaseIterable {
        case codePipeline = "CODEPIPELINE"
        case s3 = "S3"
        case none = "NO_ARTIFACTS"
    }

    /// `ProjectEnvironment`.
    public struct Environment: Sendable, Equatable {
        public var image: Placed<String>?
        public var computeType: Placed<String>?
        /// In file order; of equal names the last counts.
        public var variables: [Variable] = []

        public init() {}
    }

    /// `EnvironmentVariable`.
    public struct Variable: Sendable, Equatable {
        public var name: Placed<String>
        public var value: Placed<String>
        public var kind: Kind
        /// Whether the value was made of a template's parameter that is not to be shown.
        public var isSecret: Bool

        public init(name: Placed<String>, value: Placed<String>, kind: Kind, isSecret: Bool = false) {
            self.name = name
            self.value = value
            self.kind = kind
            self.isSecret = isSecret
        }

        /// `EnvironmentVariableType`.
        public enum Kind: String, Sendable, CaseIterable {
            case plaintext = "PLAINTEXT"
            /// The value is the name of a parameter.
            case parameterStore = "PARAMETER_STORE"
            /// The value is a reference as in a buildspec's `env/secrets-manager`.
            case secretsManager = "SECRETS_MANAGER"
        }
    }
}
