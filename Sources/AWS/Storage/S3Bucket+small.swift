// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import HTTP

// Contents that fit into memory.
extension S3Bucket {
    /// An object's content in memory; nil where there is none.
    /// - Parameter limit: bytes; a larger content is a failure.
    public func read(_ key: String, limit: Int) throws(AWSFailure) -> [UInt8]? { try content(key, limit: limit)?.bytes }

    /// The same, with the entity tag that it has now.
    public func content(
        _ key: String, limit: Int
    ) throws(AWSFailure) -> (bytes: [UInt8], entityTag: String?)? {
        let call = try S3Call(self, action: "s3:GetObject")
        for isLast in [false, true] {
            var request = S3Request("GET", key)
            // A refusal has its words, however small the content may be.
            request.responseLimit = max(limit, 64 << 10)
            let outcome = try call.perform([request])[0]
            if outcome.refusal?.code == "NoSuchKey" { return nil }
            if case .failure(let error) = outcome.result, error.code == .tooLarge {
                throw .tooLarge("s3://\(name)/\(key)", limit, call.subject)
            }
            let response = try call.answer(outcome)
            if response.body.count > limit { throw .tooLarge("s3://\(name)/\(key)", limit, call.subject) }
            let object = S3Object(key, response)
            if object.sha256.map({ $0 == ContentDigest.sha256(response.body) })
                ?? object.md5.map({ $0 == hexadecimal(ContentDigest.md5(response.body)) }) ?? true
            {
                return (response.body, object.entityTag)
            }
            if isLast { break }
        }
        throw .damaged("s3://\(name)/\(key)", call.subject)
    }

    /// Stores a content that is in memory.
    /// - Parameter condition: of what is there; nil stores whatever is. A service that knows no conditions does so, too, but
    ///   where there is something in place of nothing.
    /// - Returns: whether the condition was met, and the content is there.
    @discardableResult
    public func put(
        _ key: String, bytes: [UInt8], options: S3PutOptions = S3PutOptions(), over condition: S3Condition? = nil
    ) throws(AWSFailure) -> Bool {
        let call = try S3Call(self, action: "s3:PutObject", keyAction: "kms:GenerateDataKey")
        var request = S3Request("PUT", key)
        request.headers = options.headers
        request.headers.append(HTTPHeader("Content-MD5", ContentDigest.base64(ContentDigest.md5(bytes))))
        request.headers.append(HTTPHeader("x-amz-meta-\(S3Object.digestNames[0])", ContentDigest.sha256(bytes)))
        request.body = .bytes(bytes)
        if let condition, knowsConditions {
            var conditional = request
            conditional.headers += condition.headers
            let outcome = try call.perform([conditional])[0]
            switch outcome.refusal {
            // Another one is being written in this moment, or what was to be replaced is gone.
            case let refusal? where [409, 412].contains(refusal.status) || refusal.code == "NoSuchKey": return false
            case let refusal? where refusal.status == 501: knowsConditions = false
            default:
                _ = try call.answer(outcome)
                return true
            }
        }
        if condition == .absent, try head(key, call) != nil { return false }
        _ = try call.answer(try call.perform([request])[0])
        return true
    }
}

/// What has to be there for something to be stored in its place.
///
/// Source: "How to prevent object overwrites with conditional writes", Amazon S3 User Guide.
public enum S3Condition: Sendable, Equatable {
    case absent
    /// Without its quotes.
    case entityTag(String)

    var headers: [HTTPHeader] {
        switch self {
        case .absent: [HTTPHeader("If-None-Match", "*")]
        // Somebody whose objects have no tags knows no conditions either.
        case .entityTag(""): []
        case .entityTag(let tag): [HTTPHeader("If-Match", "\"\(tag)\"")]
        }
    }
}
