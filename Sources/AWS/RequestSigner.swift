// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Crypto
public import HTTP
internal import Secrets

/// Signs requests as AWS wants them signed.
///
/// Source: "AWS Signature Version 4 for API requests", AWS Identity and Access Management User Guide.
public struct RequestSigner: Sendable {
    public var credentials: AWSCredentials
    public var region: String
    /// As it is called in signatures: `ssm`, `secretsmanager`, `sts`, `s3`.
    public var service: String

    public init(credentials: AWSCredentials, region: String, service: String) {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The request with a date, the session's token and a signature over all of its headers.
    public func signed(_ request: HTTPRequest, at time: Timestamp) -> HTTPRequest {
        let moment = AWSTime.basic(time)
        var request = request
        let own = ["x-amz-date", "x-amz-security-token", "authorization"]
        request.headers.removeAll { own.contains($0.name.lowercased()) }
        request.headers.append(HTTPHeader("X-Amz-Date", moment))
        if let token = credentials.sessionToken {
            request.headers.append(HTTPHeader("X-Amz-Security-Token", token.exposed()))
        }
        if service == "s3", !request.headers.contains(where: { $0.name.lowercased() == CanonicalRequest.contentHash }) {
            // S3 wants the hash as a header too.
            request.headers.append(HTTPHeader("X-Amz-Content-Sha256", CanonicalRequest.payload(request)))
        }
        let canonical = CanonicalRequest(request, isPlain: service == "s3")
        let scope = "\(moment.prefix(8))/\(region)/\(service)/aws4_request"
        let signature = hexadecimal(
            code(
                Array("AWS4-HMAC-SHA256\n\(moment)\n\(scope)\n\(hexadecimal(digest(canonical.text)))".utf8),
                key(date: String(moment.prefix(8)))))
        request.headers.append(
            HTTPHeader(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), "
                    + "SignedHeaders=\(canonical.signedHeaders), Signature=\(signature)"))
        return request
    }

    /// A key for this day, region and service alone.
    private func key(date: String) -> [UInt8] {
        let first = credentials.secretAccessKey.withExposedBytes { Array("AWS4".utf8) + $0 }
        return [date, region, service, "aws4_request"].reduce(first) { code(Array($1.utf8), $0) }
    }

    private func code(_ message: [UInt8], _ key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }
}

/// A request in the one form that both sides sign.
struct CanonicalRequest {
    let text: String
    let signedHeaders: String

    /// - Parameter isPlain: S3's way: its keys may hold `//` and `..`, and are encoded once.
    init(_ request: HTTPRequest, isPlain: Bool) {
        let parts = AddressParts(request.url)
        var headers: [String: [String]] = ["host": [parts.host]]
        if request.headers.contains(where: { $0.name.lowercased() == "host" }) { headers["host"] = nil }
        for header in request.headers where !Self.changing.contains(header.name.lowercased()) {
            headers[header.name.lowercased(), default: []].append(Self.trimmed(header.value))
        }
        let names = headers.keys.sorted()
        signedHeaders = names.joined(separator: ";")
        let lines = names.map { "\($0):\((headers[$0] ?? []).joined(separator: ","))\n" }.joined()
        let payload = headers[Self.contentHash]?.first ?? Self.payload(request)
        let path = isPlain ? parts.path : Self.encoded(Self.normalized(parts.path), keeping: "/")
        text = [request.method, path, Self.query(parts.query), lines, signedHeaders, payload].joined(separator: "\n")
    }

    static let contentHash = "x-amz-content-sha256"

    /// The hash of what is sent. That of a file is given by whoever made the request, where TLS does not protect it.
    static func payload(_ request: HTTPRequest) -> String {
        switch request.body {
        case .bytes(let bytes): hexadecimal(digest(bytes))
        case .file: "UNSIGNED-PAYLOAD"
        }
    }

    /// What a proxy may rightly change, or what does not yet stand.
    private static let changing: Set = ["authorization", "connection", "expect", "user-agent", "x-amzn-trace-id"]

    private static func query(_ query: String) -> String {
        let pairs = query.split(separator: "&").map { pair -> (String, String) in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (encoded(decoded(halves[0])), halves.count > 1 ? encoded(decoded(halves[1])) : "")
        }
        return pairs.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Without `.`, `..` and `//`.
    private static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": break
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        let isDirectory = ["/", "/.", "/.."].contains { path.hasSuffix($0) }
        return "/" + segments.joined(separator: "/") + (isDirectory && !segments.isEmpty ? "/" : "")
    }

    private static func trimmed(_ value: String) -> String {
        value.split { $0 == " " || $0.isNewline }.joined(separator: " ")
    }

    /// RFC 3986, section 2.3: everything but the unreserved.
    static func encoded(_ text: String, keeping others: String = "") -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: result.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where "-._~".utf8.contains(byte) || others.utf8.contains(byte):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An address in pieces: `scheme://host[:port]/path?query`.
struct AddressParts: Equatable {
    var scheme: String
    /// As it stands in the header `Host`: without a port that goes without saying.
    var host: String
    /// Never empty.
    var path: String
    var query: String

    init(_ url: String) {
        let address = url.prefix { $0 != "#" }
        let halves = address.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        query = halves.count > 1 ? String(halves[1]) : ""
        let front = halves.first ?? ""
        guard let start = front.firstRange(of: "://") else {
            (scheme, host, path) = ("", "", String(front))
            return
        }
        scheme = front[..<start.lowerBound].lowercased()
        let rest = front[start.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        path = authority.endIndex == rest.endIndex ? "/" : String(rest[authority.endIndex...])
        host = authority.split(separator: "@").last.map(String.init) ?? ""
        let standard = scheme == "https" ? ":443" : ":80"
        if host.hasSuffix(standard) { host.removeLast(standard.count) }
    }

    /// The host's name or number alone.
    var hostName: String {
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[...end]) }
        return String(host.prefix { $0 != ":" })
    }
}

private func digest(_ text: String) -> [UInt8] { digest(Array(text.utf8)) }

private func digest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
