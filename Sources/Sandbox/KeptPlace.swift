// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage
internal import Wire

/// The place of a kept state, locked: where a build's sandbox is put when it ends, or begins again.
///
///     <directory>          the state; there as a whole or not at all
///     <directory>.lock     held by whoever makes, uses or removes the state
///
/// The lock belongs to an open file that drydock and the launcher share, so it is free exactly when both are done.
public final class KeptPlace: Sendable {
    public let directory: FilePath
    let lock: FileDescriptor

    private init(directory: FilePath, lock: FileDescriptor) {
        self.directory = directory
        self.lock = lock
    }

    deinit { try? lock.close() }

    /// What a place is held for.
    public enum Use: String, Sendable {
        case build, shell, removal
    }

    /// Who said to have taken a place last.
    public struct Holder: Sendable, Equatable {
        public var use: Use
        public var process: Int32

        /// Who holds the place, for a message; nil when that process is gone: what it left may still be on its way into the
        /// place.
        public var livingWords: String? {
            guard kill(process, 0) == 0 || errno == EPERM else { return nil }
            let name =
                switch use {
                case .build: "a build"
                case .shell: "a `drydock shell`"
                case .removal: "a `drydock gc`"
                }
            return "\(name) with process \(process)"
        }
    }

    /// Who holds the place, or did last; nil when nobody ever said so.
    public static func holder(of directory: FilePath) -> Holder? {
        guard let bytes = SmallFile.bytes(FilePath(directory.string + ".lock")) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard words.count == 2, let use = Use(rawValue: String(words[0])), let process = Int32(words[1]), process > 0
        else { return nil }
        return Holder(use: use, process: process)
    }

    /// Takes the place from somebody who is about to be done with it: a state that is still being put there, somebody who
    /// only looks. An open shell or a running build is not waited for.
    /// - Parameter seconds: how long it may take.
    public static func take(
        _ directory: FilePath, as use: Use, forAtMost seconds: Double, isCancelled: () -> Bool
    ) throws(SandboxError) -> KeptPlace? {
        let step: UInt32 = 10_000
        var waited = 0.0
        while true {
            if let place = try take(directory, as: use) { return place }
            let isLiving = holder(of: directory)?.livingWords != nil
            if waited >= (isLiving ? min(seconds, 0.5) : seconds) || isCancelled() { return nil }
            usleep(step)
            waited += Double(step) / 1e6
        }
    }

    /// - Parameter waiting: waits for whoever holds the place: a state that is still being put there, a shell that is open.
    /// - Returns: nil when somebody holds it and `waiting` is false.
    public static func take(
        _ directory: FilePath, as use: Use, waiting: Bool = false
    ) throws(SandboxError) -> KeptPlace? {
        let parent = directory.removingLastComponent()
        if parent.withPlatformString({ mkdir($0, 0o700) }) != 0, errno != EEXIST {
            throw .scratch(parent, Errno(rawValue: errno))
        }
        let path = FilePath(directory.string + ".lock")
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
        guard descriptor >= 0 else { throw .scratch(path, Errno(rawValue: errno)) }
        let place = KeptPlace(directory: directory, lock: FileDescriptor(rawValue: descriptor))
        while true {
            if (waiting ? linux_lock_exclusive_wait(descriptor) : linux_lock_exclusive(descriptor)) == 0 {
                // For whoever has to wait; a disk without room for it has no room for a state either.
                let words = Array("\(use.rawValue) \(getpid())\n".utf8)
                _ = ftruncate(descriptor, 0)
                _ = pwrite(descriptor, words, words.count, 0)
                return place
            }
            if errno == EAGAIN || errno == EACCES { return nil }
            guard errno == EINTR else { throw .scratch(path, Errno(rawValue: errno)) }
        }
    }

    /// Whether there is a state here.
    public var isOccupied: Bool { identity != nil }

    /// The ids that the state's files belong to; nil where there is none that this version can read.
    var identity: SandboxPlan.Identity? {
        guard let bytes = SmallFile.bytes(directory.appending(Self.identityFile)) else { return nil }
        var wire = WireDecoder(bytes)
        guard (try? wire.number(UInt8.self)) == Self.version else { return nil }
        return try? SandboxPlan.Identity(from: &wire)
    }

    static func identityFileContents(_ identity: SandboxPlan.Identity) -> [UInt8] {
        var wire = WireEncoder()
        wire.append(version)
        identity.encode(to: &wire)
        return wire.bytes
    }

    static let identityFile = "identity"
    /// Of the layout of a kept state: what another version of drydock kept is not opened.
    private static let version: UInt8 = 1

    /// Bytes that the state takes on the disk; nil when that cannot be found out.
    /// - Parameter launcher: the program that reaches files of other ids.
    public func size(launcher: FilePath) -> UInt64? {
        guard let connection = try? LauncherConnection.start(launcher, output: nil) else { return nil }
        defer { connection.close() }
        connection.send(
            .measure(identity: identity ?? IdentityChoice.choose(slot: 0), directory: kernelText(directory)))
        guard case .measured(let bytes)? = try? connection.receive().reply else { return nil }
        return bytes
    }

