// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Files
internal import Glibc
internal import SystemPackage

/// Paths in which a program could not rename a directory because it lay in a mounted cache
/// (Documentation/filesystems/overlayfs.rst of the kernel, "Renaming directories"), one empty file each.
///
/// They are advice: where one cannot be written, the next build fails as the last one did.
extension CacheStore {
    private var renamesDirectory: FilePath { directory.appending("renames") }

    private func name(_ request: CacheRequest, _ path: String) -> FilePath {
        FilePath(CacheRequest.renameHash(namespace: request.namespace, path: path))
    }

    /// - Parameter path: as the request has it.
    public func knowsRename(_ request: CacheRequest, below path: String) -> Bool {
        renamesDirectory.pushing(name(request, path)).withPlatformString { access($0, F_OK) } == 0
    }

    public func noteRename(_ request: CacheRequest, below path: String) {
        guard let place = try? Directory.make(renamesDirectory, mode: 0o700),
            let file = try? place.open(name(request, path), flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
        else { return }
        try? file.close()
    }

    /// Takes back what was noted of any of the request's paths.
    public func forgetRenames(_ request: CacheRequest) {
        guard let place = try? Directory(renamesDirectory) else { return }
        for path in request.paths { try? place.removeTree(name(request, path)) }
    }
}
