// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Files
import Glibc
import Secrets
import SystemPackage
import TestSupport
import Testing

@Suite("Stores of secrets")
struct SecretStoreTests {
    private func request(_ reference: String, _ kind: SecretRequest.Kind = .parameter) -> SecretRequest {
        SecretRequest(variable: "TOKEN", kind: kind, reference: reference, span: nil)
    }

    /// What a store says, secrets in clear.
    private func answers(_ store: some SecretStore, _ requests: [SecretRequest]) -> [String] {
        store.answers(to: requests).map { answer in
            switch answer {
            case .value(let value, let place): "\(value.exposed()) \(place)"
            case .selected(let value, let place): "=\(value.exposed()) \(place)"
            case .unknown: "-"
            case .absent(let reason): "- \(reason)"
            case .failed(let failure): "! \(failure.message)"
            }
        }
    }

    @Test(
        "a file gives values by name, in each of its forms",
        arguments: [
            ("s.json", #"{"/ci/token": "tok", "prod/db": {"user": "u", "n": [1, true]}, "prod/db:user": "own"}"#, 1),
            ("s.yml", "/ci/token: tok\nprod/db:\n  user: u\n  n: [1, true]\n\"prod/db:user\": own\n", 2),
            ("s.env", "/ci/token=tok\nprod/db='{\"user\":\"u\",\"n\":[1,true]}'\nprod/db:user=own\n", 2),
            (
                "s",
                "{\"/ci/token\": \"tok\",\n\"prod/db\": {\"user\": \"u\", \"n\": [1, true]}, \"prod/db:user\": \"own\"}",
                2
            ),
        ])
    func file(name: String, content: String, line: Int) throws {
        try TemporaryTree.with { tree in
            let path = try tree.write(FilePath(name), content, mode: 0o600)
            let store = FileSecretStore(path: path, user: geteuid())
            let place = "file:\(path.string)"
            let found = answers(
                store,
                [
                    request("/ci/token"), request("/ci/token:3"), request("prod/db", .secret),
                    request("prod/db:other", .secret), request("prod/db:user", .secret),
                    request("prod/db::AWSPREVIOUS", .secret), request("none", .secret),
                ])
            let whole = #"{"user":"u","n":[1,true]}"#
            #expect(found[0].hasPrefix("tok \(place):1"))
            #expect(found[1] == "-" && found[5] == "-" && found[6] == "-")
            #expect(found[2] == "\(whole) \(place):\(line)" && found[3] == found[2])
            #expect(found[4].hasPrefix("=own \(place):"))
        }
    }

    @Test("a file that others may read, or that is not what it should be, is refused without its content")
    func refusals() throws {
        try TemporaryTree.with { tree in
            for mode in [0o640, 0o604, 0o660, 0o644] as [UInt32] {
                let path = try tree.write("open", "/ci/token=hunter2\n", mode: mode)
                let answer = FileSecretStore(path: path, user: geteuid()).answers(to: [request("/ci/token")])
                guard case .failed(let failure) = answer[0] else {
                    Issue.record("mode \(mode) is taken")
                    continue
                }
                #expect(failure.message.contains("can be read by others (mode \(String(mode, radix: 8)))"))
                #expect(failure.hints == ["`chmod 600 \(path.string)` makes it yours alone"])
            }
            for (name, content, words) in [
                ("a.json", "{\"a\": \"hunter2\"", "is not valid JSON, at"),
                ("b.yml", "a: [hunter2", "is not valid YAML, at"),
                ("c.yml", "- hunter2", "is no map"), ("d", "/a=1\nhunter2\n", "expected `NAME=VALUE`, at"),
            ] {
                let path = try tree.write(FilePath(name), content, mode: 0o600)
                let answer = answers(FileSecretStore(path: path, user: geteuid()), [request("a")])[0]
                #expect(answer.hasPrefix("! the store `file:") && answer.contains(words), "\(answer)")
                #expect(!answer.contains("hunter2"))
            }
            let absent = answers(FileSecretStore(path: tree.path("none"), user: geteuid()), [request("a")])[0]
            #expect(absent.contains("no such file"), "\(absent)")
        }
    }

    @Test("a pipe is read to its end, and waited for neither too long nor when nobody wants it any more")
    func pipes() throws {
        try TemporaryTree.with { tree in
            let path = tree.path("pipe")
            #expect(mkfifo(path.string, 0o600) == 0)
            let store = FileSecretStore(path: path, user: geteuid(), seconds: 0.3)
            #expect(answers(store, [request("a")])[0].hasSuffix("did not come to its end within 0 s"))
            let patient = FileSecretStore(path: path, user: geteuid())
            let stopped = patient.answers(to: [request("a")], isCancelled: { true })
            guard case .failed(let failure) = stopped[0] else {
                Issue.record("\(stopped)")
                return
            }
            #expect(failure.message.hasSuffix("was not waited for"))
            // Whoever writes comes later, and takes its time.
            let writer = try FileDescriptor.open(path, .readWrite)
            _ = try writer.writeAll("a=tok".utf8)
            let reading = FileSecretStore(path: path, user: geteuid(), seconds: 20)
            let closer = CloseLater(writer)
            #expect(answers(reading, [request("a")])[0].hasPrefix("tok file:"))
            closer.wait()
        }
    }

    @Test("a directory gives what mounts of Docker and Kubernetes hold, and nothing from outside")
    func directory() throws {
        try TemporaryTree.with { tree in
            try tree.write("outside", "hunter2")
            try tree.write("s/ci/token", "nested\n")
            try tree.write("s/prod_db", "{\"a\":\"b\"}\n\n")
            try tree.write("s/..data/key", "linked")
            try tree.root.makeLink("s/linked", to: "..data/key")
            try tree.root.makeLink("s/leaves", to: "../outside")
            try tree.write("s/TOKEN", "by variable")
            let store = DirectorySecretStore(path: tree.path("s"))
            let found = answers(
                store,
                ["/ci/token", "linked", "../outside", "leaves", "else"].map { request($0) } + [
                    request("prod/db:a", .secret)
                ]
            ).map { $0.split(separator: " dir:").first.map(String.init) ?? "" }
            // Whatever does not name a file of the directory falls back to the file of the variable's name.
            #expect(found == ["nested", "linked", "by variable", "by variable", "by variable", "{\"a\":\"b\"}\n"])
            #expect(answers(DirectorySecretStore(path: tree.path("none")), [request("a")])[0].contains("no such file"))
        }
    }

    @Test("an ARN is looked for as it is written, and by the name in it")
    func resourceNames() throws {
        let parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter"
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
        try TemporaryTree.with { tree in
            let file = try tree.write(
                "s.env", "/ci/token=tok\nplain=p\nprod/db=db\n\(secret)exact-AbC123=own\nexact=other\n", mode: 0o600)
            let store = FileSecretStore(path: file, user: geteuid())
            let found = answers(
                store,
                [
                    request("\(parameter)/ci/token"), request("\(parameter)/plain"), request("\(parameter)/ci/token:3"),
                    request("\(secret)prod/db-AbC123", .secret), request("\(secret)prod/db", .secret),
                    request("\(secret)exact-AbC123:key", .secret), request("\(secret)prod/db-AbC12", .secret),
                ]
            ).map { String($0.prefix { $0 != " " }) }
            #expect(found == ["tok", "p", "-", "db", "db", "own", "-"])
            try tree.write("d/ci.token", "tok")
            #expect(
                answers(DirectorySecretStore(path: tree.path("d")), [request("\(parameter)/ci/token")])[0].hasPrefix(
                    "tok "))
        }
        let environment = EnvironmentSecretStore(only: nil, names: ["PROD_DB"]) { _ in "db" }
        #expect(answers(environment, [request("\(secret)prod/db-AbC123", .secret)]) == ["db env:PROD_DB"])
        let command = CommandSecretStore("echo $DRYDOCK_SECRET_NAME #", environment: ["PATH": "/usr/bin:/bin"])
        #expect(answers(command, [request("\(secret)prod/db-AbC123:key", .secret)])[0].hasPrefix("prod/db "))
    }

