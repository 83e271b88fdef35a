// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Wire

/// What drydock asks of the launcher over the control socket.
public enum LauncherRequest: Sendable, Equatable {
    /// Give the namespaces these ids and wait for the plan, which may still be in the making. Always the first for a
    /// sandbox.
    case enter(identity: SandboxPlan.Identity)
    /// Become the sandbox. Always the second, with the identity of the first; drydock's lock on the sandbox's place comes
    /// with it, to be held as long as the launcher lives.
    case setUp(SandboxPlan)
    /// Remove the contents of a directory that a sandbox of this identity left behind, and the directory.
    case remove(identity: SandboxPlan.Identity, directory: KernelText)
    case run(CommandLaunch)
    /// Send a signal to every process of the build.
    case signal(Int32)
    /// Kill every process of the build but pid 1, and say so when the last is gone.
    case quiesce
    /// Open a path of the sandbox for reading; the descriptor travels with the reply.
    case open(path: KernelText, directory: Bool)
    /// Keep the descriptor that comes with this for the next shell: its standard input, output and error, in this order.
    case lend
    /// Start a shell for a person, beside whatever runs.
    case openShell(ShellLaunch)
    /// Send a signal to a shell and what runs in its foreground's stead: to the process group that it leads.
    case signalShell(number: UInt32, signal: Int32)
    /// From now on `codebuild-breakpoint` pauses.
    case watchBreakpoints
    /// Let every paused command go on.
    case resume
    /// Remember the shell's state as it is now, under this name.
    case mark(KernelText)
    /// Kill every process of the build and, when the sandbox ends, put everything that the build wrote into this directory
    /// of the host instead of removing it. A lock comes with it, to be held until that is done.
    /// - Parameter sources: the targets of overlays over what the user may change meanwhile.
    case keep(destination: KernelText, sources: [KernelText])
    /// Hold the descriptor that comes with this, a lock on something that what is kept lies over, until that is in its place:
    /// what is there then speaks for itself. Before `keep`.
    case hold
    /// Remove a reopened state at the end after all.
    case drop
    /// Copy these out of the sandbox, to lie in the scratch directory as they are to lie in a layer. Everything of the build
    /// has to be dead.
    case gather([GatheredPath])
    /// Make a layer of what the build wrote, which nobody can see in the sandbox afterwards. Everything of the build has to be
    /// dead.
    case publish(LayerPublication)
    /// Make one layer of several that sandboxes of this identity left, the first being the top one: as hard links where their
    /// files have the ids of the first, copied where not. The directory is not there yet.
    case merge(identity: SandboxPlan.Identity, layers: [SandboxPlan.Operation.Layer], destination: KernelText)
    /// Tell how much disk a directory takes that a sandbox of this identity left.
    case measure(identity: SandboxPlan.Identity, directory: KernelText)

    public func encode() -> [UInt8] {
        var wire = WireEncoder()
        switch self {
        case .setUp(let plan):
            wire.append(UInt8(0))
            plan.encode(to: &wire)
        case .remove(let identity, let directory):
            wire.append(UInt8(1))
            identity.encode(to: &wire)
            wire.append(directory)
        case .run(let launch):
            wire.append(UInt8(2))
            launch.encode(to: &wire)
        case .signal(let number):
            wire.append(UInt8(3))
            wire.append(number)
        case .quiesce:
            wire.append(UInt8(4))
        case .open(let path, let directory):
            wire.append(UInt8(5))
            wire.append(path)
            wire.append(directory)
        case .enter(let identity):
            wire.append(UInt8(6))
            identity.encode(to: &wire)
        case .lend:
            wire.append(UInt8(7))
        case .openShell(let launch):
            wire.append(UInt8(8))
            launch.encode(to: &wire)
        case .signalShell(let number, let signal):
            wire.append(UInt8(9))
            wire.append(number)
            wire.append(signal)
        case .watchBreakpoints:
            wire.append(UInt8(10))
        case .resume:
            wire.append(UInt8(11))
        case .mark(let name):
            wire.append(UInt8(20))
            wire.append(name)
        case .keep(let destination, let sources):
            wire.append(UInt8(21))
            wire.append(destination)
            wire.append(sources)
        case .drop:
            wire.append(UInt8(22))
        case .hold:
            wire.append(UInt8(24))
        case .measure(let identity, let directory):
            wire.append(UInt8(23))
            identity.encode(to: &wire)
            wire.append(directory)
        case .gather(let paths):
            wire.append(UInt8(30))
            wire.appendList(paths) { $1.encode(to: &$0) }
        case .publish(let publication):
            wire.append(UInt8(31))
            publication.encode(to: &wire)
        case .merge(let identity, let layers, let destination):
            wire.append(UInt8(32))
            identity.encode(to: &wire)
            wire.appendList(layers) { $1.encode(to: &$0) }
            wire.append(destination)
        }
        return wire.bytes
    }

