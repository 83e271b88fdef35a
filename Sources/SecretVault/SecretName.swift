// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Secrets

/// A parameter's name or a secret's id, as a buildspec writes it; both share one name space.
public struct SecretName: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let description: String

    /// An ARN of Secrets Manager is the longest there is.
    /// Source: AWS Secrets Manager API Reference, `GetSecretValue`, `SecretId`.
    static let maximumBytes = 2048

    /// Letters, digits and what AWS allows besides, but for `=`: who types `NAME=VALUE` would make a value a name, and
    /// names are visible.
    /// Source: AWS Secrets Manager API Reference, `CreateSecret`, `Name`; AWS Systems Manager API Reference,
    /// `PutParameter`, `Name`.
    public init(_ raw: String) throws(SecretVaultError) {
        if let sign = raw.firstIndex(of: "=") { throw .nameWithValue(String(raw[..<sign])) }
        guard !raw.isEmpty else { throw .emptyName }
        guard raw.utf8.count <= Self.maximumBytes else { throw .longName(limit: Self.maximumBytes) }
        guard raw.utf8.allSatisfy(Self.isAllowed) else { throw .invalidName(raw) }
        if raw.contains(":") {
            let isParameter = (try? ParameterReference(raw))?.name == raw
            let secret = try? SecretReference(raw)
            guard isParameter || secret?.secretID == raw else {
                throw .nameWithSelector(raw, whole: raw.hasPrefix("arn:") ? secret?.secretID : Self.beforeColon(raw))
            }
        }
        description = raw
    }

    private static func beforeColon(_ raw: String) -> String? {
        let name = raw.prefix { $0 != ":" }
        return name.isEmpty ? nil : String(name)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "/_+.@-:".utf8.contains(byte)
        }
    }

    /// By bytes, as the store's file is ordered.
    public static func < (left: SecretName, right: SecretName) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }
}

/// What anybody may know of a stored secret.
public struct SecretEntry: Sendable, Equatable {
    public var name: SecretName
    public var form: Form
    /// When it was set: seconds since 1970.
    public var seconds: Int

    public enum Form: String, Sendable {
        case text
        /// A JSON object, from which a reference may take a key.
        case json
    }
}
