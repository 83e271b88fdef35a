// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import FoundationEssentials
public import SystemPackage

/// A state that a failed build left, as the store has it.
public struct KeptState: Sendable, Equatable {
    public var record: KeptRecord
    /// Holds the state; reopened with `KeptPlace` and `SandboxSettings.reopening`.
    public var directory: FilePath
}

/// Kept states: at most one for each project and primary source.
///
///     kept/<project>-<checksum>/record.json    what is known of it
///     kept/<project>-<checksum>/…              what the build wrote
///     kept/<project>-<checksum>.lock           locked while the state is made, used or removed
extension BuildStore {
    /// The directory of all kept states; it need not be there.
    public var keptStatesDirectory: FilePath { directory.appending("kept") }

    /// Where the state of a failed build of a project and source goes.
    /// - Parameter source: what tells one primary source of the project from another: a directory's absolute path, or a
    ///   repository and a version.
    public func keptDirectory(project: String, source: String) -> FilePath {
        // FNV-1a of both.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(project)\0\(source)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        let name = String(ProjectName.fileName(project).prefix(60))
        return keptStatesDirectory.appending(
            "\(name)-\(String(repeating: "0", count: 16 - digits.count))\(digits)")
    }

    /// The state in a directory, or nil where there is none that this version can read.
    ///
    /// Whoever wants one that is just being made takes its place first (`KeptPlace.take(_:waiting:)`).
    public func keptState(in directory: FilePath) -> KeptState? {
        guard let bytes = try? FileContents.read(directory.appending(KeptRecord.fileName), limit: 4 << 20),
            let record = try? JSONDecoder().decode(KeptRecord.self, from: Data(bytes))
        else { return nil }
        return KeptState(record: record, directory: directory)
    }

    /// Removes a build's record, events and log.
    public func remove(_ build: StoredBuild) throws(BuildStoreError) {
        do throws(FilesError) {
            try Directory(directory.appending("builds")).removeTree(FilePath(build.record.uuid))
        } catch {
            throw BuildStoreError.cannotWrite(error)
        }
    }

    /// All kept states, the newest first.
    public func keptStates() -> [KeptState] {
        keptDirectories().states.compactMap { keptState(in: $0.directory) }
            .sorted { $0.record.endTime > $1.record.endTime }
    }

    /// Places of states, whether one is there: a state that a build has just left may still be on its way into its own.
    public func keptPlaces() -> [FilePath] {
        guard let kept = try? Directory(keptStatesDirectory), let entries = try? kept.entries() else { return [] }
        return entries.compactMap { entry in
            let name = String(decoding: entry.name, as: UTF8.self)
            return name.hasSuffix(".lock") ? keptStatesDirectory.appending(String(name.dropLast(5))) : nil
        }
    }

    /// Where kept states lie and when they were kept, in seconds since 1970, without reading them; and the names of what
    /// else lies there: states on their way out, whose drydock was killed.
    public func keptDirectories() -> (states: [(directory: FilePath, seconds: Int)], leftovers: [String]) {
        guard let kept = try? Directory(keptStatesDirectory), let entries = try? kept.entries() else { return ([], []) }
        var states: [(directory: FilePath, seconds: Int)] = []
        var leftovers: [String] = []
        for entry in entries {
            let name = String(decoding: entry.name, as: UTF8.self)
            if name.hasSuffix(".lock") { continue }
            if name.contains(".old-") || name.contains(".removed-") {
                leftovers.append(name)
            } else if let status = (try? kept.status(FilePath(name).appending(KeptRecord.fileName)))
                ?? (try? kept.status(FilePath(name).appending(KeptRecord.retiredName)))
            {
                states.append((keptStatesDirectory.appending(name), status.modificationSeconds))
            }
        }
        return (states, leftovers)
    }
}
