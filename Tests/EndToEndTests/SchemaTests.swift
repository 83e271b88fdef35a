// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// A build whose JSON is held against docs/schemas.
struct SchemaCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var buildspec: String
    var arguments: [String] = []
    var status = 0
    /// Events that the build must have, so that a case does not lose what it is for.
    var events: [String]
}

@Suite("JSON for programs")
struct SchemaTests {
    private static func schema(_ name: String) throws -> JSONSchema {
        let docs = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        return try JSONSchema(docs.appending("docs/schemas/\(name).schema.json"))
    }

    private static func spec(_ commands: [String], env: String = "", more: String = "", finally: String = "") -> String
    {
        "version: 0.2\n\(env)phases:\n  build:\n    commands:\n"
            + commands.map { "      - '\($0)'\n" }.joined() + finally + more
    }

    private static let cases: [SchemaCase] = [
        SchemaCase(
            testDescription: "success with artifacts, exports and output that is not UTF-8",
            buildspec: spec(
                ["export X=1", "echo a > a; printf \"\\377 é\"", "echo b > b"],
                env: "env:\n  exported-variables: [X]\n",
                more: "artifacts:\n  files: [a]\n  secondary-artifacts:\n    second:\n      files: [b]\n"),
            arguments: ["-a", "out"], events: ["artifact-packed", "output", "notice", "command-ended"]),
        SchemaCase(
            testDescription: "failure with finally", buildspec: spec(["exit 3"], finally: "    finally: [echo f]\n"),
            status: 1, events: ["command-ended", "build-ended"]),
        SchemaCase(
            testDescription: "a killed shell", buildspec: spec(["kill -9 $$"]), status: 1, events: ["command-ended"]),
        SchemaCase(
            testDescription: "timeout", buildspec: spec(["sleep 60"]), arguments: ["--timeout", "0.01"], status: 124,
            events: ["command-ended", "build-ended"]),
        SchemaCase(
            testDescription: "retry", buildspec: spec(["false"], finally: "    on-failure: RETRY-1\n"), status: 1,
            events: ["retrying"]),
        SchemaCase(
            testDescription: "secrets and variables",
            buildspec: spec(["echo $S"], env: "env:\n  parameter-store:\n    S: /s\n"),
            arguments: ["-e", "S=hush-hush", "-e", "A=b"], events: ["output"]),
        SchemaCase(
            testDescription: "an invalid buildspec",
            buildspec: "version: 0.2\nphases:\n  build:\n    commands: [a: b]\n",
            status: 2, events: ["phase-ended", "build-ended"]),
        SchemaCase(
            testDescription: "a warning", buildspec: spec(["true"], more: "cache:\n  paths: [/proc/x]\n"),
            events: ["warning"]
        ),
        SchemaCase(
            testDescription: "version 0.1", buildspec: "version: 0.1\nphases:\n  build:\n    commands: ['false']\n",
            status: 1, events: ["command-ended"]),
    ]

