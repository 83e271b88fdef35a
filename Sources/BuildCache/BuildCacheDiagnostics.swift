// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import Glibc
internal import SystemPackage

/// Why a cache cannot be saved, read or removed.
public struct CacheError: Error, Sendable, Equatable {
    public var code: Code
    /// One sentence.
    public var message: String
    public var hints: [String]

    public struct Code: Sendable, Hashable {
        private enum Kind {
            case storage, readOnly, diskFull, incomplete, invalidSize, tooSmall, removal, place, damaged, cancelled
        }
        private var kind: Kind

        /// The store cannot be read or written.
        public static let storage = Code(kind: .storage)
        /// The store can be read, and not written.
        public static let readOnly = Code(kind: .readOnly)
        public static let diskFull = Code(kind: .diskFull)
        /// There is no layer where one was to be published.
        public static let incomplete = Code(kind: .incomplete)
        /// A word that is no size.
        public static let invalidSize = Code(kind: .invalidSize)
        /// A size into which no cache fits.
        public static let tooSmall = Code(kind: .tooSmall)
        /// Files of a layer could not be removed.
        public static let removal = Code(kind: .removal)
        /// A place that is shared with other machines cannot be read or written.
        public static let place = Code(kind: .place)
        /// An archive is not what its index says.
        public static let damaged = Code(kind: .damaged)
        /// Whoever waited does not wait any more.
        public static let cancelled = Code(kind: .cancelled)
    }

    init(_ code: Code, _ message: String, hints: [String] = []) {
        self.code = code
        self.message = message
        self.hints = hints
    }
}

extension CacheError: CustomStringConvertible {
    public var description: String { message }

    /// - Parameter store: to say how much room there is.
    static func storage(_ error: FilesError, store: FilePath) -> CacheError {
        switch error.underlying {
        case .noSpace, .diskQuotaExceeded:
            let free = DiskSpace(of: store).map { ", \(ByteCount.words(UInt64($0.free))) are free" } ?? ""
            return CacheError(
                .diskFull, "\(error)\(free)",
                hints: ["`drydock cache prune` and `drydock gc` free space, also on a full disk"])
        case .readOnlyFileSystem, .permissionDenied, .notPermitted:
            return CacheError(
                .readOnly, "the cache cannot be written: \(error)",
                hints: ["choose a place that you may write with `--state-dir DIR`"])
        default: return CacheError(.storage, "\(error)")
        }
    }

    static func unreadable(_ error: FilesError) -> CacheError {
        CacheError(
            .storage, "the cache cannot be read: \(error)",
            hints: [.permissionDenied, .notPermitted].contains(error.underlying)
                ? ["choose a place that you may read with `--state-dir DIR`"] : [])
    }

    /// Of a place that is shared with other machines.
    public static func place(_ message: String, hints: [String] = []) -> CacheError {
        CacheError(.place, message, hints: hints)
    }

    static func place(_ root: FilePath, _ error: FilesError) -> CacheError {
        CacheError(.place, "the shared cache `\(root.displayed)` cannot be used: \(error)")
    }

    public static func damagedArchive(_ name: String) -> CacheError {
        CacheError(
            .damaged, "the archive `\(DisplayText.escaped(name))` is not what its index says, and is left out",
            hints: ["remove it; a build that saves the same cache stores it anew"])
    }

    static func unreadableArchive(_ reason: Errno) -> CacheError {
        CacheError(.storage, "the archive cannot be read: \(reason.words)")
    }

    public static let cancelled = CacheError(.cancelled, "it was interrupted")

    static func invalid(size: String) -> CacheError {
        CacheError(
            .invalidSize, "`\(DisplayText.escaped(size))` is no size", hints: ["write it as `20G`, `500M` or in bytes"])
    }

    /// - Parameter isBare: without a letter.
    static func tooSmall(size: String, isBare: Bool) -> CacheError {
        let word = DisplayText.escaped(size)
        return CacheError(
            .tooSmall, "`\(word)` is less than 1 MiB, too small for caches",
            hints: [
                isBare && size != "0"
                    ? "a number alone is bytes: did you mean `\(word)G`?"
                    : "`drydock cache rm --all` removes all caches"
            ])
    }

    static func incomplete(_ directory: FilePath) -> CacheError {
        CacheError(.incomplete, "there is nothing to save in `\(directory.displayed)`")
    }
}

/// What is odd about the store and keeps no build from going on.
public struct CacheWarning: Sendable, Equatable {
    public var message: String
    public var hint: String?

    public init(_ error: CacheError) {
        message = error.message
        hint = error.hints.first
    }

    init(message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// - Parameter isRemoved: whether the record could be taken away.
    static func damaged(_ path: FilePath, _ reason: String, isRemoved: Bool) -> CacheWarning {
        CacheWarning(
            message: "the cache entry `\(path.displayed)` is left out: \(reason)",
            hint: isRemoved ? "its record was removed; the next build saves the cache anew" : nil)
    }

    static func notRemoved(_ path: FilePath, _ reason: String) -> CacheWarning {
        CacheWarning(message: "`\(path.displayed)` could not be removed: \(reason)")
    }

    static func notFlattened(_ entry: CacheEntry, _ reason: String) -> CacheWarning {
        CacheWarning(
            message:
                "the \(entry.layers.count) layers of the cache entry \(entry.hash.prefix(12)) could not be made one: "
                + reason)
    }

    static func otherIdentity(_ entry: CacheEntry, wanted: CacheIdentity) -> CacheWarning {
        let name = entry.key.map { "`\(DisplayText.escaped(CacheWarning.shortened($0)))`" } ?? "without a key"
        return CacheWarning(
            message:
                "there is a cache entry \(name), but it was saved by \(entry.identity.words) and this build runs as "
                + "\(wanted.words)",
            hint: "entries are kept apart by the ids that their files belong to")
    }

    static func shortened(_ text: String) -> String {
        text.unicodeScalars.count <= 80 ? text : String(text.prefix(79)) + "…"
    }
}

/// Room of the file system that holds a path.
struct DiskSpace {
    /// Bytes that this user may still write.
    var free: Int
    var total: Int

    /// - Parameter path: itself or, where it is not there yet, the nearest directory above it.
    init?(of path: FilePath) {
        var place = path
        var status = statvfs()
        while place.withPlatformString({ statvfs($0, &status) }) != 0 {
            guard errno == ENOENT, place.removeLastComponent() else { return nil }
        }
        free = Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        total = Int(clamping: UInt64(status.f_blocks) * UInt64(status.f_frsize))
    }
}
