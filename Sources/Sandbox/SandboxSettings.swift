// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Secrets
public import SystemPackage

/// What a build's sandbox is to be, in the words of whoever asks for it.
public struct SandboxSettings: Sendable {
    public var image: Image
    public var network: Network
    /// The first is the primary source.
    public var sources: [SourceMount]
    public var limits: Limits
    /// The first environment of every process: nothing of the host's but what stands here.
    public var environment: [(name: String, value: VariableValue)]
    /// Where the sandbox keeps what the build writes, made and removed by it; on a disk, not shared with another build.
    public var scratchDirectory: FilePath
    /// The program that becomes the sandbox (`drydock-init`).
    public var launcher: FilePath
    /// Begin where a kept state ended; `scratchDirectory` is then its directory. Nil begins with nothing.
    public var reopening: Reopening?
    /// What is restored from earlier builds and saved for later ones; nil for neither.
    public var caches: Caches?
    /// Caches as a tree for drydock's own programs; nil in a build.
    public var layerView: LayerView?

    public init(
        image: Image = .host, network: Network = .host, sources: [SourceMount], limits: Limits = Limits(),
        environment: [(name: String, value: VariableValue)] = [], scratchDirectory: FilePath, launcher: FilePath
    ) {
        self.image = image
        self.network = network
        self.sources = sources
        self.limits = limits
        self.environment = environment
        self.scratchDirectory = scratchDirectory
        self.launcher = launcher
    }

    /// What a sandbox takes over from a kept state besides its files.
    public struct Reopening: Sendable {
        public var place: KeptPlace
        /// The shell's variables, as a shell reads them.
        public var environment: [UInt8]
        /// Where the first command starts; nil is the primary source.
        public var directory: FilePath?

        public init(place: KeptPlace, environment: [UInt8] = [], directory: FilePath? = nil) {
            self.place = place
            self.environment = environment
            self.directory = directory
        }
    }

    /// Where `/` comes from.
    public enum Image: Sendable, Equatable {
        /// The host's own system directories.
        case host
        /// An unpacked root file system.
        case directory(FilePath)
        /// An unpacked root file system that has a name.
        case named(String, root: FilePath)
        /// An unpacked root file system that is being made: what is done in the sandbox stays.
        case unfinished(FilePath)

        /// The directory of the host that holds it; nil for the host itself.
        public var root: FilePath? {
            switch self {
            case .host: nil
            case .directory(let root), .named(_, let root), .unfinished(let root): root
            }
        }
    }

    public enum Network: String, Sendable, CaseIterable {
        case host
        case none
    }

    /// A directory of the host that the build sees.
    public struct SourceMount: Sendable, Equatable {
        public var hostPath: FilePath
        /// Absolute inside, e.g. `/codebuild/output/src123/src`.
        public var path: FilePath
        /// Writes go to the host's directory itself instead of a copy-on-write view.
        public var isWritable: Bool

        public init(hostPath: FilePath, path: FilePath, isWritable: Bool = false) {
            self.hostPath = hostPath
            self.path = path
            self.isWritable = isWritable
        }
    }

    /// What the build may use at most; nil is no limit asked for.
    public struct Limits: Sendable, Equatable {
        public var memoryBytes: Int?
        public var cpus: Double?
        public var processes: Int?

        public init(memoryBytes: Int? = nil, cpus: Double? = nil, processes: Int? = nil) {
            self.memoryBytes = memoryBytes
            self.cpus = cpus
            self.processes = processes
        }
    }
}
