// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

// What writers leave that were killed between an archive and its index, or between an index and the archive before it.
extension CacheRemote {
    /// No writer takes as long from an archive to its index; an upload in parts may count as old as its beginning.
    private static let graceSeconds = 86_400.0

    /// Takes away what killed writers left at the place, as far as that can be told: what was half written, and of a request's
    /// namespace and paths the archives that no index names.
    public func tidy(_ request: CacheRequest) {
        let scope = Self.scope(request)
        objects.tidy(scope)
        guard let listed = try? objects.list(scope) else { return }
        let orphans = orphans(listed, in: scope)
        if !orphans.isEmpty { try? objects.remove(orphans.map { scope + $0 }) }
    }

    private func orphans(_ listed: [SharedObject], in scope: String) -> [String] {
        // By the place's own clock.
        guard let newest = listed.map(\.modified.seconds).max() else { return [] }
        var indexes: [Substring: [String]] = [:]
        var archives: [Substring: [SharedObject]] = [:]
        for object in listed {
            if object.name.hasSuffix(".json") {
                indexes[object.name.prefix { $0 != "_" && $0 != "." }, default: []].append(object.name)
            } else if object.name.hasSuffix(".tar.zst") {
                archives[object.name.prefix { $0 != "." }, default: []].append(object)
            }
        }
        var orphans: [String] = []
        for (key, found) in archives {
            let old = found.filter { $0.modified.seconds < newest - Self.graceSeconds }
            // A single one beside an index is that one's; only what is in doubt is looked up.
            guard !old.isEmpty, indexes[key] == nil || found.count > 1 else { continue }
            guard let named = named(by: indexes[key] ?? [], in: scope) else { continue }
            orphans += old.map(\.name).filter { !named.contains(scope + $0) }
        }
        return orphans
    }

    /// The archives that indexes name; nil where that cannot be told, as of one that a later version wrote.
    private func named(by indexes: [String], in scope: String) -> Set<String>? {
        var named: Set<String> = []
        for index in indexes {
            guard let content = try? objects.read(scope + index, limit: CacheManifest.indexLimit),
                let bytes = content.bytes, !CacheManifest.isLater(bytes)
            else { return nil }
            guard let manifest = Self.manifest(content), let archive = manifest.archive else { continue }
            named.insert(Self.archiveName(manifest, archive))
        }
        return named
    }
}
