// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Artifacts
public import BuildEnvironment
public import BuildModel
public import ImageStore
public import Sandbox
public import Secrets
public import SystemPackage

/// What the caller wants built and how: the words of the command line, checked but not yet looked up.
public struct BuildRequest: Sendable {
    /// The primary source; its identifier is nil.
    public var source: SourceRequest
    public var secondarySources: [SourceRequest] = []
    /// The build writes into the primary source itself instead of a copy-on-write view.
    public var mountsSource = false
    public var buildspec: BuildspecChoice = .standard
    /// Nil: made from the source's directory.
    public var project: ProjectName?
    /// What the project sets.
    public var projectVariables: [ProjectVariable] = []
    /// What else is to be masked, by a name to speak of it.
    public var hidden: [(name: String, value: SecretText)] = []
    /// What the caller sets, in any way; the last of a name counts.
    public var variables: [GivenVariables] = []
    /// Asked, in order, for parameters and secrets.
    public var secretStores: [any SecretStore] = []
    /// Whether secrets are hidden in their usual disguises too.
    public var areDisguisesHidden = true
    /// Whether a build whose buildspec asks for it gets what the caller's git knows of the sources' hosts.
    public var offersGitCredentials = false
    /// Whether an artifact that holds a secret is not published; otherwise the user is warned.
    public var refusesSecretsInArtifacts = false
    public var environmentFileFormat = EnvironmentFile.Format.dotenv
    /// Where artifacts go; nil keeps none, as a project of artifact type `NO_ARTIFACTS` does.
    public var artifactsDirectory: FilePath?
    /// The source directory, where a file of it named `artifactsDirectory`: that is then a path below this directory, and
    /// has to be one of its own there.
    public var artifactsSource: FilePath?
    /// Where they go from there; nil leaves them.
    public var upload: ArtifactUpload?
    public var packaging = ArtifactRequest.Packaging.zip
    /// How artifacts of these identifiers are packed, where that is not `packaging`.
    public var secondaryPackaging: [String: ArtifactRequest.Packaging] = [:]
    public var artifactNaming = ArtifactNaming.buildspec
    /// The key of `CODEBUILD_KMS_KEY_ID`; nil for the account's own.
    public var encryptionKey: String?
    /// The image's name for `CODEBUILD_BUILD_IMAGE`; nil for what the build really runs in.
    public var imageName: String?
    public var image: SandboxSettings.Image = .host
    /// The stored image that `image` names, kept as long as this is; nil for any other.
    public var storedImage: StoredImage?
    public var network: SandboxSettings.Network = .host
    public var limits = SandboxSettings.Limits()
    public var computeType: ComputeType?
    public var timeoutMinutes = 60.0
    /// The command phases to enter.
    public var phases = Set(PhaseType.commandPhases)
    /// Who started the build, for `CODEBUILD_INITIATOR`.
    public var initiator = "drydock"
    public var region = "us-east-1"
    /// By default that of twelve zeros, which is nobody's.
    public var accountIdentifier = "000000000000"
    /// Whether drydock runs as root: what a build may change of `--image host` depends on it.
    public var callerIsRoot = false
    /// What git is started with: it needs the caller's proxies, keys and agents.
    public var gitEnvironment: [String: String] = [:]
    /// What is written into the log before anything else.
    public var notices: [String] = []
    /// What was noticed while the request was made; told with the warnings of the plan.
    public var warnings: [Warning] = []
    /// `SOURCE_DATE_EPOCH` of the caller, for artifacts that are the same each time.
    public var sourceDateEpoch: Int?

    /// How caches are used; nil uses none.
    public var caches: CacheUse?
    /// Whether the build is there to fill caches and for nothing else: artifacts are not looked at.
    public var isWarming = false
    /// Whether to look for everything that could be cached, and not only where known tools do.
    public var findsCachePlaces = false

    /// The kept state to go on with; nil begins with nothing.
    public var resumption: ResumedState?

