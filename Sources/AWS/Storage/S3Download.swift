// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import HTTP
internal import SystemPackage

/// Fetches one object into a file, going on where it broke off, and compares what came.
struct S3Download {
    private let key: String
    private let file: FileDescriptor
    private let wanted: String?
    private let length: Int?
    private let call: S3Call

    init(_ key: String, _ file: FileDescriptor, sha256: String?, byteCount: Int? = nil, _ call: S3Call) {
        self.key = key
        self.file = file
        wanted = sha256
        length = byteCount
        self.call = call
    }

    /// Why what came is of no use, and another round may bring something better.
    private enum Round {
        case done
        case damaged
        /// Somebody stored something else meanwhile.
        case changed
    }

    private var name: String { "s3://\(call.bucket.name)/\(key)" }

    func run() throws(AWSFailure) -> S3Object {
        var last = Round.damaged
        for _ in 0..<2 {
            guard let object = try call.bucket.head(key, call) else { throw .noObject(name, call.subject) }
            do { try file.resize(to: 0) } catch { throw .unwritable("\(error)") }
            last = .damaged
            if let length, object.byteCount != length { continue }
            last = try fetch(object)
            if last == .done { last = try judge(object) }
            if last == .done { return object }
        }
        // What is wrong must not be taken for something.
        _ = try? file.resize(to: 0)
        throw last == .changed ? .changed(name, call.subject) : .damaged(name, call.subject)
    }

    private func fetch(_ object: S3Object) throws(AWSFailure) -> Round {
        var before = -1
        while true {
            let outcome = try call.perform([request(object)])[0]
            if let response = try? outcome.result.get() {
                if response.status == 206, let range = response.header("Content-Range") {
                    // `bytes 5-9/10`: where it ends must be where the object does.
                    guard range.hasSuffix("-\(object.byteCount - 1)/\(object.byteCount)") else { return .damaged }
                }
                if response.status == 412 { return .changed }
                _ = try call.answer(outcome)
                return .done
            }
            // Every attempt was made; as long as each round of them brings more, there is another.
            let now = size
            guard case .failure(let error) = outcome.result, [.interrupted, .timedOut].contains(error.code),
                now > before
            else {
                _ = try call.answer(outcome)
                return .damaged
            }
            before = now
        }
    }

    private func request(_ object: S3Object) -> S3Request {
        var request = S3Request("GET", key)
        request.sink = .file(file, offset: 0)
        if let tag = object.entityTag { request.headers.append(HTTPHeader("If-Match", "\"\(tag)\"")) }
        request.further = { request in
            var request = request
            request.headers.removeAll { $0.name == "Range" }
            // Where all came and yet the connection broke, the last byte is asked for again.
            let offset = min(size, object.byteCount - 1)
            guard offset > 0 else { return request }
            request.headers.append(HTTPHeader("Range", "bytes=\(offset)-"))
            request.sink = .file(file, offset: offset)
            return request
        }
        // A further round goes on as a further attempt does.
        let next = request.further(HTTPRequest(method: "GET", url: "", headers: request.headers))
        request.headers = next.headers
        if next.sink != .memory { request.sink = next.sink }
        return request
    }

    private var size: Int { (try? file.seek(offset: 0, from: .end)).map { Int($0) } ?? 0 }

    private func judge(_ object: S3Object) throws(AWSFailure) -> Round {
        guard size == object.byteCount else { return .damaged }
        guard let sha256 = wanted ?? object.sha256 else {
            guard let md5 = object.md5 else { return .done }
            return hexadecimal(try digest(object).md5) == md5 ? .done : .damaged
        }
        return try digest(object).sha256 == sha256.lowercased() ? .done : .damaged
    }

    private func digest(_ object: S3Object) throws(AWSFailure) -> ContentDigest {
        try ContentDigest(
            HTTPRequest.FilePart(file, count: object.byteCount), isCancelled: call.bucket.isCancelled)
    }
}
