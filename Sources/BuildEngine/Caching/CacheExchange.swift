// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
public import BuildModel
import Files
public import SystemPackage

/// Brings entries from a place that several machines share into a store, and gives the place what the store has. Whatever is
/// the matter with it is a warning: nothing fails for its cache.
public struct CacheExchange {
    private let store: CacheStore
    private let sandboxes: FilePath
    private let archiver: CacheArchiver
    private let now: () -> Timestamp
    private let isCancelled: () -> Bool

    /// What there is to be told, in order.
    public enum Note: Sendable {
        case notice(String)
        case warning(Warning)
    }

    /// - Parameters:
    ///   - sandboxes: where sandboxes keep what is written in them; on the store's file system.
    ///   - isCancelled: asked ten times a second.
    public init(
        _ store: CacheStore, sandboxes: FilePath, launcher: FilePath, now: @escaping () -> Timestamp,
        isCancelled: @escaping () -> Bool
    ) {
        self.store = store
        self.sandboxes = sandboxes
        self.now = now
        self.isCancelled = isCancelled
        archiver = CacheArchiver(store, sandboxes: sandboxes, launcher: launcher, isCancelled: isCancelled)
    }

    // MARK: Fetching

    public struct Fetched: Sendable {
        /// Whether there is something new in the store.
        public var isNew = false
        /// What the place has and is not what its index says.
        public var damaged: CacheManifest?
    }

    /// Brings an entry into the store that is better than what the store has.
    /// - Parameter own: what the store has.
    public func fetch(
        _ request: CacheRequest, over own: CacheHit?, from place: any SharedPlace, tell: (Note) -> Void
    ) -> Fetched {
        var fetched = Fetched()
        var last: CacheManifest?
        do {
            let remote = CacheRemote(place.open(isCancelled: isCancelled))
            try remote.checkPlace()
            // What was replaced between its index and its archive is looked for again.
            for attempt in 0..<3 {
                let found = try wanted(request, over: own, of: remote) { name in
                    if attempt == 0 { tell(.warning(.damagedIndex(name, at: place.name))) }
                }
                guard let found else { break }
                last = found
                let file = try UnnamedFile(on: sandboxes)
                defer { withExtendedLifetime(file) {} }
                tell(.notice("Downloading \(place.title)..."))
                guard try remote.fetch(found, into: file.descriptor) else { continue }
                tell(.notice("Unarchiving cache..."))
                let outcome = try archiver.unpack(file.descriptor, shown: place.name, expected: found, now: now())
                if case .imported(_, let sentences) = outcome {
                    for sentence in sentences { tell(.warning(Warning(message: sentence, isGrave: true))) }
                    fetched.isNew = true
                }
                break
            }
        } catch {
            if let error = error as? CacheError, error.code == .damaged { fetched.damaged = last }
            tell(.warning(.sharedCache("nothing is restored from `\(place.name)`", error)))
        }
        return fetched
    }

    /// The index of what would be taken.
    private func wanted(
        _ request: CacheRequest, over own: CacheHit?, of remote: CacheRemote, damaged: (String) -> Void
    ) throws(CacheError) -> CacheManifest? {
        guard let exact = try remote.exact(request, damaged: damaged) else {
            return own == nil ? try remote.fallback(request, damaged: damaged) : nil
        }
        // Of the entry without a key the newer one counts.
        if let own, own.match == .exact, own.entry.created >= exact.created { return nil }
        return exact
    }

    // MARK: Storing

    /// Gives the place the entry that the store has for a request's very key.
    /// - Parameter damaged: what the place is known to have wrong.
    public func push(
        _ request: CacheRequest, to place: any SharedPlace, damaged: CacheManifest? = nil, tell: (Note) -> Void
    ) {
        do {
            var request = request
            request.fallbackKeys = []
            guard let hit = try store.find(request, warn: { _ in }) else { return }
            let remote = CacheRemote(place.open(isCancelled: isCancelled))
            let manifest = CacheManifest(hit.entry)
            let name = hit.entry.displayedKey
            if try remote.holds(manifest, damaged: damaged) {
                tell(.notice("Cache \(name) is in `\(place.name)` already"))
                return remote.tidy(request)
            }
            tell(.notice("Uploading \(place.title)..."))
            let file = try UnnamedFile(on: sandboxes)
            defer { withExtendedLifetime(file) {} }
            for sentence in try archiver.pack(hit, into: file.descriptor) {
                tell(.warning(Warning(message: sentence, isGrave: true)))
            }
            let outcome = try remote.store(manifest, archive: file.descriptor, damaged: damaged)
            let size = (try? FileStatus(of: file.descriptor, path: FilePath("archive")))?.size ?? 0
            let words =
                outcome == .stored
                ? "Uploaded cache \(name): \(FailureHints.size(size))"
                : "Cache \(name) was stored in `\(place.name)` by another build first"
            tell(.notice(words))
            // Not after a failure: what is kept to be gone on with would be taken for a leftover.
            remote.tidy(request)
        } catch {
            tell(.warning(.sharedCache("the cache is not stored in `\(place.name)`", error)))
        }
    }
}

extension Warning {
    fileprivate static func damagedIndex(_ name: String, at place: String) -> Warning {
        Warning(
            message: "the index `\(name)` at `\(place)` is damaged, and is left out",
            hint: "a build that saves the same cache stores it anew", isGrave: true)
    }

    fileprivate static func sharedCache(_ what: String, _ error: any Error) -> Warning {
        let hint: String? =
            switch error {
            case let error as CacheError: error.hints.first
            case let error as EngineError: error.hints.first
            default: nil
            }
        return Warning(message: "\(what): \(error)", hint: hint, isGrave: true)
    }
}
