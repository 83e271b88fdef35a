// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// Gives a file new content, and leaves all else about it as it was: owner, mode, access list, attributes, its other names.
///
/// Where a new file can be all that the old one is, it takes the old one's place in one step. Otherwise (the file has further
/// names, an owner or group that this user cannot give, attributes, or stands in a directory that this user may not
/// change) it is written where it is; room for it is made before the first byte changes.
public enum FileRewrite {
    /// - Parameter path: of a regular file that is there and may be written; a link in the last component is refused.
    public static func write(_ bytes: [UInt8], to path: FilePath) throws(FilesError) {
        let old = try openHost(path, flags: O_RDWR | O_NOFOLLOW | O_NONBLOCK)
        defer { try? old.close() }
        let status = try FileStatus(of: old, path: path)
        guard status.kind == .regular else { throw FilesError(.notRegular, path: path) }
        if status.linkCount == 1, !hasAttributes(old), try replace(path, status, with: bytes) { return }
        try overwrite(old, path, with: bytes)
    }

    /// Whether a new file could take the place of the old one; false when it could not be the same in all else.
    private static func replace(
        _ path: FilePath, _ old: FileStatus, with bytes: [UInt8]
    ) throws(FilesError) -> Bool {
        let file: AtomicFile
        do throws(FilesError) { file = try AtomicFile(replacing: path, mode: 0o600) } catch {
            if error.underlying == .permissionDenied || error.underlying == .notPermitted { return false }
            throw error
        }
        // The owner first: changing it takes the bits of setuid and setgid away.
        guard fchown(file.descriptor.rawValue, old.owner, old.group) == 0,
            fchmod(file.descriptor.rawValue, old.mode) == 0
        else { return false }
        var failure: FilesError?
        bytes.withUnsafeBytes { buffer in
            do throws(FilesError) { try file.write(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        try file.commit()
        return true
    }

    private static func overwrite(
        _ file: FileDescriptor, _ path: FilePath, with bytes: [UInt8]
    ) throws(FilesError) {
        // File systems that cannot promise room say so; then the write itself has to tell.
        if !bytes.isEmpty, linux_reserve(file.rawValue, bytes.count) != 0 {
            let reason = Errno(rawValue: errno)
            if reason != .notSupported, reason != .noFunction {
                throw FilesError(.write, path: path, underlying: reason)
            }
        }
        do {
            try file.seek(offset: 0, from: .start)
            _ = try file.writeAll(bytes)
        } catch { throw FilesError(.write, path: path, underlying: error as? Errno) }
        if ftruncate(file.rawValue, bytes.count) != 0 {
            throw FilesError(.write, path: path, underlying: Errno(rawValue: errno))
        }
    }

    /// Whether a file has extended attributes, such as an access list. The label of SELinux does not count: a new file of
    /// the same directory gets one of itself.
    private static func hasAttributes(_ file: FileDescriptor) -> Bool {
        let size = linux_list_attributes(file.rawValue, nil, 0)
        guard size > 0 else { return false }
        let names = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) {
                max(0, linux_list_attributes(file.rawValue, $0.baseAddress, $0.count))
            }
        }
        return names.split(separator: 0).contains { !$0.elementsEqual("security.selinux".utf8) }
    }
}
