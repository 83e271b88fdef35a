// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

extension Sandbox {
    /// Makes a layer of what the build wrote, which cannot be seen in the sandbox afterwards. Everything of the build has to be
    /// dead.
    /// - Parameter destination: a directory of the host, not there yet, in one that is; on the scratch directory's file system.
    /// - Parameter leavesFiles: copies, because what the build wrote is kept for another build to go on with.
    /// - Parameter isStopped: asked now and then while this takes long.
    /// - Returns: nil where there is nothing to save.
    /// - Throws: also `SandboxError.stopped`; the sandbox is of no use then but to be abandoned.
    public func save(
        _ selection: CacheSelection, to destination: FilePath, leavesFiles: Bool = false,
        isStopped: () -> Bool = { false }
    ) throws(SandboxError) -> SavedLayer? {
        let source = prepared.settings.sources.first?.path ?? "/"
        let selection = selection.resolved(prepared.links)
        let surroundings = try surroundings(source)
        var layout = LayerLayout(of: selection, leavesFiles: leavesFiles, in: surroundings)
        var trees = layout.trees
        var linkCount = 0
        if !layout.gathered.isEmpty {
            let (gathered, writtenCount, links) = try gather(
                layout.gathered, source, leavesFiles: leavesFiles, isStopped)
            // What no upper layer has came out of the layers below, and lies there still.
            if writtenCount == 0, selection.selectsAsBefore, layout.canLeaveOutGathered {
                layout.leaveOutGathered()
            } else {
                // First, because it takes the place of an empty directory.
                trees = gathered + trees
            }
            linkCount = links
        }
        let liesOverLayers = layout.keepsLayersBelow && surroundings.hasLayersBelow
        guard !trees.isEmpty || liesOverLayers else { return nil }
        let isWhole = !liesOverLayers || !trees.isEmpty && trees.allSatisfy { $0.relation == .whole }
        let layer = try publish(trees, to: destination)
        if isWhole, layer.trees.allSatisfy({ $0 == .absent }) { return nil }
        let states = zip(trees, layer.trees)
        var saved = saved(layer, isWhole: isWhole, layout.reason)
        // What the layers below have nothing of and that is not there either has not changed.
        saved.isUnchanged =
            !isWhole && states.allSatisfy { $1 == .unchanged || $1 == .absent && $0.relation == .whole }
        saved.gatheredCount = layout.keepsLayersBelow ? layout.gathered.count : saved.fileCount
        saved.linkCount = linkCount
        return saved
    }

    /// The directory that was filled out of layers, where a path of a cache lies in one; nil where it is mounted, or there was
    /// nothing of it.
    public func copiedPlace(of path: FilePath) -> FilePath? {
        let bytes = prepared.links.resolved(path).bytes
        guard let mount = mounts.mount(of: bytes) else { return nil }
        let places = prepared.plan.operations.compactMap { operation -> [UInt8]? in
            // What lies in a mount of its own below is no part of it.
            guard case .restore(_, let target) = operation, target.bytes.isPath(above: bytes),
                mount.target.isPath(above: target.bytes)
            else { return nil }
            return target.bytes
        }
        return places.max { $0.count < $1.count }.map { FilePath(bytes: $0) }
    }

    private func surroundings(_ source: FilePath) throws(SandboxError) -> LayerLayout.Surroundings {
        let tree = try tree()
        return LayerLayout.Surroundings(
            operations: prepared.plan.operations, mounts: mounts, links: prepared.links,
            caches: prepared.settings.caches, source: source,
            kind: { Self.kind(of: $0, in: tree) },
            hostHas: { path in
                var status = stat()
                return path.withPlatformString { lstat($0, &status) } == 0
            })
    }

    /// Has the launcher make a layer of these.
    func publish(_ trees: [LayerPublication.Tree], to destination: FilePath) throws(SandboxError) -> PublishedLayer {
        connection.send(.publish(LayerPublication(destination: kernelText(destination), trees: trees)))
        switch try connection.receive(\.isPublication).reply {
        case .published(let layer): return layer
        case .notPublished(let reason, let path):
            throw .notSaved(FilePath(bytes: path.bytes), Errno(rawValue: reason))
        default: throw .launcherDied
        }
    }

    func saved(
        _ layer: PublishedLayer, isWhole: Bool, _ reason: SavedLayer.CopyReason?
    ) -> SavedLayer {
        let identity = prepared.plan.identity
        return SavedLayer(
            byteCount: Int(clamping: layer.byteCount), fileCount: Int(clamping: layer.fileCount), isWhole: isWhole,
            isUnchanged: false, copyReason: reason,
            rootUser: identity.users.first?.outside ?? 0, rootGroup: identity.groups.first?.outside ?? 0)
    }

    /// Copies or links files and directories beside what the build wrote.
    private func gather(
        _ places: [FilePath], _ source: FilePath, leavesFiles: Bool, _ isStopped: () -> Bool
    ) throws(SandboxError) -> ([LayerPublication.Tree], writtenCount: Int, linkCount: Int) {
        var paths = places.map { gathered($0, source) }
        // A file with two names is one file: what stays would change with what is saved.
        if !leavesFiles { for index in paths.indices { paths[index].upper = upper(of: paths[index].path) } }
        var (writtenCount, linkCount) = (0, 0)
        // So many at once that a message stays small.
        for start in stride(from: 0, to: paths.count, by: 500) {
            connection.send(.gather(Array(paths[start..<min(start + 500, paths.count)])))
            try connection.waitForReply(unless: isStopped)
            let (reply, _) = try connection.receive { if case .gathered = $0 { true } else { false } }
            guard case .gathered(let reason, let path, let written, let links) = reply else { throw .launcherDied }
            guard reason == 0 else { throw .notSaved(FilePath(bytes: path.bytes), Errno(rawValue: reason)) }
            writtenCount += Int(written)
            linkCount += Int(links)
        }
        let place = prepared.settings.scratchDirectory.appending("gathered/files")
        let tree = LayerPublication.Tree(source: kernelText(place), path: "", target: "files", relation: .whole)
        return ([tree], writtenCount, linkCount)
    }

    /// Where the build's own layer on the disk has a path, relative to the scratch directory; empty where none has.
    private func upper(of path: KernelText) -> KernelText {
        guard let mount = mounts.mount(of: path.bytes), let upper = mount.upper else { return "" }
        let prefix = prepared.plan.scratch.bytes + [UInt8(ascii: "/")]
        guard upper.bytes.starts(with: prefix) else { return "" }
        return KernelText(Array(upper.bytes.dropFirst(prefix.count)) + mount.below(path.bytes))
    }

    private func gathered(_ path: FilePath, _ source: FilePath) -> GatheredPath {
        let target = FilePath("files").pushing(CacheGraft.member(path, source: source))
        return GatheredPath(path: kernelText(path), target: kernelText(target))
    }

    /// The kind bits of a path's mode; nil where there is nothing.
    private static func kind(of path: FilePath, in tree: any TreeOpener) -> mode_t? {
        guard let name = path.lastComponent,
            let parent = try? tree.open(path.removingLastComponent(), directory: true)
        else { return nil }
        defer { try? parent.close() }
        var status = stat()
        let found = FilePath(root: nil, [name]).withPlatformString {
            fstatat(parent.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW)
        }
        return found == 0 ? status.st_mode & S_IFMT : nil
    }
}

extension LauncherReply {
    fileprivate var isPublication: Bool {
        switch self {
        case .published, .notPublished: true
        default: false
        }
    }
}
