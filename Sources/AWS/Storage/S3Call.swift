// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import HTTP
internal import Processes

/// A request to a bucket before it has an address.
struct S3Request {
    var method: String
    /// Nil for the bucket itself.
    var key: String?
    var query: [(name: String, value: String)] = []
    var headers: [HTTPHeader] = []
    var body = HTTPRequest.Body.bytes([])
    /// Of a body in a file.
    var bodySHA256: String?
    var sink = HTTPRequest.Sink.memory
    var responseLimit = 16 << 20
    /// Whether the answer may take its time.
    var mayStall = false
    /// Makes the request of a further attempt.
    var further: (HTTPRequest) -> HTTPRequest = { $0 }

    init(_ method: String, _ key: String?) {
        self.method = method
        self.key = key
    }
}

/// One call of a bucket's user: whom it asks as, where, until when.
struct S3Call {
    let bucket: S3Bucket
    let session: AWSSession
    private(set) var credentials: AWSCredentials
    private let action: String
    private let keyAction: String

    /// - Parameters:
    ///   - seconds: for a call that tidies up, which may be made after another's time is up; nil for one as any other.
    ///   - isCancelled: nil asks the bucket's.
    init(
        _ bucket: S3Bucket, action: String, keyAction: String = "kms:Decrypt", within seconds: Double? = nil,
        isCancelled: (() -> Bool)? = nil
    ) throws(AWSFailure) {
        self.bucket = bucket
        self.action = action
        self.keyAction = keyAction
        let settings: AWSSettings
        if let read = bucket.settings { settings = read } else { settings = try bucket.configuration.settings() }
        bucket.settings = settings
        session = AWSSession(
            settings: settings, client: bucket.client,
            deadline: MonotonicTime.now() + (seconds ?? bucket.limits.time),
            isCancelled: isCancelled ?? bucket.isCancelled)
        credentials = try Self.credentials(bucket, session)
    }

    private static func credentials(_ bucket: S3Bucket, _ session: AWSSession) throws(AWSFailure) -> AWSCredentials {
        let soon = session.now.seconds + 300
        if let found = bucket.credentials, found.expiration.map({ $0.seconds > soon }) ?? true { return found }
        let found = try session.credentials()
        bucket.credentials = found
        return found
    }

    /// The same, with credentials that last: a content that goes in parts may take longer than those live that it was begun
    /// with. Until new ones are to be had, the old are tried.
    func renewed() -> S3Call {
        var call = self
        if let fresh = try? Self.credentials(bucket, session) { call.credentials = fresh }
        return call
    }

    /// Who was asked for what, for messages.
    var subject: AWSSubject {
        AWSSubject(region: bucket.region, credentials: credentials, action: action, keyAction: keyAction)
    }

    /// The answer of a call that was not refused.
    func answer(_ outcome: AWSSession.Outcome) throws(AWSFailure) -> HTTPResponse {
        if let failure = AWSFailure(outcome, subject) { throw failure }
        do { return try outcome.result.get() } catch { throw .foreign(outcome, subject) }
    }

    /// Sends requests, again to another region where the bucket turns out to be there.
    func perform(_ requests: [S3Request], atOnce: Int = .max) throws(AWSFailure) -> [AWSSession.Outcome] {
        let (calls, region) = try calls(requests)
        var outcomes = session.perform(calls, atOnce: atOnce)
        let others = outcomes.compactMap(Self.otherRegion)
        guard let other = others.first, other != region else { return outcomes }
        // It becomes a part of a host's name.
        let checked = try AWSSettings.checkedName(other)
        bucket.learnedRegion = checked
        let again = outcomes.indices.filter { Self.otherRegion(outcomes[$0]) != nil }
        let (further, _) = try self.calls(again.map { requests[$0] })
        for (index, outcome) in zip(again, session.perform(further, atOnce: atOnce)) { outcomes[index] = outcome }
        return outcomes
    }