    @Test("the environment gives variables of the same name or of the reference's, and empty ones not")
    func environment() {
        let variables = ["TOKEN": "own", "CI_DB_TOKEN": "made", "EMPTY": ""]
        func store(_ only: String?) -> EnvironmentSecretStore {
            EnvironmentSecretStore(only: only, names: Array(variables.keys)) { variables[$0] }
        }
        func named(_ variable: String, _ reference: String) -> SecretRequest {
            SecretRequest(variable: variable, kind: .parameter, reference: reference, span: nil)
        }
        let requests = [named("TOKEN", "/x"), named("X", "/ci/db-token"), named("EMPTY", "/y"), named("Z", "TOKEN:3")]
        #expect(answers(store(nil), requests) == ["own env:TOKEN", "made env:CI_DB_TOKEN", "-", "-"])
        #expect(answers(store("TOKEN"), requests) == ["own env:TOKEN", "-", "-", "-"])
    }

    @Test("a command is asked by name, once, in its time")
    func command() {
        func ask(_ text: String, _ references: [String], seconds: Double = 20) -> [String] {
            let environment = ["PATH": "/usr/bin:/bin"]
            let store = CommandSecretStore(text, environment: environment, seconds: seconds)
            return answers(store, references.map { request($0, .secret) })
        }
        #expect(ask("echo", ["a b;c"]) == ["a b;c command:echo"])
        #expect(ask("printf '%s\\n\\n' \"<$1>\"", ["x:key"])[0].hasPrefix("<x>\n command:"))
        #expect(ask("echo $$ \"$1\"", ["x:a", "x:b"]).reduce(into: Set()) { $0.insert($1) }.count == 1)
        #expect(ask("echo no such thing >&2; false", ["x"]) == ["- exit status 1: no such thing"])
        #expect(ask("nothing-of-that-name", ["x"])[0].hasPrefix("! the program of the store `command:nothing-of"))
        #expect(ask("sleep 60 #", ["x"], seconds: 0.3)[0].hasSuffix("did not answer within 0 s"))
        #expect(ask("kill -9 $$ #", ["x"])[0].hasSuffix("was killed by signal 9"))
        for name in ["--output=/etc/passwd", "/-x", "//--help"] {
            #expect(ask("echo", [name])[0].hasPrefix("- it is not asked for a name that begins with `-`"))
        }
        let slow = CommandSecretStore("sleep 60 #", environment: ["PATH": "/usr/bin:/bin"])
        guard case .failed(let failure) = slow.answers(to: [request("x")], isCancelled: { true })[0] else {
            Issue.record("the program was waited for")
            return
        }
        #expect(failure.message.hasSuffix("was stopped before it answered"))
        #expect(
            ask("echo $DRYDOCK_SECRET_KIND $DRYDOCK_SECRET_VARIABLE \"$1\"", ["x"])[0].hasPrefix(
                "secrets-manager TOKEN x"))
    }
}

/// Closes a descriptor a moment later, on a thread of its own.
private final class CloseLater: @unchecked Sendable {
    private var thread = pthread_t()
    private let file: FileDescriptor

    init(_ file: FileDescriptor) {
        self.file = file
        pthread_create(
            &thread, nil,
            { context in
                usleep(200_000)
                if let context { try? Unmanaged<CloseLater>.fromOpaque(context).takeUnretainedValue().file.close() }
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func wait() { pthread_join(thread, nil) }
}
