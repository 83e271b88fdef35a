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
    /// How much room all entries together may take; nil is the usual.
    public var size: CacheSize?
    /// Told of an entry that is new in the store, to keep all within their room.
    public var didSave: @Sendable (CacheEntry) -> Void = { _ in }
    /// Told that a save came to nothing: what was made for it may still take the room that it was short of.
    public var didNotSave: @Sendable () -> Void = {}

    public init(store: CacheStore, namespace: String) {
        self.store = store
        self.namespace = namespace
    }

    /// Has an entry looked after that is new in the store.
    /// - Returns: where it will not stay, that.
    public func lookAfter(_ entry: CacheEntry) -> Warning? {
        didSave(entry)
        let room = size ?? .standard(for: store.directory)
        return entry.byteCount > room.bytes ? .cacheTooLarge(entry, room) : nil
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
    /// The shared place that the hit was brought from.
    var origin: String?
    /// What a shared place has and is not what its index says; whoever saves its key puts it right.
    var damaged: CacheManifest?
    /// Why there is no hit, where one was looked for.
    var miss: CacheEvent.Missed?
    /// A kept state lies over layers whose entry is not in the store any more: nothing can be saved over them.
    var hasLostBase = false
    /// Whether the entry that this build would save is there, and could not be restored.
    var hasForgoneOwn = false
    /// Whether all of it is copied, because the user wants it so.
    var isCopied = false
    /// What is copied besides, by the pattern's base.
    var copyCauses: [FilePath: CopyCause] = [:]
    /// What was copied in the end, for the log alone: a sandbox decides by the view that a path lies in.
    var copies: [FilePath: CopyCause] = [:]
    /// How the store's answer is told when the source is announced; of a hit without how it was restored.
    var answer: String?
    /// What is told before it, in order.
    var notices: [String] = []
    var warnings: [Warning] = []

    /// Why what would be mounted is copied.
    enum CopyCause {
        /// An earlier build failed for it.
        case rename
        /// Layers over others say what of these counts no more, and the source's files would count no more with them.
        case overSource
        /// It shares the view of one that is.
        case sameView
        /// Nothing can be mounted there, as for a single file in memory.
        case noView

        var words: String {
            switch self {
            case .rename: "a program could not rename a directory in it where it was mounted"
            case .overSource: "the source has it too"
            case .sameView: "it is in the same view"
            case .noView: "it is in no view that it could be mounted in"
            }
        }
    }

    /// What a sandbox needs to know.
    var settings: SandboxSettings.Caches {
        let entry = hit?.entry
        let layers = zip(hit?.layers ?? [], entry?.layers ?? []).map { directory, layer in
            SandboxSettings.Caches.Layer(
                directory: directory, rootUser: layer.rootUser, rootGroup: layer.rootGroup)
        }
        return .init(
            layers: layers,
            paths: patterns.map { .init($0.base, isDirectory: $0.kind != .place, isCopied: isCopied($0)) })
    }

    var mountsSomething: Bool { hit != nil && !patterns.allSatisfy(isCopied) }

    func isCopied(_ pattern: CachePattern) -> Bool { isCopied || copyCauses[pattern.base] != nil }

    /// How it was restored, for the log.
    var way: String {
        let copied = patterns.filter { copies[$0.base] != nil }
        guard !isCopied, !copied.isEmpty else { return isCopied ? "copied" : "mounted" }
        let causes = copied.map { "`\($0.name)` copied: \(copies[$0.base]?.words ?? "")" }
        return ((copied.count < patterns.count ? ["mounted"] : []) + causes).joined(separator: ", ")
    }
}
