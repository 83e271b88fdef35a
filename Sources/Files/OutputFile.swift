// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// A file for output at a path that a person has named.
///
/// A regular file, or one that is not there yet, appears when it is whole (``AtomicFile``). All else is as with a shell's `>`:
/// a symbolic link stays and what it leads to is written; a named pipe or a device gets the bytes as they come.
public final class OutputFile {
    /// Where the content goes.
    public let descriptor: FileDescriptor
    private let made: AtomicFile?

    /// - Parameter isCancelled: asked while nobody reads a named pipe.
    public init(_ path: FilePath, isCancelled: () -> Bool = { false }) throws(FilesError) {
        let status = try Self.status(path)
        if let status, status.kind != .regular {
            if status.kind == .directory { throw FilesError(.create, path: path, underlying: .isDirectory) }
            descriptor = try Self.open(path, status.kind, isCancelled)
            made = nil
            return
        }
        let place = try Self.resolved(path)
        // What a link of /proc shows may have no path by which it could be replaced.
        if let status, try Self.status(place)?.isSameFile(as: status) != true {
            descriptor = try openHost(path, flags: O_WRONLY | O_TRUNC)
            made = nil
            return
        }
        let file = try AtomicFile(replacing: place, isNamed: false)
        (descriptor, made) = (file.descriptor, file)
    }

    /// Puts a regular file in its place; of others nothing is left to do.
    /// - Returns: its bytes; nil where they went somewhere else.
    public func commit() throws(FilesError) -> Int? {
        guard let made else { return nil }
        let size = try FileStatus(of: descriptor, path: made.path).size
        try made.commit()
        return size
    }

    deinit { if made == nil { try? descriptor.close() } }

    /// Whether a path leads to what a descriptor has open: `/dev/stdout`, `/dev/fd/1`.
    public static func leads(_ path: FilePath, to descriptor: FileDescriptor) -> Bool {
        guard let one = try? status(path), let other = try? FileStatus(of: descriptor, path: path) else { return false }
        return one.isSameFile(as: other)
    }

    // MARK: Looking

    /// Of what a path leads to; nil when nothing is there.
    private static func status(_ path: FilePath) throws(FilesError) -> FileStatus? {
        var raw = stat()
        let failure = path.withPlatformString { stat($0, &raw) == 0 ? 0 : errno }
        if failure == 0 { return FileStatus(raw) }
        if failure == ENOENT { return nil }
        throw FilesError(.create, path: path, underlying: Errno(rawValue: failure))
    }

    /// Where the links of the last component lead, which need not be there: the kernel has followed them once, so it
    /// allows that.
    private static func resolved(_ path: FilePath) throws(FilesError) -> FilePath {
        var path = path
        for _ in 0..<40 {
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = path.withPlatformString { readlink($0, &target, target.count) }
            if count < 0 { return path }
            path = path.removingLastComponent().pushing(
                FilePath(bytes: target.prefix(count).map { UInt8(bitPattern: $0) }))
        }
        throw FilesError(.create, path: path, underlying: .tooManySymbolicLinkLevels)
    }

    private static func open(
        _ path: FilePath, _ kind: FileKind, _ isCancelled: () -> Bool
    ) throws(FilesError) -> FileDescriptor {
        guard kind == .fifo else { return try openHost(path, flags: O_WRONLY | O_NOCTTY) }
        // Until somebody reads, opening would wait, and no signal would end that while signals are taken by descriptor.
        while true {
            do throws(FilesError) {
                let descriptor = try openHost(path, flags: O_WRONLY | O_NONBLOCK)
                _ = fcntl(descriptor.rawValue, F_SETFL, O_WRONLY)
                return descriptor
            } catch {
                guard error.underlying == .noSuchAddressOrDevice, !isCancelled() else { throw error }
                usleep(20_000)
            }
        }
    }
}
