// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// What of a sandbox is saved for later builds.
public struct CacheSelection: Sendable {
    /// Directories or files, absolute and inside, taken whole.
    public var trees: [FilePath]
    /// Files that a pattern selected, absolute and inside; nil where nothing is selected by patterns.
    public var files: [FilePath]?
    /// What patterns had selected when that was saved which the build began with; nil where it is not known.
    public var filesBefore: Set<FilePath>?

    public init(trees: [FilePath], files: [FilePath]? = nil, filesBefore: Set<FilePath>? = nil) {
        self.trees = trees
        self.files = files
        self.filesBefore = filesBefore
    }
}

/// A layer that was made of what a build wrote.
public struct SavedLayer: Sendable, Equatable {
    /// Bytes on the disk, and files; of a layer that is not whole what changed.
    public var byteCount: Int
    public var fileCount: Int
    /// It holds everything of the selection: the layers that the build began with do not lie below it.
    public var isWhole: Bool
    /// The build changed nothing; there is no layer.
    public var isUnchanged: Bool
    /// Why not everything was renamed; nil when it was.
    public var copyReason: CopyReason?
    /// How many files were copied or linked for that reason.
    public var gatheredCount = 0
    /// How many of these were linked.
    public var linkCount = 0
    /// The host's ids that the files' root has.
    public var rootUser: UInt32
    public var rootGroup: UInt32

