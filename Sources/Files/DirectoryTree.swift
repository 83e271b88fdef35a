// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
import Glibc
public import SystemPackage

/// A tree below a directory of which this process holds a descriptor, opened with this process's own rights.
public final class DirectoryTree: TreeOpener {
    private let root: FileDescriptor

    /// - Parameter root: stays the caller's to close, after this object's last use.
    public init(root: FileDescriptor) {
        self.root = root
    }

    public func open(_ path: FilePath, directory: Bool) throws(FilesError) -> FileDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (directory ? O_DIRECTORY : 0)
        do {
            return try openBelow(
                root, path, flags: flags, resolve: LINUX_RESOLVE_IN_ROOT | LINUX_RESOLVE_NO_MAGICLINKS)
        } catch {
            guard error.underlying == .fileNameTooLong else { throw error }
            return try openLong(path, flags: flags)
        }
    }

    /// Goes in steps where the path is longer than the kernel takes at once (PATH_MAX, 4,096 bytes).
    ///
    /// Behind the first step links are refused: each step would read an absolute one against another root.
    private func openLong(_ path: FilePath, flags: Int32) throws(FilesError) -> FileDescriptor {
        var steps: [[UInt8]] = [[]]
        for component in path.bytes.split(separator: UInt8(ascii: "/")) {
            if steps[steps.count - 1].count + component.count > 4000 { steps.append([]) }
            steps[steps.count - 1] += component
            steps[steps.count - 1].append(UInt8(ascii: "/"))
        }
        let last = FilePath(bytes: steps.removeLast())
        var current = root
        defer { if current != root { try? current.close() } }
        var resolve = LINUX_RESOLVE_IN_ROOT | LINUX_RESOLVE_NO_MAGICLINKS
        for passed in steps {
            let next = try openBelow(
                current, FilePath(bytes: passed), flags: LINUX_O_PATH | O_DIRECTORY, resolve: resolve)
            if current != root { try? current.close() }
            current = next
            resolve = LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_NO_SYMLINKS
        }
        return try openBelow(current, last, flags: flags, resolve: resolve)
    }
}
