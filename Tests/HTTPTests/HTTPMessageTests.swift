// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import HTTP
import SystemPackage
import Testing

@Suite("Messages to and from drydock-http")
struct HTTPMessageTests {
    private let request = HTTPRequest(
        method: "POST", url: "https://host/path?token=hunter2", headers: [HTTPHeader("Authorization", "hunter2")],
        body: .bytes(Array("hunter2".utf8)), connectTimeLimit: 0.25, timeLimit: 12.5, responseLimit: 1 << 33,
        certificateAuthorities: "/ca.pem", usesProxy: false)

    private func read(_ bytes: [UInt8], _ files: [Int32] = []) throws -> HTTPCommand {
        var files = files.map { FileDescriptor(rawValue: $0) }
        return try HTTPCommand(bytes, files: &files)
    }

    @Test("what is written is read again")
    func roundTrips() throws {
        let command = HTTPCommand.request(number: 7, request)
        #expect(try read(command.encode()) == command)
        let settings = HTTPCommand.settings(variables: [HTTPHeader("no_proxy", "")])
        #expect(try read(settings.encode()) == settings)
        for result: Result<HTTPResponse, HTTPError> in [
            .success(HTTPResponse(status: 200, headers: [HTTPHeader("A", "b")], body: [0, 255])),
            .failure(HTTPError(.insecure, "no")),
        ] {
            let reply = HTTPReply(number: 9, result: result)
            #expect(try HTTPReply(reply.encode()) == reply)
        }
    }

    @Test("files of requests are those that came with them, in order; a request without its file is not understood")
    func files() throws {
        var sends = request
        sends.body = .file(HTTPRequest.FilePart(FileDescriptor(rawValue: 70), offset: 1 << 40, count: 5))
        var receives = request
        receives.sink = .file(FileDescriptor(rawValue: 71), offset: 9)
        receives.stallTimeLimit = 1.5
        var files = [70, 71].map { FileDescriptor(rawValue: $0) }
        for (number, request) in [sends, receives].enumerated() {
            let command = HTTPCommand.request(number: UInt32(number), request)
            #expect(throws: (any Error).self) { try read(command.encode()) }
            #expect(try HTTPCommand(command.encode(), files: &files) == command)
        }
        #expect(files.isEmpty)
        sends.sink = receives.sink
        #expect(throws: (any Error).self) { try read(HTTPCommand.request(number: 1, sends).encode(), [70, 71]) }
    }

    @Test("a message cut short or with more behind it is not understood")
    func rejectsOthers() {
        let bytes = HTTPCommand.request(number: 7, request).encode()
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) { try read(Array(bytes[..<count])) }
        }
        #expect(throws: (any Error).self) { try read(bytes + [0]) }
        #expect(throws: (any Error).self) { try HTTPReply([1, 2]) }
    }

    @Test("messages are found in a stream however it is cut")
    func streams() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], [4]]
        let bytes = messages.flatMap(HTTPMessageStream.framed)
        for size in 1...bytes.count {
            var stream = HTTPMessageStream()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                stream.append(bytes[start..<min(start + size, bytes.count)])
                while let message = try stream.next() { found.append(message) }
            }
            #expect(found == messages)
        }
    }

    @Test(
        "an address is shown without what may be secret",
        arguments: [
            ("https://a.b:1/c?d#e", "https://a.b:1/c"), ("http://me:hunter2@a/c@d", "http://***@a/c@d"),
            ("http://me@you@a", "http://***@a"), ("x", "x"), ("http://a/b@c", "http://a/b@c"),
        ])
    func displayedAddress(_ url: String, _ shown: String) {
        #expect(HTTPRequest(method: "GET", url: url).displayAddress == shown)
    }

    @Test("no description shows a header's value, a body or a query")
    func descriptionsAreDiscreet() {
        let response = HTTPResponse(status: 200, headers: request.headers, body: Array("hunter2".utf8))
        var dumped = ""
        dump(request, to: &dumped)
        dump(response, to: &dumped)
        for text in ["\(request)", "\(response)", String(reflecting: request), String(reflecting: response), dumped] {
            #expect(!text.contains("hunter2"))
        }
    }
}
