// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import HTTP
import Testing

@Suite("Messages to and from drydock-http")
struct HTTPMessageTests {
    private let request = HTTPRequest(
        method: "POST", url: "https://host/path?token=hunter2", headers: [HTTPHeader("Authorization", "hunter2")],
        body: .bytes(Array("hunter2".utf8)), connectTimeLimit: 0.25, timeLimit: 12.5, responseLimit: 1 << 33,
        certificateAuthorities: "/ca.pem", usesProxy: false)

    @Test("what is written is read again")
    func roundTrips() throws {
        let command = HTTPCommand.request(number: 7, request)
        #expect(try HTTPCommand(command.encode()) == command)
        let settings = HTTPCommand.settings(variables: [HTTPHeader("no_proxy", "")])
        #expect(try HTTPCommand(settings.encode()) == settings)
        for result: Result<HTTPResponse, HTTPError> in [
            .success(HTTPResponse(status: 200, headers: [HTTPHeader("A", "b")], body: [0, 255])),
            .failure(HTTPError(.insecure, "no")),
        ] {
            let reply = HTTPReply(number: 9, result: result)
            #expect(try HTTPReply(reply.encode()) == reply)
        }
    }

    @Test("a message cut short or with more behind it is not understood")
    func rejectsOthers() {
        let bytes = HTTPCommand.request(number: 7, request).encode()
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) { try HTTPCommand(Array(bytes[..<count])) }
        }
        #expect(throws: (any Error).self) { try HTTPCommand(bytes + [0]) }
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
