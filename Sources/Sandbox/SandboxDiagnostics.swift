// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SandboxPlan
internal import SystemPackage

/// Why a sandbox could not be made, or did not last.
public struct SandboxError: Error, Sendable, Equatable {
    public var code: Code
    public var message: String
    public var hints: [String]

    public init(code: Code, message: String, hints: [String]) {
        self.code = code
        self.message = message
        self.hints = hints
    }

    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable { case cannotIsolate, image, source, cache, state, command, stopped, fault }
        private var kind: Kind

        /// Whoever wanted it does not any more.
        public static let stopped = Code(kind: .stopped)
        /// This machine does not let us isolate a build.
        public static let cannotIsolate = Code(kind: .cannotIsolate)
        /// The root file system asked for cannot be used.
        public static let image = Code(kind: .image)
        /// A source directory cannot be shown to the build.
        public static let source = Code(kind: .source)
        /// What a cache holds could not be copied; without it there would be a sandbox.
        public static let cache = Code(kind: .cache)
        /// The directory for what the build writes cannot be used.
        public static let state = Code(kind: .state)
        /// A command could not be started: no such shell, no such user.
        public static let command = Code(kind: .command)
        /// The launcher is missing, died, or is of another build than this program.
        public static let fault = Code(kind: .fault)
    }
}

extension SandboxError {
    static func launcherMissing(_ path: FilePath) -> SandboxError {
        SandboxError(
            code: .fault, message: "the sandbox launcher is not at `\(path)`",
            hints: ["install `drydock-init` beside `drydock`, or in `../libexec/drydock` seen from there"])
    }

    static func archiverMissing(_ path: FilePath) -> SandboxError {
        SandboxError(
            code: .fault, message: "the program that packs caches is not at `\(path)`",
            hints: ["install `drydock-archive` beside `drydock-init`"])
    }

    static func launcherFailed(_ reason: String) -> SandboxError {
        SandboxError(code: .fault, message: "the sandbox launcher could not be started: \(reason)", hints: [])
    }

    static let stopped = SandboxError(code: .stopped, message: "it was stopped", hints: [])

    static let launcherDied = SandboxError(
        code: .fault, message: "the sandbox ended while the build was running",
        hints: ["its launcher was killed from outside, perhaps by the kernel for want of memory: see `dmesg`"])

    static func scratch(_ path: FilePath, _ errno: Errno) -> SandboxError {
        SandboxError(
            code: .state, message: "cannot use `\(path)` for what the build writes: \(errno)",
            hints: ["choose another state directory with `--state-dir`"])
    }

    static func notKeptInMemory(_ directory: FilePath) -> SandboxError {
        SandboxError(
            code: .state,
            message: "the file system of `\(directory)` can hold no layer of an overlay, so it was all in memory",
            hints: [Enclosure.detect()?.volume ?? "--state-dir on a local disk"])
    }

    static func notSaved(_ path: FilePath, _ errno: Errno) -> SandboxError {
        SandboxError(
            code: .state, message: "cannot save `\(path.displayed)`: \(errno)",
            hints: errno == .noSpace ? ["`drydock cache prune` and `drydock gc` give space back"] : [])
    }

    static func keptStateUnreadable(_ path: FilePath) -> SandboxError {
        SandboxError(
            code: .state, message: "`\(path)` is not a state that this version of drydock has kept",
            hints: ["`drydock gc` removes kept states"])
    }

    static func notADirectory(_ path: FilePath, code: Code, what: String, _ errno: Errno?) -> SandboxError {
        SandboxError(
            code: code,
            message: "the \(what) `\(path)` is not a directory that can be read"
                + (errno.map { ": \($0)" } ?? ""),
            hints: [])
    }

    static func tooManySandboxes(_ count: Int) -> SandboxError {
        SandboxError(code: .state, message: "\(count) sandboxes are running already", hints: [])
    }

    /// A step of the launcher's failed.
    static func setUp(_ step: SetUpStep, _ errno: Errno, _ path: KernelText) -> SandboxError {
        let subject = path.isEmpty ? "" : " `\(path)`"
        let reason = errno.rawValue == 0 ? "" : ": \(errno)"
        let code: Code =
            switch step {
            case .findShell, .execute, .changeUser, .startCommand, .changeDirectory, .openTerminal: .command
            case .protocolMismatch: .fault
            case .restoreCache: .cache
            default: .cannotIsolate
            }
        return SandboxError(
            code: code, message: "cannot \(step.phrase)\(subject)\(reason)", hints: step.hints(errno, path))
    }
}