    public init(_ bytes: [UInt8]) throws(WireDecoder.Malformed) {
        var wire = WireDecoder(bytes)
        switch try wire.number(UInt8.self) {
        case 0: self = .setUp(try SandboxPlan(from: &wire))
        case 1: self = .remove(identity: try SandboxPlan.Identity(from: &wire), directory: try wire.text())
        case 2: self = .run(try CommandLaunch(from: &wire))
        case 3: self = .signal(try wire.number())
        case 4: self = .quiesce
        case 5: self = .open(path: try wire.text(), directory: try wire.flag())
        case 6: self = .enter(identity: try SandboxPlan.Identity(from: &wire))
        case 7: self = .lend
        case 8: self = .openShell(try ShellLaunch(from: &wire))
        case 9: self = .signalShell(number: try wire.number(), signal: try wire.number())
        case 10: self = .watchBreakpoints
        case 11: self = .resume
        case 20: self = .mark(try wire.text())
        case 21: self = .keep(destination: try wire.text(), sources: try wire.texts())
        case 22: self = .drop
        case 23: self = .measure(identity: try SandboxPlan.Identity(from: &wire), directory: try wire.text())
        case 24: self = .hold
        case 30: self = .gather(try wire.list { wire throws(WireDecoder.Malformed) in try GatheredPath(from: &wire) })
        case 31: self = .publish(try LayerPublication(from: &wire))
        case 32:
            self = .merge(
                identity: try SandboxPlan.Identity(from: &wire),
                layers: try wire.list { wire throws(WireDecoder.Malformed) in try .init(from: &wire) },
                destination: try wire.text())
        default: throw WireDecoder.Malformed()
        }
        guard wire.isAtEnd else { throw WireDecoder.Malformed() }
    }
}

/// One command, as the launcher's pid 1 starts it.
public struct CommandLaunch: Sendable, Equatable {
    /// The whole text of the script file.
    public var script: KernelText
    /// A name looked up on the environment's `PATH`, or a path.
    public var shell: KernelText
    /// Starts where the last command ended rather than in the first directory, and moves what it saved into place.
    public var carriesState: Bool
    /// Starts where the last command ended, but leaves no trace.
    public var observesState: Bool
    public var user: UInt32
    public var group: UInt32
    public var supplementaryGroups: [UInt32]

    public init(
        script: KernelText, shell: KernelText, carriesState: Bool, observesState: Bool, user: UInt32 = 0,
        group: UInt32 = 0, supplementaryGroups: [UInt32] = []
    ) {
        self.script = script
        self.shell = shell
        self.carriesState = carriesState
        self.observesState = observesState
        self.user = user
        self.group = group
        self.supplementaryGroups = supplementaryGroups
    }

