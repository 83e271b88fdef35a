// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import SystemPackage

/// One immutable tree of an entry.
public struct CacheLayer: Sendable, Equatable {
    /// 32 hexadecimal digits, given out once.
    public var id: String
    /// What its files take, in bytes.
    public var byteCount: Int
    public var fileCount: Int
    /// The ids on the disk that the sandbox's root had when the layer was written.
    public var rootUser: UInt32
    public var rootGroup: UInt32
    /// Whether it holds only what changed over the layers below it.
    public var isDelta: Bool

    public init(id: String, byteCount: Int, fileCount: Int, rootUser: UInt32, rootGroup: UInt32, isDelta: Bool) {
        self.id = id
        self.byteCount = byteCount
        self.fileCount = fileCount
        self.rootUser = rootUser
        self.rootGroup = rootGroup
        self.isDelta = isDelta
    }

    /// Whether a text can be a layer's id, and so a file's name.
    static func isIdentifier(_ text: String) -> Bool { isHexadecimal(text, count: 32) }

    static func makeIdentifier() -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: (0..<32).map { _ in digits[Int.random(in: 0..<16)] }, as: UTF8.self)
    }
}

/// What was saved once: a stack of layers, and what it was saved under.
public struct CacheEntry: Sendable, Equatable {
    /// What the store calls it; see ``CacheRequest/hash``.
    public var hash: String
    public var namespace: String
    public var identity: CacheIdentity
    public var paths: [String]
    /// Nil for the entry without a key.
    public var key: String?
    /// Of the paths; see ``CacheRequest/version``.
    public var version: String
    /// Top first.
    public var layers: [CacheLayer]
    public var created: Timestamp
    /// When a build last took or saved it.
    public var lastUsed: Timestamp
    /// The id of the build that saved it.
    public var build: String
    /// What the key was made of.
    public var inputs: [KeyInput]
    /// What patterns among the paths selected, absolute or relative to the source; nil where there are none, or it is not known.
    public var selected: [String]?

    /// Of all layers.
    public var byteCount: Int { layers.reduce(0) { $0.addingSaturated($1.byteCount) } }
    public var fileCount: Int { layers.reduce(0) { $0.addingSaturated($1.fileCount) } }

    /// The members of the entry's object, for programs.
    public func write(into writer: inout JSONWriter) {
        writer.member("hash", hash)
        writer.member("key", ifPresent: key)
        writer.member("namespace", namespace)
        writer.member("identity", identity.text)
        writer.array("paths", of: paths)
        writer.member("version", version)
        writer.member("created", epoch: created)
        writer.member("lastUsed", epoch: lastUsed)
        writer.member("build", build)
        writer.member("bytes", byteCount)
        writer.member("files", fileCount)
        writer.array("layers") { writer in
            for layer in layers {
                writer.object { writer in
                    writer.member("id", layer.id)
                    writer.member("bytes", layer.byteCount)
                    writer.member("files", layer.fileCount)
                    writer.member("isDelta", layer.isDelta)
                }
            }
        }
        writer.array("inputs") { writer in
            for input in inputs {
                writer.object { writer in
                    writer.member("name", input.name)
                    writer.member("value", input.value)
                    guard let files = input.files else { return }
                    writer.array("files") { writer in
                        for file in files {
                            writer.object { writer in
                                writer.member("path", file.path)
                                writer.member("sha256", file.digest)
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether a build gets it under some key.
    func isReached(by request: CacheRequest) -> Bool {
        identity.text == request.identity.text && namespace.hasSameBytes(as: request.namespace)
            && version == request.version
    }
}

/// An entry that a build may use as long as this lives.
public struct CacheHit: Sendable {
    public var entry: CacheEntry
    public var match: Match
    /// The directories to mount, top first: `root/…` in them is the sandbox's root, `source/…` its primary source.
    public var layers: [FilePath]
    public var pin: CachePin

    /// What found the entry.
    public enum Match: Sendable, Equatable {
        case exact
        /// This fallback key.
        case fallback(String)
    }
}

func isHexadecimal(_ text: String, count: Int) -> Bool {
    text.utf8.count == count
        && text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
}
