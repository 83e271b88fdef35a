// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

/// Which entry a lookup takes, and why not another.
public struct CacheExplanation: Sendable, Equatable {
    /// An entry beside a request.
    public struct Candidate: Sendable, Equatable {
        public var entry: CacheEntry
        public var verdict: Verdict
    }

    public enum Verdict: Sendable, Equatable {
        case exact
        /// Found by this fallback key, and taken.
        case fallback(String)
        /// Found by this fallback key, and another comes first.
        case outdone(String)
        /// Neither the key nor what a fallback key begins.
        case otherKey
        /// Another list of paths: these were added and taken away since it was saved; none of both in another order.
        case otherPaths(added: [String], removed: [String])
        /// Saved with other ids.
        case otherIdentity(CacheIdentity)
    }

    /// Why nothing is taken, in short.
    public enum MissReason: Sendable, Equatable {
        case removed(RemovedEntry)
        case otherPaths
        case otherIdentity(CacheIdentity)
        /// The namespace has no entry.
        case empty
        case otherKey
    }

    /// A difference between what two keys were made of.
    public enum Change: Sendable, Equatable {
        case value(name: String, old: String, new: String)
        case files(name: String, changed: [String], added: [String], removed: [String])
        case added(name: String)
        case removed(name: String)

        public var name: String {
            switch self {
            case .value(let name, _, _), .files(let name, _, _, _), .added(let name), .removed(let name): name
            }
        }
    }

    /// What is taken; nil for a miss.
    public var taken: CacheEntry?
    /// All entries of the namespace: what is taken first, then the newest first.
    public var candidates: [Candidate]
    /// The newest entry whose key was made of the same inputs; nil when the request's own key is there, or none is.
    public var compared: CacheEntry?
    /// What is different since that was saved.
    public var changes: [Change]
    /// The entry was there, and is not any more.
    public var removed: RemovedEntry?

    public init(
        _ request: CacheRequest, inputs: [KeyInput], entries: [CacheEntry], removed: [RemovedEntry] = []
    ) {
        let own = entries.filter { $0.namespace.hasSameBytes(as: request.namespace) }
            .sorted { ($0.created, $0.hash) > ($1.created, $1.hash) }
        taken = Self.taken(request, own)
        let takenHash = taken?.hash
        candidates = own.map { entry in
            Candidate(entry: entry, verdict: Self.verdict(entry, request, isTaken: entry.hash == takenHash))
        }
        if let index = candidates.firstIndex(where: { $0.entry.hash == takenHash }) {
            candidates.insert(candidates.remove(at: index), at: 0)
        }
        let names = inputs.map(\.name)
        let isMissed = takenHash != request.hash
        compared =
            isMissed && request.key != nil && !inputs.isEmpty
            ? own.first { !$0.isNamed(request.key) && $0.inputs.map(\.name) == names } : nil
        changes = compared.map { Self.changes(from: $0.inputs, to: inputs) } ?? []
        self.removed = isMissed ? removed.last { $0.hash == request.hash } : nil
    }

    /// Why nothing is taken, where nothing is.
    public var missReason: MissReason {
        if let removed { return .removed(removed) }
        var identity: CacheIdentity?
        for candidate in candidates {
            switch candidate.verdict {
            case .otherPaths: return .otherPaths
            case .otherIdentity(let other): identity = identity ?? other
            default: continue
            }
        }
        return identity.map { .otherIdentity($0) } ?? (candidates.isEmpty ? .empty : .otherKey)
    }

    private static func taken(_ request: CacheRequest, _ entries: [CacheEntry]) -> CacheEntry? {
        let hash = request.hash
        if let exact = entries.first(where: { $0.hash == hash }) { return exact }
        for fallback in request.fallbackKeys {
            if let entry = entries.first(where: { $0.isReached(by: request) && $0.isFound(by: fallback) }) {
                return entry
            }
        }
        return nil
    }

    private static func verdict(_ entry: CacheEntry, _ request: CacheRequest, isTaken: Bool) -> Verdict {
        let fallback = request.fallbackKeys.first(where: entry.isFound)
        let isNamed = entry.isNamed(request.key)
        guard isNamed || fallback != nil else { return .otherKey }
        if entry.version != request.version {
            return .otherPaths(
                added: request.paths.filter { path in !entry.paths.contains { $0.hasSameBytes(as: path) } },
                removed: entry.paths.filter { path in !request.paths.contains { $0.hasSameBytes(as: path) } })
        }
        if entry.identity.text != request.identity.text { return .otherIdentity(entry.identity) }
        if isNamed { return .exact }
        return isTaken ? .fallback(fallback ?? "") : .outdone(fallback ?? "")
    }

    /// What is different between what two keys were made of.
    public static func changes(from old: [KeyInput], to new: [KeyInput]) -> [Change] {
        var changes: [Change] = []
        for input in new {
            guard let before = old.first(where: { $0.name.hasSameBytes(as: input.name) }) else {
                changes.append(.added(name: input.name))
                continue
            }
            guard !before.value.hasSameBytes(as: input.value) else { continue }
            guard let oldFiles = before.files, let newFiles = input.files else {
                changes.append(.value(name: input.name, old: before.value, new: input.value))
                continue
            }
            let (oldDigests, newDigests) = (digests(oldFiles), digests(newFiles))
            changes.append(
                .files(
                    name: input.name,
                    changed: newFiles.map(\.path).filter { path in
                        oldDigests[Array(path.utf8)].map { $0 != newDigests[Array(path.utf8)] } ?? false
                    },
                    added: newFiles.map(\.path).filter { oldDigests[Array($0.utf8)] == nil },
                    removed: oldFiles.map(\.path).filter { newDigests[Array($0.utf8)] == nil }))
        }
        for input in old where !new.contains(where: { $0.name.hasSameBytes(as: input.name) }) {
            changes.append(.removed(name: input.name))
        }
        return changes
    }

    private static func digests(_ files: [KeyInput.File]) -> [[UInt8]: String] {
        Dictionary(files.map { (Array($0.path.utf8), $0.digest) }) { $1 }
    }
}