    func encode(to wire: inout WireEncoder) {
        wire.append(script)
        wire.append(shell)
        wire.append(carriesState)
        wire.append(observesState)
        wire.append(user)
        wire.append(group)
        wire.appendList(supplementaryGroups) { $0.append($1) }
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        script = try wire.text()
        shell = try wire.text()
        carriesState = try wire.flag()
        observesState = try wire.flag()
        user = try wire.number()
        group = try wire.number()
        supplementaryGroups = try wire.list { wire throws(WireDecoder.Malformed) in try wire.number(UInt32.self) }
    }
}

/// What the launcher answers.
public enum LauncherReply: Sendable, Equatable {
    /// The sandbox stands; requests are welcome.
    case ready(SetUpCompromises)
    /// A step failed; nothing more follows but the end. `errno` is 0 where the kernel said nothing.
    case failed(step: SetUpStep, errno: Int32, path: KernelText)
    /// A command ended, with a status as `wait(2)` stores it.
    case ended(status: Int32)
    /// A command could not be started: its shell, and what the kernel said.
    case notStarted(step: SetUpStep, errno: Int32, path: KernelText)
    case quiesced
    /// The path was opened (`errno` 0, and the descriptor comes with this reply) or was not.
    case opened(errno: Int32)
    /// The sandbox's processes, mounts and control groups are gone; or, after `remove`, the directory, and if not, why.
    case finished(status: Int32, errno: Int32, path: KernelText)
    /// A shell runs; with a terminal, the descriptor of its master side comes with this.
    case shellStarted(number: UInt32)
    case shellNotStarted(number: UInt32, step: SetUpStep, errno: Int32, path: KernelText)
    /// A shell ended, with a status as `wait(2)` stores it.
    case shellEnded(number: UInt32, status: Int32)
    /// A command stands at a breakpoint. Not said again before it was asked to resume.
    case paused
    /// `codebuild-resume` ran in the sandbox. Said once a pause.
    case resumeAsked
    /// What the build wrote will be kept (`errno` 0), or why it cannot be.
    case keeping(errno: Int32)
    /// Before `ready`, of a reopened state: files of the sources that changed since and took the place of what the build
    /// had left of them, and those that could not.
    case sourceChanges(taken: [KernelText], refused: [KernelText])
    /// Bytes on the disk.
    case measured(UInt64)
    /// Everything was copied or, so many files, linked (`errno` 0); or what could not be.
    /// Of single files those are counted that the build wrote.
    case gathered(errno: Int32, path: KernelText, writtenCount: UInt32, linkCount: UInt32)
    /// The layer that was asked for is made.
    case published(PublishedLayer)
    /// Why there is no layer.
    case notPublished(errno: Int32, path: KernelText)

    public func encode() -> [UInt8] {
        var wire = WireEncoder()
        switch self {
        case .ready(let compromises):
            wire.append(UInt8(0))
            wire.append(compromises.rawValue)
        case .failed(let step, let errno, let path), .notStarted(let step, let errno, let path):
            if case .failed = self { wire.append(UInt8(1)) } else { wire.append(UInt8(3)) }
            wire.append(step.rawValue)
            wire.append(errno)
            wire.append(path)
        case .ended(let status):
            wire.append(UInt8(2))
            wire.append(status)
        case .quiesced: wire.append(UInt8(4))
        case .opened(let errno):
            wire.append(UInt8(5))
            wire.append(errno)
        case .finished(let status, let errno, let path):
            wire.append(UInt8(6))
            wire.append(status)
            wire.append(errno)
            wire.append(path)
        case .shellStarted(let number):
            wire.append(UInt8(7))
            wire.append(number)
        case .shellNotStarted(let number, let step, let errno, let path):
            wire.append(UInt8(8))
            wire.append(number)
            wire.append(step.rawValue)
            wire.append(errno)
            wire.append(path)
        case .shellEnded(let number, let status):
            wire.append(UInt8(9))
            wire.append(number)
            wire.append(status)
        case .paused: wire.append(UInt8(10))
        case .resumeAsked: wire.append(UInt8(11))
        case .keeping(let errno):
            wire.append(UInt8(20))
            wire.append(errno)
        case .sourceChanges(let taken, let refused):
            wire.append(UInt8(21))
            wire.append(taken)
            wire.append(refused)
        case .measured(let bytes):
            wire.append(UInt8(22))
            wire.append(bytes)
        case .gathered(let errno, let path, let writtenCount, let linkCount):
            wire.append(UInt8(30))
            wire.append(errno)
            wire.append(path)
            wire.append(writtenCount)
            wire.append(linkCount)
        case .notPublished(let errno, let path):
            wire.append(UInt8(32))
            wire.append(errno)
            wire.append(path)
        case .published(let layer):
            wire.append(UInt8(31))
            layer.encode(to: &wire)
        }
        return wire.bytes
    }

