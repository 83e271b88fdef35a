// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// An exclusive lock on a file, held until this object goes or the process ends, however it ends.
///
/// It is an open file description lock (fcntl(2)): two of one process exclude each other too.
public final class FileLock: Sendable {
    /// The open file that the lock belongs to: another process that is given it holds the lock as well.
    public let descriptor: FileDescriptor

    /// Takes the lock, or returns nil when somebody holds it and `waiting` is false.
    ///
    /// The file is made where it is missing, and stays: removing a lock file lets two hold "the" lock.
    /// - Parameters:
    ///   - waiting: waits for the holder, without a limit.
    ///   - mode: of a file that is made, before the umask.
    public static func acquire(
        _ path: FilePath, waiting: Bool, mode: UInt32 = 0o600
    ) throws(FilesError) -> FileLock? {
        let descriptor = try openHost(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: mode)
        let lock = FileLock(descriptor: descriptor)
        while true {
            let result =
                waiting
                ? linux_lock_exclusive_wait(descriptor.rawValue) : linux_lock_exclusive(descriptor.rawValue)
            let reason = errno
            if result == 0 { return lock }
            switch reason {
            case EINTR: continue
            case EAGAIN, EACCES: return nil
            default: throw FilesError(.lock, path: path, underlying: Errno(rawValue: reason))
            }
        }
    }

    /// Takes a lock that any number share and that excludes an exclusive one, or returns nil when there is such a one.
    ///
    /// The file must exist: it says that what it protects is there.
    public static func acquireShared(_ path: FilePath) throws(FilesError) -> FileLock? {
        let lock = FileLock(descriptor: try openHost(path, flags: O_RDONLY | O_NOFOLLOW))
        while linux_lock_shared(lock.descriptor.rawValue) != 0 {
            let reason = errno
            switch reason {
            case EINTR: continue
            case EAGAIN, EACCES: return nil
            default: throw FilesError(.lock, path: path, underlying: Errno(rawValue: reason))
            }
        }
        return lock
    }

    /// Takes an exclusive lock on a file that is open for writing: it stays until that is closed, or its process ends.
    /// - Returns: false where somebody else holds it; nil where that cannot be told, since the file system knows no locks.
    public static func hold(_ descriptor: FileDescriptor) -> Bool? {
        while linux_lock_exclusive(descriptor.rawValue) != 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN, EACCES: return false
            default: return nil
            }
        }
        return true
    }

    private init(descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit { try? descriptor.close() }
}
