// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SandboxPlan
public import SystemPackage

extension SandboxSettings.Caches {
    /// Makes one layer of several, as a view of them would show them: files become further names of the same files.
    ///
    /// By the launcher, because they may belong to ids that only a sandbox has.
    /// - Parameters:
    ///   - layers: the first lies on top; its ids are those of the new one.
    ///   - destination: not there yet; gets `files/`.
    public static func merge(
        _ layers: [Layer], into destination: FilePath, launcher: FilePath
    ) throws(SandboxError) -> SavedLayer {
        let connection = try LauncherConnection.start(launcher, output: nil)
        defer { connection.close() }
        connection.send(
            .merge(
                identity: IdentityChoice.choose(slot: 0),
                layers: layers.map {
                    .init(root: kernelText($0.directory), rootUser: $0.rootUser, rootGroup: $0.rootGroup)
                },
                destination: kernelText(destination)))
        switch try connection.receive().reply {
        case .published(let layer):
            return SavedLayer(
                byteCount: Int(clamping: layer.byteCount), fileCount: Int(clamping: layer.fileCount), isWhole: true,
                isUnchanged: false, copyReason: nil, rootUser: layers.first?.rootUser ?? 0,
                rootGroup: layers.first?.rootGroup ?? 0)
        case .notPublished(let reason, let path):
            throw .notSaved(FilePath(bytes: path.bytes), Errno(rawValue: reason))
        case .failed(let step, let reason, let path): throw .setUp(step, Errno(rawValue: reason), path)
        default: throw .launcherDied
        }
    }
}
