// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
public import SystemPackage

/// A program that was started and not yet waited for.
///
/// `posix_spawn` rather than `fork`: its cost does not grow with this program's memory, and nothing of ours runs in the
/// child. No descriptor but those named reaches the child, signals start at their defaults, and it leads a session of
/// its own, so that a terminal's Ctrl-C reaches only us and we decide what follows.
public struct ChildProcess: Sendable {
    public let identifier: Int32

    /// Starts `executable` (a path; `PATH` is not searched).
    /// - Parameter descriptors: ours → the number the child sees it by; 0, 1 and 2 are `/dev/null` when not named.
    public static func spawn(
        executable: FilePath, arguments: [String], environment: [String], descriptors: [(FileDescriptor, Int32)],
        workingDirectory: FilePath? = nil
    ) throws(ProcessError) -> ChildProcess {
        let program = executable.string
        // posix_spawn's own dup2 order could overwrite a source that is still needed, so every source is first moved
        // above all targets; the copies close on exec.
        let highest = (descriptors.map(\.1).max() ?? 2)
        var moved: [(Int32, Int32)] = []
        defer { for (source, _) in moved { close(source) } }
        for (descriptor, target) in descriptors {
            let copy = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, max(highest, 2) + 1)
            guard copy >= 0 else { throw .spawnFailed(program, Errno(rawValue: errno)) }
            moved.append((copy, target))
        }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for standard in Int32(0)...2 where !moved.contains(where: { $0.1 == standard }) {
            posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0)
        }
        for (source, target) in moved { posix_spawn_file_actions_adddup2(&actions, source, target) }
        _ = linux_spawn_close_from(&actions, max(highest, 2) + 1)
        if let workingDirectory {
            workingDirectory.withPlatformString { path in _ = linux_spawn_change_directory(&actions, path) }
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | LINUX_POSIX_SPAWN_SETSID
        posix_spawnattr_setflags(&attributes, flags)

        var process: pid_t = 0
        let result = withCStrings([program] + arguments) { argv in
            withCStrings(environment) { envp in
                executable.withPlatformString { posix_spawn(&process, $0, &actions, &attributes, argv, envp) }
            }
        }
        guard result == 0 else { throw .spawnFailed(program, Errno(rawValue: result)) }
        return ChildProcess(identifier: process)
    }

    /// Waits for its end.
    public func wait() -> ExitStatus {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) < 0 {
            if errno != EINTR { return .exited(255) }
        }
        return ExitStatus(rawStatus: status)
    }

    /// Whether it has ended; it still has to be waited for.
    public var hasEnded: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT) == 0
            && information._sifields._sigchld.si_pid == identifier
    }

    public func kill(_ signal: Int32) { _ = Glibc.kill(identifier, signal) }
}

/// How a process ended.
public enum ExitStatus: Sendable, Equatable {
    case exited(Int)
    case signaled(Int)

    /// Reads a status as `wait(2)` stores it.
    public init(rawStatus: Int32) {
        let signal = rawStatus & 0x7f
        self = signal == 0 ? .exited(Int(rawStatus >> 8 & 0xff)) : .signaled(Int(signal))
    }
}

/// Calls `body` with a null-terminated array of C strings that lives as long as the call.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return body(pointers)
}
