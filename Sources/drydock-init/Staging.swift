// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The moment before the root changes: turns operations into detached mounts while the host's tree is still visible.
///
/// Paths of the host may be closed to the sandbox's root (a state directory of mode 0700 owned by real root) and may lie
/// below the place we stage in, so everything is reached through trees opened beforehand and attached in a private tmpfs.
struct Staging {
    /// A directory that every root file system has; hidden by our tmpfs in this mount namespace only.
    private static let directory: KernelText = "/tmp"
    static let root: KernelText = "/tmp/root"
    private static let scratch: KernelText = "/tmp/scratch"
    private static let memory: KernelText = "/tmp/memory"
    private static let skeleton: KernelText = "/tmp/skeleton"

    private let plan: SandboxPlan
    private let mapped: [UInt32: Int32]
    private let groundwork: Groundwork
    /// Stay open, for what is to become of the build's files at its end.
    let places = BuildPlaces()
    /// Opened before the tmpfs hides what may lie below it.
    private var sources: [UInt32: Int32] = [:]
    /// System directories with other file systems mounted inside. The kernel lets nobody but root look beneath those, so
    /// such a directory is shown as it is, and cannot be changed.
    private var wholes: Set<UInt32> = []
    /// One of them is small and has to change for `useradd` and the like: a container's /etc is copied.
    private var copies: Set<UInt32> = []
    /// What could not be had.
    private(set) var compromises: SetUpCompromises = []

    init(plan: SandboxPlan, mapped: [UInt32: Int32], groundwork: Groundwork) throws(SetUpFailure) {
        self.plan = plan
        self.mapped = mapped
        self.groundwork = groundwork
        for (index, operation) in plan.operations.enumerated() {
            for (key, layer) in operation.layersByKey(index) where mapped[key] == nil {
                let tree = MappedTree(source: layer.root, below: layer.below, userNamespace: -1, isLower: true)
                sources[key] = try tree.open()
            }
            guard let source = operation.hostSource, mapped[UInt32(index)] == nil else { continue }
            do throws(SetUpFailure) {
                sources[UInt32(index)] = try Self.clone(source, recursively: !operation.isOverlay)
            } catch {
                // It may lie where only the caller's groups may go, which have no place in the sandbox.
                if operation.isProgram { continue }
                guard case .overlay(let view) = operation, view.lower == view.target, view.target != "/",
                    error.errno == EINVAL
                else { throw error }
                // Where this program was executed again it lies over a file there (ReadOnlyProgram).
                if view.target == "/etc" { umount2("/etc/passwd", Int32(MNT_DETACH)) }
                sources[UInt32(index)] = try Self.clone(source, recursively: true)
                if view.target == "/etc" {
                    copies.insert(UInt32(index))
                } else {
                    wholes.insert(UInt32(index))
                    compromises.insert(.wholeDirectories)
                }
            }
        }
        let scratchTree: Int32
        if let tree = mapped[UInt32.max] { scratchTree = tree } else { scratchTree = try Self.clone(plan.scratch) }
        let staging = groundwork.staging
        try check(
            Self.directory.withCString { linux_move_mount(staging, LINUX_AT_FDCWD, $0) }, .attachMount, Self.directory)
        close(staging)
        for path in [Self.root, Self.scratch, Self.memory] {
            try check(path.withCString { mkdir($0, 0o700) }, .makeMountPoint, path)
        }
        // A mount of its own, because it outlives the staging place below the overlays.
        let memory = groundwork.memory
        try check(Self.memory.withCString { linux_move_mount(memory, LINUX_AT_FDCWD, $0) }, .attachMount, Self.memory)
        places.memory = memory
        try check(
            Self.scratch.withCString { linux_move_mount(scratchTree, LINUX_AT_FDCWD, $0) }, .attachMount, plan.scratch)
        places.scratch = scratchTree
    }

    /// Of a reopened state: lets what the user changed in the sources take the place of what the build left of it.
    /// - Parameter tell: is told the paths that were taken in, and those that could not be.
    func takeSourceChanges(_ tell: ([KernelText], [KernelText]) -> Void) throws(SetUpFailure) {
        guard let reopening = plan.reopening else { return }
        var taken: [KernelText] = []
        var refused: [KernelText] = []
        for (index, operation) in plan.operations.enumerated() {
            guard case .overlay(let view) = operation, reopening.sources.contains(view.target),
                let tree = mapped[UInt32(index)] ?? sources[UInt32(index)]
            else { continue }
            let changes = SourceChanges(upper: inScratch(view.upper), lower: tree)
            changes.take()
            // As they are called inside: each source has a path of its own there.
            let prefix = (view.target + "/").bytes
            taken += changes.taken.map { KernelText(prefix + $0.bytes) }
            refused += changes.refused.map { KernelText(prefix + $0.bytes) }
        }
        tell(taken, refused)
    }

