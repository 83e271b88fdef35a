// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

/// A file that is written beside its place and takes it only when it is whole.
///
/// Until ``commit(synchronizing:)`` the old file, if any, stays as it is; without it the new one vanishes with this
/// object. Only `kill -9` and a power cut leave something over: a hidden file `.<name>.<digits>.part`. One that has no name
/// until it is whole leaves nothing, where the file system knows such files.
public final class AtomicFile {
    /// Where the new content goes.
    public let descriptor: FileDescriptor
    /// The place that the file will take.
    public let path: FilePath
    private let directory: Directory
    private let name: FilePath
    /// Nil for a file that has no name yet.
    private var temporaryName: FilePath?
    private var isCommitted = false

    /// - Parameters:
    ///   - path: on the host; its directory exists.
    ///   - mode: of the new file, before the umask.
    ///   - isNamed: false gives it a name only when it is whole, where the file system can do that.
    public convenience init(
        replacing path: FilePath, mode: UInt32 = 0o666, isNamed: Bool = true
    ) throws(FilesError) {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw FilesError(.create, path: path, underlying: .isDirectory)
        }
        let parent = path.removingLastComponent()
        let directory = try Directory(parent.isEmpty ? "." : parent)
        try self.init(replacing: FilePath(root: nil, [name]), in: directory, mode: mode, isNamed: isNamed)
    }

    /// - Parameter name: below `directory`; the directories in it exist.
    public convenience init(
        replacing name: FilePath, in directory: Directory, mode: UInt32 = 0o666
    ) throws(FilesError) {
        try self.init(replacing: name, in: directory, mode: mode, isNamed: true)
    }

    private init(replacing name: FilePath, in directory: Directory, mode: UInt32, isNamed: Bool) throws(FilesError) {
        self.directory = directory
        self.name = name
        path = directory.path.pushing(name)
        let unnamed = isNamed ? -1 : openat(directory.descriptor.rawValue, ".", UnnamedFile.flags, mode)
        if unnamed >= 0 {
            descriptor = FileDescriptor(rawValue: unnamed)
            return
        }
        // Whatever is the matter, it is told of the file that a name is wanted for.
        do throws(FilesError) {
            (temporaryName, descriptor) = try TemporaryName.create(beside: name) { (temporary) throws(FilesError) in
                try directory.open(temporary, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
            }
        } catch { throw FilesError(.create, path: path, underlying: error.underlying) }
    }

    /// Writes all of it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FilesError) {
        do { _ = try descriptor.writeAll(bytes) } catch {
            throw FilesError(.write, path: path, underlying: error as? Errno)
        }
    }

    /// Puts the new file in its place. Afterwards the descriptor is still open, until this object goes.
    /// - Parameters:
    ///   - synchronizing: waits until the disk has the content, for what must survive a power cut.
    ///   - replacing: false fails with `.fileExists` where the place is taken.
    public func commit(synchronizing: Bool = false, replacing: Bool = true) throws(FilesError) {
        if synchronizing, fsync(descriptor.rawValue) != 0 {
            throw FilesError(.write, path: path, underlying: Errno(rawValue: errno))
        }
        do throws(FilesError) {
            try directory.rename(try nameUntilThen(), to: name, replacing: replacing)
        } catch {
            // Told with the file's own name, not the one that only we know.
            throw FilesError(.write, path: path, underlying: error.underlying)
        }
        isCommitted = true
        if synchronizing { fsync(directory.descriptor.rawValue) }
    }

    /// Gives a file a name that has none.
    private func nameUntilThen() throws(FilesError) -> FilePath {
        if let temporaryName { return temporaryName }
        let place = "/proc/self/fd/\(descriptor.rawValue)"
        let (temporary, _) = try TemporaryName.create(beside: name) { (temporary) throws(FilesError) in
            let result = temporary.withPlatformString {
                linkat(AT_FDCWD, place, directory.descriptor.rawValue, $0, AT_SYMLINK_FOLLOW)
            }
            if result != 0 { throw FilesError(.write, path: path, underlying: Errno(rawValue: errno)) }
        }
        temporaryName = temporary
        return temporary
    }

    deinit {
        if !isCommitted, let temporaryName { try? directory.remove(temporaryName) }
        try? descriptor.close()
    }

    /// Writes a whole file in one go.
    public static func write(
        _ bytes: [UInt8], to path: FilePath, mode: UInt32 = 0o666, synchronizing: Bool = false, replacing: Bool = true
    ) throws(FilesError) {
        let file = try AtomicFile(replacing: path, mode: mode)
        var failure: FilesError?
        bytes.withUnsafeBytes { buffer in
            do throws(FilesError) { try file.write(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        try file.commit(synchronizing: synchronizing, replacing: replacing)
    }
}

/// Names for what is not finished yet: hidden, beside the place it will take.
public enum TemporaryName {
    /// Tries names until `make` does not find one taken.
    public static func create<Made>(
        beside name: FilePath, _ make: (FilePath) throws(FilesError) -> Made
    ) throws(FilesError) -> (FilePath, Made) {
        var attempts = 0
        while true {
            // NAME_MAX is 255 bytes; the digits must fit behind a name of that length.
            let last = (name.lastComponent.map { FilePath(root: nil, [$0]) } ?? name).bytes.prefix(200)
            let hidden = [UInt8(ascii: ".")] + last + Array(".\(UInt32.random(in: 0 ... .max)).part".utf8)
            let temporary = name.removingLastComponent().pushing(FilePath(bytes: hidden))
            do { return (temporary, try make(temporary)) } catch {
                attempts += 1
                guard error.underlying == .fileExists, attempts < 100 else { throw error }
            }
        }
    }
}