    public enum CopyReason: String, Sendable {
        case patterns, overSource, inMemory, kept
        /// What lies below is nothing that a layer can be saved over.
        case baseGone
        /// There were too many layers to put another one on top.
        case depth
    }
}

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
        let selection = selection.resolved(in: prepared.plan.operations)
        var layout = try layout(of: selection, source, leavesFiles: leavesFiles)
        var trees = layout.trees
        var linkCount = 0
        if !layout.gathered.isEmpty {
            let (gathered, writtenCount, links) = try gather(
                layout.gathered, source, leavesFiles: leavesFiles, isStopped)
            // What no upper layer has came out of the layers below, and lies there still.
            let liesOverLayers = layout.trees.contains { $0.relation == .change }
            let isUnchanged = writtenCount == 0 && liesOverLayers && selection.selectsAsBefore
            // First, because it takes the place of an empty directory.
            if isUnchanged {
                (layout.gathered, layout.reason) = ([], nil)
            } else {
                trees = gathered + trees
            }
            linkCount = links
        }
        guard !trees.isEmpty else { return nil }
        let isWhole = !layout.keepsLayersBelow || !hasLayersBelow || trees.allSatisfy { $0.relation == .whole }
        let layer = try publish(trees, to: destination)
        if isWhole, layer.trees.allSatisfy({ $0 == .absent }) { return nil }
        var saved = saved(layer, isWhole: isWhole, layout.reason)
        saved.gatheredCount = layout.keepsLayersBelow ? layout.gathered.count : saved.fileCount
        saved.linkCount = linkCount
        return saved
    }

    /// So many layers at most are put below another one: a view's parameter names them all in 256 bytes
    /// (fsconfig(2), `FSCONFIG_SET_STRING`), and merging them is for a process that nobody waits for, or that may be killed.
    private static let mostLayers = 16

    /// Whether layers that the build began with lie below its own.
    private var hasLayersBelow: Bool {
        prepared.plan.operations.contains { operation in
            if case .overlay(let view) = operation { !view.layers.isEmpty } else { false }
        }
    }

    /// The operations whose directories were restored by copying.
    private var copyingCarriers: Set<Int> {
        let operations = prepared.plan.operations
        let links = SystemLinks(operations)
        let copied = prepared.settings.caches?.paths.filter(\.isCopied) ?? []
        return Set(copied.compactMap { CacheGraft.carrier(of: links.resolved($0.path), in: operations) })
    }

    /// How what is saved gets into a layer.
    private struct Layout {
        /// Renamed out of the build's own layers.
        var trees: [LayerPublication.Tree] = []
        /// Copied or linked beside them.
        var gathered: [FilePath] = []
        /// Whether the new layer says only what changed over those that the build began with.
        var keepsLayersBelow = true
        var reason: SavedLayer.CopyReason?
    }

    /// Single files are gathered beside what is renamed. Everything is where a whole directory has to be, or where a file that
    /// lies in the layers below is not wanted any more: a layer that hid it would hide one of the source's too.
    private func layout(
        of selection: CacheSelection, _ source: FilePath, leavesFiles: Bool
    ) throws(SandboxError) -> Layout {
        let plan = prepared.plan
        let tree = try tree()
        // What lies in a tree goes with it.
        let tops = selection.trees.map(\.bytes)
        let files =
            selection.files?.filter { file in
                let bytes = file.bytes
                return !tops.contains { $0.isPath(above: bytes) }
            } ?? []
        var layout = Layout(gathered: files, reason: files.isEmpty ? nil : .patterns)
        var gathersAll = hasLayersBelow && !selection.selectsAllOfBefore
        if hasLayersBelow, prepared.settings.caches?.layers.count ?? 0 >= Self.mostLayers {
            (gathersAll, layout.reason) = (true, .depth)
        }
        // Nothing tells what has changed of them.
        if hasLayersBelow, files.contains(where: { upper(of: kernelText($0)).isEmpty }) {
            (gathersAll, layout.reason) = (true, .inMemory)
        }
        if leavesFiles { (gathersAll, layout.reason) = (true, .kept) }
        let copyingCarriers = hasLayersBelow ? self.copyingCarriers : []
        for path in selection.trees {
            guard let index = CacheGraft.carrier(of: path, in: plan.operations) else { continue }
            let fresh: LayerPublication.Tree.Relation = copyingCarriers.contains(index) ? .replacement : .whole
            switch plan.operations[index] {
            case .overlay(let view):
                if view.staysInMemory { (gathersAll, layout.reason) = (true, layout.reason ?? .inMemory) }
                if Self.lies(path, in: view) {
                    layout.reason = layout.reason ?? .overSource
                    if Self.kind(of: path, in: tree) == S_IFREG {
                        layout.gathered.append(path)
                        continue
                    }
                    gathersAll = true
                }
                layout.trees.append(
                    self.tree(path, in: view.target, from: view.upper, source, view.layers.isEmpty ? fresh : .change))
            case .scratchDirectory(let place, let target, _):
                layout.trees.append(self.tree(path, in: target, from: place, source, fresh))
            case .root, .temporaryFileSystem: (gathersAll, layout.reason) = (true, layout.reason ?? .inMemory)
            default: continue
            }
        }
        guard gathersAll || layout.trees.isEmpty && !layout.gathered.isEmpty else { return layout }
        let trees = selection.trees.filter { Self.kind(of: $0, in: tree) != nil }
        return Layout(
            trees: [], gathered: trees + files, keepsLayersBelow: false, reason: layout.reason)
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
            isUnchanged: !isWhole && layer.trees.allSatisfy { $0 == .unchanged }, copyReason: reason,
            rootUser: identity.users.first?.outside ?? 0, rootGroup: identity.groups.first?.outside ?? 0)
    }

    private func tree(
        _ path: FilePath, in target: KernelText, from place: KernelText, _ source: FilePath,
        _ relation: LayerPublication.Tree.Relation
    ) -> LayerPublication.Tree {
        let top = FilePath(bytes: target.bytes)
        var below = path
        _ = below.removePrefix(top)
        return LayerPublication.Tree(
            source: place, path: kernelText(below),
            target: KernelText("files/" + CacheGraft.place(of: top, source: source)), relation: relation)
    }

    /// Whether the directory that a view lies over has something of that name: a layer of what changed would then be wrong
    /// over another state of it.
    private static func lies(_ path: FilePath, in view: SandboxPlan.Operation.Overlay) -> Bool {
        guard !view.lower.isEmpty else { return false }
        var below = path
        guard below.removePrefix(FilePath(bytes: view.target.bytes)) else { return false }
        var status = stat()
        return FilePath(bytes: view.lower.bytes).pushing(below).withPlatformString { lstat($0, &status) } == 0
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
        let plan = prepared.plan
        guard let index = CacheGraft.carrier(of: FilePath(bytes: path.bytes), in: plan.operations) else { return "" }
        let (place, target): (KernelText, KernelText)
        switch plan.operations[index] {
        case .overlay(let view) where !view.staysInMemory: (place, target) = (view.upper, view.target)
        case .scratchDirectory(let source, let top, _): (place, target) = (source, top)
        default: return ""
        }
        let prefix = plan.scratch.bytes + [UInt8(ascii: "/")]
        guard place.bytes.starts(with: prefix) else { return "" }
        let below = path.bytes.dropFirst(target == "/" ? 0 : target.bytes.count)
        return KernelText(Array(place.bytes.dropFirst(prefix.count)) + below)
    }

    private func gathered(_ path: FilePath, _ source: FilePath) -> GatheredPath {
        var below = path
        let target =
            below.removePrefix(source) ? FilePath("files/source").pushing(below) : FilePath("files/root" + path.string)
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

extension CacheSelection {
    /// With paths as they are when the sandbox's own links are followed.
    func resolved(in operations: [SandboxPlan.Operation]) -> CacheSelection {
        let links = SystemLinks(operations)
        return CacheSelection(
            trees: trees.map(links.resolved), files: files.map { $0.map(links.resolved) },
            filesBefore: filesBefore.map { Set($0.map(links.resolved)) })
    }

    /// Whether everything that patterns selected before is still selected.
    fileprivate var selectsAllOfBefore: Bool {
        guard let files else { return true }
        return filesBefore?.isSubset(of: files) ?? false
    }

    fileprivate var selectsAsBefore: Bool {
        guard let files else { return true }
        return filesBefore == Set(files)
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
