// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import Glibc
internal import SystemPackage

/// An entry that was removed, as far as it is remembered.
public struct RemovedEntry: Sendable, Equatable {
    public var hash: String
    public var time: Timestamp
    public var reason: Reason

    public enum Reason: String, Sendable {
        /// All caches together were too large.
        case size
        /// The disk was too full.
        case floor
        /// It was not used for too long.
        case unused
        /// It alone was larger than all may be.
        case oversized
        /// By `drydock cache rm`.
        case asked

        /// Behind "it was removed".
        public var words: String {
            switch self {
            case .size: "when all caches together were too large"
            case .floor: "when the disk was too full"
            case .unused: "because it had not been used for long"
            case .oversized: "because it alone was larger than all caches may be"
            case .asked: "by `drydock cache rm`"
            }
        }
    }
}

/// The list of what was removed is a convenience: where it cannot be written, nothing is said.
extension CacheStore {
    private var removedList: FilePath { directory.appending("removed") }
    /// Some thousand entries.
    private static let longestList = 256 << 10

    /// The entries that were removed lately, the last one last.
    public var removedEntries: [RemovedEntry] {
        guard let bytes = try? FileContents.read(removedList, limit: Self.longestList * 2) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3, isHexadecimal(words[0], count: 64), let seconds = Double(words[1]),
                let reason = RemovedEntry.Reason(rawValue: words[2])
            else { return nil }
            return RemovedEntry(hash: words[0], time: Timestamp(seconds: seconds), reason: reason)
        }
    }

    /// To be called with the lock. It makes a file only where there is room for one.
    func remember(_ entry: RemovedEntry) {
        guard let place = try? Directory(directory),
            let file = try? place.open("removed", flags: O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600)
        else { return }
        defer { try? file.close() }
        // Begun anew rather than cut: on a full disk nothing but this is possible.
        if let status = try? FileStatus(of: file, path: removedList), status.size > Self.longestList {
            _ = ftruncate(file.rawValue, 0)
        }
        _ = try? file.writeAll("\(entry.hash) \(Int(entry.time.seconds)) \(entry.reason.rawValue)\n".utf8)
    }
}
