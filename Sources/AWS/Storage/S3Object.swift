// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import HTTP

/// An object of a bucket, as a listing or a look at it tells.
public struct S3Object: Sendable, Equatable {
    public var key: String
    public var byteCount: Int
    /// Without its quotes.
    public var entityTag: String?
    public var modified: Timestamp?
    /// What was stored beside it: the names of `x-amz-meta-…` headers, in lower case, without that beginning. A listing
    /// does not have it.
    public var metadata: [String: String] = [:]
    /// Of its content, in 64 lower-case hexadecimal digits, where whoever stored it told.
    public var sha256: String?
    /// Of its content, where the entity tag is that.
    var md5: String?

    /// The names under which a SHA-256 stands in the metadata: what CodeBuild writes beside an artifact, and our own.
    static let digestNames = ["drydock-sha256", "codebuild-content-sha256"]

    /// From the headers of an answer to HEAD or GET.
    init(_ key: String, _ response: HTTPResponse) {
        self.key = key
        byteCount = response.header("Content-Length").flatMap { Int($0) } ?? 0
        entityTag = response.header("ETag").map(Self.unquoted)
        modified = response.header("Last-Modified").flatMap(AWSTime.web)
        let start = "x-amz-meta-"
        for header in response.headers where header.name.lowercased().hasPrefix(start) {
            metadata[String(header.name.lowercased().dropFirst(start.count))] = header.value
        }
        for name in Self.digestNames.reversed() {
            if let digest = metadata[name]?.lowercased(), Self.isDigest(digest, digits: 64) { sha256 = digest }
        }
        // Of an object that is encrypted with a key, or made of parts, the tag is no digest of the content.
        let isPlain = response.header("x-amz-server-side-encryption")?.hasPrefix("aws:kms") != true
        if isPlain, let tag = entityTag?.lowercased(), Self.isDigest(tag, digits: 32) { md5 = tag }
    }

    /// From an element `Contents` of a listing whose keys are percent-encoded.
    init?(_ element: XMLText) {
        guard let key = element.text("Key").flatMap(Self.decoded), let size = element.text("Size").flatMap({ Int($0) })
        else { return nil }
        self.key = key
        byteCount = size
        entityTag = element.text("ETag").map(Self.unquoted)
        modified = element.text("LastModified").flatMap(AWSTime.internet)
    }

    static func unquoted(_ tag: String) -> String {
        tag.count >= 2 && tag.hasPrefix("\"") && tag.hasSuffix("\"") ? String(tag.dropFirst().dropLast()) : tag
    }

    private static func isDigest(_ text: String, digits: Int) -> Bool {
        text.utf8.count == digits
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// As `encoding-type=url` has it: a space is `+`.
    static func decoded(_ text: String) -> String? {
        CanonicalRequest.decoded(text.replacing("+", with: " ")[...])
    }
}

/// How an object is stored.
public struct S3PutOptions: Sendable, Equatable {
    public var contentType: String?
    /// Names in lower case, without `x-amz-meta-`; letters, digits and hyphens. The SHA-256 of a content is added by itself.
    public var metadata: [String: String] = [:]
    public var encryption = S3Encryption.bucketDefault
    /// What the bucket's owner may do with an object that somebody else stores.
    public var ownerAccess = S3OwnerAccess.none
    /// Goes on with an upload of the same content to the same key that was broken off on this machine: its parts that are
    /// there already are not sent again. So what nobody answers to is not taken back either.
    public var resumesUpload = false

    public init() {}

    /// What is told when the object is begun.
    var headers: [HTTPHeader] {
        var headers = metadata.sorted { $0.key < $1.key }.map { HTTPHeader("x-amz-meta-\($0.key)", $0.value) }
        if let contentType { headers.append(HTTPHeader("Content-Type", contentType)) }
        headers += encryption.headers
        switch ownerAccess {
        case .none: break
        case .read: headers.append(HTTPHeader("x-amz-acl", "bucket-owner-read"))
        case .full: headers.append(HTTPHeader("x-amz-acl", "bucket-owner-full-control"))
        }
        return headers
    }
}

/// Who encrypts an object on S3's side, and with what.
public enum S3Encryption: Sendable, Equatable {
    /// As the bucket is set up.
    case bucketDefault
    /// Keys of S3's own: `AES256`.
    case managed
    /// A key of KMS by its ARN or `alias/…`; nil for the account's own for S3: `aws:kms`.
    case key(String?)

    var headers: [HTTPHeader] {
        let name = "x-amz-server-side-encryption"
        switch self {
        case .bucketDefault: return []
        case .managed: return [HTTPHeader(name, "AES256")]
        case .key(let identifier):
            return [HTTPHeader(name, "aws:kms")] + (identifier.map { [HTTPHeader("\(name)-aws-kms-key-id", $0)] } ?? [])
        }
    }
}

/// `bucketOwnerAccess` of a project's artifacts.
public enum S3OwnerAccess: String, Sendable, Equatable {
    case none = "NONE"
    case read = "READ_ONLY"
    case full = "FULL"
}
