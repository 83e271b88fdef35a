// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
import BuildModel
import Buildspec
import Sandbox
import SystemPackage

/// How a build uses caches.
public struct CacheUse: Sendable {
    public var store: CacheStore
    /// Whose entries it finds: a project's own, or those of all projects that name the same namespace.
    public var namespace: String
    public var mode = Mode.automatic
    public var saving = Saving.afterSuccess
    /// Whether entries are restored at all.
    public var restores = true
    /// Whether a build saves that was not asked to run every phase: a build that is there to fill caches.
    public var savesPartialBuilds = false
    /// Told what was asked for and found, and the build's id.
    public var didLook: @Sendable (CacheLookup, String) -> Void = { _, _ in }
    /// Asked for what the store does not have; nil for nobody.
    public var source: (any SharedPlace)?
    /// Given what was saved; nil for nobody.
    public var destination: (any SharedPlace)?
    /// How much room entries may take; told by whoever started the build, applied when one was saved.
    public var didSave: @Sendable (CacheEntry) -> Void = { _ in }

    public init(store: CacheStore, namespace: String) {
        self.store = store
        self.namespace = namespace
    }

    public enum Mode: String, Sendable, CaseIterable {
        /// Mounted.
        case automatic = "auto"
        case mount
        /// Copied, so that the build may rename every directory in it.
        case copy
    }

    public enum Saving: String, Sendable, CaseIterable {
        case afterSuccess = "success"
        case always
        case never
    }
}

/// What a build restores and saves, with everything in its buildspec's `cache` expanded.
struct PlannedCache: Sendable {
    var patterns: [CachePattern]
    var request: CacheRequest
    var inputs: [KeyInput]
    var action: Buildspec.Cache.Action?
    var hit: CacheHit?
    /// What a shared place has and is not what its index says; whoever saves its key puts it right.
    var damaged: CacheManifest?
    /// Why there is no hit, where one was looked for.
    var miss: CacheEvent.Missed?
    /// A kept state lies over layers whose entry is not in the store any more: nothing can be saved over them.
    var hasLostBase = false
    /// What is told when the source is announced, in order.
    var notices: [String] = []
    var warnings: [Warning] = []

    /// What a sandbox needs to know.
    func settings(isCopied: Bool) -> SandboxSettings.Caches {
        let entry = hit?.entry
        let layers = zip(hit?.layers ?? [], entry?.layers ?? []).map { directory, layer in
            SandboxSettings.Caches.Layer(
                directory: directory, rootUser: layer.rootUser, rootGroup: layer.rootGroup)
        }
        return .init(
            layers: layers, paths: patterns.map { .init($0.base, isDirectory: $0.kind != .place) }, isCopied: isCopied)
    }
}
