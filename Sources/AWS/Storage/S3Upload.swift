// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import HTTP
internal import SystemPackage

/// Stores one content, in parts where it is large.
///
/// Source: "Uploading and copying objects using multipart upload", Amazon S3 User Guide.
struct S3Upload {
    private let key: String
    private let content: HTTPRequest.FilePart
    private let options: S3PutOptions
    private let call: S3Call
    private static let mostParts = 10_000

    init(_ key: String, _ content: HTTPRequest.FilePart, _ options: S3PutOptions, _ call: S3Call) {
        self.key = key
        self.content = content
        self.options = options
        self.call = call
    }

    func run() throws(AWSFailure) {
        let limits = call.bucket.limits
        let isParted = content.count > limits.singleBytes
        let partSize = max(limits.partBytes, content.count / Self.mostParts + 1)
        let digest = try ContentDigest(
            content, partSize: isParted ? partSize : .max, isCancelled: call.bucket.isCancelled)
        if isParted { try putParts(digest) } else { _ = try call.answer(try call.perform([whole(digest)])[0]) }
    }

    /// The one request of a content that is not sent in parts.
    func request() throws(AWSFailure) -> S3Request {
        whole(try ContentDigest(content, isCancelled: call.bucket.isCancelled))
    }

    private func whole(_ digest: ContentDigest) -> S3Request {
        var request = S3Request("PUT", key)
        request.headers = headers(digest) + [HTTPHeader("Content-MD5", ContentDigest.base64(digest.md5))]
        request.body = .file(content)
        request.bodySHA256 = digest.sha256
        return request
    }

    private func headers(_ digest: ContentDigest) -> [HTTPHeader] {
        let isTold = S3Object.digestNames.contains { options.metadata[$0] == digest.sha256 }
        if isTold { return options.headers }
        return options.headers + [HTTPHeader("x-amz-meta-\(S3Object.digestNames[0])", digest.sha256)]
    }

    // MARK: Parts

    private func putParts(_ digest: ContentDigest) throws(AWSFailure) {
        let upload: String
        var tags: [Int: String] = [:]
        if let unfinished = options.resumesUpload ? unfinished() : nil {
            (upload, tags) = (unfinished, partsThere(unfinished, digest))
        } else {
            upload = try begin(digest)
        }
        do throws(AWSFailure) {
            try sendParts(digest, upload, &tags)
            try complete(digest, upload, tags)
        } catch {
            abort(upload)
            throw error
        }
    }

    private func begin(_ digest: ContentDigest) throws(AWSFailure) -> String {
        var request = S3Request("POST", key)
        request.query = [("uploads", "")]
        request.headers = headers(digest)
        let outcome = try call.perform([request])[0]
        guard let upload = try call.answer(outcome).elementText("UploadId"), !upload.isEmpty else {
            throw .foreign(outcome, call.subject)
        }
        return upload
    }

    /// The last upload of this very key that was begun and not ended. Who may not list them begins anew.
    private func unfinished() -> String? {
        var request = S3Request("GET", nil)
        request.query = [("encoding-type", "url"), ("prefix", key), ("uploads", "")]
        guard let outcome = try? call.perform([request])[0], let response = try? call.answer(outcome) else {
            return nil
        }
        return XMLText(response.body).elements("Upload").last { upload in
            upload.text("Key").flatMap(S3Object.decoded) == key
        }?.text("UploadId")
    }

    /// The entity tags of parts that are there and are what they should be.
    private func partsThere(_ upload: String, _ digest: ContentDigest) -> [Int: String] {
        var tags: [Int: String] = [:]
        var marker: String? = "0"
        while let after = marker {
            var request = S3Request("GET", key)
            request.query = [("part-number-marker", after), ("uploadId", upload)]
            guard let outcome = try? call.perform([request])[0], let response = try? call.answer(outcome) else { break }
            let document = XMLText(response.body)
            for part in document.elements("Part") {
                guard let number = part.text("PartNumber").flatMap({ Int($0) }), digest.parts.indices ~= number - 1,
                    let tag = part.text("ETag"), part.text("Size") == "\(digest.parts[number - 1].count)",
                    S3Object.unquoted(tag) == hexadecimal(digest.parts[number - 1].md5)
                else { continue }
                tags[number] = tag
            }
            let next = document.text("IsTruncated") == "true" ? document.text("NextPartNumberMarker") : nil
            marker = next == after ? nil : next
        }
        return tags
    }

    private func sendParts(
        _ digest: ContentDigest, _ upload: String, _ tags: inout [Int: String]
    ) throws(AWSFailure) {
        let numbers = (1...digest.parts.count).filter { tags[$0] == nil }
        // A failure is noticed before everything else was sent, too.
        let round = 4 * call.bucket.limits.parts
        for start in stride(from: 0, to: numbers.count, by: round) {
            let some = Array(numbers[start..<min(start + round, numbers.count)])
            let requests = some.map { number in
                let part = digest.parts[number - 1]
                var request = S3Request("PUT", key)
                request.query = [("partNumber", "\(number)"), ("uploadId", upload)]
                request.headers = [HTTPHeader("Content-MD5", ContentDigest.base64(part.md5))]
                request.body = .file(HTTPRequest.FilePart(content.file, offset: part.offset, count: part.count))
                request.bodySHA256 = part.sha256
                return request
            }
            for (number, outcome) in zip(some, try call.perform(requests, atOnce: call.bucket.limits.parts)) {
                guard let tag = try call.answer(outcome).header("ETag") else { throw .foreign(outcome, call.subject) }
                tags[number] = tag
            }
        }
    }

    private func complete(_ digest: ContentDigest, _ upload: String, _ tags: [Int: String]) throws(AWSFailure) {
        let parts = tags.sorted { $0.key < $1.key }.map {
            "<Part><PartNumber>\($0.key)</PartNumber><ETag>\(XMLText.escaped($0.value))</ETag></Part>"
        }
        let document =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())"
            + "</CompleteMultipartUpload>"
        var request = S3Request("POST", key)
        request.query = [("uploadId", upload)]
        request.headers = [HTTPHeader("Content-Type", "application/xml")]
        request.body = .bytes(Array(document.utf8))
        // Putting many parts together takes S3 minutes, in which hardly a byte comes.
        request.mayStall = true
        let outcome = try call.perform([request])[0]
        if outcome.refusal?.code == "NoSuchUpload", let object = try call.bucket.head(key, call),
            object.byteCount == content.count,
            object.sha256 == digest.sha256 || object.entityTag == digest.entityTag
        {
            // An earlier attempt did it, and its answer was lost.
            return
        }
        _ = try call.answer(outcome)
    }

    /// Parts that no object is made of cost money until somebody removes them. It is tried once more where this call's
    /// own time is up, or nobody wants it any longer.
    private func abort(_ upload: String) {
        guard let tidying = try? S3Call(call.bucket, action: "s3:AbortMultipartUpload", tidyingWithin: 15) else {
            return
        }
        var request = S3Request("DELETE", key)
        request.query = [("uploadId", upload)]
        _ = try? tidying.perform([request])
    }
}
