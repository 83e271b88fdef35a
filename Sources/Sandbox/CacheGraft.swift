// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

extension SandboxSettings {
    /// Directories that earlier builds filled and this one goes on with, and where what becomes of them is for later builds.
    public struct Caches: Sendable {
        /// What earlier builds left; the first lies on top.
        public var layers: [Layer]
        /// What is kept, absolute and inside. Each has to lie on the disk when the build ends.
        public var paths: [Path]

        public init(layers: [Layer] = [], paths: [Path] = []) {
            self.layers = layers
            self.paths = paths
        }

        /// Whether what the layers say of a path is that builds removed it.
        /// - Parameter source: the primary source's path inside.
        public func saysIsGone(_ path: FilePath, source: FilePath) -> Bool { kind(of: path, source: source) == S_IFCHR }

        /// The kind bits of what the layers have at a path; 0 for nothing, a device's where it was removed, nil where we may
        /// not look.
        func kind(of path: FilePath, source: FilePath) -> mode_t? {
            let place = CacheGraft.member(path, source: source).string
            for layer in layers {
                let kind = CacheGraft.kind(of: place, in: layer)
                if kind != 0 { return kind }
            }
            return 0
        }

        /// The paths at which something may be mounted.
        var mounted: [Path] { layers.isEmpty ? [] : paths.filter { !$0.isCopied } }

        /// A tree as a saved layer is laid out: `root/<absolute path>`, and `source/<path>` for what lies in the primary source.
        public struct Layer: Sendable, Equatable {
            public var directory: FilePath
            /// The host's ids that were root's in the sandbox that filled it.
            public var rootUser: UInt32
            public var rootGroup: UInt32

            public init(directory: FilePath, rootUser: UInt32, rootGroup: UInt32) {
                self.directory = directory
                self.rootUser = rootUser
                self.rootGroup = rootGroup
            }
        }

        public struct Path: Sendable, Equatable {
            public var path: FilePath
            /// Known to be a directory: it can get a place of its own where there would be none on the disk.
            public var isDirectory: Bool
            /// Copied instead of mounted, with what else is restored in the same view: the build can then rename every
            /// directory in it, and what the source has there shows between what is restored.
            public var isCopied: Bool

            public init(_ path: FilePath, isDirectory: Bool, isCopied: Bool = false) {
                self.path = path
                self.isDirectory = isDirectory
                self.isCopied = isCopied
            }
        }
    }
}

/// Puts caches into a sandbox's operations: as further lower layers of the views that their paths lie in.
///
/// A path is no mount of its own where that can be helped: a build may then remove and rename it like any directory.
struct CacheGraft {
    let caches: SandboxSettings.Caches
    /// The primary source's path inside.
    let source: FilePath
    let scratch: FilePath
    /// Whether the disk below the scratch directory can hold upper layers.
    let canHoldUppers: Bool

    /// The operations with what is restored in them.
    func applied(to operations: [SandboxPlan.Operation]) -> [SandboxPlan.Operation] {
        var mounts = MountTable(operations)
        var operations = operations
        let begin = operations.count
        var carriers: Set<Int> = []
        var copyingCarriers: Set<Int> = []
        var copied: [FilePath] = []
        for (number, path) in caches.paths.enumerated() {
            guard let index = mounts.mount(of: path.path.bytes)?.index else { continue }
            switch operations[index] {
            case .overlay(var view):
                // What is in memory could only be saved by copying it. Where the disk can hold no upper layer, it stays there.
                if canHoldUppers, view.staysInMemory, view.lower == view.target {
                    view.staysInMemory = false
                    operations[index] = .overlay(view)
                }
                carriers.insert(index)
            case .scratchDirectory: carriers.insert(index)
            case .root, .temporaryFileSystem:
                guard let isDirectory = isDirectory(path) else { continue }
                if isDirectory, !operations.contains(where: { $0.lies(below: path.path) }) {
                    let place = scratch.appending("cache-\(number)")
                    operations.append(
                        .scratchDirectory(source: kernelText(place), target: kernelText(path.path), mode: 0o755))
                    mounts = MountTable(operations)
                    carriers.insert(operations.count - 1)
                    if path.isCopied { copyingCarriers.insert(operations.count - 1) }
                } else {
                    // A mount would hide what else is put there; a file is no place for one.
                    let place = isDirectory ? path.path : path.path.removingLastComponent()
                    if place != "/", !copied.contains(place) { copied.append(place) }
                }
            default: continue
            }
            if path.isCopied { copyingCarriers.insert(index) }
        }
        for index in carriers.sorted() { graft(&operations, index, isCopied: copyingCarriers.contains(index)) }
        // Before what is mounted below them: that has its own.
        for place in copied {
            let layers = layers(for: place)
            if !layers.isEmpty { operations.insert(.restore(layers: layers, target: kernelText(place)), at: begin) }
        }
        return operations
    }

