// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// Where the files of an artifact go. What it made vanishes with it unless it was finished.
protocol ArtifactSink: AnyObject {
    /// Takes one regular file.
    /// - Parameters:
    ///   - output: its path in the artifact.
    ///   - room: bytes of content that the artifact may still take.
    ///   - shown: the file as a person knows it.
    func put(
        _ file: FileDescriptor, _ status: FileStatus, at output: [UInt8], room: Int, shown: () -> String,
        isCancelled: () -> Bool
    ) throws(ArtifactsError) -> PutOutcome

    /// Takes a link.
    func put(link target: [UInt8], at output: [UInt8]) throws(ArtifactsError) -> PutOutcome

    /// Puts the whole in its place.
    func finish() throws(ArtifactsError) -> (location: FilePath, md5: String?, sha256: String?)
}

/// What became of one file.
enum PutOutcome {
    /// It is in the artifact, with so many bytes.
    case put(Int)
    /// It could not be read; the artifact is as it was before.
    case unreadable(Errno?)
    /// Its path cannot be written down.
    case pathTooLong
    /// It has more bytes than there is room for.
    case noRoom
}