    /// The operation's mount, attached nowhere; nil for an operation that mounts nothing.
    mutating func detach(_ operation: SandboxPlan.Operation, index: Int) throws(SetUpFailure) -> Int32? {
        switch operation {
        case .root where plan.reopening != nil: try scratchDirectory(plan.scratch + "/root")
        case .root: try buildRoot()
        case .scratchDirectory(let source, _, _): try scratchDirectory(source)
        case .overlay(let view):
            if wholes.contains(UInt32(index)) {
                try bind(index, view.lower, .readOnly)
            } else if copies.contains(UInt32(index)) || wasCopied(view) {
                try copy(view, lower: try place(UInt32(index), view.lower))
            } else if view.staysInMemory, plan.reopening != nil {
                try parkedOverlay(view, lower: try lowers(index, operation))
            } else if view.staysInMemory {
                try overlayInMemory(view, lower: try lowers(index, operation))
            } else {
                try overlayOnDisk(view, lower: try lowers(index, operation))
            }
        case .bind where operation.isProgram && mapped[UInt32(index)] == nil && sources[UInt32(index)] == nil: nil
        case .restore: try layerView(try lowers(index, operation))
        case .layer(let layer, _): try self.layer(index, operation, layer.path)
        case .bind(let source, _, let access): try bind(index, source, access)
        case .temporaryFileSystem(_, let size, let mode): try Self.temporary(size: size, mode: mode)
        case .processes: groundwork.processes
        case .system: try system()
        case .devices: groundwork.deviceDirectory
        default: nil
        }
    }

