// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The variables that CodeBuild itself sets, with values that hold on this machine.
///
/// Source: AWS CodeBuild User Guide, "Environment variables in build environments"; a few more are undocumented and
/// seen in every build.
public struct BuiltInVariables: Sendable {
    /// `<project>:<uuid>`.
    public var buildIdentifier: String
    public var buildARN: String
    public var project: String
    public var buildNumber: Int
    /// The image's name as CodeBuild would have it, or as the user gave it.
    public var image: String
    public var region: String
    public var accountIdentifier: String
    /// Who started the build.
    public var initiator: String
    /// Milliseconds since 1970.
    public var startTimeMilliseconds: Int
    /// The key of the project, its ARN or `alias/…`; nil for the account's own key for S3.
    public var encryptionKey: String?
    public var source: Source
    public var secondarySources: [Source]
    public var home = "/root"
    /// `TMPDIR`; nil where `/tmp` is the build's own.
    public var temporaryDirectory: String?

    public init(
        buildIdentifier: String, buildARN: String, project: String, buildNumber: Int, image: String, region: String,
        accountIdentifier: String = "000000000000", initiator: String, startTimeMilliseconds: Int, source: Source,
        secondarySources: [Source] = []
    ) {
        self.buildIdentifier = buildIdentifier
        self.buildARN = buildARN
        self.project = project
        self.buildNumber = buildNumber
        self.image = image
        self.region = region
        self.accountIdentifier = accountIdentifier
        self.initiator = initiator
        self.startTimeMilliseconds = startTimeMilliseconds
        self.source = source
        self.secondarySources = secondarySources
    }

    /// A source as the build sees it.
    public struct Source: Sendable {
        /// Nil for the primary source.
        public var identifier: String?
        /// Absolute, inside the sandbox.
        public var directory: String
        /// What was asked for: a branch, a tag, `pr/<n>`, a commit.
        public var version: String?
        /// The commit that it is; nil where there is none, as for a directory outside git.
        public var resolvedVersion: String?
        public var repositoryURL: String?

        public init(
            identifier: String? = nil, directory: String, version: String? = nil, resolvedVersion: String? = nil,
            repositoryURL: String? = nil
        ) {
            self.identifier = identifier
            self.directory = directory
            self.version = version
            self.resolvedVersion = resolvedVersion
            self.repositoryURL = repositoryURL
        }
    }

    /// What a Linux image sets that says nothing itself: the search path of Debian's root, and UTF-8 text.
    public static let imageDefaults = [
        EnvironmentVariable(name: "PATH", value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        EnvironmentVariable(name: "LANG", value: "C.UTF-8"),
    ]

    /// Names and values, in a stable order. A value that is not known is left out, as CodeBuild leaves it out.
    public var variables: [EnvironmentVariable] {
        let uuid = buildIdentifier.split(separator: ":").last.map(String.init) ?? buildIdentifier
        let console = "https://\(region).console.aws.amazon.com/codebuild/home?region=\(region)"
        var list: [EnvironmentVariable] = []
        func add(_ name: String, _ value: String?) {
            if let value { list.append(EnvironmentVariable(name: name, value: value)) }
        }
        add("HOME", home)
        add("TMPDIR", temporaryDirectory)
        add("AWS_DEFAULT_REGION", region)
        add("AWS_REGION", region)
        add("CODEBUILD_BUILD_ARN", buildARN)
        add("CODEBUILD_BUILD_ID", buildIdentifier)
        add("CODEBUILD_BUILD_IMAGE", image)
        add("CODEBUILD_BUILD_NUMBER", String(buildNumber))
        add("CODEBUILD_BUILD_SUCCEEDING", "1")
        add("CODEBUILD_BUILD_URL", "\(console)#/builds/\(buildIdentifier)/view/new")
        add("CODEBUILD_CI", "true")
        add("CODEBUILD_INITIATOR", initiator)
        add("CODEBUILD_KMS_KEY_ID", encryptionKey ?? "arn:aws:kms:\(region):\(accountIdentifier):alias/aws/s3")
        add("CODEBUILD_LOCAL_BUILD", "true")
        add("CODEBUILD_LOG_PATH", uuid)
        add("CODEBUILD_PROJECT_ARN", "arn:aws:codebuild:\(region):\(accountIdentifier):project/\(project)")
        add("CODEBUILD_START_TIME", String(startTimeMilliseconds))
        add("CODEBUILD_RESOLVED_SOURCE_VERSION", source.resolvedVersion)
        add("CODEBUILD_GOPATH", goPath)
        for source in [source] + secondarySources {
            let suffix = source.identifier.map { "_" + $0 } ?? ""
            add("CODEBUILD_SRC_DIR" + suffix, source.directory)
            add("CODEBUILD_SOURCE_VERSION" + suffix, source.version)
            // Set for every source, and empty where no URL is known.
            add("CODEBUILD_SOURCE_REPO_URL" + suffix, source.repositoryURL ?? "")
        }
        return list
    }

    /// `/codebuild/output/src123` of a source in `/codebuild/output/src123/src/…`.
    private var goPath: String? {
        let parts = source.directory.split(separator: "/")
        guard let last = parts.lastIndex(of: "src"), last > 0 else { return nil }
        return "/" + parts[..<last].joined(separator: "/")
    }
}

/// A name and its value.
public struct EnvironmentVariable: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
