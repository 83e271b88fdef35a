// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
public import SystemPackage

extension SandboxSettings {
    /// What caches hold, for `drydock-archive` to pack it or to fill it as the sandbox's root: files of a cache may belong to
    /// ids that nobody outside has.
    public struct LayerView: Sendable {
        /// The first lies on top; without any there is an empty directory, to be saved with ``Sandbox/saveLayerView(to:)``.
        public var layers: [Caches.Layer]
        /// What the record of an archive is to say.
        public var record: [UInt8]

        public init(layers: [Caches.Layer] = [], record: [UInt8] = []) {
            self.layers = layers
            self.record = record
        }

        /// The place inside of the directory to be filled: `root/…` is the build's root, `source/…` its primary source.
        public static let place = "/codebuild/cache"
        /// Those of the layers, each of that form, in their order; nothing can be written into them.
        public var layerPlaces: [String] { layers.indices.map { "\(Self.place)/\($0)" } }
        /// A file that holds the record, inside.
        public static let recordPlace = RootFileSystem.stateDirectory + "/drydock-cache.json"
        /// The program that packs and unpacks, inside.
        public static let program = Breakpoint.programs + "/drydock-archive"
    }
}

extension SandboxSettings.LayerView {
    /// What is put into the sandbox besides all that every sandbox has.
    func operations(scratch: FilePath, launcher: FilePath) throws(SandboxError) -> [SandboxPlan.Operation] {
        let program = launcher.removingLastComponent().appending("drydock-archive")
        guard program.withPlatformString({ access($0, X_OK) }) == 0 else { throw .archiverMissing(program) }
        var operations: [SandboxPlan.Operation] = [
            .bind(source: kernelText(program), target: KernelText(Self.program), access: .readOnly),
            .file(target: KernelText(Self.recordPlace), contents: KernelText(record), mode: 0o644),
        ]
        if layers.isEmpty {
            let upper = kernelText(Self.upper(in: scratch))
            operations.append(.scratchDirectory(source: upper, target: KernelText(Self.place), mode: 0o755))
        }
        operations += zip(layers, layerPlaces).map { layer, place in
            .layer(
                .init(root: kernelText(layer.directory), rootUser: layer.rootUser, rootGroup: layer.rootGroup),
                target: KernelText(place))
        }
        return operations
    }

    static func upper(in scratch: FilePath) -> FilePath { scratch.appending("layers") }
}

extension Sandbox {
    /// Makes a layer of what a layer view without layers was filled with. Everything in the sandbox has to be dead.
    /// - Parameter destination: not there yet; gets `files/`.
    public func saveLayerView(to destination: FilePath) throws(SandboxError) -> SavedLayer {
        let place = kernelText(SandboxSettings.LayerView.upper(in: prepared.settings.scratchDirectory))
        let tree = LayerPublication.Tree(source: place, path: "", target: "files", relation: .whole)
        return saved(try publish([tree], to: destination), isWhole: true, nil)
    }
}
