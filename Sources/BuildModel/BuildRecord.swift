// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A build's record: the fields of CodeBuild's Build object that have a meaning on one machine.
///
/// Source: `Build`, AWS CodeBuild API Reference. Additions of our own are below `drydock`.
public struct BuildRecord: Codable, Sendable, Equatable {
    public var id: String
    public var arn: String
    public var buildNumber: Int
    public var startTime: Timestamp
    public var endTime: Timestamp?
    public var currentPhase: PhaseType
    public var buildStatus: BuildStatus
    public var sourceVersion: String?
    public var resolvedSourceVersion: String?
    public var projectName: String
    public var phases: [PhaseRecord]
    public var source: SourceRecord
    public var secondarySources: [SourceRecord]
    public var artifacts: ArtifactRecord?
    public var secondaryArtifacts: [ArtifactRecord]
    public var environment: EnvironmentRecord
    public var timeoutInMinutes: Int
    public var buildComplete: Bool
    public var initiator: String
    public var exportedEnvironmentVariables: [ExportedVariable]
    public var drydock: Extras

    public init(
        id: String, arn: String, buildNumber: Int, startTime: Timestamp, projectName: String, source: SourceRecord,
        environment: EnvironmentRecord, timeoutInMinutes: Int, initiator: String, drydock: Extras
    ) {
        self.id = id
        self.arn = arn
        self.buildNumber = buildNumber
        self.startTime = startTime
        self.currentPhase = .submitted
        self.buildStatus = .inProgress
        self.projectName = projectName
        self.phases = []
        self.source = source
        self.secondarySources = []
        self.secondaryArtifacts = []
        self.environment = environment
        self.timeoutInMinutes = timeoutInMinutes
        self.buildComplete = false
        self.initiator = initiator
        self.exportedEnvironmentVariables = []
        self.drydock = drydock
    }

    public struct SourceRecord: Codable, Sendable, Equatable {
        /// `NO_SOURCE` is not used locally: a directory is `LOCAL`, a checkout `GIT`.
        public var type: String
        public var location: String
        public var buildspec: String?
        public var sourceIdentifier: String?

        public init(type: String, location: String, buildspec: String? = nil, sourceIdentifier: String? = nil) {
            self.type = type
            self.location = location
            self.buildspec = buildspec
            self.sourceIdentifier = sourceIdentifier
        }
    }

    public struct EnvironmentRecord: Codable, Sendable, Equatable {
        public var type: String
        public var image: String
        public var computeType: String
        public var privilegedMode: Bool
        /// Names and values that the caller gave; values from secret stores are `***`.
        public var environmentVariables: [Variable]

        public init(
            type: String = "LINUX_CONTAINER", image: String, computeType: String, privilegedMode: Bool = false,
            environmentVariables: [Variable] = []
        ) {
            self.type = type
            self.image = image
            self.computeType = computeType
            self.privilegedMode = privilegedMode
            self.environmentVariables = environmentVariables
        }

        public struct Variable: Codable, Sendable, Equatable {
            public var name: String
            public var value: String
            public var type: String

            public init(name: String, value: String, type: String = "PLAINTEXT") {
                self.name = name
                self.value = value
                self.type = type
            }
        }
    }

    public struct ExportedVariable: Codable, Sendable, Equatable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What CodeBuild's object has no field for.
    public struct Extras: Codable, Sendable, Equatable {
        public var version: String
        public var buildspecPath: String
        public var sourceDirectory: String
        public var logPath: String
        /// The exit code drydock ended with; absent while the build runs, or when drydock was killed.
        public var exitCode: Int?
        /// Process id of drydock while the build runs, to tell a running build from one that was cut off.
        public var processIdentifier: Int
        public var failure: String?
        /// The earlier build that this one goes on with.
        public var resumed: Resumption?
        /// How it was kept apart from the machine: `namespaces`, a sandbox, or `none`. Absent in records of versions that
        /// did not say.
        public var isolation: String?
        /// Absent where the build had no caches.
        public var cache: CacheOutcome?
        /// What it wrote to places worth caching that its caches do not hold; absent where that was nothing.
        public var written: WrittenPlaces?

        public init(
            version: String, buildspecPath: String, sourceDirectory: String, logPath: String, processIdentifier: Int
        ) {
            self.version = version
            self.buildspecPath = buildspecPath
            self.sourceDirectory = sourceDirectory
            self.logPath = logPath
            self.processIdentifier = processIdentifier
        }
    }
}
