// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What is known of a state that a failed build left: whose it is, where the build stopped, and what it was made with.
///
/// It lies beside the state as `record.json` and holds no secret.
public struct KeptRecord: Codable, Sendable, Equatable {
    /// Its name in the state's directory.
    public static let fileName = "record.json"
    /// Its name when something was taken out of the state: nobody can go on with that any more.
    public static let retiredName = "retired.json"

    /// `<project>:<uuid>` of the build that left the state; of several that went on with it, the last.
    public var buildIdentifier: String
    public var buildNumber: Int
    public var project: String
    /// The primary source as the user named it.
    public var source: String
    /// The phase that failed first.
    public var phase: PhaseType
    /// The text of the command that failed, masked; absent where none was to blame.
    public var command: String?
    /// Why the phase failed, masked.
    public var reason: String
    public var status: BuildStatus
    /// When the build that left the state began and ended.
    public var startTime: Timestamp
    public var endTime: Timestamp
    /// As the user writes it: `host`, `dir:/image`.
    public var image: String
    public var network: String
    /// The primary source first.
    public var sources: [Source]
    /// Phases that were entered, in order: a build can go on at each of them.
    public var phases: [PhaseType]
    /// The environment that the build began with, without secrets.
    public var environment: [BuildRecord.ExportedVariable]
    /// Variables that are not kept because a secret is in them.
    public var withheld: [String]
    /// The buildspec's path as the build named it.
    public var buildspec: String?
    /// The environments of phases that an earlier build had begun, whose state the last one went on with.
    public var earlierEnvironments: [PhaseEnvironment]?

    /// The caches that the state lies over; absent where there were none.
    public var caches: Caches?

    /// Layers of caches that a build began with.
    public struct Caches: Codable, Sendable, Equatable {
        /// The first lies on top.
        public var layers: [Layer]
        public var paths: [Path]
        /// The hash of the entry that the build would have saved; absent where it would have saved none.
        public var entry: String?
        /// The entry that the layers are of.
        public var base: Base?

        /// An entry: its hash, and its key where it has one.
        public struct Base: Codable, Sendable, Equatable {
            public var hash: String
            public var key: String?

            public init(hash: String, key: String?) {
                self.hash = hash
                self.key = key
            }
        }

        public init(layers: [Layer], paths: [Path]) {
            self.layers = layers
            self.paths = paths
        }

        public struct Layer: Codable, Sendable, Equatable {
            /// Of the host, absolute.
            public var directory: String
            public var rootUser: UInt32
            public var rootGroup: UInt32

            public init(directory: String, rootUser: UInt32, rootGroup: UInt32) {
                self.directory = directory
                self.rootUser = rootUser
                self.rootGroup = rootGroup
            }
        }

        /// A path that was cached: absolute, inside.
        public struct Path: Codable, Sendable, Equatable {
            public var path: String
            public var isDirectory: Bool
            public var isCopied: Bool

            public init(path: String, isDirectory: Bool, isCopied: Bool) {
                self.path = path
                self.isDirectory = isDirectory
                self.isCopied = isCopied
            }
        }
    }

    /// What the shell's state at the beginning of a phase was made with.
    public struct PhaseEnvironment: Codable, Sendable, Equatable {
        public var phase: PhaseType
        public var variables: [BuildRecord.ExportedVariable]

        public init(phase: PhaseType, variables: [BuildRecord.ExportedVariable]) {
            self.phase = phase
            self.variables = variables
        }
    }

    /// The environment that a phase was begun with, without secrets.
    public func environment(of phase: PhaseType) -> [BuildRecord.ExportedVariable] {
        earlierEnvironments?.first { $0.phase == phase }?.variables ?? environment
    }

    /// A source as the build saw it.
    public struct Source: Codable, Sendable, Equatable {
        /// Absent for the primary source.
        public var identifier: String?
        /// The user's directory; of a checkout the path below the state's directory.
        public var hostPath: String
        /// Inside, as `/codebuild/output/src123/src`.
        public var path: String
        public var displayed: String
        public var isCheckout: Bool
        public var isWritable: Bool
        public var version: String?
        public var resolvedVersion: String?
        public var repositoryURL: String?
        /// Where it came from: a directory's absolute path, or a repository.
        public var origin: String?

