// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// One file of an artifact, found but not yet read.
struct ArtifactFile {
    /// Where its content is.
    enum Source {
        /// The file itself.
        case file
        /// A link that is kept as one, with what is written in it.
        case link([UInt8])
        /// A link whose target's content is taken: the target, absolute inside the tree.
        case linkedFile([UInt8])
    }

    /// Which of the walks found it; see ``ArtifactSelection/roots``.
    var root: Int
    /// The directory it is in, relative to the root. Shared by all files of the directory.
    var directory: [UInt8]
    var name: [UInt8]
    var source: Source

    /// Relative to the root.
    var path: [UInt8] {
        directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
    }
}

/// What an artifact is made of.
struct ArtifactSelection {
    /// Absolute inside the tree: the base directories, then the places of patterns that lead out of them.
    var roots: [[UInt8]] = []
    /// How many of the roots are base directories.
    var baseCount = 0
    var files: [ArtifactFile] = []

    /// Absolute inside the tree.
    func path(of file: ArtifactFile) -> [UInt8] {
        joined(roots[file.root], file.path)
    }

    /// Where the file lies in the artifact: below the base directory as it lay there; from elsewhere its absolute path
    /// without the `/` in front; without its directories when they are discarded.
    func outputPath(of file: ArtifactFile, discardingPaths: Bool) -> [UInt8] {
        if discardingPaths { return file.name }
        return file.root < baseCount ? file.path : Array(path(of: file).drop { $0 == UInt8(ascii: "/") })
    }
}

/// One path below another; both raw bytes.
func joined(_ directory: [UInt8], _ path: [UInt8]) -> [UInt8] {
    if path.isEmpty { return directory }
    return directory.last == UInt8(ascii: "/") ? directory + path : directory + [UInt8(ascii: "/")] + path
}
