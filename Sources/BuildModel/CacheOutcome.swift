// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What a build had of its caches, and what it left for later ones.
public struct CacheOutcome: Codable, Sendable, Equatable {
    /// What it began with.
    public var restored: Entry?
    /// What became of saving; nil where a build does not save.
    public var result: Result?
    /// What it saved.
    public var saved: Entry?

    public init() {}

    /// Bytes and files are those of everything in the entry.
    public struct Entry: Codable, Sendable, Equatable {
        /// Nil for the entry without a key.
        public var key: String?
        /// What found it, where that was not the key itself.
        public var fallbackKey: String?
        public var byteCount: Int
        public var fileCount: Int

        public init(key: String?, fallbackKey: String? = nil, byteCount: Int, fileCount: Int) {
            self.key = key
            self.fallbackKey = fallbackKey
            self.byteCount = byteCount
            self.fileCount = fileCount
        }
    }

    public enum Result: String, Codable, Sendable {
        case saved
        /// The build changed nothing of what it began with.
        case unchanged
        /// Nothing was at the paths.
        case nothing
        /// Another build saved an entry of that key first.
        case taken
        case failed
    }
}

extension CacheOutcome {
    func write(to writer: inout JSONWriter) {
        if let restored { writer.object("restored") { restored.write(to: &$0) } }
        writer.member("result", ifPresent: result?.rawValue)
        if let saved { writer.object("saved") { saved.write(to: &$0) } }
    }
}

extension CacheOutcome.Entry {
    /// Writes its members into an object.
    public func write(to writer: inout JSONWriter) {
        writer.member("key", ifPresent: key)
        writer.member("fallbackKey", ifPresent: fallbackKey)
        writer.member("byteCount", byteCount)
        writer.member("fileCount", fileCount)
    }
}