    /// Removes the state.
    /// - Parameter waiting: false leaves it to the launcher, which holds the lock until it is done.
    /// - Returns: why something is left, if it is.
    @discardableResult
    public func remove(launcher: FilePath, waiting: Bool) -> Errno? {
        let identity = self.identity ?? IdentityChoice.choose(slot: 0)
        // Under another name first: half a state must not be taken for one.
        let doomed = FilePath(directory.string + ".removed-\(getpid())")
        let renamed = directory.withPlatformString { old in doomed.withPlatformString { rename(old, $0) } }
        if renamed != 0 { return errno == ENOENT ? nil : Errno(rawValue: errno) }
        return Self.removeLeftover(doomed, identity: identity, launcher: launcher, waiting: waiting)
    }

    @discardableResult
    static func removeLeftover(
        _ directory: FilePath, identity: SandboxPlan.Identity, launcher: FilePath, waiting: Bool
    ) -> Errno? {
        guard let connection = try? LauncherConnection.start(launcher, output: nil) else { return .noSuchProcess }
        connection.send(.remove(identity: identity, directory: kernelText(directory)))
        guard waiting else {
            // What was sent is read and done although nobody listens to the answer.
            connection.hangUp()
            return nil
        }
        defer { connection.close() }
        switch try? connection.receive().reply {
        case .finished(_, let error, _): return error == 0 ? nil : Errno(rawValue: error)
        case .failed(_, let error, _): return Errno(rawValue: error)
        default: return .noSuchProcess
        }
    }

    /// Removes what a killed drydock left beside its kept states: states that were on their way out.
    /// - Parameter parent: the directory of all kept states.
    public static func clearLeftovers(in parent: FilePath, names: [String], launcher: FilePath, waiting: Bool) {
        for name in names {
            let directory = parent.appending(name)
            let bytes = SmallFile.bytes(directory.appending(identityFile)) ?? []
            var wire = WireDecoder(bytes)
            _ = try? wire.number(UInt8.self)
            let identity = (try? SandboxPlan.Identity(from: &wire)) ?? IdentityChoice.choose(slot: 0)
            removeLeftover(directory, identity: identity, launcher: launcher, waiting: waiting)
        }
    }
}

/// What changed in the sources since the state that a sandbox began with was kept. Paths are those inside.
public struct SourceChanges: Sendable, Equatable {
    /// Changed by the user after the build had changed them: they are now as the user left them.
    public var taken: [FilePath] = []
    /// Hidden by directories that the build made, removed or replaced.
    public var refused: [FilePath] = []

    public init(taken: [FilePath] = [], refused: [FilePath] = []) {
        self.taken = taken
        self.refused = refused
    }
}

extension Sandbox {
    /// Remembers the shell's state as the next command would find it, in files of the sandbox.
    ///
    /// `/codebuild/output/tmp/start-<name>.env` holds the variables as the shell wrote them, `….dir` the directory.
    public func mark(_ name: String) { connection.send(.mark(KernelText(name))) }

    /// Where `mark` puts its files, inside.
    public static func markPath(_ name: String, _ kind: String) -> FilePath {
        FilePath("\(RootFileSystem.stateDirectory)/start-\(name).\(kind)")
    }

    /// Kills the build's processes, and has everything that the build wrote put into a place when the sandbox ends, instead
    /// of removed. It happens in the background; whoever takes the place waits for it.
    /// - Parameters:
    ///   - place: not used for a reopened state, which stays where it is.
    ///   - files: put beside what the build wrote, by names.
    ///   - locks: on what the state lies over, held until it is in its place with all its files, also after drydock's end.
    public func keep(
        in place: KeptPlace, files: [(name: String, contents: [UInt8])], holding locks: [FileDescriptor] = []
    ) throws(SandboxError) {
        let scratch = prepared.settings.scratchDirectory
        let identity = KeptPlace.identityFileContents(prepared.plan.identity)
        for (name, contents) in files + [(KeptPlace.identityFile, identity)] {
            try Self.write(contents, to: scratch.appending(name))
        }
        let sources = prepared.settings.sources.filter { !$0.isWritable }.map { kernelText($0.path) }
        for lock in locks { connection.send(.hold, descriptor: lock) }
        connection.send(.keep(destination: kernelText(place.directory), sources: sources), descriptor: place.lock)
        while true {
            switch try connection.receive().reply {
            case .keeping(0): return
            case .keeping(EOPNOTSUPP): throw .notKeptInMemory(scratch.removingLastComponent())
            case .keeping(let reason): throw .scratch(scratch, Errno(rawValue: reason))
            case .finished: throw .launcherDied
            default: continue
            }
        }
    }

    /// Has a reopened state removed when the sandbox ends.
    public func drop() { connection.send(.drop) }

    /// In one step: others read the record of a reopened state at any time, for what it lies over.
    private static func write(_ contents: [UInt8], to path: FilePath) throws(SandboxError) {
        do throws(FilesError) { try AtomicFile.write(contents, to: path, mode: 0o600) } catch {
            throw .scratch(path, error.underlying ?? .ioError)
        }
    }
}
