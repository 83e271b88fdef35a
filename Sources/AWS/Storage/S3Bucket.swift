// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import HTTP
internal import Processes
public import SystemPackage

/// A bucket of S3, or of anything that speaks as S3 does (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`).
///
/// Contents go from open files to the server and back; they do not pass through drydock's memory. Each call repeats what
/// fails as AWS wants it, finds the bucket's region by itself, and ends by its time limit. Contents are compared on both
/// ways: with their MD5 as they arrive at the server, and with the SHA-256 that was stored beside them when they are
/// fetched. Nothing is asked, and no file of the user's is read, before the first call.
///
///     let bucket = S3Bucket("cache", configuration: configuration, client: client)
///     try bucket.put("entries/1", from: file)
///     let object = try bucket.get("entries/1", to: other)
public final class S3Bucket {
    public let name: String
    let configuration: AWSConfiguration
    let client: HTTPClient
    let limits: Limits
    /// Nil where what is sent in parts is not noted, and not gone on with.
    let journal: UploadJournal?
    let isCancelled: () -> Bool
    /// Read once.
    var settings: AWSSettings?
    /// Found once, and anew before they expire.
    var credentials: AWSCredentials?
    /// Whether it does what is asked of it on a condition, as far as is known.
    var knowsConditions = true
    /// Where the bucket turned out to be.
    var learnedRegion: String?

    /// How long, and how large.
    struct Limits {
        /// Seconds for each call.
        var time: Double
        /// Seconds in which next to nothing moves, after which an attempt is given up.
        var stall = 30.0
        /// Contents above this are sent in parts.
        var singleBytes = 64 << 20
        /// A part's least size, but the last one's.
        var partBytes = 16 << 20
        /// Parts on their way at the same time.
        var parts = 4
    }

    /// - Parameters:
    ///   - journal: where uploads in parts are noted, so that what a killed program leaves is found.
    ///   - timeLimit: seconds for each call, with all of its repetitions.
    ///   - isCancelled: asked ten times a second; then what is still open fails.
    public convenience init(
        _ name: String, configuration: AWSConfiguration, client: HTTPClient, journal: UploadJournal?,
        timeLimit: Double = 3600, isCancelled: @escaping () -> Bool = { false }
    ) {
        self.init(
            name, configuration: configuration, client: client, limits: Limits(time: timeLimit), journal: journal,
            isCancelled: isCancelled)
    }

    init(
        _ name: String, configuration: AWSConfiguration, client: HTTPClient, limits: Limits,
        journal: UploadJournal? = nil, isCancelled: @escaping () -> Bool = { false }
    ) {
        self.name = name
        self.configuration = configuration
        self.client = client
        self.limits = limits
        self.journal = journal
        self.isCancelled = isCancelled
    }

    /// The region that the bucket is in, as far as is known: by what a call learned, else the one that is configured.
    public var region: String? { learnedRegion ?? configuration.knownRegion }

    // MARK: Looking

    /// Whether it can be asked at all: credentials are found, somebody answers, and there is such a bucket. Who may only
    /// write is told no more than that.
    public func check() throws(AWSFailure) {
        let call = try S3Call(self, action: "s3:ListBucket")
        let outcome = try call.perform([S3Request("HEAD", nil)])[0]
        switch outcome.refusal?.status {
        case 403: return
        case 404: throw .noBucket(name, call.subject)
        default: _ = try call.answer(outcome)
        }
    }

    /// What is known of an object without its content; nil where there is none.
    public func head(_ key: String) throws(AWSFailure) -> S3Object? {
        let call = try S3Call(self, action: "s3:GetObject")
        return try head(key, call)
    }

    func head(_ key: String, _ call: S3Call) throws(AWSFailure) -> S3Object? {
        let outcome = try call.perform([S3Request("HEAD", key)])[0]
        if outcome.refusal?.status == 404 { return nil }
        return S3Object(key, try call.answer(outcome))
    }

