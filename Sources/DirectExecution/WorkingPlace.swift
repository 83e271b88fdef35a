// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import CommandExecution
internal import Files
internal import Glibc
internal import SystemPackage

/// The directories of one build without a sandbox: below the state directory, and in memory for what holds secrets.
///
///     <directory>/lock      locked as long as drydock lives
///     <directory>/src…      copies of the sources, where the plan says
///     <directory>/home      HOME
///     <directory>/tmp       TMPDIR
///     <directory>/bin       the programs that CodeBuild puts on PATH
///     <state>/…             the shell's saved state: below /dev/shm where that is memory with room in it
final class WorkingPlace {
    let directory: FilePath
    let state: FilePath
    /// Whether the saved state stays in memory.
    let keepsSecretsInMemory: Bool
    private let lock: FileLock

    static let home: FilePath.Component = "home"
    static let temporary: FilePath.Component = "tmp"
    private static let programs: FilePath.Component = "bin"
    private static let hashProgram: FilePath.Component = "codebuild-hash-files"
    private static let memory: FilePath = "/dev/shm"

    /// Makes the directories.
    /// - Parameter launcher: what is installed beside it is found on PATH too.
    init(_ directory: FilePath, launcher: FilePath) throws(FilesError) {
        self.directory = directory
        let parent = directory.removingLastComponent()
        _ = try Directory.make(parent, mode: 0o700)
        // Until it is locked a directory looks like one that was left.
        let others = try FileLock.acquire(parent.appending("lock"), waiting: true)
        defer { withExtendedLifetime(others) {} }
        _ = try Directory.make(directory, mode: 0o700)
        guard let lock = try FileLock.acquire(directory.appending("lock"), waiting: false) else {
            throw FilesError(.lock, path: directory)
        }
        self.lock = lock
        for name in [Self.home, Self.temporary] {
            _ = try Directory.make(directory.appending(name), mode: 0o700)
        }
        try BreakpointPrograms.write(into: directory.appending(Self.programs))
        let hashProgram = launcher.removingLastComponent().appending(Self.hashProgram)
        if hashProgram.withPlatformString({ access($0, X_OK) }) == 0 {
            try Directory(directory.appending(Self.programs)).makeLink(
                FilePath(root: nil, [Self.hashProgram]), to: hashProgram)
        }
        var state = Self.memoryPlace(of: directory)
        let isInMemory = Self.hasRoomInMemory(for: state)
        if !isInMemory {
            state = directory.appending("state")
            _ = try Directory.make(state, mode: 0o700)
        }
        self.state = state
        keepsSecretsInMemory = isInMemory
    }

    /// The programs that CodeBuild puts at the end of PATH.
    var programs: FilePath { directory.appending(Self.programs) }

    /// Makes the directory in memory; false, with nothing left of it, where there is no memory to be had: a container's
    /// `/dev/shm` may be missing, read-only, or full.
    private static func hasRoomInMemory(for state: FilePath) -> Bool {
        guard memory.withPlatformString({ linux_file_system_type_at($0) }) == LINUX_TMPFS_MAGIC,
            state.withPlatformString({ mkdir($0, 0o700) }) == 0
        else { return false }
        let probe = state.appending("room")
        let file = probe.withPlatformString { Glibc.open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        // A script and what a shell saves, for a build of some size.
        let hasRoom = file >= 0 && posix_fallocate(file, 0, 1 << 20) == 0
        if file >= 0 { close(file) }
        _ = probe.withPlatformString { unlink($0) }
        if !hasRoom { _ = state.withPlatformString { rmdir($0) } }
        return hasRoom
    }

    private static func memoryPlace(of directory: FilePath) -> FilePath {
        memory.appending("drydock-" + (directory.lastComponent?.string ?? "build"))
    }

    /// Lets another user of this machine reach the build: each directory of ours on the way can be entered, none listed,
    /// and the saved state, with the secrets in it, is that user's alone.
    /// - Throws: where a directory above the state directory, which is nobody's to open for others, keeps the user out.
    func open(to user: CommandRequest.UserIdentity) throws(DirectExecutionError) {
        _ = state.withPlatformString { chown($0, user.userIdentifier, user.groupIdentifier) }
        _ = directory.appending(Self.temporary).withPlatformString { chmod($0, 0o1777) }
        _ = directory.appending(Self.home).withPlatformString { chmod($0, 0o711) }
        var place = directory
        for _ in 0..<3 {
            var status = stat()
            guard place.withPlatformString({ stat($0, &status) }) == 0, status.st_uid == geteuid() else { break }
            _ = place.withPlatformString { chmod($0, status.st_mode & 0o7777 | 0o011) }
            place = place.removingLastComponent()
        }
        while !place.components.isEmpty {
            guard user.mayEnter(place) else { throw .outOfReach(directory, behind: place) }
            place = place.removingLastComponent()
        }
    }

    func remove() throws(FilesError) { try Self.remove(directory) }

    private static func remove(_ directory: FilePath) throws(FilesError) {
        let memory = memoryPlace(of: directory)
        if memory.withPlatformString({ access($0, F_OK) }) == 0 { try removeTree(memory) }
        try removeTree(directory)
    }

    private static func removeTree(_ path: FilePath) throws(FilesError) {
        guard let name = path.lastComponent else { return }
        try Directory(path.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
    }

    /// Removes what builds left whose drydock was killed. What cannot be removed waits for the next time.
    /// - Parameter parent: the directory that holds those of builds; it need not exist.
    static func clearLeftovers(in parent: FilePath) {
        guard let directory = try? Directory(parent), let entries = try? directory.entries(),
            let others = try? FileLock.acquire(parent.appending("lock"), waiting: true)
        else { return }
        defer { withExtendedLifetime(others) {} }
        for entry in entries {
            let place = parent.appending(FilePath(bytes: entry.name).components)
            guard let lock = try? FileLock.acquire(place.appending("lock"), waiting: false) else { continue }
            try? remove(place)
            withExtendedLifetime(lock) {}
        }
    }
}

extension CommandRequest.UserIdentity {
    /// Whether the mode of a directory lets the user look below it.
    fileprivate func mayEnter(_ directory: FilePath) -> Bool {
        var status = stat()
        guard directory.withPlatformString({ stat($0, &status) }) == 0 else { return false }
        if userIdentifier == 0 { return true }
        if status.st_uid == userIdentifier { return status.st_mode & S_IXUSR != 0 }
        let groups = [groupIdentifier] + supplementaryGroups
        return status.st_mode & (groups.contains(status.st_gid) ? S_IXGRP : S_IXOTH) != 0
    }
}