    public init(source: SourceRequest) { self.source = source }
}

/// Who names the primary artifact.
public enum ArtifactNaming: Sendable, Equatable {
    case buildspec
    /// The project; nil where it has no name for it.
    case project(String?)
}

/// Variables that the caller sets.
public enum GivenVariables: Sendable, Equatable {
    case file(FilePath)
    case flag(EnvironmentFlag)
}

/// Which buildspec is meant. Source: `ProjectSource.buildspec`, AWS CodeBuild API Reference.
public enum BuildspecChoice: Sendable, Equatable {
    /// `buildspec.yml` at the top of the primary source.
    case standard
    /// A path: relative to the primary source, or an absolute one of the host.
    case file(FilePath)
    /// The document itself.
    case inline(String)

    var isInline: Bool {
        if case .inline = self { return true }
        return false
    }

    /// Tells a document from a path: a path begins with a `/`, or has no line breaks and does not look like a mapping.
    ///
    /// CodeBuild's own rule is not documented.
    public init(_ text: String, path: FilePath) {
        let start = text.drop { $0 == " " || $0.isNewline }
        let isDocument =
            text.contains(where: \.isNewline) || start.hasPrefix("{") || start.hasPrefix("version:")
            || text.contains(": ")
        self = text.isEmpty ? .standard : isDocument && !text.hasPrefix("/") ? .inline(text) : .file(path)
    }
}

/// A CodeBuild compute type and what it grants.
///
/// Source: "Build environment compute modes and types", AWS CodeBuild User Guide (Linux containers).
public struct ComputeType: Sendable, Equatable {
    public let name: String
    public let memoryBytes: Int
    public let cpus: Double

    private init(_ name: String, gibibytes: Int, cpus: Double) {
        self.name = name
        self.memoryBytes = gibibytes << 30
        self.cpus = cpus
    }

    public static let all = [
        ComputeType("BUILD_GENERAL1_SMALL", gibibytes: 4, cpus: 2),
        ComputeType("BUILD_GENERAL1_MEDIUM", gibibytes: 8, cpus: 4),
        ComputeType("BUILD_GENERAL1_LARGE", gibibytes: 16, cpus: 8),
        ComputeType("BUILD_GENERAL1_XLARGE", gibibytes: 72, cpus: 36),
        ComputeType("BUILD_GENERAL1_2XLARGE", gibibytes: 144, cpus: 72),
    ]

    /// Finds a type by its name, or by the part behind `BUILD_GENERAL1_`, in any case.
    public init?(_ raw: String) {
        let wanted = raw.uppercased()
        guard let match = Self.all.first(where: { $0.name == wanted || $0.name == "BUILD_GENERAL1_" + wanted }) else {
            return nil
        }
        self = match
    }
}

/// A project's name: a letter or digit, then letters, digits, `-` and `_`.
///
/// Source: `ProjectName`, AWS CodeBuild API Reference: `[A-Za-z0-9][A-Za-z0-9\-_]{1,149}`. A name of one character is
/// taken too: a directory may have one.
public struct ProjectName: Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// Checks a name that the user gave.
    public init?(_ raw: String) {
        let bytes = raw.utf8
        guard let first = bytes.first, Self.isAlphanumeric(first), bytes.count <= 150,
            bytes.allSatisfy({ Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") })
        else { return nil }
        description = raw
    }

    /// Makes a name from a directory's or repository's: what is not allowed becomes `-`.
    public init(sanitizing raw: String) {
        let bytes = raw.utf8.map { byte in
            Self.isAlphanumeric(byte) || byte == UInt8(ascii: "_") ? byte : UInt8(ascii: "-")
        }
        var name = bytes.drop { !Self.isAlphanumeric($0) }.prefix(150)
        while name.last == UInt8(ascii: "-") { name.removeLast() }
        description = name.isEmpty ? "project" : String(decoding: name, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