    public init(_ bytes: [UInt8]) throws(WireDecoder.Malformed) {
        var wire = WireDecoder(bytes)
        switch try wire.number(UInt8.self) {
        case 0: self = .ready(SetUpCompromises(rawValue: try wire.number()))
        case 1: self = .failed(step: try Self.step(&wire), errno: try wire.number(), path: try wire.text())
        case 2: self = .ended(status: try wire.number())
        case 3: self = .notStarted(step: try Self.step(&wire), errno: try wire.number(), path: try wire.text())
        case 4: self = .quiesced
        case 5: self = .opened(errno: try wire.number())
        case 6: self = .finished(status: try wire.number(), errno: try wire.number(), path: try wire.text())
        case 7: self = .shellStarted(number: try wire.number())
        case 8:
            self = .shellNotStarted(
                number: try wire.number(), step: try Self.step(&wire), errno: try wire.number(), path: try wire.text())
        case 9: self = .shellEnded(number: try wire.number(), status: try wire.number())
        case 10: self = .paused
        case 11: self = .resumeAsked
        case 20: self = .keeping(errno: try wire.number())
        case 21: self = .sourceChanges(taken: try wire.texts(), refused: try wire.texts())
        case 22: self = .measured(try wire.number())
        case 30:
            self = .gathered(
                errno: try wire.number(), path: try wire.text(), writtenCount: try wire.number(),
                linkCount: try wire.number())
        case 31: self = .published(try PublishedLayer(from: &wire))
        case 32: self = .notPublished(errno: try wire.number(), path: try wire.text())
        default: throw WireDecoder.Malformed()
        }
    }

    private static func step(_ wire: inout WireDecoder) throws(WireDecoder.Malformed) -> SetUpStep {
        guard let step = SetUpStep(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
        return step
    }
}

/// What a sandbox inside a container has to do without, because the kernel lets the container's root do no more.
public struct SetUpCompromises: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `/proc` is the container's, read-only: a new one is refused where parts of the old one are hidden.
    public static let sharedProcesses = SetUpCompromises(rawValue: 1)
    /// `/sys` is the container's although the network is the build's own.
    public static let sharedDevices = SetUpCompromises(rawValue: 2)
    /// A system directory with other file systems mounted inside is shown as it is, and cannot be changed.
    public static let wholeDirectories = SetUpCompromises(rawValue: 4)
}

/// The step of a set-up that failed: with the errno it decides which advice the user gets.
public enum SetUpStep: UInt8, Sendable, CaseIterable {
    case protocolMismatch
    case createNamespaces
    case mapUsers
    case mapGroups
    case joinControlGroup
    case becomeRoot
    case readOnlyLauncher
    case privateMounts
    case cloneTree
    case mapTree
    case mountOverlay
    case mountProcesses
    case mountSystem
    case mountTemporary
    case attachMount
    case makeMountPoint
    case pivotRoot
    case devices
    case mask
    case readOnly
    case writeFile
    case network
    case hostname
    case limits
    case privileges
    case seccomp
    case startCommand
    case findShell
    case changeDirectory
    case changeUser
    case execute
    case openTerminal
    case reopen
    case restoreCache
}
