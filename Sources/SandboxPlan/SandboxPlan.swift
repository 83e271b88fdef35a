// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Everything the launcher does to become a build's sandbox: what is printed by `--print-sandbox` is what runs.
///
/// The plan is a value without judgement of its own: `Sandbox` decides, `drydock-init` performs the operations in order.
public struct SandboxPlan: Sendable, Equatable {
    public var identity: Identity
    /// A network namespace with nothing but a loopback interface; otherwise the host's network is shared.
    public var hasOwnNetwork: Bool
    public var hostname: KernelText
    /// Directory of the host that holds what the build writes; removed by the launcher when the sandbox has ended.
    public var scratch: KernelText
    /// Control groups that pid 1 is put into, removed afterwards: their directories on the host.
    public var controlGroups: [KernelText]
    /// In order; the first is the root.
    public var operations: [Operation]
    /// Most open files of a process; the hard limit is set to it too, unless ours is lower.
    public var openFilesLimit: UInt64
    /// Most processes and threads of one user inside; what a fork bomb ends at even without control groups.
    public var processesLimit: UInt64
    /// Capabilities that a root command has inside, as a bit mask.
    public var capabilities: UInt64
    /// `NAME=VALUE`, the first environment of every command.
    public var environment: [KernelText]
    /// Where commands start: the primary source, inside.
    public var workingDirectory: KernelText
    /// A directory inside, on a tmpfs, for the files that carry the shell's state from command to command.
    public var stateDirectory: KernelText
    /// Directories inside whose names are looked up beside the build, before it asks for them: restored caches.
    public var readAhead: [KernelText]
    /// The scratch directory holds what an earlier sandbox kept; nil for a sandbox that begins with nothing.
    public var reopening: Reopening?

    public init(
        identity: Identity, hasOwnNetwork: Bool, hostname: KernelText, scratch: KernelText,
        controlGroups: [KernelText] = [], operations: [Operation], openFilesLimit: UInt64, processesLimit: UInt64,
        capabilities: UInt64, environment: [KernelText], workingDirectory: KernelText, stateDirectory: KernelText,
        readAhead: [KernelText] = [], reopening: Reopening? = nil
    ) {
        self.identity = identity
        self.hasOwnNetwork = hasOwnNetwork
        self.hostname = hostname
        self.scratch = scratch
        self.controlGroups = controlGroups
        self.operations = operations
        self.openFilesLimit = openFilesLimit
        self.processesLimit = processesLimit
        self.capabilities = capabilities
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.stateDirectory = stateDirectory
        self.readAhead = readAhead
        self.reopening = reopening
    }

    /// How a sandbox begins where an earlier one ended.
    public struct Reopening: Sendable, Equatable {
        /// Targets of overlays over what the user may have changed meanwhile.
        public var sources: [KernelText]
        /// Where the first command that carries the shell's state starts.
        public var directory: KernelText

        public init(sources: [KernelText], directory: KernelText) {
            self.sources = sources
            self.directory = directory
        }
    }

    /// How the build's user and group ids are those of the host.
    public struct Identity: Sendable, Equatable {
        public var users: [Range]
        public var groups: [Range]
        public var method: Method

        public init(users: [Range], groups: [Range], method: Method) {
            self.users = users
            self.groups = groups
            self.method = method
        }

        /// `count` ids from `inside` on are those from `outside` on.
        public struct Range: Sendable, Equatable {
            public var inside: UInt32
            public var outside: UInt32
            public var count: UInt32

            public init(inside: UInt32, outside: UInt32, count: UInt32) {
                self.inside = inside
                self.outside = outside
                self.count = count
            }
        }

        public enum Method: UInt8, Sendable {
            /// We may write any map: real root. Lowers and bound directories are shown through id-mapped mounts, so that
            /// host root's files are root's inside while the host's own root is not mapped at all.
            case privileged
            /// A map of our own single id, written by ourselves.
            case single
            /// A subordinate range, written by the set-uid programs `newuidmap` and `newgidmap`.
            case subordinate
            /// Root of a user namespace already (a rootless container): its ids are passed on one to one.
            case inherited
        }
    }

    /// One step of the set-up. Targets are absolute inside the new root; sources are paths of the host.
    public enum Operation: Sendable, Equatable {
        /// A root in memory that holds nothing but the places of the other operations.
        case root
        /// An empty directory of the build's own, on the disk below the scratch directory.
        case scratchDirectory(source: KernelText, target: KernelText, mode: UInt32)
        /// A copy-on-write view of a directory. At `/` it is the root.
        case overlay(Overlay)
        /// The host's directory, file or device itself.
        case bind(source: KernelText, target: KernelText, access: Access)
        case temporaryFileSystem(target: KernelText, size: UInt64, mode: UInt32)
        /// A process file system for the sandbox's own processes.
        case processes(target: KernelText)
        /// The kernel's device tree, read-only: new with an own network, otherwise the host's.
        case system(target: KernelText)
        /// A device directory with the harmless nodes and terminals of its own.
        case devices(target: KernelText)
        case directory(target: KernelText, mode: UInt32)
        case symbolicLink(target: KernelText, destination: KernelText)
        case file(target: KernelText, contents: KernelText, mode: UInt32)
        /// Hides what is there: an empty file or directory instead. What is not there needs no hiding.
        case mask(target: KernelText)
        /// Forbids writing below.
        case readOnly(target: KernelText)
        /// Copies what layers hold into a directory, over what is there: what they hold can then be changed like anything that
        /// the build made.
        case restore(layers: [Layer], target: KernelText)
        /// A layer itself: nothing can be written into it.
        case layer(Layer, target: KernelText)

        /// Where a copy-on-write view takes its contents from, and where what changes in it goes.
        public struct Overlay: Sendable, Equatable {
            /// Empty where there is nothing but layers.
            public var lower: KernelText
            /// What earlier builds left, over the lower directory; the first lies on top.
            public var layers: [Layer]
            /// Directories below the scratch directory, made by the launcher; not used when changes stay in memory.
            public var upper: KernelText
            public var work: KernelText
            public var target: KernelText
            /// Changes are kept in memory: cheaper by far to begin and to end, for directories that a build hardly changes.
            public var staysInMemory: Bool
            /// Directories of the lower, relative to it, that the build's root owns in its view whoever owns them outside:
            /// it may add to them, and still not change what lies in them.
            public var ownedDirectories: [KernelText]
            /// Permissions of its top directory; nil takes those of the lower directory.
            public var mode: UInt32?

            public init(
                lower: KernelText, layers: [Layer] = [], upper: KernelText, work: KernelText, target: KernelText,
                staysInMemory: Bool = false, ownedDirectories: [KernelText] = [], mode: UInt32? = nil
            ) {
                self.lower = lower
                self.layers = layers
                self.upper = upper
                self.work = work
                self.target = target
                self.staysInMemory = staysInMemory
                self.ownedDirectories = ownedDirectories
                self.mode = mode
            }
        }

        public enum Access: UInt8, Sendable {
            case readWrite, readOnly
        }
    }
}