    /// Whether a path is a directory by its pattern, or in what is restored; nil where nothing tells.
    private func isDirectory(_ path: SandboxSettings.Caches.Path) -> Bool? {
        if path.isDirectory { return true }
        for layer in caches.layers {
            switch Self.kind(of: Self.place(of: path.path, source: source), in: layer) {
            case 0: continue
            // What only the build's root may look at is copied by it.
            case let kind: return kind == S_IFDIR
            }
        }
        return nil
    }

    private func graft(_ operations: inout [SandboxPlan.Operation], _ index: Int, isCopied: Bool) {
        let target = operations[index].mountTarget ?? "/"
        let layers = layers(for: FilePath(bytes: target.bytes))
        guard !layers.isEmpty else { return }
        let isDirectory = if case .scratchDirectory = operations[index] { true } else { false }
        if isCopied || isDirectory && !canHoldUppers {
            operations.append(.restore(layers: layers, target: target))
            return
        }
        switch operations[index] {
        case .overlay(var view):
            view.layers = layers
            operations[index] = .overlay(view)
        case .scratchDirectory(let source, let target, let mode):
            operations[index] = .overlay(
                .init(
                    lower: "", layers: layers, upper: source, work: source + "-work", target: target, mode: mode))
        default: break
        }
    }

    /// What the layers hold of a place, where it is a directory.
    private func layers(for target: FilePath) -> [SandboxPlan.Operation.Layer] {
        let below = Self.place(of: target, source: source)
        var layers: [SandboxPlan.Operation.Layer] = []
        for layer in caches.layers {
            // What only the build's root may search is looked at by its launcher.
            let kind = Self.kind(of: below, in: layer) ?? S_IFDIR
            if kind == 0 { continue }
            // Whatever else is there hides what is below.
            guard kind == S_IFDIR else { break }
            layers.append(
                .init(
                    root: kernelText(layer.directory), below: KernelText(below), rootUser: layer.rootUser,
                    rootGroup: layer.rootGroup))
        }
        return layers
    }

    /// The kind bits of what a layer has at a place, reached through no link: what a build saved can lead anywhere. 0 for
    /// nothing; a device's, as marks of what was removed have, where something above is no directory; nil where we may not look.
    fileprivate static func kind(of place: String, in layer: SandboxSettings.Caches.Layer) -> mode_t? {
        let flags = LINUX_O_PATH | O_NOFOLLOW | O_CLOEXEC
        let top = layer.directory.withPlatformString { open($0, LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC) }
        guard top >= 0 else { return errno == EACCES ? nil : 0 }
        defer { close(top) }
        let resolution = LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_NO_SYMLINKS | LINUX_RESOLVE_NO_MAGICLINKS
        let found = place.withCString { linux_openat2(top, $0, UInt64(flags), 0, resolution) }
        guard found >= 0 else {
            return switch errno {
            case EACCES: nil
            case ENOTDIR, ELOOP: S_IFCHR
            default: 0
            }
        }
        defer { close(found) }
        var status = stat()
        return fstat(found, &status) == 0 ? status.st_mode & S_IFMT : 0
    }

    /// Where a path of the sandbox is in a layer, relative.
    static func member(_ path: FilePath, source: FilePath) -> FilePath {
        var below = path
        return below.removePrefix(source) ? FilePath("source").pushing(below) : FilePath("root" + path.string)
    }

    /// Where the directory of a mount is in a layer, relative.
    static func place(of target: FilePath, source: FilePath) -> String {
        target == source ? "source" : target == "/" ? "root" : "root" + target.string
    }
}

extension SandboxPlan.Operation {
    /// Whether it puts something into a directory.
    fileprivate func lies(below directory: FilePath) -> Bool {
        let target: KernelText
        switch self {
        case .directory(let place, _), .symbolicLink(let place, _), .file(let place, _, _): target = place
        default:
            guard let place = mountTarget else { return false }
            target = place
        }
        return target.bytes.starts(with: directory.bytes + [UInt8(ascii: "/")])
    }
}