    private func calls(_ requests: [S3Request]) throws(AWSFailure) -> ([AWSSession.Call], region: String) {
        let address = try S3Address(bucket, session.settings)
        let signer = RequestSigner(
            credentials: credentials, region: address.region, service: AWSService.storage.rawValue)
        let calls = requests.map { request in
            AWSSession.Call(
                request: made(request, address), signer: signer, refusal: Self.refusal, further: request.further)
        }
        return (calls, address.region)
    }

    private func made(_ request: S3Request, _ address: S3Address) -> HTTPRequest {
        let isLong = request.body != .bytes([]) || request.method == "GET"
        var made = HTTPRequest(
            method: request.method, url: address.url(of: request.key, query: request.query),
            headers: request.headers + [HTTPHeader("User-Agent", "drydock")], body: request.body,
            timeLimit: isLong ? bucket.limits.time : 60, responseLimit: request.responseLimit,
            certificateAuthorities: session.settings.certificateAuthorities)
        made.sink = request.sink
        made.stallTimeLimit = request.mayStall ? nil : bucket.limits.stall
        // Over TLS the MD5 that goes with it is enough, and nobody on the way can change either.
        if case .file = request.body, !address.isSecure, let digest = request.bodySHA256 {
            made.headers.append(HTTPHeader("X-Amz-Content-Sha256", digest))
        }
        return made
    }

    // MARK: Refusals

    /// What an answer refuses. That of a HEAD has no words, and a 200 may turn out to be none.
    ///
    /// Source: "Error responses" and `CompleteMultipartUpload`, Amazon S3 API Reference.
    private static func refusal(_ response: HTTPResponse) -> ServiceError? {
        if response.status == 200, response.body.count < 64 << 10, XMLText(response.body).isRooted(in: "Error") {
            return ServiceError(refusing: response)
        }
        guard var error = ServiceError(response) else { return nil }
        if error.code.isEmpty, response.body.isEmpty {
            let words = [
                301: "PermanentRedirect", 307: "TemporaryRedirect", 403: "AccessDenied", 404: "NoSuchKey",
                412: "PreconditionFailed", 503: "ServiceUnavailable",
            ]
            error.code = words[error.status] ?? ""
        }
        return error
    }

    /// The region that an answer sends the asker to.
    private static func otherRegion(_ outcome: AWSSession.Outcome) -> String? {
        guard let error = outcome.refusal, [301, 307, 400].contains(error.status),
            let response = try? outcome.result.get()
        else { return nil }
        if let region = response.header("x-amz-bucket-region") { return region }
        let codes: Set = ["AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"]
        return codes.contains(error.code) ? response.elementText("Region") : nil
    }
}

/// Where a bucket is asked.
struct S3Address {
    let region: String
    /// Without a slash at its end.
    let base: String

    init(_ bucket: S3Bucket, _ settings: AWSSettings) throws(AWSFailure) {
        guard S3Location.isBucket(bucket.name) else { throw .invalidBucket(bucket.name) }
        // Who names no region asks where buckets that have none are; that one knows all others.
        if let learned = bucket.learnedRegion {
            region = learned
        } else {
            region = try settings.region() ?? "us-east-1"
        }
        let endpoint = try settings.endpoint(.storage, region: region)
        let style = settings.profile?.nested["s3"]?["addressing_style"]
        let isHostName = bucket.name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
        }
        // A certificate covers one label; and what is no host's name can only be in the path.
        let isConfigured = settings.configuredEndpoint(.storage) != nil
        if style == "path" || !isHostName || bucket.name.utf8.count > 63 || isConfigured && style != "virtual" {
            base = "\(endpoint)/\(bucket.name)"
        } else {
            base = endpoint.replacing("://", with: "://\(bucket.name).", maxReplacements: 1)
        }
    }

    var isSecure: Bool { base.hasPrefix("https:") }

    func url(of key: String?, query: [(name: String, value: String)]) -> String {
        let parts = query.map { "\(CanonicalRequest.encoded($0.name))=\(CanonicalRequest.encoded($0.value))" }
        return base + "/" + CanonicalRequest.encoded(key ?? "", keeping: "/")
            + (parts.isEmpty ? "" : "?" + parts.joined(separator: "&"))
    }
}
