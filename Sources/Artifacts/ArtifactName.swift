// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// The place of an artifact below the destination.
///
/// The name was made by a shell that the build controls, so it is taken only when it can lead nowhere else.
struct ArtifactName {
    /// Relative, of ordinary components.
    let path: FilePath

    init(_ request: ArtifactRequest) throws(ArtifactsError) {
        let chosen = request.identifier ?? request.evaluatedName.flatMap { $0.isEmpty ? nil : $0 } ?? "artifacts"
        if chosen.hasPrefix("/") { throw .invalidName(chosen, "it is absolute") }
        if chosen.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw .invalidName(chosen, "it holds a control character")
        }
        var name = chosen
        while name.hasSuffix("/") { name.removeLast() }
        let components = name.split(separator: "/", omittingEmptySubsequences: false)
        if components.contains(where: { $0 == ".." }) { throw .invalidName(chosen, "it holds `..`") }
        if components.contains(where: { $0.isEmpty || $0 == "." }) {
            throw .invalidName(chosen, "one of its components is empty")
        }
        if FilePath(name).holdsGitDirectory { throw .invalidName(chosen, "`.git` is git's own") }
        if request.packaging == .zip, !name.hasSuffix(".zip") { name += ".zip" }
        if name.split(separator: "/").contains(where: { $0.utf8.count > 255 }) || name.utf8.count > 4000 {
            throw .invalidName(chosen, "it is too long")
        }
        path = FilePath(name)
    }
}
