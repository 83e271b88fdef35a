// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Files
internal import Glibc
internal import SystemPackage

/// The directories of one build without a sandbox: below the state directory, and in memory for what holds secrets.
///
///     <directory>/lock      locked as long as drydock lives
///     <directory>/src…      copies of the sources, where the plan says
///     <directory>/home      HOME
///     <directory>/tmp       TMPDIR
///     <state>/…             the shell's saved state: below /dev/shm where that is memory
final class WorkingPlace {
    let directory: FilePath
    let state: FilePath
    /// Whether the saved state stays in memory.
    let keepsSecretsInMemory: Bool
    private let lock: FileLock

    static let home: FilePath.Component = "home"
    static let temporary: FilePath.Component = "tmp"
    private static let memory: FilePath = "/dev/shm"

    /// Makes the directories.
    init(_ directory: FilePath) throws(FilesError) {
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
        var state = Self.memoryPlace(of: directory)
        var isInMemory = Self.memory.withPlatformString { linux_file_system_type_at($0) } == LINUX_TMPFS_MAGIC
        if isInMemory {
            isInMemory = state.withPlatformString { mkdir($0, 0o700) } == 0
        }
        if !isInMemory {
            state = directory.appending("state")
            _ = try Directory.make(state, mode: 0o700)
        }
        self.state = state
        keepsSecretsInMemory = isInMemory
    }

    private static func memoryPlace(of directory: FilePath) -> FilePath {
        memory.appending("drydock-" + (directory.lastComponent?.string ?? "build"))
    }

    /// Lets another user of this machine reach the build: each directory of ours on the way can be entered, none listed,
    /// and the saved state, with the secrets in it, is that user's alone.
    func open(to user: UInt32, group: UInt32) {
        _ = state.withPlatformString { chown($0, user, group) }
        _ = directory.appending(Self.temporary).withPlatformString { chmod($0, 0o1777) }
        _ = directory.appending(Self.home).withPlatformString { chmod($0, 0o711) }
        var place = directory
        for _ in 0..<3 {
            var status = stat()
            guard place.withPlatformString({ stat($0, &status) }) == 0, status.st_uid == geteuid() else { return }
            _ = place.withPlatformString { chmod($0, status.st_mode & 0o7777 | 0o011) }
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
