// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A directory that a build wrote to and that is worth caching.
public struct WrittenPlace: Codable, Sendable, Equatable {
    /// As in `cache.paths`, without the pattern: relative to the source where it lies in there, else absolute.
    public var path: String
    /// Who caches there; nil where it is known by its size alone.
    public var tool: String?
    public var byteCount: Int
    public var fileCount: Int
    /// In which it was filled.
    public var milliseconds: Int
    /// False where there was more than was looked at.
    public var isWhole: Bool
    /// Files of the source that say what is to be in it.
    public var lockFiles: [String]
    /// Whether each build changes what is in it, whatever those files say.
    public var isChanging: Bool

    public init(
        path: String, tool: String?, byteCount: Int, fileCount: Int, milliseconds: Int, isWhole: Bool = true,
        lockFiles: [String] = [], isChanging: Bool = false
    ) {
        self.path = path
        self.tool = tool
        self.byteCount = byteCount
        self.fileCount = fileCount
        self.milliseconds = milliseconds
        self.isWhole = isWhole
        self.lockFiles = lockFiles
        self.isChanging = isChanging
    }

    /// Writes its members into an object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", path)
        writer.member("tool", ifPresent: tool)
        writer.member("byteCount", byteCount)
        writer.member("fileCount", fileCount)
        writer.member("milliseconds", milliseconds)
        writer.member("isWhole", isWhole)
        writer.array("lockFiles") { writer in
            for file in lockFiles { writer.element(file) }
        }
        writer.member("isChanging", isChanging)
    }
}

/// What a build wrote to places worth caching.
public struct WrittenPlaces: Codable, Sendable, Equatable {
    public var places: [WrittenPlace]
    /// In which they were filled: less than the sum where several were at once.
    public var milliseconds: Int

    public init(places: [WrittenPlace], milliseconds: Int) {
        self.places = places
        self.milliseconds = milliseconds
    }

    public var byteCount: Int { places.reduce(0) { $0 + $1.byteCount } }

    func write(to writer: inout JSONWriter) {
        writer.member("milliseconds", milliseconds)
        writer.array("places") { writer in
            for place in places { writer.object { place.write(to: &$0) } }
        }
    }
}
