// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
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

    /// An upload that was begun.
    private struct Begun {
        var identifier: String
        var note: UploadNote?
        /// The entity tags of parts that are there and are what they should be.
        var tags: [Int: String] = [:]
    }

    private func putParts(_ digest: ContentDigest) throws(AWSFailure) {
        var former = brokenOff(digest)
        for isLast in [false, true] {
            var upload: Begun
            if let former { upload = former } else { upload = try begin(digest) }
            former = nil
            do throws(AWSFailure) {
                try sendParts(digest, &upload)
                try complete(digest, upload)
                upload.note?.end()
                return
            } catch {
                if error.code == .missing {
                    // There is no such upload: somebody else ended it, or an earlier attempt did, whose answer was lost.
                    upload.note?.end()
                    if isStored(digest) { return }
                    if isLast { throw error }
                    continue
                }
                // Where nobody answers, nobody takes anything back; what can be gone on with may well wait.
                if options.resumesUpload, upload.note != nil, error.code == .unreachable { throw error }
                let tidying = try? S3Call(
                    call.bucket, action: "s3:AbortMultipartUpload", within: 15, isCancelled: { false })
                if tidying?.abort(key, upload.identifier) == true { upload.note?.end() }
                throw error
            }
        }
    }

    private func noted(_ digest: ContentDigest) throws(AWSFailure) -> UploadJournal.Upload {
        UploadJournal.Upload(
            place: try call.bucket.uploadPlace(), key: key, sha256: digest.sha256, partSize: digest.parts[0].count,
            encryption: options.encryption.headers.map(\.value).joined(separator: " "),
            isResumable: options.resumesUpload, begun: call.session.now)
    }

    private func begin(_ digest: ContentDigest) throws(AWSFailure) -> Begun {
        let noted = try noted(digest)
        // Before it is asked for: the answer may never come.
        let note = call.bucket.journal?.begin(noted)
        var request = S3Request("POST", key)
        request.query = [("uploads", "")]
        request.headers = headers(digest)
        let outcome = try call.perform([request])[0]
        do throws(AWSFailure) {
            guard let upload = try call.answer(outcome).elementText("UploadId"), !upload.isEmpty else {
                throw .foreign(outcome, call.subject)
            }
            note?.begun(as: upload)
            // An earlier attempt may have begun one as well, which is looked for later.
            if outcome.attempts > 1 { _ = call.bucket.journal?.begin(noted) }
            return Begun(identifier: upload, note: note)
        } catch {
            if outcome.attempts == 1, outcome.refusal != nil { note?.end() }
            throw error
        }
    }

    /// The last upload of this very content that was begun on this machine, and that nobody is at any more.
    private func brokenOff(_ digest: ContentDigest) -> Begun? {
        guard options.resumesUpload, let journal = call.bucket.journal, let wanted = try? noted(digest),
            let note = journal.dead(wanted.place).last(where: { note in
                note.identifier != nil && note.upload.isSameContent(as: wanted)
                    && wanted.begun.seconds - note.upload.begun.seconds < S3Bucket.resumeSeconds
            }), let identifier = note.identifier
        else { return nil }
        var tags = note.tags.filter { digest.parts.indices ~= $0.key - 1 }
        // Those that arrived, and of which the killed one did not hear; with a key their tags say nothing.
        for part in call.parts(key, identifier) ?? [] {
            guard digest.parts.indices ~= part.number - 1, digest.parts[part.number - 1].count == part.byteCount,
                S3Object.unquoted(part.tag) == hexadecimal(digest.parts[part.number - 1].md5)
            else { continue }
            tags[part.number] = part.tag
        }
        return Begun(identifier: identifier, note: note, tags: tags)
    }

    private func sendParts(_ digest: ContentDigest, _ upload: inout Begun) throws(AWSFailure) {
        let numbers = (1...digest.parts.count).filter { upload.tags[$0] == nil }
        // A failure is noticed before everything else was sent, too.
        let round = 4 * call.bucket.limits.parts
        for start in stride(from: 0, to: numbers.count, by: round) {
            let call = call.renewed()
            let some = Array(numbers[start..<min(start + round, numbers.count)])
            let requests = some.map { number in
                let part = digest.parts[number - 1]
                var request = S3Request("PUT", key)
                request.query = [("partNumber", "\(number)"), ("uploadId", upload.identifier)]
                request.headers = [HTTPHeader("Content-MD5", ContentDigest.base64(part.md5))]
                request.body = .file(HTTPRequest.FilePart(content.file, offset: part.offset, count: part.count))
                request.bodySHA256 = part.sha256
                return request
            }
            let outcomes = try call.perform(requests, atOnce: call.bucket.limits.parts)
            // What arrived is noted before a failure is told.
            var sent: [Int: String] = [:]
            for (number, outcome) in zip(some, outcomes) {
                if let tag = try? call.answer(outcome).header("ETag") { sent[number] = tag }
            }
            upload.note?.sent(sent)
            upload.tags.merge(sent) { $1 }
            for (number, outcome) in zip(some, outcomes) where sent[number] == nil {
                _ = try call.answer(outcome)
                throw .foreign(outcome, call.subject)
            }
        }
    }

    private func complete(_ digest: ContentDigest, _ upload: Begun) throws(AWSFailure) {
        let parts = upload.tags.sorted { $0.key < $1.key }.map {
            "<Part><PartNumber>\($0.key)</PartNumber><ETag>\(XMLText.escaped($0.value))</ETag></Part>"
        }
        let document =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())"
            + "</CompleteMultipartUpload>"
        var request = S3Request("POST", key)
        request.query = [("uploadId", upload.identifier)]
        request.headers = [HTTPHeader("Content-Type", "application/xml")]
        request.body = .bytes(Array(document.utf8))
        // Putting many parts together takes S3 minutes, in which hardly a byte comes.
        request.mayStall = true
        let call = call.renewed()
        _ = try call.answer(try call.perform([request])[0])
    }

    private func isStored(_ digest: ContentDigest) -> Bool {
        guard let object = try? call.bucket.head(key, call), object.byteCount == content.count else { return false }
        return object.sha256 == digest.sha256 || object.entityTag == digest.entityTag
    }
}