extension SetUpStep {
    /// What the step does, to be read after "cannot".
    var phrase: String {
        switch self {
        case .protocolMismatch: "talk to the sandbox launcher: `drydock` and `drydock-init` are of different builds"
        case .createNamespaces: "create the namespaces of a sandbox"
        case .mapUsers: "map the sandbox's user ids with"
        case .mapGroups: "map the sandbox's group ids with"
        case .joinControlGroup: "put the build into the control group"
        case .becomeRoot: "become root inside the sandbox"
        case .readOnlyLauncher: "protect the sandbox launcher from the build"
        case .privateMounts: "detach the sandbox's mounts from the host's"
        case .cloneTree: "show the build"
        case .mapTree: "show the build, with the sandbox's ids,"
        case .mountOverlay: "make a copy-on-write view of"
        case .mountProcesses: "mount a process file system"
        case .mountSystem: "mount a system file system"
        case .mountTemporary: "mount a temporary file system"
        case .attachMount: "mount"
        case .makeMountPoint: "make the directory"
        case .pivotRoot: "enter the sandbox's root"
        case .devices: "set up the device"
        case .mask: "hide"
        case .readOnly: "forbid writing to"
        case .writeFile: "write the file"
        case .network: "bring up the sandbox's loopback interface"
        case .hostname: "name the sandbox"
        case .limits: "set the sandbox's resource limits"
        case .privileges: "drop the sandbox's privileges"
        case .seccomp: "install the system call filter"
        case .startCommand: "start a command"
        case .findShell: "find the shell"
        case .changeDirectory: "enter the source directory"
        case .changeUser: "become the user that `run-as` names"
        case .execute: "run the shell"
        case .openTerminal: "open a terminal in the sandbox at"
        case .reopen: "reopen the kept state in"
        case .restoreCache: "copy the cache into"
        }
    }

    /// Advice for the step and the errno; the kernel's own words rarely say what to do.
    func hints(_ errno: Errno, _ path: KernelText) -> [String] {
        switch (self, errno) {
        case (.createNamespaces, .permissionDenied), (.createNamespaces, .notPermitted):
            return ["user namespaces are forbidden here, by a setting, a security module, a filter or a chroot"]
        case (.createNamespaces, .invalidArgument):
            return ["the kernel was built without one of the namespaces user, mount, pid, ipc, uts, cgroup"]
        case (.mapUsers, .noSuchFileOrDirectory), (.mapGroups, .noSuchFileOrDirectory):
            return ["install the package `uidmap`"]
        case (.mapUsers, _), (.mapGroups, _):
            return ["check this user's ranges in /etc/subuid and /etc/subgid; `drydock doctor` shows them"]
        case (.mountOverlay, .invalidArgument), (.mountOverlay, .notPermitted):
            return [
                "overlayfs needs Linux 5.11 or newer, a state directory on a disk file system (not on an overlay), "
                    + "and no other file systems mounted inside the directory"
            ]
        case (.cloneTree, .invalidArgument):
            return [
                "another file system is mounted inside `\(path)`, and a build without root may not look beneath it; "
                    + "unmount it, or for a source use `--mount-source`"
            ]
        case (.writeFile, .permissionDenied), (.writeFile, .overflow), (.makeMountPoint, .permissionDenied),
            (.makeMountPoint, .overflow):
            return [
                "the root file system's files belong to another user: unpack it as yourself, with "
                    + "`unshare --map-root-user --map-auto tar -xpf ROOT.tar -C DIRECTORY`"
            ]
        case (.createNamespaces, .noFunction):
            return ["a sandbox that we are in refuses new ones; a build cannot start a build"]
        case (.startCommand, .resourceTemporarilyUnavailable):
            return ["the build's limit of processes is used up; `--pids` raises it"]
        case (.mapTree, .invalidArgument):
            return [
                "the file system of `\(path)` does not support id-mapped mounts; run drydock as an ordinary user, or "
                    + "put the directory on ext4, xfs or btrfs"
            ]
        case (.changeUser, .invalidArgument), (.changeUser, .notPermitted):
            return ["only a range of ids can hold another user: see `drydock doctor` for /etc/subuid and /etc/subgid"]
        case (.findShell, _), (.execute, .noSuchFileOrDirectory):
            return ["the build's root file system must hold the shell that `env.shell` names, or `sh`"]
        case (.restoreCache, .noSpace):
            return ["`drydock gc` gives space back; `--cache-mode mount` needs none"]
        case (_, .noSpace) where self != .writeFile:
            return ["too many mounts: see /proc/sys/fs/mount-max"]
        default: return []
        }
    }
}
