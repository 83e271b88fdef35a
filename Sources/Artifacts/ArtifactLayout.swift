// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Buildspec
internal import Files
internal import SystemPackage

/// The files of an artifact with their places in it, each place taken once.
struct ArtifactLayout {
    /// Collisions that are warned of one by one; with discarded paths there can be one for each file.
    private static let namedCollisions = 20

    private(set) var selection: ArtifactSelection
    private let discardsPaths: Bool

    init(_ selection: ArtifactSelection, request: ArtifactRequest) {
        self.selection = selection
        discardsPaths = request.definition.discardPaths
    }

    func outputPath(of file: ArtifactFile) -> [UInt8] {
        selection.outputPath(of: file, discardingPaths: discardsPaths)
    }

    /// Leaves one file for each path: the last that was found.
    mutating func settleCollisions(shown: ([UInt8]) -> String, warn: (String) -> Void) {
        // One walk that keeps its paths cannot meet a path twice.
        guard discardsPaths || selection.roots.count > 1 else { return }
        var last: [[UInt8]: Int] = [:]
        var directories: Set<[UInt8]> = []
        var isLost = [Bool](repeating: false, count: selection.files.count)
        var collisions = 0
        for (index, file) in selection.files.enumerated() {
            let output = outputPath(of: file)
            if let other = last.updateValue(index, forKey: output) {
                isLost[other] = true
                let (lost, kept) = (selection.path(of: selection.files[other]), selection.path(of: file))
                // Two patterns may well find the same file.
                if lost == kept { continue }
                collisions += 1
                if collisions <= Self.namedCollisions {
                    warn(ArtifactWarning.collision(shown(lost), shown(kept), FilePath.displayed(output)))
                }
            }
            if let slash = output.lastIndex(of: UInt8(ascii: "/")) { directories.insert(Array(output[..<slash])) }
        }
        if collisions > Self.namedCollisions {
            warn(ArtifactWarning.furtherCollisions(collisions - Self.namedCollisions))
        }
        // A file where another base directory has a directory.
        for directory in directories {
            var path = directory[...]
            while !path.isEmpty {
                if let index = last[Array(path)], !isLost[index] {
                    isLost[index] = true
                    let lost = shown(selection.path(of: selection.files[index]))
                    warn(ArtifactWarning.collision(lost, FilePath.displayed(path) + "/", FilePath.displayed(path)))
                }
                path = path.prefix(upTo: path.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)
            }
        }
        var kept = zip(selection.files, isLost).filter { !$0.1 }.map { (outputPath(of: $0.0), $0.0) }
        kept.sort { $0.0.precedes($1.0) }
        selection.files = kept.map(\.1)
    }
}
