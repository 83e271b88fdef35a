// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import SystemPackage

/// Somewhere else where caches are kept for several machines: a directory, a bucket. This module does not know which.
public protocol SharedPlace: Sendable {
    /// For messages: `s3://bucket/prefix`, a path.
    var name: String { get }
    /// As CodeBuild's log lines call what lies there: `S3 cache`.
    var title: String { get }
    /// - Parameter isCancelled: asked ten times a second; then whatever is going on fails.
    func open(isCancelled: @escaping () -> Bool) -> any SharedObjects
}

/// The objects of a place that is being used. Names are of letters, digits, `_`, `=`, `-` and `.`, with `/` between parts; they never lead
/// upwards.
public protocol SharedObjects {
    /// Fails where there is no such place, which reading cannot tell from one that holds nothing.
    func checkIsThere() throws(CacheError)
    /// Those whose names begin with a text that ends with `/`, without that beginning.
    func list(_ prefix: String) throws(CacheError) -> [SharedObject]
    /// Whether an object is there and is, as far as can be told without reading it, what it is to be.
    func has(_ name: String, sha256: String, byteCount: Int) throws(CacheError) -> Bool
    /// A small object; nil where there is none.
    func read(_ name: String, limit: Int) throws(CacheError) -> SharedContent?
    /// Writes an object into a file, which is empty.
    /// - Parameter archive: what it has to be; `.damaged` otherwise. Of what is longer no more is taken than that.
    /// - Returns: false where there is none.
    func fetch(_ name: String, _ archive: CacheManifest.Archive, into file: FileDescriptor) throws(CacheError) -> Bool
    /// Stores what a file holds, in one step; the name stands for the content.
    func store(_ name: String, from file: FileDescriptor) throws(CacheError)
    /// Stores a small object in one step, in the place of what was read before.
    /// - Parameter before: nil where there was none.
    /// - Returns: false where there is something else by now; it stays.
    func store(_ name: String, bytes: [UInt8], over before: SharedContent?) throws(CacheError) -> Bool
    /// Removes objects; those that are not there are no failure.
    func remove(_ names: [String]) throws(CacheError)
    /// Takes away what writers left that were killed, as far as that can be told.
    /// - Parameter scope: the beginning of the names of which nobody goes on with what is half written.
    func tidy(_ scope: String)
}

extension SharedObjects {
    /// A server says so at every question.
    public func checkIsThere() throws(CacheError) {}
}

/// A small object as it was read.
public struct SharedContent: Sendable, Equatable {
    /// Nil where that is more than was wanted.
    public var bytes: [UInt8]?
    /// What tells it from what stood there before and may stand there later; of the place's own choice.
    public var version: String

    public init(bytes: [UInt8]?, version: String) {
        self.bytes = bytes
        self.version = version
    }
}

/// What a place lists.
public struct SharedObject: Sendable, Equatable {
    public var name: String
    public var modified: Timestamp

    public init(name: String, modified: Timestamp) {
        self.name = name
        self.modified = modified
    }
}
