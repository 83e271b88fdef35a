// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

extension Sandbox {
    /// Finds the files and links of a selection that this build wrote or changed: what it began with is looked at no further.
    /// - Parameter visit: called with each regular file, absolute and inside, to be opened through `tree()`, and with each
    ///   link and where it points.
    public func changedFiles(
        of selection: CacheSelection, visit: (FilePath, _ linkTarget: [UInt8]?) -> Void
    ) throws(SandboxError) {
        let selection = selection.resolved(in: prepared.plan.operations)
        let tree = try tree()
        for path in selection.files ?? [] { Self.file(in: tree, at: path, visit) }
        for path in selection.trees {
            guard let place = writtenPlace(of: path) else {
                Self.files(in: tree, below: path, visit)
                continue
            }
            func inside(_ found: FilePath) -> FilePath {
                var relative = found
                _ = relative.removePrefix(place.below)
                return path.pushing(relative)
            }
            Self.files(in: place.tree, below: place.below) {
                visit(inside($0), $1)
            } unreadable: {
                Self.files(in: tree, below: inside($0), visit)
            }
        }
    }

    /// - Returns: whether there is a file or a link.
    @discardableResult
    private static func file(
        in tree: any TreeOpener, at path: FilePath, _ visit: (FilePath, [UInt8]?) -> Void
    ) -> Bool {
        if let name = path.lastComponent, let parent = try? tree.open(path.removingLastComponent(), directory: true) {
            defer { try? parent.close() }
            let bytes = FilePath(root: nil, [name]).bytes
            if let target = try? tree.readLink(bytes, in: parent, path: { path }) {
                visit(path, target)
                return true
            }
        }
        guard let file = try? tree.open(path, directory: false) else { return false }
        defer { try? file.close() }
        guard let status = try? FileStatus(of: file, path: path), status.kind == .regular else { return false }
        visit(path, nil)
        return true
    }

    private static func files(
        in tree: any TreeOpener, below path: FilePath, _ visit: (FilePath, [UInt8]?) -> Void,
        unreadable: (FilePath) -> Void = { _ in }
    ) {
        if file(in: tree, at: path, visit) { return }
        TreeWalk<Void>(tree: tree, root: path).run(()) { error in
            if error.underlying == .permissionDenied { unreadable(error.path) }
        } visit: { entry in
            let found = FilePath(bytes: path.bytes + [0x2F] + entry.path)
            switch entry.kind {
            case .directory: return .enter(())
            case .regular: visit(found, nil)
            case .symbolicLink:
                if let target = try? tree.readLink(entry.name, in: entry.directory, path: { found }) {
                    visit(found, target)
                }
            default: break
            }
            return .pass
        }
    }
}
