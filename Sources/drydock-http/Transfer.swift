// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CCurl
import Glibc
import HTTP

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
    }

    /// What became of it.
    func result(_ code: CURLcode) -> Result<HTTPResponse, HTTPError> {
        guard code == CURLE_OK else { return .failure(error(code)) }
        return .success(
            HTTPResponse(status: curl_get_number(handle, CURLINFO_RESPONSE_CODE), headers: headers, body: body))
    }

    // MARK: Before

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
        }
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
        append(header: "Expect:")
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

    /// - Returns: how many bytes were taken; fewer than there are ends the transfer.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
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
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            .interrupted
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformed
        default: .cannotConnect
        }
    }
}
