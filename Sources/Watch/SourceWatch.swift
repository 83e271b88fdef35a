// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
public import SystemPackage

/// Tells when something in directories changes that git does not ignore. Source: inotify(7).
///
/// Every directory of a tree is watched by itself; new ones are added as they come. Names, not descriptors, tell where a
/// watched directory is, so what is moved is watched anew.
public final class SourceWatch {
    /// What is watched.
    public struct Scope {
        /// A directory of the host.
        public var root: FilePath
        public var ignores = IgnoreSources()

        public init(root: FilePath) { self.root = root }
    }

    /// Becomes readable when something has happened.
    public let descriptor: Int32
    /// Directories of the host, absolute and without links, that count for nothing though they lie in a scope.
    private let excluded: Set<[UInt8]>
    /// Single files that count wherever they are, ignored or not.
    private let files: [FilePath]
    private var trees: [WatchedTree]
    private var directories: [Int32: WatchedDirectory] = [:]
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private var found = SourceChange()
    private var mustRescan = false

    /// A directory that the kernel tells about.
    private struct WatchedDirectory {
        /// Which tree it belongs to; nil when it is watched for single files alone.
        var tree: Int?
        /// Relative to the tree's root; empty for the root.
        var path: [UInt8] = []
        var rules: IgnoreRules?
        /// Names of single files in it, and how they are called.
        var files: [[UInt8]: FilePath] = [:]
    }

    /// - Parameters:
    ///   - excluded: directories that count for nothing; those that are not there yet too.
    ///   - files: single files that count though they are ignored, or lie elsewhere.
    public init(_ scopes: [Scope], excluding excluded: [FilePath] = [], files: [FilePath] = []) throws(WatchError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw .cannotStart(Errno(rawValue: errno)) }
        self.excluded = Set(excluded.map(\.bytes))
        self.files = files
        trees = []
        for scope in scopes { trees.append(WatchedTree(scope)) }
        do throws(WatchError) { try scan() } catch {
            close(descriptor)
            throw error
        }
        found = SourceChange()
    }

    deinit { close(descriptor) }

    /// How many directories are watched.
    public var directoryCount: Int { directories.count }

    /// What has changed since it was asked last; nil when nothing that counts has.
    public func changes() throws(WatchError) -> SourceChange? {
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 {
                if count < 0, errno == EINTR { continue }
                break
            }
            var offset = 0
            while offset + 16 <= count {
                // struct inotify_event: wd 4, mask 4, cookie 4, len 4, name with NULs.
                let (watch, mask, length) = buffer.withUnsafeBytes { bytes in
                    (
                        bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self),
                        bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
                        Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                    )
                }
                let name = Array(buffer[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 })
                offset += 16 + length
                try handle(watch, Mask(rawValue: mask), name)
            }
        }
        if mustRescan { try rescan() }
        defer { found = SourceChange() }
        return found.count > 0 ? found : nil
    }

    // MARK: Events

    private func handle(_ watch: Int32, _ mask: Mask, _ name: [UInt8]) throws(WatchError) {
        if mask.contains(.overflow) {
            note([], of: nil)
            mustRescan = true
            return
        }
        guard let directory = directories[watch] else { return }
        if mask.contains(.forgotten) {
            directories[watch] = nil
            return
        }
        if !mask.isDisjoint(with: [.selfDeleted, .selfMoved, .unmounted]) {
            guard let tree = directory.tree, directory.path.isEmpty else { return }
            throw .rootGone(trees[tree].root)
        }
        if let file = directory.files[name] {
            if !mask.isDisjoint(with: .anyChange) { found.add(file) }
            return
        }
        guard let tree = directory.tree, name != Array(".git".utf8) else { return }
        let isDirectory = mask.contains(.directory)
        let path = directory.path.isEmpty ? name : directory.path + [UInt8(ascii: "/")] + name
        if excluded.contains(trees[tree].absolute(path)) { return }
        if name == Array(".gitignore".utf8), !isDirectory { mustRescan = true }
        // What went away may be watched although it is ignored by now.
        if isDirectory, !mask.isDisjoint(with: [.deleted, .movedFrom]) { forget(path, of: tree) }
        let rules = directory.rules ?? trees[tree].rules
        if trees[tree].ignores(path, isDirectory: isDirectory, rules) { return }
        if isDirectory {
            if !mask.isDisjoint(with: [.created, .movedTo]) {
                try add(path, of: tree, rules: rules, notesFiles: true)
            } else if mask.contains(.movedFrom) {
                note(path, of: tree)
            }
        } else if !mask.isDisjoint(with: [.written, .deleted, .movedFrom, .movedTo, .attributes]) {
            note(path, of: tree)
        } else if mask.contains(.created), isWhole(trees[tree].absolute(path)) {
            note(path, of: tree)
        }
    }

    /// A regular file that has just been made is whole when it is closed. Links are whole at once.
    private func isWhole(_ path: [UInt8]) -> Bool {
        var status = stat()
        guard FilePath(bytes: path).withPlatformString({ lstat($0, &status) }) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG || status.st_nlink > 1
    }

    private func note(_ path: [UInt8], of tree: Int?) {
        found.add(FilePath(bytes: tree.map { trees[$0].displayed(path) } ?? path))
    }

    // MARK: Trees

    private func scan() throws(WatchError) {
        for index in trees.indices {
            try trees[index].prepare()
            try add([], of: index, rules: trees[index].rules, notesFiles: false)
        }
        for file in files {
            guard let name = file.lastComponent else { continue }
            let parent = file.removingLastComponent()
            guard let watch = try watch(parent.isEmpty ? "." : parent) else { continue }
            directories[watch, default: WatchedDirectory()].files[FilePath(root: nil, [name]).bytes] = file
        }
    }

    /// Everything anew: patterns have changed, or the kernel has lost count.
    private func rescan() throws(WatchError) {
        mustRescan = false
        for watch in directories.keys { inotify_rm_watch(descriptor, watch) }
        directories = [:]
        try scan()
    }

    private func add(_ top: [UInt8], of tree: Int, rules: IgnoreRules, notesFiles: Bool) throws(WatchError) {
        var waiting = [(path: top, rules: rules)]
        while let (path, inherited) = waiting.popLast() {
            let place = FilePath(bytes: trees[tree].absolute(path))
            // Watched before it is listed, so that nothing comes in between.
            guard let watch = try watch(place) else {
                if path.isEmpty { throw .rootGone(trees[tree].root) }
                continue
            }
            guard let listed = try? Directory(place), let entries = try? listed.entries() else { continue }
            let rules = trees[tree].rules(of: listed, at: path, entries, below: inherited)
            directories[watch, default: WatchedDirectory()].tree = tree
            directories[watch, default: WatchedDirectory()].path = path
            directories[watch, default: WatchedDirectory()].rules = rules
            for entry in entries where entry.name != Array(".git".utf8) {
                let inner = path.isEmpty ? entry.name : path + [UInt8(ascii: "/")] + entry.name
                let kind = entry.kind ?? (try? listed.status(FilePath(bytes: entry.name)))?.kind
                let isDirectory = kind == .directory
                guard isDirectory || notesFiles else { continue }
                if excluded.contains(trees[tree].absolute(inner)) { continue }
                if trees[tree].ignores(inner, isDirectory: isDirectory, rules) { continue }
                if isDirectory { waiting.append((inner, rules)) } else { note(inner, of: tree) }
            }
        }
    }

    /// Nil when the directory is gone, or not ours to see.
    private func watch(_ path: FilePath) throws(WatchError) -> Int32? {
        let (result, failure) = path.withPlatformString { text in
            (inotify_add_watch(descriptor, text, Mask.wanted.rawValue), errno)
        }
        if result >= 0 { return result }
        switch failure {
        case ENOSPC: throw .tooManyDirectories(directories.count)
        case ENOMEM: throw .cannotStart(Errno(rawValue: failure))
        default: return nil
        }
    }

    private func forget(_ path: [UInt8], of tree: Int) {
        for (watch, directory) in directories where directory.tree == tree {
            let isInside =
                directory.path.starts(with: path) && directory.path.dropFirst(path.count).first == UInt8(ascii: "/")
            guard isInside || directory.path == path else { continue }
            inotify_rm_watch(descriptor, watch)
            directories[watch] = nil
        }
    }
}