        public init(
            identifier: String?, hostPath: String, path: String, displayed: String, isCheckout: Bool, isWritable: Bool,
            version: String?, resolvedVersion: String?, repositoryURL: String?, origin: String?
        ) {
            self.identifier = identifier
            self.hostPath = hostPath
            self.path = path
            self.displayed = displayed
            self.isCheckout = isCheckout
            self.isWritable = isWritable
            self.version = version
            self.resolvedVersion = resolvedVersion
            self.repositoryURL = repositoryURL
            self.origin = origin
        }
    }

    public init(
        buildIdentifier: String, buildNumber: Int, project: String, source: String, phase: PhaseType, command: String?,
        reason: String, status: BuildStatus, startTime: Timestamp, endTime: Timestamp, image: String, network: String,
        sources: [Source], phases: [PhaseType], environment: [BuildRecord.ExportedVariable], withheld: [String]
    ) {
        self.buildIdentifier = buildIdentifier
        self.buildNumber = buildNumber
        self.project = project
        self.source = source
        self.phase = phase
        self.command = command
        self.reason = reason
        self.status = status
        self.startTime = startTime
        self.endTime = endTime
        self.image = image
        self.network = network
        self.sources = sources
        self.phases = phases
        self.environment = environment
        self.withheld = withheld
    }

    /// The record as an indented JSON document that ends in a newline.
    public var json: [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 4096)
        writer.object { writer in
            writer.member("buildIdentifier", buildIdentifier)
            writer.member("buildNumber", buildNumber)
            writer.member("project", project)
            writer.member("source", source)
            writer.member("phase", phase.rawValue)
            writer.member("command", ifPresent: command)
            writer.member("reason", reason)
            writer.member("status", status.rawValue)
            writer.member("startTime", epoch: startTime)
            writer.member("endTime", epoch: endTime)
            writer.member("image", image)
            writer.member("network", network)
            writer.array("sources") { writer in
                for source in sources { writer.object { source.write(to: &$0) } }
            }
            writer.array("phases", of: phases.map(\.rawValue))
            writer.array("environment") { writer in
                environment.forEach { $0.write(to: &writer) }
            }
            writer.array("withheld", of: withheld)
            writer.member("buildspec", ifPresent: buildspec)
            if let caches { writer.object("caches") { caches.write(to: &$0) } }
            if let earlierEnvironments {
                writer.array("earlierEnvironments") { writer in
                    for earlier in earlierEnvironments {
                        writer.object { writer in
                            writer.member("phase", earlier.phase.rawValue)
                            writer.array("variables") { writer in
                                earlier.variables.forEach { $0.write(to: &writer) }
                            }
                        }
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}

extension KeptRecord.Caches {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.array("layers") { writer in
            for layer in layers {
                writer.object {
                    $0.member("directory", layer.directory)
                    $0.member("rootUser", Int(layer.rootUser))
                    $0.member("rootGroup", Int(layer.rootGroup))
                }
            }
        }
        writer.array("paths") { writer in
            for path in paths {
                writer.object {
                    $0.member("path", path.path)
                    $0.member("isDirectory", path.isDirectory)
                    $0.member("isCopied", path.isCopied)
                }
            }
        }
        writer.member("entry", ifPresent: entry)
        if let base {
            writer.object("base") {
                $0.member("hash", base.hash)
                $0.member("key", ifPresent: base.key)
            }
        }
    }
}

extension BuildRecord.ExportedVariable {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("name", name)
            $0.member("value", value)
        }
    }
}

extension KeptRecord.Source {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("identifier", ifPresent: identifier)
        writer.member("hostPath", hostPath)
        writer.member("path", path)
        writer.member("displayed", displayed)
        writer.member("isCheckout", isCheckout)
        writer.member("isWritable", isWritable)
        writer.member("version", ifPresent: version)
        writer.member("resolvedVersion", ifPresent: resolvedVersion)
        writer.member("repositoryURL", ifPresent: repositoryURL)
        writer.member("origin", ifPresent: origin)
    }
}
