// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage
public import Wire

/// What drydock tells `drydock-http` on its standard input: first the settings, then requests, as many as it likes at once.
///
/// Each message is its length in four bytes, little-endian, and so many bytes. The open file of a request's body or answer
/// travels beside the first byte of its message.
public enum HTTPCommand: Sendable, Equatable {
    /// Variables that libcurl looks at, such as `https_proxy`. They go this way because they may hold passwords, and a
    /// process's environment can be read from outside.
    case settings(variables: [HTTPHeader])
    case request(number: UInt32, HTTPRequest)

    static let version: UInt8 = 2

    public func encode() -> [UInt8] {
        var wire = WireEncoder()
        switch self {
        case .settings(let variables):
            wire.append(UInt8(0))
            wire.append(Self.version)
            wire.appendList(variables) { $0.append($1) }
        case .request(let number, let request):
            wire.append(UInt8(1))
            wire.append(number)
            wire.append(request)
        }
        return wire.bytes
    }

    /// - Parameter files: that came and belong to no command yet; a request that has one takes the first.
    public init(_ bytes: [UInt8], files: inout [FileDescriptor]) throws(WireDecoder.Malformed) {
        var wire = WireDecoder(bytes)
        switch try wire.number(UInt8.self) {
        case 0:
            guard try wire.number(UInt8.self) == Self.version else { throw WireDecoder.Malformed() }
            self = .settings(variables: try wire.headers())
        case 1: self = .request(number: try wire.number(), try wire.request(&files))
        default: throw WireDecoder.Malformed()
        }
        guard wire.isAtEnd else { throw WireDecoder.Malformed() }
    }
}

/// What `drydock-http` tells drydock on its standard output: how a request ended.
public struct HTTPReply: Sendable, Equatable {
    /// The request's.
    public var number: UInt32
    public var result: Result<HTTPResponse, HTTPError>

    public init(number: UInt32, result: Result<HTTPResponse, HTTPError>) {
        self.number = number
        self.result = result
    }

    public func encode() -> [UInt8] {
        var wire = WireEncoder()
        wire.append(number)
        switch result {
        case .success(let response):
            wire.append(true)
            wire.append(UInt16(clamping: response.status))
            wire.appendList(response.headers) { $0.append($1) }
            wire.append(bytes: response.body)
        case .failure(let error):
            wire.append(false)
            wire.append(error.code.rawValue)
            wire.append(text: error.message)
        }
        return wire.bytes
    }

    public init(_ bytes: [UInt8]) throws(WireDecoder.Malformed) {
        var wire = WireDecoder(bytes)
        number = try wire.number()
        if try wire.flag() {
            let status = Int(try wire.number(UInt16.self))
            let headers = try wire.headers()
            result = .success(HTTPResponse(status: status, headers: headers, body: try wire.byteString()))
        } else {
            guard let code = HTTPError.Code(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
            result = .failure(HTTPError(code, try wire.plainText()))
        }
        guard wire.isAtEnd else { throw WireDecoder.Malformed() }
    }
}

/// Messages cut out of a stream of bytes.
public struct HTTPMessageStream: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0

    public init() {}

    public static func framed(_ message: [UInt8]) -> [UInt8] {
        var wire = WireEncoder()
        wire.append(bytes: message)
        return wire.bytes
    }

    public mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The next whole message, or nil until more bytes are there.
    public mutating func next() throws(WireDecoder.Malformed) -> [UInt8]? {
        guard bytes.count - start >= 4 else { return nil }
        var header = WireDecoder(Array(bytes[start..<start + 4]))
        let count = Int(try header.number(UInt32.self))
        guard bytes.count - start - 4 >= count else { return nil }
        defer {
            start += 4 + count
            if start == bytes.count {
                bytes.removeAll(keepingCapacity: true)
                start = 0
            }
        }
        return Array(bytes[start + 4..<start + 4 + count])
    }
}

// MARK: Parts

extension WireEncoder {
    fileprivate mutating func append(text: String) { append(bytes: text.utf8) }

    fileprivate mutating func append(_ header: HTTPHeader) {
        append(text: header.name)
        append(text: header.value)
    }

    fileprivate mutating func append(_ request: HTTPRequest) {
        append(text: request.method)
        append(text: request.url)
        appendList(request.headers) { $0.append($1) }
        switch request.body {
        case .bytes(let bytes):
            append(UInt8(0))
            append(bytes: bytes)
        case .file(let part):
            append(UInt8(1))
            append(UInt64(clamping: part.offset))
            append(UInt64(clamping: part.count))
        }
        switch request.sink {
        case .memory: append(UInt8(0))
        case .file(_, let offset):
            append(UInt8(1))
            append(UInt64(clamping: offset))
        }
        append(milliseconds(request.connectTimeLimit))
        append(milliseconds(request.timeLimit))
        append(request.stallTimeLimit.map(milliseconds) ?? 0)
        append(UInt64(clamping: request.responseLimit))
        append(request.certificateAuthorities != nil)
        append(text: request.certificateAuthorities ?? "")
        append(request.usesProxy)
    }

    /// Never 0, which libcurl takes for no limit.
    private func milliseconds(_ seconds: Double) -> UInt32 { UInt32(min(max(seconds * 1000, 1), 1e9)) }
}

extension WireDecoder {
    fileprivate mutating func plainText() throws(Malformed) -> String {
        String(decoding: try byteString(), as: UTF8.self)
    }

    fileprivate mutating func headers() throws(Malformed) -> [HTTPHeader] {
        try list { wire throws(Malformed) in
            let name = try wire.plainText()
            return HTTPHeader(name, try wire.plainText())
        }
    }

    fileprivate mutating func request(_ files: inout [FileDescriptor]) throws(Malformed) -> HTTPRequest {
        func taken() throws(Malformed) -> FileDescriptor {
            guard !files.isEmpty else { throw Malformed() }
            return files.removeFirst()
        }
        let method = try plainText()
        var request = HTTPRequest(method: method, url: try plainText())
        request.headers = try headers()
        switch try number(UInt8.self) {
        case 0: request.body = .bytes(try byteString())
        case 1:
            let offset = Int(clamping: try number(UInt64.self))
            request.body = .file(
                HTTPRequest.FilePart(try taken(), offset: offset, count: Int(clamping: try number(UInt64.self))))
        default: throw Malformed()
        }
        switch try number(UInt8.self) {
        case 0: break
        case 1:
            // One descriptor travels with a message.
            if case .file = request.body { throw Malformed() }
            request.sink = .file(try taken(), offset: Int(clamping: try number(UInt64.self)))
        default: throw Malformed()
        }
        request.connectTimeLimit = Double(try number(UInt32.self)) / 1000
        request.timeLimit = Double(try number(UInt32.self)) / 1000
        let stall = try number(UInt32.self)
        request.stallTimeLimit = stall == 0 ? nil : Double(stall) / 1000
        request.responseLimit = Int(clamping: try number(UInt64.self))
        let hasAuthorities = try flag()
        let authorities = try plainText()
        request.certificateAuthorities = hasAuthorities ? authorities : nil
        request.usesProxy = try flag()
        return request
    }
}
