// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What is known of a state that a failed build left: whose it is, where the build stopped, and what it was made with.
///
/// It lies beside the state as `record.json` and holds no secret.
public struct KeptRecord: Codable, Sendable, Equatable {
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

        public init(
            identifier: String?, hostPath: String, path: String, displayed: String, isCheckout: Bool, isWritable: Bool,
            version: String?, resolvedVersion: String?, repositoryURL: String?
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
                for variable in environment {
                    writer.object {
                        $0.member("name", variable.name)
                        $0.member("value", variable.value)
                    }
                }
            }
            writer.array("withheld", of: withheld)
        }
        writer.newline()
        return writer.bytes
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
    }
}

/// How a build goes on where another ended: what a face says of it, and what the build's own record keeps.
public struct Resumption: Codable, Sendable, Equatable {
    /// `<project>:<uuid>` and number of the build whose state is used.
    public var buildIdentifier: String
    public var buildNumber: Int
    /// When that build ended.
    public var endTime: Timestamp
    /// Where this build begins.
    public var phase: PhaseType
    /// Phases that are not run again.
    public var reusedPhases: [PhaseType]
    /// Files of the sources that changed since, as this build sees them: paths relative to their source.
    public var changedFiles: [String]
    /// Files that changed since below directories that the earlier build had removed or replaced: not seen.
    public var hiddenFiles: [String]

    public init(
        buildIdentifier: String, buildNumber: Int, endTime: Timestamp, phase: PhaseType, reusedPhases: [PhaseType],
        changedFiles: [String] = [], hiddenFiles: [String] = []
    ) {
        self.buildIdentifier = buildIdentifier
        self.buildNumber = buildNumber
        self.endTime = endTime
        self.phase = phase
        self.reusedPhases = reusedPhases
        self.changedFiles = changedFiles
        self.hiddenFiles = hiddenFiles
    }

    /// What is used again and what is new, in sentences for people, without a first capital.
    /// - Parameter now: for how long ago that was.
    public func sentences(at now: Timestamp) -> [String] {
        var first =
            "resumes build \(buildNumber) at \(phase.rawValue), with its files as it left them "
            + Self.age(now.seconds - endTime.seconds) + " ago"
        if !reusedPhases.isEmpty {
            first += "; not run again: " + reusedPhases.map(\.rawValue).joined(separator: ", ")
        }
        var sentences = [first]
        if !changedFiles.isEmpty { sentences.append("takes in " + Self.files(changedFiles)) }
        if !hiddenFiles.isEmpty {
            sentences.append(
                "does not take in " + Self.files(hiddenFiles) + ": the earlier build removed or replaced the directory")
        }
        return sentences
    }

    private static func files(_ names: [String]) -> String {
        let shown = names.prefix(8).joined(separator: ", ")
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        return "\(names.count) changed file\(names.count == 1 ? "" : "s"): \(shown)\(more)"
    }

    private static func age(_ seconds: Double) -> String {
        let seconds = Int(min(max(seconds, 0), 1e9))
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) days"
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.member("buildIdentifier", buildIdentifier)
        writer.member("buildNumber", buildNumber)
        writer.member("endTime", epoch: endTime)
        writer.member("phase", phase.rawValue)
        writer.array("reusedPhases", of: reusedPhases.map(\.rawValue))
        writer.array("changedFiles", of: changedFiles)
        writer.array("hiddenFiles", of: hiddenFiles)
    }
}
