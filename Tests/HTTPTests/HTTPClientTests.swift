// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import HTTP
import Processes
import SystemPackage
import TestSupport
import Testing

/// drydock-http itself, against servers on the loopback interface.
@Suite("Asking servers")
struct HTTPClientTests {
    private let client = HTTPClient(program: BuiltProgram.path("drydock-http"))

    private func ask(
        _ request: HTTPRequest, seconds: Double = 20, client: HTTPClient? = nil
    ) -> Result<HTTPResponse, HTTPError> {
        (client ?? self.client).perform([request], deadline: .now() + seconds)[0]
    }

    private func code(_ result: Result<HTTPResponse, HTTPError>) -> HTTPError.Code? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    @Test("a request arrives as it was given, and the answer comes back whole")
    func roundTrip() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(404, "né\n", headers: ["X-One": " a b "])], in: tree)
            let result = ask(
                HTTPRequest(
                    method: "POST", url: "http://127.0.0.1:\(server.port)/a/../b%20c?d=e",
                    headers: [HTTPHeader("X-Amz-Target", "T"), HTTPHeader("X-Empty", "")],
                    body: .bytes(Array("{\"a\":1}".utf8))))
            let response = try result.get()
            #expect(response.status == 404 && response.body == Array("né\n".utf8))
            #expect(response.header("x-one") == "a b")
            let asked = try #require(try server.requests().first)
            #expect(asked.method == "POST" && asked.path == "/a/../b%20c?d=e" && asked.body == "{\"a\":1}")
            #expect(asked.headers["x-amz-target"] == "T" && asked.headers["x-empty"] == "")
            #expect(asked.headers["content-type"] == nil && asked.headers["expect"] == nil)
        }
    }

    @Test("requests run at the same time, and answers keep the order")
    func parallel() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(200, "x").after(0.7)], in: tree)
            let requests = (0..<8).map { HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/\($0)") }
            let start = MonotonicTime.now()
            let results = client.perform(requests, deadline: .now() + 20)
            #expect(results.allSatisfy { (try? $0.get())?.status == 200 })
            // One after the other they would take 5.6 seconds.
            #expect(MonotonicTime.now().milliseconds(since: start) < 4500)
            #expect(try server.requests().count == 8)
        }
    }

    @Test("connections are used again from call to call")
    func reusesConnections() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(200)], in: tree)
            for _ in 0..<3 { _ = try ask(HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/")).get() }
            #expect(Set(try server.requests().map(\.connection)) == [1])
        }
    }

    @Test("attempts are repeated as the judge says, while others go on")
    func repeats() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(500), .answer(503), .answer(200, "ok")], in: tree)
            let request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/")
            let results = client.perform(
                [request], deadline: .now() + 20,
                judge: { _, attempts, result in
                    if (try? result.get())?.status == 200 { return .accepted }
                    return .again(request, after: 0.05 * Double(attempts))
                })
            #expect(try results[0].get().body == Array("ok".utf8))
            #expect(try server.requests().count == 3)
        }
    }

    @Test("a repetition that would begin after the deadline is not made; the last answer stands")
    func deadlineBeforeRepetition() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(500)], in: tree)
            let request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/")
            let start = MonotonicTime.now()
            let results = client.perform(
                [request], deadline: .now() + 5, judge: { _, _, _ in .again(request, after: 60) })
            #expect(try results[0].get().status == 500)
            #expect(MonotonicTime.now().milliseconds(since: start) < 4000)
        }
    }

    @Test(
        "each fault has its code",
        arguments: [
            (ScriptedServer.Step.reset, HTTPError.Code.interrupted), (.hang, .timedOut), (.drip, .timedOut),
            (.flood, .tooLarge), (.bytes("no HTTP at all\r\n\r\n"), .malformed),
            (.bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"), .interrupted), (.bytes(""), .interrupted),
        ])
    func faults(_ step: ScriptedServer.Step, _ expected: HTTPError.Code) throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([step], in: tree)
            let start = MonotonicTime.now()
            let result = ask(
                HTTPRequest(
                    method: "GET", url: "http://127.0.0.1:\(server.port)/", timeLimit: 1.5, responseLimit: 1 << 20))
            #expect(code(result) == expected, "\(result)")
            #expect(MonotonicTime.now().milliseconds(since: start) < 6000)
        }
    }

    @Test("nobody listening, no such host, no address of the web, and headers that would be two")
    func unreachable() throws {
        let expectations: [(HTTPRequest, HTTPError.Code)] = [
            (HTTPRequest(method: "GET", url: "http://127.0.0.1:1/"), .cannotConnect),
            (HTTPRequest(method: "GET", url: "http://drydock-test.invalid/", usesProxy: false), .unknownHost),
            (HTTPRequest(method: "GET", url: "file:///etc/passwd"), .invalidRequest),
            (HTTPRequest(method: "GET", url: "http://127.0.0.1:1/a b"), .invalidRequest),
            (HTTPRequest(method: "GET X", url: "http://127.0.0.1:1/"), .invalidRequest),
            (
                HTTPRequest(method: "GET", url: "http://127.0.0.1:1/", headers: [HTTPHeader("A", "b\r\nC: d")]),
                .invalidRequest
            ),
        ]
        let results = client.perform(expectations.map(\.0), deadline: .now() + 20)
        for (result, expectation) in zip(results, expectations) { #expect(code(result) == expectation.1, "\(result)") }
    }

    @Test("a part of a file is sent as it lies there, however long, and an answer goes into one")
    func files() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(200, "0123456789").ranged], in: tree)
            let path = try tree.write("large", String(repeating: "0123456789abcdef", count: 1 << 18))
            let file = try FileDescriptor.open(path, .readWrite)
            defer { try? file.close() }
            let address = "http://127.0.0.1:\(server.port)/x"
            let parts = (0..<6).map { index in
                HTTPRequest(
                    method: "PUT", url: address,
                    body: .file(HTTPRequest.FilePart(file, offset: 10 + index, count: index == 5 ? 0 : 3 << 20)))
            }
            for result in client.perform(parts, deadline: .now() + 30, atOnce: 2) {
                #expect(try result.get().status == 200)
            }
            let requests = try server.requests().sorted { $0.body > $1.body }
            #expect(requests.map { $0.body.prefix(3) } == ["ef0", "def", "cde", "bcd", "abc", ""])
            #expect(requests.map(\.bodyCount) == Array(repeating: 3 << 20, count: 5) + [0])
            #expect(requests[0].headers["expect"] == "100-continue" && requests[5].headers["content-length"] == "0")

            var get = HTTPRequest(method: "GET", url: address, headers: [HTTPHeader("Range", "bytes=4-")])
            get.sink = .file(file, offset: 2)
            #expect(try ask(get).get() == HTTPResponse(status: 206, headers: ask(get).get().headers))
            #expect(try tree.text("large").prefix(12) == "01456789" + "89ab")
            get.headers = []
            #expect(try ask(get).get().status == 200)
            #expect(try tree.text("large") == "0123456789")
        }
    }

    @Test("what a file lacks and what a server refuses early are told, and no descriptor is left")
    func faultsOfFiles() throws {
        try TemporaryTree.with { tree in
            let refusal = "<Error/>"
            let server = try ScriptedServer(
                [.answer(403, refusal).early.to("PUT /no"), .answer(200, "12345")], in: tree)
            let path = try tree.write("f", String(repeating: "x", count: 2 << 20))
            let address = "http://127.0.0.1:\(server.port)/"
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            func put(_ name: String, _ count: Int) -> HTTPRequest {
                HTTPRequest(
                    method: "PUT", url: address + name, body: .file(HTTPRequest.FilePart(file, count: count)))
            }
            let refused = try ask(put("no", 2 << 20)).get()
            #expect(refused.status == 403 && refused.body == Array(refusal.utf8))
            #expect(code(ask(put("short", 3 << 20))) == .file)
            var get = HTTPRequest(method: "GET", url: address)
            get.sink = .file(file, offset: 0)
            #expect(code(ask(get)) == .file)
            for _ in 0..<300 { _ = ask(put("many", 1)) }
            #expect(try ask(put("many", 1)).get().status == 200)
        }
    }

    @Test("what stands still is given up, long before its time is over")
    func stall() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.drip], in: tree)
            var request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/", timeLimit: 60)
            request.stallTimeLimit = 2
            let start = MonotonicTime.now()
            #expect(code(ask(request, seconds: 60)) == .timedOut)
            #expect(MonotonicTime.now().milliseconds(since: start) < 15_000)
        }
    }

    @Test("redirects are not followed")
    func redirects() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.answer(302, headers: ["Location": "http://127.0.0.1:1/"])], in: tree)
            let response = try ask(HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/")).get()
            #expect(response.status == 302)
        }
    }

    @Test("a certificate must be of a known authority and of that host", .enabled(if: hasTool("openssl")))
    func verifiesTLS() throws {
        try TemporaryTree.with { tree in
            func certificate(_ name: String, _ subject: String) throws -> (both: FilePath, alone: FilePath) {
                let paths = ["key", "pem"].map { tree.path(FilePath("\(name).\($0)")).string }
                let made = try runTool(
                    "openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=drydock test", "-addext", "subjectAltName=\(subject)", "-keyout", paths[0],
                        "-out",
                        paths[1],
                    ])
                #expect(made.status == 0, "\(made.errors)")
                let text = try tree.text(FilePath("\(name).pem"))
                return (
                    try tree.write(FilePath("\(name).both"), text + tree.text(FilePath("\(name).key"))),
                    FilePath(paths[1])
                )
            }
            let right = try certificate("right", "IP:127.0.0.1")
            let wrong = try certificate("wrong", "DNS:example.org")
            let server = try ScriptedServer([.answer(200)], certificate: right.both, in: tree)
            let other = try ScriptedServer([.answer(200)], certificate: wrong.both, in: tree)
            var request = HTTPRequest(method: "GET", url: "https://127.0.0.1:\(server.port)/")
            #expect(code(ask(request)) == .insecure)
            request.certificateAuthorities = right.alone.string
            #expect(try ask(request).get().status == 200)
            request.url = "https://127.0.0.1:\(other.port)/"
            request.certificateAuthorities = wrong.alone.string
            #expect(code(ask(request)) == .insecure)
            request.certificateAuthorities = tree.path("nowhere.pem").string
            #expect(code(ask(request)) == .invalidRequest)
        }
    }

    @Test("proxies of the user's count, and no process shows them")
    func proxies() throws {
        try TemporaryTree.with { tree in
            let proxy = try ScriptedServer([.answer(200, "proxied")], in: tree)
            let client = HTTPClient(
                program: BuiltProgram.path("drydock-http"),
                proxies: [("http_proxy", "http://user:hunter2@127.0.0.1:\(proxy.port)")])
            var request = HTTPRequest(method: "GET", url: "http://example.invalid/x")
            #expect(try ask(request, client: client).get().body == Array("proxied".utf8))
            #expect(try proxy.requests().first?.path == "http://example.invalid/x")
            request.usesProxy = false
            #expect(code(ask(request, client: client)) == .unknownHost)
            let shown = try runTool(
                "sh", ["-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | grep -c 'hunter[2]'"])
            #expect(shown.output == "0\n")
        }
    }

    @Test("who calls can stop it, and a later call works again")
    func cancellation() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([.hang, .answer(200)], in: tree)
            let request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/")
            let start = MonotonicTime.now()
            let results = client.perform(
                [request], deadline: .now() + 60,
                isCancelled: { MonotonicTime.now().milliseconds(since: start) > 500 })
            #expect(code(results[0]) == .cancelled)
            #expect(MonotonicTime.now().milliseconds(since: start) < 5000)
            #expect(try ask(request).get().status == 200)
        }
    }

    @Test("the program missing, ending early or of another build is said")
    func badPrograms() throws {
        try TemporaryTree.with { tree in
            let request = HTTPRequest(method: "GET", url: "http://127.0.0.1:1/")
            let ends = try tree.write(
                "ends", "#!/bin/sh\necho 'libcurl.so.4: cannot open' >&2\nexit 127\n", mode: 0o755)
            let babbles = try tree.write("babbles", "#!/bin/sh\nhead -c 64 /dev/zero\nsleep 5\n", mode: 0o755)
            for (program, words) in [
                (tree.path("none"), "is not installed"), (ends, "ended with 127: libcurl.so.4"),
                (babbles, "different builds"),
            ] {
                let result = ask(request, client: HTTPClient(program: program))
                #expect(code(result) == .program)
                #expect("\(result)".contains(words), "\(result)")
            }
        }
    }

    @Test("by itself it does nothing")
    func aloneItEnds() throws {
        let result = try runTool(BuiltProgram.path("drydock-http").string)
        #expect(result.status == 2)
        #expect(result.errors == "drydock-http is started by drydock, and does nothing by itself\n")
    }
}
