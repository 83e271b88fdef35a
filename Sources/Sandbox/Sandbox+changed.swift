// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

extension Sandbox {
    /// Finds the files of a selection that this build wrote or changed: what it began with is looked at no further.
    /// - Parameter visit: called with each regular file, absolute and inside, to be opened through `tree()`.
    public func changedFiles(
        of selection: CacheSelection, visit: (FilePath) -> Void
    ) throws(SandboxError) {
        let selection = selection.resolved(in: prepared.plan.operations)
        for path in selection.files ?? [] { visit(path) }
        let tree = try tree()
        for path in selection.trees {
            guard let place = writtenPlace(of: path) else {
                Self.regularFiles(in: tree, below: path) { visit($0) }
                continue
            }
            func inside(_ found: FilePath) -> FilePath {
                var relative = found
                _ = relative.removePrefix(place.below)
                return path.pushing(relative)
            }
            Self.regularFiles(in: place.tree, below: place.below) {
                visit(inside($0))
            } unreadable: {
                Self.regularFiles(in: tree, below: inside($0)) { visit($0) }
            }
        }
    }

    private static func regularFiles(
        in tree: any TreeOpener, below path: FilePath, visit: (FilePath) -> Void,
        unreadable: (FilePath) -> Void = { _ in }
    ) {
        if let file = try? tree.open(path, directory: false) {
            defer { try? file.close() }
            if let status = try? FileStatus(of: file, path: path), status.kind == .regular { return visit(path) }
        }
        TreeWalk<Void>(tree: tree, root: path).run(()) { error in
            if error.underlying == .permissionDenied { unreadable(error.path) }
        } visit: { entry in
            if entry.kind == .regular { visit(FilePath(bytes: path.bytes + [0x2F] + entry.path)) }
            return entry.kind == .directory ? .enter(()) : .pass
        }
    }
}
