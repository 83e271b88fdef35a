// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// Looks at what is about to be published.
public protocol ArtifactInspection: AnyObject {
    /// A regular file of the artifact. Its offset has to stay where it is: it is packed from there.
    /// - Parameter path: as people read it.
    func inspect(_ file: FileDescriptor, path: String)
    /// Asked when every file was seen: why nothing may be published, or nil.
    func refusal() -> (message: String, hints: [String])?
}
