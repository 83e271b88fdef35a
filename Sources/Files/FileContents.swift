// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// Reads whole files into memory, never more of them than was agreed.
public enum FileContents {
    /// The whole content of a host's file.
    /// - Parameters:
    ///   - limit: bytes; a longer file is an error (`.tooLarge`), found without reading further.
    ///   - regularOnly: false also reads pipes, as in `<(command)`, and then waits for them.
    public static func read(_ path: FilePath, limit: Int, regularOnly: Bool = true) throws(FilesError) -> [UInt8] {
        let file = try openHost(path, flags: O_RDONLY | (regularOnly ? O_NONBLOCK : 0))
        defer { try? file.close() }
        return try read(file, path: path, limit: limit, regularOnly: regularOnly)
    }

    /// The whole content of an open file.
    /// - Parameter path: for errors only.
    public static func read(
        _ file: FileDescriptor, path: FilePath, limit: Int, regularOnly: Bool = true
    ) throws(FilesError) -> [UInt8] {
        let status = try FileStatus(of: file, path: path)
        if status.kind == .directory { throw FilesError(.read, path: path, underlying: .isDirectory) }
        if regularOnly {
            guard status.kind == .regular else { throw FilesError(.notRegular, path: path) }
            if status.size > limit { throw FilesError(.tooLarge, path: path, limit: limit) }
        }
        // The size is a hint: files of /proc say 0, and a file may grow. One byte over the limit proves it too long.
        var content: [UInt8] = []
        var room = min(max(status.size, 4096), limit) + 1
        while true {
            let start = content.count
            var failure: Errno?
            content.append(
                contentsOf: [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                    do { count = try file.read(into: UnsafeMutableRawBufferPointer(buffer)) } catch {
                        failure = error as? Errno
                        count = 0
                    }
                })
            if let failure { throw FilesError(.read, path: path, underlying: failure) }
            if content.count > limit { throw FilesError(.tooLarge, path: path, limit: limit) }
            if content.count == start { return content }
            room = min(max(64 * 1024, start), limit + 1 - content.count)
        }
    }
}