    /// An empty root with a place for everything that comes: made in memory, because three dozen directories on a disk
    /// cost more to make and to remove than all the rest of a short build. It is filled where it is staged.
    private func buildRoot() throws(SetUpFailure) -> Int32 {
        try check(Self.skeleton.withCString { mkdir($0, 0o755) }, .makeMountPoint, Self.skeleton)
        let options: [(String, KernelText)] = [("mode", "755")]
        let tree = try Self.fileSystem("tmpfs", .mountTemporary, options: options, attributes: noDevices)
        try check(
            Self.skeleton.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }, .attachMount, Self.skeleton)
        places.root = tree
        for operation in plan.operations.dropFirst() {
            let path = KernelText(Self.skeleton.bytes + operation.target.bytes)
            switch operation {
            case .directory(_, let mode):
                try makeDirectories(path)
                try check(path.withCString { chmod($0, mode) }, .makeMountPoint, path)
            case .symbolicLink(_, let destination):
                let result = destination.withCString { target in path.withCString { symlink(target, $0) } }
                try check(result, .makeMountPoint, path)
            // A file's place is made when it is attached.
            case .bind where operation.isProgram: continue
            case .overlay, .layer, .bind, .scratchDirectory, .temporaryFileSystem, .processes, .system, .devices:
                try makeDirectories(path)
            default: continue
            }
        }
        return try Self.clone(Self.skeleton)
    }

    private func scratchDirectory(_ source: KernelText) throws(SetUpFailure) -> Int32 {
        let tree = try Self.clone(inScratch(source))
        try check(linux_mount_setattr(tree, 0, noDevices, 0), .attachMount, source)
        return tree
    }

    private func makeDirectories(_ path: KernelText) throws(SetUpFailure) {
        if path.withCString({ mkdir($0, 0o755) }) == 0 || errno == EEXIST { return }
        let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
        guard errno == ENOENT, slash > 0 else { throw SetUpFailure(.makeMountPoint, errno: errno, path: path) }
        try makeDirectories(KernelText(Array(path.bytes[..<slash])))
        try check(path.withCString { mkdir($0, 0o755) }, .makeMountPoint, path)
    }

    /// A view whose changes were in memory once and are on the disk since they were kept.
    private func parkedOverlay(
        _ view: SandboxPlan.Operation.Overlay, lower: KernelText
    ) throws(SetUpFailure) -> Int32 {
        let (upper, work) = (inScratch(view.upper), inScratch(view.work))
        // A name in a layer that a build has written is nothing to make directories below: only in one that is new.
        if upper.withCString({ mkdir($0, 0o755) }) == 0 {
            for name in view.ownedDirectories {
                try makeDirectories(KernelText(upper.bytes + [UInt8(ascii: "/")] + name.bytes))
            }
        }
        return try overlay(lower, upper: upper, work: work, named: view.named)
    }

    private func overlayOnDisk(
        _ view: SandboxPlan.Operation.Overlay, lower: KernelText
    ) throws(SetUpFailure) -> Int32 {
        let upper = inScratch(view.upper)
        if plan.reopening == nil {
            for name in view.ownedDirectories {
                try makeDirectories(KernelText(upper.bytes + [UInt8(ascii: "/")] + name.bytes))
            }
        }
        return try overlay(lower, upper: upper, work: inScratch(view.work), named: view.named)
    }

    /// What layers hold together, to be copied from: nothing can be written into it.
    private func layerView(_ lower: KernelText) throws(SetUpFailure) -> Int32 {
        guard lower.bytes.contains(UInt8(ascii: ":")) else { return try Self.clone(lower) }
        return try Self.fileSystem(
            "overlay", .mountOverlay, options: [("lowerdir", lower)], flags: ["userxattr"],
            attributes: noDevices | LINUX_MOUNT_ATTR_RDONLY)
    }

    private func layer(
        _ index: Int, _ operation: SandboxPlan.Operation, _ named: KernelText
    ) throws(SetUpFailure) -> Int32 {
        guard let key = operation.layersByKey(index).first?.key, let tree = mapped[key] ?? sources[key] else {
            throw SetUpFailure(.cloneTree, errno: ENOENT, path: named)
        }
        try check(linux_mount_setattr(tree, 0, noSuid | noDevices | LINUX_MOUNT_ATTR_RDONLY, 0), .readOnly, named)
        return tree
    }

    private func overlayInMemory(
        _ view: SandboxPlan.Operation.Overlay, lower: KernelText
    ) throws(SetUpFailure) -> Int32 {
        let below = Self.memory + "/"
        let upper = KernelText(below.bytes + view.upper.lastComponent.bytes)
        let work = KernelText(below.bytes + view.work.lastComponent.bytes)
        // An overlay's top directory has the upper's mode, so the upper gets that of the directory it covers.
        let first = KernelText(Array(lower.bytes.prefix { $0 != UInt8(ascii: ":") }))
        var status = stat()
        try check(first.withCString { stat($0, &status) }, .cloneTree, view.named)
        for path in [upper, work] { try check(path.withCString { mkdir($0, 0o755) }, .makeMountPoint, path) }
        _ = upper.withCString { chmod($0, (view.mode ?? status.st_mode) & 0o1777) }
        for name in view.ownedDirectories {
            try makeDirectories(KernelText(upper.bytes + [UInt8(ascii: "/")] + name.bytes))
        }
        return try overlay(lower, upper: upper, work: work, named: view.named)
    }

    /// Whether a reopened state holds the directory as a whole.
    private func wasCopied(_ view: SandboxPlan.Operation.Overlay) -> Bool {
        guard plan.reopening != nil, view.staysInMemory else { return false }
        return KernelText((Self.scratch + "/").bytes + view.copyName.bytes).withCString { access($0, F_OK) } == 0
    }

    /// A copy of a directory that there can be no view of: in memory, or on the disk since it was kept.
    private func copy(_ view: SandboxPlan.Operation.Overlay, lower: KernelText) throws(SetUpFailure) -> Int32 {
        let path: KernelText
        if plan.reopening == nil {
            path = KernelText((Self.memory + "/").bytes + view.copyName.bytes)
            try TreeCopy(limit: 64 << 20).copy(lower, to: path, named: view.lower)
        } else {
            path = KernelText((Self.scratch + "/").bytes + view.copyName.bytes)
            // Kept where there was a view: what it holds is not the whole directory.
            guard path.withCString({ access($0, F_OK) }) == 0 else {
                throw SetUpFailure(.reopen, errno: EOPNOTSUPP, path: view.lower)
            }
        }
        let tree = try Self.clone(path)
        try check(linux_mount_setattr(tree, 0, noDevices, 0), .attachMount, view.lower)
        return tree
    }

    private func overlay(
        _ lower: KernelText, upper: KernelText, work: KernelText, named: KernelText
    ) throws(SetUpFailure) -> Int32 {
        if plan.reopening != nil {
            // It says that the layer was mounted `volatile`, and would not be mounted again.
            let left = TreeRemoval.remove(work)
            guard left.errno == 0 else { throw SetUpFailure(.reopen, errno: left.errno, path: named) }
            try check(work.withCString { mkdir($0, 0o700) }, .reopen, named)
        }
        let context = linux_fsopen("overlay")
        try check(context, .mountOverlay, named)
        defer { close(context) }
        for (key, value) in [("lowerdir", lower), ("upperdir", upper), ("workdir", work)] {
            let result = value.withCString { linux_fsconfig_string(context, key, $0) }
            try check(result, .mountOverlay, named)
        }
        // In a user namespace overlayfs keeps its notes in user.* attributes; `volatile` because what a build writes is
        // thrown away, and the end of an overlay otherwise waits until the whole disk has synced.
        for flag in ["userxattr", "volatile"] { try check(linux_fsconfig_flag(context, flag), .mountOverlay, named) }
        try check(linux_fsconfig_create(context), .mountOverlay, named)
        let tree = linux_fsmount(context, UInt32(noDevices))
        try check(tree, .mountOverlay, named)
        return tree
    }

    /// Attaches an operation's layers and what lies below them.
    /// - Returns: the places as `lowerdir` takes them. A parameter of a file system has 256 bytes at most: names are short.
    private func lowers(_ index: Int, _ operation: SandboxPlan.Operation) throws(SetUpFailure) -> KernelText {
        var places: [KernelText] = []
        for (key, layer) in operation.layersByKey(index) {
            let path = try place(key, layer.path)
            places.append(path)
            // overlayfs looks for the mark on what lies in a layer, not on a layer's own top.
            if OpaqueMark.isOn(path) { break }
        }
        if let lower = operation.hostSource { places.append(try place(UInt32(index), lower)) }
        return KernelText(Array(places.map(\.bytes).joined(separator: [UInt8(ascii: ":")])))
    }

    /// Attaches a lower directory's tree, because overlayfs takes only mounts that have a place.
    private func place(_ key: UInt32, _ named: KernelText) throws(SetUpFailure) -> KernelText {
        let path = Self.directory + "/" + String(key, radix: 36)
        try check(path.withCString { mkdir($0, 0o700) }, .makeMountPoint, path)
        guard let tree = mapped[key] ?? sources[key] else {
            throw SetUpFailure(.cloneTree, errno: ENOENT, path: named)
        }
        try check(path.withCString { linux_move_mount(tree, LINUX_AT_FDCWD, $0) }, .attachMount, named)
        close(tree)
        return path
    }

    private func bind(
        _ index: Int, _ source: KernelText, _ access: SandboxPlan.Operation.Access
    ) throws(SetUpFailure) -> Int32 {
        guard let tree = mapped[UInt32(index)] ?? sources[UInt32(index)] else {
            throw SetUpFailure(.cloneTree, errno: ENOENT, path: source)
        }
        let attributes = noSuid | noDevices | (access == .readOnly ? LINUX_MOUNT_ATTR_RDONLY : 0)
        try check(linux_mount_setattr(tree, LINUX_AT_RECURSIVE, attributes, 0), .readOnly, source)
        return tree
    }

    private mutating func system() throws(SetUpFailure) -> Int32 {
        let attributes = LINUX_MOUNT_ATTR_RDONLY | noSuid | noDevices | noExecution
        // A new one shows the devices of our own network; the kernel allows it only to the owner of that network, and where
        // nothing of the old one is hidden.
        if plan.hasOwnNetwork {
            do throws(SetUpFailure) { return try Self.fileSystem("sysfs", .mountSystem, attributes: attributes) } catch
            {
                guard error.errno == EPERM || error.errno == EACCES else { throw error }
                compromises.insert(.sharedDevices)
            }
        }
        let tree = try Self.clone("/sys", recursively: true)
        try check(linux_mount_setattr(tree, LINUX_AT_RECURSIVE, attributes, 0), .mountSystem, "/sys")
        return tree
    }

    private func inScratch(_ path: KernelText) -> KernelText {
        KernelText(Self.scratch.bytes + path.bytes.dropFirst(plan.scratch.bytes.count))
    }

    static func clone(_ path: KernelText, recursively: Bool = false) throws(SetUpFailure) -> Int32 {
        let flags = LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC | (recursively ? LINUX_AT_RECURSIVE : 0)
        let tree = path.withCString { linux_open_tree(LINUX_AT_FDCWD, $0, flags) }
        return try check(tree, .cloneTree, path)
    }

    static func temporary(
        size: UInt64, mode: UInt32, attributes: UInt64 = LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NODEV
    ) throws(SetUpFailure) -> Int32 {
        let options = [("size", KernelText("\(size)")), ("mode", KernelText(String(mode, radix: 8)))]
        return try fileSystem("tmpfs", .mountTemporary, options: options, attributes: attributes)
    }

    static func fileSystem(
        _ type: String, _ step: SetUpStep, options: [(String, KernelText)] = [], flags: [String] = [],
        attributes: UInt64
    ) throws(SetUpFailure) -> Int32 {
        let name = KernelText(type)
        let context = linux_fsopen(type)
        try check(context, step, name)
        defer { close(context) }
        for (key, value) in options {
            let result = value.withCString { linux_fsconfig_string(context, key, $0) }
            try check(result, step, name)
        }
        for flag in flags { try check(linux_fsconfig_flag(context, flag), step, name) }
        try check(linux_fsconfig_create(context), step, name)
        let tree = linux_fsmount(context, UInt32(attributes))
        return try check(tree, step, name)
    }
}

private let noSuid = LINUX_MOUNT_ATTR_NOSUID
private let noDevices = LINUX_MOUNT_ATTR_NODEV
private let noExecution = LINUX_MOUNT_ATTR_NOEXEC
