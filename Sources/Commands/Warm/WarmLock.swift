// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

/// The right to fill one cache: `<state>/warming/<hash>`, with the holder's process id in it. It goes with its holder, however
/// that ends; a file that a killed one left is taken over.
final class WarmLock {
    private let lock: FileLock
    private let path: FilePath

    /// Nil when somebody else has it.
    static func take(_ hash: String, in state: FilePath) throws(FilesError) -> WarmLock? {
        let directory = state.appending("warming")
        _ = try Directory.make(directory, mode: 0o700)
        let path = directory.appending(hash)
        while true {
            guard let lock = try FileLock.acquire(path, waiting: false) else { return nil }
            // Who had it removes the file while we open it: then the lock is one on a file that nobody else finds.
            let own = try FileStatus(of: lock.descriptor, path: path)
            guard let found = try? Directory(directory).status(FilePath(hash)), found.isSameFile(as: own) else {
                continue
            }
            _ = ftruncate(lock.descriptor.rawValue, 0)
            _ = try? lock.descriptor.writeAll(toAbsoluteOffset: 0, "\(Caller.processIdentifier)\n".utf8)
            return WarmLock(lock, path)
        }
    }

    /// The process that has it, as far as that can be told.
    static func holder(of hash: String, in state: FilePath) -> String? {
        let bytes = (try? FileContents.read(state.appending("warming").appending(hash), limit: 32)) ?? []
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return Int(text).map(String.init)
    }

    private init(_ lock: FileLock, _ path: FilePath) {
        self.lock = lock
        self.path = path
    }

    deinit {
        // While the lock is held: whoever opened the file before sees that it is gone, and makes another.
        unlink(path.string)
        withExtendedLifetime(lock) {}
    }
}
