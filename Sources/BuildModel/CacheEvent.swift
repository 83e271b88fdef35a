// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What became of a build's cache at one moment. The log says it in lines of its own (`BuildEvent.notice`).
public enum CacheEvent: Sendable, Equatable {
    /// The build begins with an entry.
    case restored(Restored)
    /// An entry was looked for, and the build begins with none.
    case missed(Missed)
    /// The build saved an entry.
    case saved(Saved)
    /// Nothing was saved, for a reason that is no failure.
    case kept(CacheOutcome.Result, key: String?)
    case failed(key: String?, message: String, hint: String?)

    public struct Restored: Sendable, Equatable {
        /// Key, fallback key, and what the entry holds.
        public var content: CacheOutcome.Entry
        /// The entry's hash.
        public var entry: String
        public var layerCount: Int
        public var isCopied: Bool
        /// From asking for the key until the sandbox was there with the cache in it.
        public var milliseconds: Int

        public init(
            _ content: CacheOutcome.Entry, entry: String, layerCount: Int, isCopied: Bool, milliseconds: Int
        ) {
            self.content = content
            self.entry = entry
            self.layerCount = layerCount
            self.isCopied = isCopied
            self.milliseconds = milliseconds
        }
    }

    public struct Missed: Sendable, Equatable {
        public var key: String?
        public var reason: Reason
        /// What the key was made of, as far as it is different in the newest entry whose key was made of the same.
        public var changedInputs: [String] = []

        public enum Reason: String, Sendable {
            /// The namespace has no entry.
            case empty
            case otherKey = "other-key"
            case otherPaths = "other-paths"
            case otherIdentity = "other-identity"
            /// It was there, and was removed.
            case removed
            /// The store could not be asked.
            case unavailable
        }

        public init(key: String?, reason: Reason) {
            self.key = key
            self.reason = reason
        }
    }

    public struct Saved: Sendable, Equatable {
        public var key: String?
        /// The entry's hash.
        public var entry: String
        /// Of what was written.
        public var byteCount: Int
        public var fileCount: Int
        /// What the build began with lies below what was written.
        public var isDelta: Bool
        /// Why it was not renamed; nil where it was.
        public var copyReason: String?
        /// Of the files that were not renamed those that got a further name rather than a copy.
        public var linkCount: Int
        public var milliseconds: Int

        public init(
            key: String?, entry: String, byteCount: Int, fileCount: Int, isDelta: Bool, copyReason: String?,
            linkCount: Int, milliseconds: Int
        ) {
            self.key = key
            self.entry = entry
            self.byteCount = byteCount
            self.fileCount = fileCount
            self.isDelta = isDelta
            self.copyReason = copyReason
            self.linkCount = linkCount
            self.milliseconds = milliseconds
        }
    }
}

extension CacheEvent {
    var name: String {
        switch self {
        case .restored: "cache-restored"
        case .missed: "cache-missed"
        case .saved: "cache-saved"
        case .kept(let result, _): "cache-\(result.rawValue)"
        case .failed: "cache-failed"
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .restored(let restored):
            restored.content.write(to: &writer)
            writer.member("entry", restored.entry)
            writer.member("layerCount", restored.layerCount)
            writer.member("mode", restored.isCopied ? "copied" : "mounted")
            writer.member("milliseconds", restored.milliseconds)
        case .missed(let missed):
            writer.member("key", ifPresent: missed.key)
            writer.member("reason", missed.reason.rawValue)
            writer.array("changedInputs", of: missed.changedInputs)
        case .saved(let saved):
            writer.member("key", ifPresent: saved.key)
            writer.member("entry", saved.entry)
            writer.member("byteCount", saved.byteCount)
            writer.member("fileCount", saved.fileCount)
            writer.member("changedOnly", saved.isDelta)
            if let reason = saved.copyReason {
                writer.member("copyReason", reason)
                writer.member("linkCount", saved.linkCount)
            }
            writer.member("milliseconds", saved.milliseconds)
        case .kept(_, let key): writer.member("key", ifPresent: key)
        case .failed(let key, let message, let hint):
            writer.member("key", ifPresent: key)
            writer.member("message", message)
            writer.member("hint", ifPresent: hint)
        }
    }
}
