// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
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

extension CacheSelection {
    /// With paths as they are when the sandbox's own links are followed.
    func resolved(_ links: SystemLinks) -> CacheSelection {
        CacheSelection(
            trees: trees.map(links.resolved), files: files.map { $0.map(links.resolved) },
            filesBefore: filesBefore.map { Set($0.map(links.resolved)) })
    }

    /// Whether everything that patterns selected before is still selected.
    var selectsAllOfBefore: Bool {
        guard let files else { return true }
        return filesBefore?.isSubset(of: files) ?? false
    }

    var selectsAsBefore: Bool {
        guard let files else { return true }
        return filesBefore == Set(files)
    }

    /// The files that are in none of the trees, which they would go with.
    var singleFiles: [FilePath] {
        let tops = trees.map(\.bytes)
        return files?.filter { file in
            let bytes = file.bytes
            return !tops.contains { $0.isPath(above: bytes) }
        } ?? []
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
