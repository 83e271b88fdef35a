// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
public import SystemPackage

/// A server that answers as it is told, faults and all, and remembers what it was asked.
///
/// Each request takes the next step of the plan that is for it; the last such step stands for all that follow.
public final class ScriptedServer {
    public struct Step: Sendable {
        fileprivate var members: [String: String]

        /// A whole answer.
        public static func answer(_ status: Int, _ body: String = "", headers: [String: String] = [:]) -> Step {
            let lines = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }.joined()
            return Step(members: ["status": "\(status)", "body": body, "headers": lines])
        }

        /// These bytes and the end of the connection.
        public static func bytes(_ text: String) -> Step { Step(members: ["raw": text]) }
        /// The connection is reset.
        public static let reset = Step(members: ["fault": "reset"])
        /// Nothing comes, ever.
        public static let hang = Step(members: ["fault": "hang"])
        /// A header, and then a byte a second.
        public static let drip = Step(members: ["fault": "drip"])
        /// An answer without end.
        public static let flood = Step(members: ["fault": "flood"])

        /// The same for requests alone whose `METHOD path` holds all these texts; others pass it by.
        public func to(_ texts: String...) -> Step {
            Step(members: members.merging(["match": texts.joined(separator: "\n")]) { $1 })
        }

        /// The same, but the connection breaks after so many bytes of the body.
        public func cut(after count: Int) -> Step { Step(members: members.merging(["cut": "\(count)"]) { $1 }) }

        /// The same, but of the body only what the request's `Range: bytes=N-` wants.
        public var ranged: Step { Step(members: members.merging(["ranged": "1"]) { $1 }) }

        /// The same before the request's body is read.
        public var early: Step { Step(members: members.merging(["early": "1"]) { $1 }) }

        /// The same, that many seconds later.
        public func after(_ seconds: Double) -> Step {
            Step(members: members.merging(["pause": "\(seconds)"]) { $1 })
        }
    }

    public struct Request: Sendable, Decodable {
        public var method: String
        public var path: String
        /// By name in lower case.
        public var headers: [String: String]
        /// Its first thousands of bytes.
        public var body: String
        public var bodyCount: Int
        /// Seconds since 1970.
        public var time: Double
        /// The same for requests over one connection.
        public var connection: Int
    }

    private let server: PythonServer
    private let requestsPath: FilePath
    public var port: Int { server.port }

    /// - Parameter certificate: a PEM file of a certificate and its key; with it the server speaks TLS.
    public init(_ steps: [Step], certificate: FilePath? = nil, in tree: TemporaryTree) throws {
        let name = "server-\(UInt32.random(in: 0 ... .max))"
        requestsPath = try tree.write(FilePath(name + ".requests"))
        let plan = try tree.write(
            FilePath(name + ".plan"), String(decoding: try JSONEncoder().encode(steps.map(\.members)), as: UTF8.self))
        server = try PythonServer(
            script: Self.script, arguments: [plan.string, requestsPath.string, certificate?.string ?? ""],
            python: PythonServer.python, log: tree.path(FilePath(name + ".log")))
    }

    /// What it was asked so far.
    public func requests() throws -> [Request] {
        let text = try String(contentsOfFile: requestsPath.string, encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }

    private static let script = #"""
        import json, os, socket, ssl, struct, sys, threading, time

        plan = json.load(open(sys.argv[1]))
        log = open(sys.argv[2], "a")
        lock = threading.Lock()
        used = set()

        def take(request):
            mine = [i for i, step in enumerate(plan) if all(text in request for text in step.get("match", "").split("\n"))]
            index = next((i for i in mine if i not in used), mine[-1])
            used.add(index)
            return plan[index]

        def serve(connection, number):
            if sys.argv[3]:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(sys.argv[3])
                try:
                    connection = context.wrap_socket(connection, server_side=True)
                except OSError:
                    return
            file = connection.makefile("rb")
            while True:
                line = file.readline().decode("latin-1").split()
                if len(line) < 2:
                    return
                headers = {}
                while True:
                    header = file.readline().decode("latin-1").strip()
                    if not header:
                        break
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                with lock:
                    step = take(line[0] + " " + line[1])
                body = ""
                if not step.get("early"):
                    if headers.get("expect") == "100-continue":
                        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    body = file.read(int(headers.get("content-length", 0))).decode("latin-1")
                with lock:
                    log.write(json.dumps({"method": line[0], "path": line[1], "headers": headers,
                                          "body": body[:10000], "bodyCount": len(body),
                                          "time": time.time(), "connection": number}) + "\n")
                    log.flush()
                time.sleep(float(step.get("pause", 0)))
                fault = step.get("fault")
                if fault == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                    file.close()
                    return
                if fault == "hang":
                    time.sleep(600)
                if fault == "drip":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
                    while True:
                        connection.sendall(b"x")
                        time.sleep(1)
                if fault == "flood":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                    while True:
                        connection.sendall(b"x" * 65536)
                if "raw" in step:
                    connection.sendall(step["raw"].encode())
                    connection.close()
                    file.close()
                    return
                answer = step["body"].encode()
                status, added = step["status"], step["headers"]
                if step.get("ranged") and "range" in headers:
                    start = int(headers["range"][len("bytes="):-1])
                    status = "206"
                    added += "Content-Range: bytes %d-%d/%d\r\n" % (start, len(answer) - 1, len(answer))
                    answer = answer[start:]
                length = "" if "Content-Length" in added else "Content-Length: %d\r\n" % len(answer)
                head = "HTTP/1.1 %s Said\r\n%s%s\r\n" % (status, added, length)
                if line[0] == "HEAD":
                    answer = b""
                if "cut" in step:
                    connection.sendall(head.encode() + answer[:int(step["cut"])])
                    connection.shutdown(socket.SHUT_RDWR)
                    file.close()
                    return
                connection.sendall(head.encode() + answer)
                if step.get("early"):
                    connection.close()
                    file.close()
                    return

        def quietly(connection, number):
            try:
                serve(connection, number)
            except OSError:
                pass

        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        print("ready", listener.getsockname()[1], flush=True)
        number = 0
        while True:
            connection, _ = listener.accept()
            number += 1
            threading.Thread(target=quietly, args=(connection, number), daemon=True).start()
        """#
}
