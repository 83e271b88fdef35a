// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import CLinux
internal import Files
internal import Glibc
internal import SystemPackage

extension CacheStore {
    /// Waits until the disk has all that was saved, and marks that in the records: from then on a power cut costs nothing.
    ///
    /// One syncfs(2) for all files of all layers; it may take as long as the disk takes for what was written lately, by
    /// whomever. So it is the work of a process that nobody waits for.
    /// - Returns: how many entries were marked.
    @discardableResult
    public func sync() throws(CacheError) -> Int {
        guard let entries = try openEntries() else { return 0 }
        let boot = bootIdentifier()
        var fresh: [CacheRecord] = []
        for hash in try hashes(in: entries) {
            if case .whole(let record) = read(hash, in: entries), record.boot == boot { fresh.append(record) }
        }
        guard !fresh.isEmpty else { return 0 }
        do throws(FilesError) {
            if linux_sync_file_system(entries.descriptor.rawValue) != 0 {
                throw FilesError(.write, path: directory, underlying: Errno(rawValue: errno))
            }
            let lock = try lock()
            defer { withExtendedLifetime(lock) {} }
            var count = 0
            for record in fresh {
                // What was saved meanwhile is not what was waited for.
                guard case .whole(var now) = read(record.entry.hash, in: entries), now.boot == boot,
                    now.entry.layers == record.entry.layers
                else { continue }
                now.boot = nil
                try write(now, in: entries, synchronizing: true)
                try? entries.removeTree(Self.earlierName(record.entry.hash))
                count += 1
            }
            return count
        } catch { throw .storage(error, store: directory) }
    }
}
