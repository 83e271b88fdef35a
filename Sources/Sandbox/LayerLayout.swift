// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
internal import SystemPackage

/// How what is saved of a sandbox gets into a layer.
struct LayerLayout {
    /// Renamed out of the build's own layers.
    private(set) var trees: [LayerPublication.Tree] = []
    /// Copied or linked beside them.
    private(set) var gathered: [FilePath] = []
    /// Whether the new layer says only what changed over those that the build began with.
    private(set) var keepsLayersBelow = true
    private(set) var reason: SavedLayer.CopyReason?
    /// Whether the layers below have what is gathered where the build changed nothing of it.
    private(set) var canLeaveOutGathered = false

    /// So many layers at most are put below another one: a view's parameter names them all in 256 bytes
    /// (fsconfig(2), `FSCONFIG_SET_STRING`), and merging them is for a process that nobody waits for, or that may be killed.
    private static let mostLayers = 16

    /// What the build left, and what it began with.
    struct Surroundings {
        var operations: [SandboxPlan.Operation]
        var mounts: MountTable
        var links: SystemLinks
        var caches: SandboxSettings.Caches?
        /// The primary source's path inside.
        var source: FilePath
        /// The kind bits of the mode of what is at a path inside; nil where there is nothing.
        var kind: (FilePath) -> mode_t?
        /// Whether the host has something at a path.
        var hostHas: (FilePath) -> Bool

        /// Whether layers that the build began with lie below its own.
        var hasLayersBelow: Bool {
            operations.contains { if case .overlay(let view) = $0 { !view.layers.isEmpty } else { false } }
        }

        /// Whether they show something at a path, as far as can be told.
        func layersHave(_ path: FilePath) -> Bool {
            let kind = caches?.kind(of: path, source: source) ?? S_IFDIR
            return kind != 0 && kind != S_IFCHR
        }

        /// The operations whose directories were restored by copying.
        var copyingMounts: Set<Int> {
            let copied = caches?.paths.filter(\.isCopied) ?? []
            return Set(copied.compactMap { mounts.mount(of: links.resolved($0.path).bytes)?.index })
        }
    }

    /// Single files are gathered beside what is renamed. Everything is where a whole directory has to be, or where a file that
    /// lies in the layers below is not wanted any more: a layer that hid it would hide one of the source's too.
    /// - Parameter leavesFiles: nothing may be taken out of the sandbox.
    init(of selection: CacheSelection, leavesFiles: Bool, in surroundings: Surroundings) {
        let files = selection.singleFiles
        let hasLayersBelow = surroundings.hasLayersBelow
        (gathered, reason) = (files, files.isEmpty ? nil : .patterns)
        var gathersAll = hasLayersBelow && !selection.selectsAllOfBefore
        if hasLayersBelow, surroundings.caches?.layers.count ?? 0 >= Self.mostLayers {
            (gathersAll, reason) = (true, .depth)
        }
        // Nothing tells what has changed of them.
        if hasLayersBelow, files.contains(where: { surroundings.mounts.mount(of: $0.bytes)?.upper == nil }) {
            (gathersAll, reason) = (true, .inMemory)
        }
        if leavesFiles { (gathersAll, reason) = (true, .kept) }
        let copyingMounts = hasLayersBelow ? surroundings.copyingMounts : []
        for path in selection.trees {
            guard let mount = surroundings.mounts.mount(of: path.bytes) else { continue }
            let isReplacing = copyingMounts.contains(mount.index) && surroundings.layersHave(path)
            let fresh: LayerPublication.Tree.Relation = isReplacing ? .replacement : .whole
            switch surroundings.operations[mount.index] {
            case .overlay(let view):
                if view.staysInMemory { (gathersAll, reason) = (true, reason ?? .inMemory) }
                if lies(path, in: view, surroundings) {
                    reason = reason ?? .overSource
                    if surroundings.kind(path) == S_IFREG {
                        gathered.append(path)
                        continue
                    }
                    gathersAll = true
                }
                add(path, of: mount, from: view.upper, view.layers.isEmpty ? fresh : .change, surroundings)
            case .scratchDirectory(let place, _, _): add(path, of: mount, from: place, fresh, surroundings)
            case .root, .temporaryFileSystem: (gathersAll, reason) = (true, reason ?? .inMemory)
            default: continue
            }
        }
        canLeaveOutGathered = trees.contains { $0.relation == .change } && !gathersAll
        guard gathersAll || trees.isEmpty && !gathered.isEmpty else { return }
        canLeaveOutGathered = hasLayersBelow && !gathersAll && selection.trees.isEmpty
        gathered = selection.trees.filter { surroundings.kind($0) != nil } + files
        (trees, keepsLayersBelow) = ([], false)
    }

    private mutating func add(
        _ path: FilePath, of mount: MountTable.Mount, from place: KernelText,
        _ relation: LayerPublication.Tree.Relation, _ surroundings: Surroundings
    ) {
        let below = KernelText(Array(mount.below(path.bytes).drop { $0 == UInt8(ascii: "/") }))
        let target = CacheGraft.place(of: FilePath(bytes: mount.target), source: surroundings.source)
        trees.append(
            .init(source: place, path: below, target: KernelText("files/" + target), relation: relation))
    }

    /// Whether the directory that a view lies over has something of that name: a layer of what changed would then be wrong
    /// over another state of it.
    private func lies(
        _ path: FilePath, in view: SandboxPlan.Operation.Overlay, _ surroundings: Surroundings
    ) -> Bool {
        guard !view.lower.isEmpty else { return false }
        var below = path
        return below.removePrefix(FilePath(bytes: view.target.bytes))
            && surroundings.hostHas(FilePath(bytes: view.lower.bytes).pushing(below))
    }

    /// Takes back what was gathered: it is as it was in the layers below.
    mutating func leaveOutGathered() { (gathered, reason, keepsLayersBelow) = ([], nil, true) }
}
