// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives

/// Whom the files of an entry belong to on the disk. A build can use only what was written with the same ids.
public struct CacheIdentity: Sendable, Equatable {
    /// Stable, and the same exactly where the ids are: `root`, `range 1000 100000+65536`, `single 1000`.
    public var text: String
    /// For messages: `root`, `a user with subordinate ids`.
    public var words: String

    public init(text: String, words: String) {
        self.text = text
        self.words = words
    }
}

/// What a build asks the store for, and later saves under.
public struct CacheRequest: Sendable, Equatable {
    /// Whose entries these are: a project's, or those of all projects that name the same namespace.
    public var namespace: String
    public var identity: CacheIdentity
    /// The paths as they are restored, expanded, in the buildspec's order.
    public var paths: [String]
    /// The finished key; nil for the one entry that is replaced by each save.
    public var key: String?
    /// Beginnings of keys, in the order in which they are tried.
    public var fallbackKeys: [String]

    /// What a key is for takes a line; what is longer, as a command's whole output, would make records that cannot be read.
    public static let maximumKeyBytes = 64 << 10

    public init(
        namespace: String, identity: CacheIdentity, paths: [String], key: String? = nil, fallbackKeys: [String] = []
    ) {
        self.namespace = namespace
        self.identity = identity
        self.paths = paths
        self.key = key
        self.fallbackKeys = fallbackKeys
    }

    /// Of the list of paths: an entry is found only by who restores the same ones. Source: CodeBuild's guide, "cache version".
    public var version: String { Self.version(of: paths) }

    /// What the entry is called in the store: 64 hexadecimal digits. Nothing of a request is ever part of a path.
    public var hash: String {
        Self.hash(identity: identity.text, namespace: namespace, version: version, key: key)
    }

    static func version(of paths: [String]) -> String { digest(["paths"] + paths) }

    /// The last digits are those of namespace and version alone, so that the names in a directory tell which records a
    /// fallback key may find.
    static func hash(identity: String, namespace: String, version: String, key: String?) -> String {
        let scope = scope(namespace: namespace, version: version)
        let own = digest(["entry", identity, namespace, version] + (key.map { ["key", $0] } ?? []))
        return own.prefix(64 - scope.utf8.count) + scope
    }

    /// What the hashes of entries of one namespace and version end with.
    static func scope(namespace: String, version: String) -> String {
        String(digest(["scope", namespace, version]).prefix(16))
    }

    /// What a note on a path is called, whichever of the namespace's entries has it.
    static func renameHash(namespace: String, path: String) -> String { digest(["rename", namespace, path]) }

    /// A text's SHA-256, in hexadecimal digits.
    public static func digest(of text: String) -> String { digest([text]) }

    /// Each text with its length before it: no two lists have the same bytes.
    private static func digest(_ texts: [String]) -> String {
        var sum = SHA256()
        for text in texts {
            let bytes = Array("\(text.utf8.count):".utf8) + Array(text.utf8)
            bytes.withUnsafeBytes { sum.update($0) }
        }
        return sum.finish()
    }
}

/// Something that a key was made of, kept so that a miss can name what changed.
public struct KeyInput: Sendable, Equatable {
    /// As the key names it: `codebuild-hash-files package-lock.json`, `$BRANCH`.
    public var name: String
    /// What it gave; masked, or a digest, where it is secret.
    public var value: String
    /// The files that were hashed, where it was files.
    public var files: [File]?

    public init(name: String, value: String, files: [File]? = nil) {
        self.name = name
        self.value = value
        self.files = files
    }

    /// A file that was hashed.
    public struct File: Sendable, Equatable {
        public var path: String
        /// SHA-256 of the content.
        public var digest: String

        public init(path: String, digest: String) {
            self.path = path
            self.digest = digest
        }
    }
}

extension String {
    /// Byte for byte: Swift takes letters for the same that Unicode composes differently.
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    func beginsWithBytes(of other: String) -> Bool { utf8.starts(with: other.utf8) }
}
