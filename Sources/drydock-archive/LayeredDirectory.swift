// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Files
import Glibc
import SystemPackage

/// One directory of several layers, as overlayfs shows them: the first lies on top.
///
/// Not left to the kernel, because an overlay makes an inode of its own for each file that is looked up, and takes each apart
/// at its end: packing 60,000 small files would take a fifth longer.
final class LayeredDirectory {
    /// From the top down.
    private let levels: [Directory]
    /// Which level has a name, the first that has it.
    private let levelsByName: [[UInt8]: Int]

    /// - Parameter levels: from the top down; at least one.
    init(_ levels: [Directory]) throws(ArchiveFailure) {
        var levelsByName: [[UInt8]: Int] = [:]
        do throws(FilesError) {
            for (index, level) in levels.enumerated() {
                for entry in try level.entries() where levelsByName[entry.name] == nil {
                    levelsByName[entry.name] = index
                }
            }
        } catch { throw ArchiveFailure(error) }
        (self.levels, self.levelsByName) = (levels, levelsByName)
    }

    /// In the order of their bytes; among them those that mark what was removed: devices of number 0.
    var names: [[UInt8]] { levelsByName.keys.sorted { $0.precedes($1) } }

    /// Where a name is that shows.
    func level(of name: [UInt8]) -> FileDescriptor { levels[levelsByName[name] ?? 0].descriptor }

    /// The directories that show as one under a name, from the top down.
    /// - Parameter path: of the name, for messages.
    func directories(_ name: [UInt8], path: [UInt8]) throws(ArchiveFailure) -> [Directory] {
        var found: [Directory] = []
        for level in levels[(levelsByName[name] ?? 0)...] {
            let number = withName(name) {
                openat(level.descriptor.rawValue, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
            if number < 0 {
                // Not in this layer; or no directory there, and whatever it is ends what shows through.
                if errno == ENOENT { continue }
                if errno == ENOTDIR || errno == ELOOP { break }
                throw .system(errno, "read", path)
            }
            found.append(Directory(adopting: FileDescriptor(rawValue: number), path: FilePath(bytes: path)))
            if Self.isOpaque(number) { break }
        }
        return found
    }

    /// Whether nothing below shows through (Documentation/filesystems/overlayfs.rst of the kernel, "whiteouts and opaque
    /// directories"; `user.` because the overlay was a user namespace's).
    private static func isOpaque(_ directory: Int32) -> Bool {
        var value: UInt8 = 0
        return linux_get_attribute(directory, "user.overlay.opaque", &value, 1) == 1 && value == UInt8(ascii: "y")
    }
}
