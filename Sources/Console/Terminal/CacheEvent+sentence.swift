// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

extension CacheEvent {
    /// What a person wants to know of it; nil for what makes no difference to the next build, or comes as a warning.
    /// - Parameter ellipsis: stands for the rest of a long key.
    func sentence(ellipsis: String) -> String? {
        func name(_ key: String?) -> String {
            guard let key else { return "(no key)" }
            return "`\(key.count > 60 ? key.prefix(59) + ellipsis : key)`"
        }
        switch self {
        case .restored(let restored):
            let way = restored.isCopied ? "copied" : "restored"
            let key = restored.content.fallbackKey.map { ", by the fallback key `\($0)`" } ?? ""
            return "cache \(name(restored.content.key)) \(way): \(Self.files(restored.content.fileCount))\(key)"
        case .missed(let missed) where missed.reason == .removed:
            return "cache \(name(missed.key)) was removed since it was saved"
        case .missed(let missed):
            return missed.key.map { "no cache with the key \(name($0)) yet" } ?? "no cache yet"
        case .saved(let saved):
            let changed = saved.isDelta ? " changed" : ""
            return "cache \(name(saved.key)) saved: \(Self.files(saved.fileCount))\(changed)"
        case .kept(.taken, let key): return "cache \(name(key)) was saved by another build first"
        case .kept, .failed: return nil
        }
    }

    private static func files(_ count: Int) -> String { count == 1 ? "1 file" : "\(count) files" }
}