    @Test("events and records of real builds are as documented, and nothing undocumented is in them", arguments: cases)
    func builds(schemaCase: SchemaCase) throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("schema") { tree in
            try tree.write("source/buildspec.yml", schemaCase.buildspec)
            let drydock = try Drydock(in: tree)
            let result = try drydock.run(
                ["run", "--progress", "json", "--events", tree.path("events.jsonl").string] + schemaCase.arguments)
            #expect(result.status == schemaCase.status, "\(result.output)\(result.errors)")
            try check(result.standardOutput, schemaCase.events)
            try check(Array(try tree.text("events.jsonl").utf8), schemaCase.events)
            try check(try drydock("logs", "--json").standardOutput, [])
            #expect(try Self.schema("build").violations(in: drydock("show", "--json").standardOutput) == [])
            let history = try drydock("history", "--json").standardOutput
            let list = try JSONSerialization.jsonObject(with: Data(history)) as? [Any] ?? []
            #expect(list.count == 1)
            #expect(!result.output.contains("hush"))
        }
    }

    private func check(_ lines: [UInt8], _ wanted: [String]) throws {
        let schema = try Self.schema("event")
        var names: Set<String> = []
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            #expect(schema.violations(in: Array(line)) == [], "\(String(decoding: line, as: UTF8.self))")
            let event = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            names.insert(event?["event"] as? String ?? "")
        }
        #expect(names.isSuperset(of: wanted), "\(names)")
    }

    @Test("what caches became is as documented, and the log has no line more for it")
    func caches() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("schema-cache") { tree in
            let drydock = try Drydock(in: tree)
            func events(_ cache: String, _ command: String, _ words: String...) throws -> [[String: Any]] {
                try tree.write("source/buildspec.yml", Self.spec([command], more: "cache:\n" + cache))
                let result = try drydock.run(["run", "--progress", "json"] + words)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                try check(result.standardOutput, [])
                let log = try drydock("logs").output
                #expect(
                    !log.split(separator: "\n").contains { $0.hasPrefix("[drydock]") && $0.contains("cache") }, "\(log)"
                )
                return try result.lines.compactMap { line in
                    let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    guard let event, (event["event"] as? String)?.hasPrefix("cache-") == true else { return nil }
                    return event
                }
            }
            func names(_ events: [[String: Any]]) -> [String] { events.map { $0["event"] as? String ?? "" } }
            let keyed = "  key: k-$(cat lock)\n  fallback-keys: [k-]\n  paths: [n/**/*]\n"
            try tree.write("source/lock", "1")
            let first = try events(keyed, "mkdir n; echo one > n/a")
            #expect(names(first) == ["cache-missed", "cache-saved"])
            #expect(first[0]["reason"] as? String == "empty" && first[1]["changedOnly"] as? Bool == false)
            #expect(first[1]["key"] as? String == "k-1" && first[1]["fileCount"] as? Int == 1)
            try tree.write("source/lock", "2")
            let other = try events(keyed, "echo two > n/b")
            #expect(names(other) == ["cache-restored", "cache-saved"])
            #expect(other[0]["fallbackKey"] as? String == "k-" && other[0]["mode"] as? String == "mounted")
            #expect(other[0]["entry"] as? String == first[1]["entry"] as? String)
            #expect(other[1]["changedOnly"] as? Bool == true)
            let copied = try events(keyed, "cat n/b", "--cache-mode", "copy")
            #expect(names(copied) == ["cache-restored"] && copied[0]["mode"] as? String == "copied")
            try tree.write("source/lock", "3")
            let missed = try events("  key: x-$(cat lock)\n  paths: [n/**/*]\n", "true")
            #expect(names(missed) == ["cache-missed", "cache-nothing"])
            #expect(missed[0]["reason"] as? String == "other-key")
            #expect(missed[0]["changedInputs"] as? [String] == ["cat lock"])
            #expect(names(try events("  paths: [n/*.o]\n", "mkdir n; touch n/a.o")) == ["cache-missed", "cache-saved"])
            _ = try events("  paths: [m/**/*]\n", "mkdir m; touch m/m")
            #expect(names(try events("  paths: [m/**/*]\n", "true")) == ["cache-restored", "cache-unchanged"])
        }
    }

    @Test("a stopped build's events and record are as documented")
    func stopped() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("schema-stop") { tree in
            try tree.write("source/buildspec.yml", Self.spec(["echo begun; sleep 60"]))
            let drydock = try Drydock(in: tree)
            let running = try RunningDrydock(drydock, ["run", "--progress", "json"])
            #expect(running.wait(for: "begun\\n"))
            #expect(try Self.schema("build").violations(in: drydock("show", "--json").standardOutput) == [])
            running.signal(SIGTERM)
            #expect(running.end() == -Int(SIGTERM))
            try check(Array(running.text.utf8), ["build-ended"])
            #expect(try Self.schema("build").violations(in: drydock("show", "--json").standardOutput) == [])
        }
    }

    @Test("findings, commands, variables and capabilities are as documented")
    func otherVerbs() throws {
        try TemporaryTree.with("schema-verbs") { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/bad.yml",
                "version: 0.2\nenv:\n  variables:\n    A: 1\n    A: 2\nphases:\n  build:\n    commands:\n      - a: b\n  x: 1\n"
            )
            try tree.write("source/buildspec.yml", Self.spec(["a", "b"], finally: "    finally: [c]\n"))
            let findings = try drydock("lint", "--format", "json", "bad.yml", "buildspec.yml", "none.yml")
            #expect(try Self.schema("lint").violations(in: findings.standardOutput) == [])
            #expect(try Self.schema("list").violations(in: drydock("list", "--json").standardOutput) == [])
            #expect(try Self.schema("env").violations(in: drydock("env", "--json").standardOutput) == [])
            for name in ["/ci/token", "prod/db"] {
                #expect(try drydock.run(["secrets", "set", name], input: #"{"a":"b"}"#).status == 0)
            }
            #expect(
                try Self.schema("secrets").violations(in: drydock("secrets", "list", "--json").standardOutput) == [])
            #expect(try Self.schema("doctor").violations(in: drydock("doctor", "--json").standardOutput) == [])
        }
    }

    @Test("the check itself sees what is missing, wrong and undocumented")
    func validator() throws {
        let schema = try Self.schema("event")
        func line(_ more: String) -> [UInt8] {
            Array(#"{"v":1,"time":"2025-06-28T13:10:52.671Z","event":"resumed"\#(more)}"#.utf8)
        }
        #expect(schema.violations(in: line(#","milliseconds":1"#)).isEmpty)
        for wrong in [
            "", #","milliseconds":-1"#, #","milliseconds":"1""#, #","milliseconds":1,"x":1"#, #","milliseconds":true"#,
        ] {
            #expect(!schema.violations(in: line(wrong)).isEmpty, "\(wrong)")
        }
    }
}
