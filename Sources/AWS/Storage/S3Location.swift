// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A place in S3 as people write it: `s3://bucket/prefix`.
public struct S3Location: Sendable, Equatable, CustomStringConvertible {
    public var bucket: String
    /// Without slashes at its ends; empty for the bucket itself.
    public var prefix: String

    public init(bucket: String, prefix: String = "") {
        self.bucket = bucket
        self.prefix = Self.trimmed(prefix)
    }

    /// Nil for what is no such place; also `arn:aws:s3:::bucket/prefix`, and `bucket/prefix` where `bare` says so.
    public init?(_ text: String, bare: Bool = false) {
        var rest = text[...]
        if rest.hasPrefix("s3://") {
            rest = rest.dropFirst("s3://".count)
        } else if rest.hasPrefix("arn:") {
            let fields = rest.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            guard fields.count == 6, fields[2] == "s3", fields[3].isEmpty, fields[4].isEmpty else { return nil }
            rest = fields[5]
        } else if !bare {
            return nil
        }
        let bucket = String(rest.prefix { $0 != "/" })
        guard Self.isBucket(bucket) else { return nil }
        self.init(bucket: bucket, prefix: String(rest.dropFirst(bucket.count)))
    }

    /// Whether text means a place in S3, however badly it is written.
    public static func isMeant(by text: String) -> Bool { text.hasPrefix("s3:") || text.hasPrefix("arn:") }

    /// The key of something below the place.
    public func key(_ name: String) -> String { prefix.isEmpty ? name : name.isEmpty ? prefix : "\(prefix)/\(name)" }

    public var description: String { prefix.isEmpty ? "s3://\(bucket)" : "s3://\(bucket)/\(prefix)" }

    /// Of an object or a prefix in a bucket.
    ///
    /// Source: "Amazon S3 resources", Amazon S3 User Guide.
    public static func resourceName(bucket: String, key: String, region: String?) -> String {
        let partition =
            region.map { $0.hasPrefix("cn-") ? "aws-cn" : $0.hasPrefix("us-gov-") ? "aws-us-gov" : "aws" } ?? "aws"
        return "arn:\(partition):s3:::\(bucket)" + (key.isEmpty ? "" : "/\(key)")
    }

    /// Whether it can be a bucket's name. The old ones of `us-east-1` may have capitals and `_`.
    ///
    /// Source: "General purpose bucket naming rules", Amazon S3 User Guide.
    static func isBucket(_ name: String) -> Bool {
        name.utf8.count >= 3 && name.utf8.count <= 255 && !name.hasPrefix(".") && !name.contains("..")
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
                    || "-._".utf8.contains(byte)
            }
    }

    private static func trimmed(_ prefix: String) -> String {
        var prefix = prefix[...]
        while prefix.first == "/" { prefix.removeFirst() }
        while prefix.last == "/" { prefix.removeLast() }
        return String(prefix)
    }
}