    /// The objects whose keys begin with a text, in the order of their keys' bytes.
    /// - Parameter limit: more are not asked for.
    public func list(_ prefix: String = "", limit: Int = .max) throws(AWSFailure) -> [S3Object] {
        let call = try S3Call(self, action: "s3:ListBucket")
        var objects: [S3Object] = []
        var token: String?
        repeat {
            var request = S3Request("GET", nil)
            request.query = [("encoding-type", "url"), ("list-type", "2"), ("prefix", prefix)]
            if let token { request.query.append(("continuation-token", token)) }
            if limit - objects.count < 1000 { request.query.append(("max-keys", "\(limit - objects.count)")) }
            let outcome = try call.perform([request])[0]
            let document = XMLText(try call.answer(outcome).body)
            guard document.isRooted(in: "ListBucketResult") else { throw .foreign(outcome, call.subject) }
            objects += document.elements("Contents").compactMap { S3Object($0) }
            let next = document.text("IsTruncated") == "true" ? document.text("NextContinuationToken") : nil
            // A server that goes round in circles.
            token = next == token ? nil : next
        } while token != nil && objects.count < limit
        return objects
    }

    // MARK: Removing

    /// Removes objects; those that are not there are no failure.
    public func delete(_ keys: [String]) throws(AWSFailure) {
        let call = try S3Call(self, action: "s3:DeleteObject")
        for outcome in try call.perform(keys.map { S3Request("DELETE", $0) }, atOnce: 8) {
            if outcome.refusal?.code == "NoSuchKey" { continue }
            _ = try call.answer(outcome)
        }
    }

    // MARK: Whole files

    /// Stores what an open file holds, in parts where that is much.
    ///
    /// A call that fails leaves nothing of it in the bucket. Parts of one that was killed stay there until the bucket's next
    /// user on this machine goes on with it (``S3PutOptions/resumesUpload``) or calls ``tidy(keepsResumable:)``.
    public func put(
        _ key: String, from file: FileDescriptor, options: S3PutOptions = S3PutOptions()
    ) throws(AWSFailure) {
        let call = try S3Call(self, action: "s3:PutObject", keyAction: "kms:GenerateDataKey")
        let count: Int
        do { count = Int(try file.seek(offset: 0, from: .end)) } catch { throw .unreadableContent("\(error)") }
        try S3Upload(key, HTTPRequest.FilePart(file, count: count), options, call).run()
    }

    /// Stores many files, several at the same time. The first failure ends it; what was stored until then stays.
    /// - Parameter files: by key; links are not followed.
    public func put(
        _ files: [(key: String, path: FilePath)], options: S3PutOptions = S3PutOptions()
    ) throws(AWSFailure) {
        // So many descriptors are open at once, and a failure is noticed after as many.
        for start in stride(from: 0, to: files.count, by: 64) {
            var opened: [(key: String, content: HTTPRequest.FilePart)] = []
            defer { for (_, content) in opened { try? content.file.close() } }
            for (key, path) in files[start..<min(start + 64, files.count)] {
                do {
                    let file = try FileDescriptor.open(path, .readOnly, options: [.noFollow, .closeOnExec])
                    opened.append((key, HTTPRequest.FilePart(file, count: 0)))
                    opened[opened.count - 1].content.count = Int(try file.seek(offset: 0, from: .end))
                } catch { throw .unreadableContent("\(path): \(error)") }
            }
            let call = try S3Call(self, action: "s3:PutObject", keyAction: "kms:GenerateDataKey")
            var requests: [S3Request] = []
            for (key, content) in opened {
                if content.count > limits.singleBytes {
                    try S3Upload(key, content, options, call).run()
                } else {
                    requests.append(try S3Upload(key, content, options, call).request())
                }
            }
            for outcome in try call.perform(requests, atOnce: 8) { _ = try call.answer(outcome) }
        }
    }

    /// Fetches an object into an open file, whose content it becomes. What broke off is gone on with.
    /// - Parameters:
    ///   - sha256: of what it must be; nil takes what stands beside the object.
    ///   - byteCount: how long it must be; of an object of another length nothing is fetched.
    /// - Throws: `.missing` where there is no such object.
    @discardableResult
    public func get(
        _ key: String, to file: FileDescriptor, sha256: String? = nil, byteCount: Int? = nil
    ) throws(AWSFailure) -> S3Object {
        let call = try S3Call(self, action: "s3:GetObject")
        return try S3Download(key, file, sha256: sha256, byteCount: byteCount, call).run()
    }
}
