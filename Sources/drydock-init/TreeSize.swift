// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Bytes on the disk, and files, of a tree; what has several names counts once for each.
struct TreeSize {
    private(set) var byteCount: UInt64 = 0
    private(set) var fileCount: UInt64 = 0
    /// When anything of it changed last, its directories included.
    private(set) var lastChange = timespec()

    mutating func add(_ directory: KernelText) {
        let top = directory.withCString { open($0, DirectoryContents.flags) }
        if top >= 0 { walk(top) }
    }

    /// Adds a directory and what lies in it.
    mutating func add(_ directory: Int32) {
        addItself(directory)
        let top = openat(directory, ".", DirectoryContents.flags)
        if top >= 0 { walk(top) }
    }

    /// Adds a directory without what lies in it.
    mutating func addItself(_ directory: Int32) {
        var status = stat()
        if fstat(directory, &status) == 0 { count(status) }
    }

    /// Adds what goes by a name in a directory.
    mutating func add(entry name: KernelText, of directory: Int32) {
        guard let status = DirectoryContents.status(name, in: directory) else { return }
        count(status)
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        let top = name.withCString { openat(directory, $0, DirectoryContents.flags) }
        if top >= 0 { walk(top) }
    }

    private mutating func count(_ status: stat) {
        byteCount += UInt64(status.st_blocks) * 512
        if lastChange.isBefore(status.st_ctim) { lastChange = status.st_ctim }
        // What hides a file is none.
        if status.st_mode & S_IFMT != S_IFDIR, status.st_mode & S_IFMT != S_IFCHR { fileCount += 1 }
    }

    /// Nothing runs that could change the tree, so `..` leads back where we came from; at any depth one descriptor does.
    private mutating func walk(_ top: Int32) {
        var current = top
        defer { close(current) }
        var pending = [contents(current)]
        while !pending.isEmpty {
            if let name = pending[pending.count - 1].popLast() {
                let next = name.withCString { openat(current, $0, DirectoryContents.flags) }
                guard next >= 0 else { continue }
                close(current)
                current = next
                pending.append(contents(current))
                continue
            }
            pending.removeLast()
            if pending.isEmpty { break }
            let above = "..".withCString { openat(current, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            guard above >= 0 else { break }
            close(current)
            current = above
        }
    }

    /// Adds up what lies in a directory, and gives the directories among it.
    private mutating func contents(_ directory: Int32) -> [KernelText] {
        var directories: [KernelText] = []
        for name in DirectoryContents.names(directory) ?? [] {
            guard let status = DirectoryContents.status(name, in: directory) else { continue }
            count(status)
            if status.st_mode & S_IFMT == S_IFDIR { directories.append(name) }
        }
        return directories
    }
}
