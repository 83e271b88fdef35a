// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

/// Something that a build wrote or changed.
public enum ChangedEntry: Sendable, Equatable {
    /// A regular file or a directory, to be opened through the sandbox's tree.
    case file, directory
    /// And where it points.
    case link([UInt8])
    /// A fifo, a socket.
    case other
}

extension Sandbox {
    /// Finds what of a selection this build wrote or changed: what it began with is looked at no further.
    /// - Parameter visit: called with each name, absolute and inside.
    public func changes(
        of selection: CacheSelection, visit: (FilePath, ChangedEntry) -> Void
    ) throws(SandboxError) {
        let selection = selection.resolved(prepared.links)
        let tree = try tree()
        for path in selection.files ?? [] {
            if let entry = try? Self.entry(in: tree, at: path) { visit(path, entry) }
        }
        for path in selection.trees {
            guard let place = writtenPlace(of: path) else {
                Self.entries(in: tree, below: path, visit: visit)
                continue
            }
            func inside(_ found: FilePath) -> FilePath {
                var relative = found
                _ = relative.removePrefix(place.below)
                return path.pushing(relative)
            }
            Self.entries(in: place.tree, below: place.below) {
                visit(inside($0), $1)
            } unreadable: {
                // Only the build's own users may look.
                Self.entries(in: tree, below: inside($0), isTopSeen: $1, visit: visit)
            }
        }
    }

    /// Nil where there is nothing.
    private static func entry(in tree: any TreeOpener, at path: FilePath) throws(FilesError) -> ChangedEntry? {
        guard let name = path.lastComponent.map({ FilePath(root: nil, [$0]).bytes }) else { return .directory }
        do throws(FilesError) {
            let parent = try tree.open(path.removingLastComponent(), directory: true)
            defer { try? parent.close() }
            let status = try tree.status(of: name, in: parent, path: { path })
            return entry(status.kind, name, in: parent, of: tree, path)
        } catch {
            if error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory { return nil }
            throw error
        }
    }

    private static func entry(
        _ kind: FileKind, _ name: [UInt8], in parent: FileDescriptor, of tree: any TreeOpener, _ path: FilePath
    ) -> ChangedEntry {
        switch kind {
        case .regular: .file
        case .directory: .directory
        case .symbolicLink: .link((try? tree.readLink(name, in: parent, path: { path })) ?? [])
        default: .other
        }
    }

    /// - Parameters:
    ///   - isTopSeen: the directory itself was visited already.
    ///   - unreadable: told of what this tree may not look at, and whether it was visited.
    private static func entries(
        in tree: any TreeOpener, below path: FilePath, isTopSeen: Bool = false,
        visit: (FilePath, ChangedEntry) -> Void, unreadable: (FilePath, _ isSeen: Bool) -> Void = { _, _ in }
    ) {
        do throws(FilesError) {
            guard let top = try entry(in: tree, at: path) else { return }
            if !isTopSeen { visit(path, top) }
            guard top == .directory else { return }
        } catch { return unreadable(path, false) }
        TreeWalk<Void>(tree: tree, root: path).run(()) { error in
            if error.underlying == .permissionDenied { unreadable(error.path, true) }
        } visit: { found in
            let path = FilePath(bytes: path.bytes + [0x2F] + found.path)
            visit(path, entry(found.kind, found.name, in: found.directory, of: tree, path))
            return found.kind == .directory ? .enter(()) : .pass
        }
    }
}
