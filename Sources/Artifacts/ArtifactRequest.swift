// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Buildspec
public import SystemPackage

/// What is to be collected, and where it goes.
public struct ArtifactRequest {
    /// How an artifact lies in the destination.
    public enum Packaging: String, Sendable, CaseIterable {
        /// One file `<name>.zip`.
        case zip
        /// A directory `<name>`, as CodeBuild's packaging `NONE` makes of it below an S3 prefix.
        case directory
    }

    public var definition: Buildspec.Artifact
    /// Nil for the primary artifact.
    public var identifier: String?
    /// Absolute inside the tree: what relative paths are relative to.
    public var sourceDirectory: FilePath
    /// `name` as the shell evaluated it; nil when the buildspec gives none.
    public var evaluatedName: String?
    /// For `$NAME` and `${NAME}` in `base-directory`, `files` and `exclude-paths`.
    public var variables: [String: String]
    public var packaging: Packaging
    /// On the host; made when it is missing.
    public var destination: FilePath
    /// The destination, opened before the build began; opened by its path when nil.
    public var openedDestination: ArtifactDestination?
    /// SOURCE_DATE_EPOCH: the time of every file in the artifact, in seconds since 1970. Nil gives 1980-01-01 in a ZIP,
    /// which has no earlier, and the files' own times in a directory.
    public var sourceDateEpoch: Int?
    /// Sees every file before any of them is packed; nil where nobody wants to.
    public var inspection: (any ArtifactInspection)?
    /// The most content an artifact may have, in bytes; 20 GiB.
    public var maximumBytes = 20 << 30

    public init(
        definition: Buildspec.Artifact, identifier: String? = nil, sourceDirectory: FilePath,
        evaluatedName: String? = nil, variables: [String: String] = [:], packaging: Packaging = .zip,
        destination: FilePath, sourceDateEpoch: Int? = nil
    ) {
        self.definition = definition
        self.identifier = identifier
        self.sourceDirectory = sourceDirectory
        self.evaluatedName = evaluatedName
        self.variables = variables
        self.packaging = packaging
        self.destination = destination
        self.sourceDateEpoch = sourceDateEpoch
    }
}

/// What was collected.
public struct ArtifactResult: Sendable, Equatable {
    /// The ZIP file or the directory, on the host.
    public var location: FilePath
    /// Of the ZIP file, in lower-case hexadecimal digits; nil for a directory, as in CodeBuild.
    public var md5: String?
    public var sha256: String?
    /// Of the files of a directory, below it; empty for a ZIP file.
    public var outputPaths: [[UInt8]] = []
    public var fileCount: Int
    /// Of the files' content, before compression.
    public var byteCount: Int
}
