// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildStore
internal import Files
internal import SystemPackage

/// Sources that were checked out for builds whose drydock was killed.
///
/// What a sandbox leaves is cleared by the next sandbox; these lie outside of any.
enum AbandonedCheckouts {
    /// Removes them. What cannot be removed is left for another time: it is in nobody's way.
    static func remove(in store: BuildStore) {
        guard let directory = try? Directory(store.checkouts),
            let entries = try? directory.entries()
        else { return }
        for entry in entries {
            let name = String(decoding: entry.name, as: UTF8.self)
            if isInUse(name, store) { continue }
            try? directory.removeTree(FilePath(bytes: entry.name))
        }
    }

    private static func isInUse(_ name: String, _ store: BuildStore) -> Bool {
        if let process = name.split(separator: "-").last, name.hasPrefix("preview-") {
            return Caller.isAlive(process)
        }
        do throws(BuildStoreError) { return try store.find(name).state == .running } catch {
            return error.code != .notFound
        }
    }
}