/// What has changed in a source.
public struct SourceChange: Sendable, Equatable {
    /// What is known by name, each once, in the order it came; the first hundred.
    public private(set) var paths: [FilePath] = []
    /// How often something changed, with or without a name.
    public private(set) var count = 0

    public init() {}

    /// Adds what came later.
    public mutating func add(_ other: SourceChange) {
        for path in other.paths { note(path) }
        count += other.count
    }

    fileprivate mutating func note(_ path: FilePath) {
        if paths.count < 100, !path.isEmpty, !paths.contains(path) { paths.append(path) }
    }

    /// - Parameter path: empty when it is not known.
    fileprivate mutating func add(_ path: FilePath) {
        note(path)
        count += 1
    }
}

/// The kernel's names for what happened. Source: <linux/inotify.h>.
private struct Mask: OptionSet {
    let rawValue: UInt32

    static let attributes = Mask(rawValue: 0x4)
    static let written = Mask(rawValue: 0x8)
    static let movedFrom = Mask(rawValue: 0x40)
    static let movedTo = Mask(rawValue: 0x80)
    static let created = Mask(rawValue: 0x100)
    static let deleted = Mask(rawValue: 0x200)
    static let selfDeleted = Mask(rawValue: 0x400)
    static let selfMoved = Mask(rawValue: 0x800)
    static let unmounted = Mask(rawValue: 0x2000)
    static let overflow = Mask(rawValue: 0x4000)
    static let forgotten = Mask(rawValue: 0x8000)
    static let onlyDirectories = Mask(rawValue: 0x0100_0000)
    static let withoutUnlinked = Mask(rawValue: 0x0400_0000)
    static let directory = Mask(rawValue: 0x4000_0000)

    static let anyChange: Mask = [.attributes, .written, .movedFrom, .movedTo, .deleted]
    static let wanted: Mask = anyChange.union([
        .created, .selfDeleted, .selfMoved, .onlyDirectories, .withoutUnlinked,
    ])
}
