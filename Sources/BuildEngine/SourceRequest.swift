// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// A source as the caller named it.
public struct SourceRequest: Sendable, Equatable {
    /// Nil for the primary source.
    public var identifier: String?
    public var location: Location
    /// A commit, branch, tag, `pr/<n>` or full reference; a directory with a version is checked out like a repository.
    public var version: String?
    /// How many commits of history git fetches; nil for all.
    public var depth: Int?
    /// Whether git fetches submodules too.
    public var fetchesSubmodules = false
    /// What the build is told to be the repository's URL; nil for what the source itself says.
    public var repositoryURL: String?

    public enum Location: Sendable, Equatable {
        case directory(FilePath)
        /// Anything that git takes as a URL.
        case repository(String)
        /// No source: the build starts in an empty directory.
        case empty
    }

    public init(identifier: String? = nil, location: Location, version: String? = nil) {
        self.identifier = identifier
        self.location = location
        self.version = version
    }

    /// Reads `PATH`, a git URL, or `IDENTIFIER:PATH` and `IDENTIFIER:URL` for a secondary source.
    ///
    /// An identifier is of letters, digits and `_` (`ProjectSource.sourceIdentifier`, AWS CodeBuild API Reference), so
    /// `https://…` and `user@host:path` are URLs, and `./name:rest` is a path.
    public init(_ raw: String, path: (String) -> FilePath) {
        guard let colon = raw.firstIndex(of: ":"), !raw[colon...].hasPrefix("://"),
            Self.isIdentifier(raw[..<colon])
        else {
            self.init(location: Self.location(raw, path: path))
            return
        }
        let rest = String(raw[raw.index(after: colon)...])
        self.init(identifier: String(raw[..<colon]), location: Self.location(rest, path: path))
    }

    private static func location(_ raw: String, path: (String) -> FilePath) -> Location {
        isRepositoryURL(raw) ? .repository(raw) : .directory(path(raw))
    }

    /// Whether a text is a URL to git rather than a path: `scheme://…`, or `user@host:path` as git reads it.
    static func isRepositoryURL(_ text: String) -> Bool {
        for scheme in ["https://", "http://", "ssh://", "git://", "file://"] where text.hasPrefix(scheme) {
            return true
        }
        guard let colon = text.firstIndex(of: ":") else { return false }
        let host = text[..<colon]
        return host.contains("@") && !host.contains("/")
    }

    static func isIdentifier(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.count < 128
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }
}
