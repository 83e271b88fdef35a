// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Where a repository is: a URL, `user@host:path`, or a path.
///
/// It comes from a command line or a project's settings, and goes to git as an argument: it is taken only when git cannot
/// read it as an option, a command, or two lines of a credential request.
public struct GitLocation: Sendable, Equatable {
    public var text: String

    /// - Parameter raw: `https://`, `http://`, `ssh://`, `git://` or `file://` URL, `[user@]host:path`, or a path.
    public init(_ raw: String) throws(CheckoutError) {
        if raw.isEmpty { throw .invalidLocation(raw, "it is empty") }
        if raw.hasPrefix("-") { throw .invalidLocation(raw, "it begins with `-`") }
        if raw.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) || Self.hidesControls(raw) {
            throw .invalidLocation(raw, "it holds a control character")
        }
        if let end = raw.firstRange(of: "://")?.lowerBound {
            let scheme = raw[..<end].lowercased()
            guard Self.schemes.contains(scheme) else {
                throw .invalidLocation(raw, "`\(scheme)` is not a way to fetch")
            }
            // What follows must not be an option to ssh either.
            let host = raw[end...].dropFirst(3).prefix { $0 != "/" }
            let name = host.lastIndex(of: "@").map { host[host.index(after: $0)...] } ?? host
            if name.hasPrefix("-") { throw .invalidLocation(raw, "its host begins with `-`") }
        } else if raw.firstRange(of: "::") != nil, !raw.hasPrefix("/"), !raw.hasPrefix(".") {
            // `ext::command` and the like start programs.
            throw .invalidLocation(raw, "it names a helper program")
        }
        text = raw
    }

    private static let schemes: Set<String> = ["https", "http", "ssh", "git", "file"]

    /// Whether the location can be fetched from without a network.
    public var isLocal: Bool {
        text.lowercased().hasPrefix("file://") || !text.contains("://") && (text.hasPrefix("/") || text.hasPrefix("."))
    }

    /// `%0a` and the like: git decodes them before it asks for credentials (CVE-2020-5260).
    private static func hidesControls(_ text: String) -> Bool {
        guard text.contains("://") else { return false }
        let bytes = Array(text.utf8)
        return bytes.indices.contains { index in
            guard bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            else { return false }
            return value < 0x20 || value == 0x7F
        }
    }

    /// For messages and records: what stands between `://` and `@` is left out.
    public var withoutCredentials: String { Self.withoutCredentials(text) }

    static func withoutCredentials(_ text: String) -> String {
        guard let range = text.firstRange(of: "://") else { return text }
        let rest = text[range.upperBound...]
        let host = rest.prefix { $0 != "/" }
        guard let at = host.lastIndex(of: "@") else { return text }
        let user = host[..<at]
        // ssh needs its user name, which is no secret; a password after it is.
        if text.lowercased().hasPrefix("ssh://") {
            let name = user.prefix { $0 != ":" }
            return "\(text[..<range.upperBound])\(name)\(rest[at...])"
        }
        return "\(text[..<range.upperBound])\(rest[rest.index(after: at)...])"
    }
}

extension GitLocation: CustomStringConvertible {
    public var description: String { withoutCredentials }
}

/// Which commit of a repository is wanted.
///
/// Source: "Source version sample with AWS CodeBuild": a commit, a branch, a tag, `pr/N`, a full reference, or a full
/// reference with a commit, `refs/heads/main^{0123…}`.
public struct GitVersion: Sendable, Equatable {
    public var text: String
    /// A full reference, where the text names one.
    let reference: String?
    /// A commit, where the text names one in full.
    let commit: String?

    public init(_ raw: String) throws(CheckoutError) {
        text = raw
        var name = raw
        var commit: String?
        if raw.hasSuffix("}"), let brace = raw.firstRange(of: "^{") {
            let inner = String(raw[brace.upperBound...].dropLast())
            name = String(raw[..<brace.lowerBound])
            guard name.hasPrefix("refs/"), Self.isCommit(inner) else { throw .invalidVersion(raw) }
            commit = inner
        }
        // git-check-ref-format(1), and nothing that git reads as an option or an expression.
        let isOrdinary = name.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && scalar.value != 0x7F && !"~^:?*[\\".unicodeScalars.contains(scalar)
        }
        let isWellFormed = !name.isEmpty && !name.hasPrefix("-") && !name.contains("..") && !name.contains("@{")
        guard isOrdinary, isWellFormed, !name.hasPrefix("/"), !name.hasSuffix("/") else { throw .invalidVersion(raw) }
        if name.hasPrefix("pr/"), let number = UInt(name.dropFirst(3)) {
            reference = "refs/pull/\(number)/head"
        } else {
            reference = name.hasPrefix("refs/") ? name : nil
        }
        self.commit = commit ?? (Self.isCommit(name) ? name : nil)
    }

    private static func isCommit(_ text: String) -> Bool {
        [40, 64].contains(text.utf8.count) && text.utf8.allSatisfy { isHexadecimal($0) }
    }
}
