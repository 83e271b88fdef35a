// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CCurl
import Glibc
import HTTP
import SystemPackage

/// One request on its way through libcurl.
final class Transfer {
    let number: UInt32
    let handle: UnsafeMutableRawPointer
    private let request: HTTPRequest
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headers: [HTTPHeader] = []
    private var body: [UInt8] = []
    private var isTooLarge = false
    /// Of the part of a file that is sent: how much libcurl has taken.
    private var sent = 0
    /// Where in its file the answer goes on; nil before its first byte.
    private var place: Int?
    /// Why a file could not be read or written.
    private var fileFailure: String?

    init(_ number: UInt32, _ request: HTTPRequest) throws(HTTPError) {
        guard let handle = curl_easy_init() else { throw HTTPError(.program, "libcurl cannot be set up") }
        self.number = number
        self.handle = handle
        self.request = request
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try setUp()
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headerList)
        errorText.deallocate()
        try? file?.close()
    }

    private var file: FileDescriptor? {
        if case .file(let part) = request.body { return part.file }
        if case .file(let file, _) = request.sink { return file }
        return nil
    }

    /// What became of it.
    func result(_ code: CURLcode) -> Result<HTTPResponse, HTTPError> {
        guard code == CURLE_OK else { return .failure(error(code)) }
        // An empty answer replaces what is there as any other does.
        if case .file(let file, let offset) = request.sink, place == nil {
            do { place = try beginning(file, offset) } catch {
                return .failure(HTTPError(.file, "the file for the answer cannot be written: \(error)"))
            }
        }
        return .success(
            HTTPResponse(status: curl_get_number(handle, CURLINFO_RESPONSE_CODE), headers: headers, body: body))
    }

    // MARK: Before

    /// Slower is no transfer any more.
    private static let leastBytesPerSecond = 512
    /// From here on a body is sent only when the server has not refused the request by its headers.
    private static let largeBody = 1 << 20

    private func setUp() throws(HTTPError) {
        let scheme = request.url.prefix { $0 != ":" }.lowercased()
        guard ["http", "https"].contains(scheme), !request.url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw HTTPError(.invalidRequest, "`\(request.displayAddress)` is no address of http or https")
        }
        try set(CURLOPT_URL, request.url)
        try check(curl_allow_web_only(handle))
        // The path was signed as it stands.
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        if let file = request.certificateAuthorities { try set(CURLOPT_CAINFO, file) }
        if !request.usesProxy { try set(CURLOPT_NOPROXY, "*") }
        try set(CURLOPT_CONNECTTIMEOUT_MS, Int(request.connectTimeLimit * 1000))
        try set(CURLOPT_TIMEOUT_MS, Int(request.timeLimit * 1000))
        if let seconds = request.stallTimeLimit {
            try set(CURLOPT_LOW_SPEED_LIMIT, Self.leastBytesPerSecond)
            try set(CURLOPT_LOW_SPEED_TIME, max(1, Int(seconds.rounded(.up))))
        }
        try check(curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText))
        try setMethod()
        try setHeaders()
        try setReceivers()
    }

    private func setMethod() throws(HTTPError) {
        let isToken = !request.method.isEmpty && request.method.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        guard isToken else { throw HTTPError(.invalidRequest, "`\(request.method)` is no method of HTTP") }
        switch (request.method, request.body) {
        case ("HEAD", _): try set(CURLOPT_NOBODY, 1)
        case (let method, .bytes(let bytes)) where bytes.isEmpty && method == "GET": try set(CURLOPT_HTTPGET, 1)
        case (let method, .bytes(let bytes)):
            try set(CURLOPT_POST, 1)
            try set(CURLOPT_CUSTOMREQUEST, method)
            try check(curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
            try check(bytes.withUnsafeBytes { curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) })
        case (let method, .file(let part)):
            try set(CURLOPT_UPLOAD, 1)
            try set(CURLOPT_CUSTOMREQUEST, method)
            try check(curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(part.count)))
            try setSender()
        }
    }

    private func setSender() throws(HTTPError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(curl_set_pointer(handle, CURLOPT_READDATA, context))
        try check(
            curl_set_receiver(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.send(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
                    ?? Int(CURL_READFUNC_ABORT)
            })
        // A connection that was kept and turns out to be closed makes libcurl begin again.
        try check(curl_set_pointer(handle, CURLOPT_SEEKDATA, context))
        try check(
            curl_set_seeker(handle) { context, offset, origin in
                guard origin == SEEK_SET, let transfer = Transfer.of(context) else { return CURL_SEEKFUNC_FAIL }
                transfer.sent = Int(offset)
                return CURL_SEEKFUNC_OK
            })
    }

    private func setHeaders() throws(HTTPError) {
        for header in request.headers {
            let isName =
                !header.name.isEmpty && header.name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x3A }
            // A line break would begin a header of somebody else's.
            guard isName, !header.value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
                throw HTTPError(.invalidRequest, "a header named `\(isName ? header.name : "?")` cannot be sent")
            }
            // libcurl leaves a header away that has no value, unless it is written so.
            append(header: header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        // Without value: what libcurl would add of its own.
        var expectation = "Expect:"
        if case .file(let part) = request.body, part.count >= Self.largeBody { expectation += " 100-continue" }
        append(header: expectation)
        let names = request.headers.map { $0.name.lowercased() }
        if !names.contains("content-type") { append(header: "Content-Type:") }
        try check(curl_set_pointer(handle, CURLOPT_HTTPHEADER, headerList))
    }

    private func append(header line: String) {
        headerList = curl_slist_append(headerList, line)
    }

    private func setReceivers() throws(HTTPError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        try check(
            curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
            })
        try check(curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        try check(
            curl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                Transfer.of(context)?.receive(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
                return size * count
            })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func set(_ option: CURLoption, _ value: Int) throws(HTTPError) {
        try check(curl_set_number(handle, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) throws(HTTPError) {
        try check(curl_set_text(handle, option, value))
    }

    private func check(_ code: CURLcode) throws(HTTPError) {
        if code != CURLE_OK { throw HTTPError(.program, String(cString: curl_easy_strerror(code))) }
    }

    // MARK: Meanwhile

    /// Gives the next bytes of the file that is sent.
    private func send(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard case .file(let part) = request.body else { return Int(CURL_READFUNC_ABORT) }
        let wanted = min(buffer.count, part.count - sent)
        if wanted <= 0 { return 0 }
        do {
            let count = try part.file.read(
                fromAbsoluteOffset: Int64(part.offset + sent),
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            if count == 0 { fileFailure = "the file became shorter while it was sent" }
            sent += count
            return count == 0 ? Int(CURL_READFUNC_ABORT) : count
        } catch {
            fileFailure = "the file that is sent cannot be read: \(error)"
            return Int(CURL_READFUNC_ABORT)
        }
    }

    /// Where in its file the first byte of the answer goes; nil for an answer that stays in memory.
    private func beginning(_ file: FileDescriptor, _ offset: Int) throws -> Int? {
        switch curl_get_number(handle, CURLINFO_RESPONSE_CODE) {
        case 206: return offset
        case 200:
            try file.resize(to: 0)
            return 0
        default: return nil
        }
    }

    /// - Returns: how many bytes were taken; fewer than there are ends the transfer.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        if case .file(let file, let offset) = request.sink {
            do {
                if let start = try place ?? beginning(file, offset) {
                    place = start + (try file.writeAll(toAbsoluteOffset: Int64(start), bytes))
                    return bytes.count
                }
            } catch {
                fileFailure = "the file for the answer cannot be written: \(error)"
                return 0
            }
        }
        guard body.count + bytes.count <= request.responseLimit else {
            isTooLarge = true
            return 0
        }
        body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receive(header bytes: UnsafeRawBufferPointer) {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // Of `100 Continue` and of a proxy's own answer nothing is kept.
            headers = []
        } else if let colon = line.firstIndex(of: ":") {
            headers.append(HTTPHeader(String(line[..<colon]), Self.trimmed(line[line.index(after: colon)...])))
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        // "\r\n" is one Character.
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }

    // MARK: After

    private func error(_ code: CURLcode) -> HTTPError {
        if let fileFailure { return HTTPError(.file, fileFailure) }
        if isTooLarge { return HTTPError(.tooLarge, "the answer is larger than \(request.responseLimit) bytes") }
        var text = String(cString: errorText)
        if text.isEmpty { text = String(cString: curl_easy_strerror(code)) }
        // As a part of a sentence of ours: `Failed to connect` but `SSL certificate problem`.
        if let second = text.dropFirst().first, second.isLowercase {
            text = text.prefix(1).lowercased() + text.dropFirst()
        }
        return HTTPError(errorCode(code), text)
    }

    private func errorCode(_ code: CURLcode) -> HTTPError.Code {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unknownHost
        case CURLE_COULDNT_CONNECT: .cannotConnect
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_SSL_CONNECT_ERROR:
            // A connection that broke before TLS stood is not TLS's fault.
            [ECONNRESET, EPIPE].contains(Int32(curl_get_number(handle, CURLINFO_OS_ERRNO))) ? .interrupted : .insecure
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            .insecure
        case CURLE_SSL_CACERT_BADFILE, CURLE_URL_MALFORMAT: .invalidRequest
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM,
            CURLE_SEND_FAIL_REWIND:
            .interrupted
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformed
        default: .cannotConnect
        }
    }
}
