// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock cache suggest")
struct CacheSuggestTests {
    private func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in try body(tree, try Drydock(in: tree, user: user)) }
    }

    private func buildspec(_ commands: String..., cache: String = "") -> String {
        "version: 0.2\n\(cache)phases:\n  build:\n    commands:\n" + commands.map { "      - \($0)\n" }.joined()
    }

    private func write(_ tree: TemporaryTree, _ drydock: Drydock, _ text: String) throws {
        try tree.write("source/buildspec.yml", text)
        try drydock.user.own(tree.path("source"))
    }

    private func suggest(_ drydock: Drydock, _ words: String...) throws -> ToolResult {
        try drydock.run(["cache", "suggest"] + words)
    }

    private static func schema(_ name: String) throws -> JSONSchema {
        let docs = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        return try JSONSchema(docs.appending("docs/schemas/\(name).schema.json"))
    }

    private static let megabyte = "head -c 1000000 /dev/zero"

    @Test(
        "what is printed, pasted, is found by the next build but one, and is no finding of lint",
        arguments: TestUser.all)
    func roundTrip(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let commands = [
                "test -e node_modules/m && echo warm modules || { mkdir -p node_modules; \(Self.megabyte) > node_modules/m; }",
                "test -e ~/.npm/c && echo warm npm || { mkdir -p ~/.npm; \(Self.megabyte) > ~/.npm/c; }",
                "mkdir -p out && \(Self.megabyte) > out/result",
            ]
            try tree.write("source/package-lock.json", "{}")
            try write(tree, drydock, buildspec(commands[0], commands[1], commands[2]))
            #expect(try drydock("run").status == 0)
            let suggested = try suggest(drydock)
            #expect(suggested.status == 0, "\(suggested.errors)")
            #expect(suggested.lines.first?.hasPrefix("# build 1 of source wrote ") == true, "\(suggested.output)")
            #expect(
                suggested.lines.contains("  key: npm-$(codebuild-hash-files package-lock.json)"), "\(suggested.output)")
            let paths = suggested.lines.filter { $0.hasPrefix("    - ") }.map { $0.prefix { $0 != "#" } }
            #expect(
                paths.map { $0.trimmingCharacters(in: .whitespaces) }
                    == ["- npm-", "- /root/.npm/**/*", "- node_modules/**/*"], "\(suggested.output)")

            try write(tree, drydock, buildspec(commands[0], commands[1], commands[2], cache: suggested.output))
            let lint = try drydock("lint")
            #expect(
                lint.status == 0 && !(lint.output + lint.errors).contains("warning"), "\(lint.output)\(lint.errors)")
            #expect(try drydock("run").output.contains("Saved cache `npm-"))
            let third = try drydock("run")
            for number in ["1", "3"] {
                let record = try drydock("show", "--json", number)
                #expect(try Self.schema("build").violations(in: record.standardOutput) == [])
                #expect(record.output.contains(number == "1" ? "\"written\"" : "\"restored\""), "\(record.output)")
            }
            #expect(third.lines.contains("warm modules") && third.lines.contains("warm npm"), "\(third.output)")
            // Nothing is left to suggest.
            #expect(try suggest(drydock, "3").status == 2)
            let rest = try suggest(drydock)
            #expect(
                rest.status == 2 && rest.errors.contains("the caches of build 3 of `source` hold all"), "\(rest.errors)"
            )
            #expect(try suggest(drydock, "1").output == suggested.output)
            var elsewhere = drydock
            elsewhere.directory = try tree.directory("elsewhere")
            try drydock.user.own(elsewhere.directory)
            #expect(try suggest(elsewhere).errors.contains("there is no build of `elsewhere`: this is of `source`"))
        }
    }

    @Test("each tool's directory is known, with the file that its key is made of")
    func tools() throws {
        try with(TestUser()) { tree, drydock in
            for name in ["requirements.txt", "Cargo.toml", "Cargo.lock", "web/yarn.lock"] {
                try tree.write(FilePath("source/\(name)"), "x")
            }
            try write(
                tree, drydock,
                buildspec(
                    "for d in ~/.cache/pip web/node_modules /var/cache/apt/archives $GOPATH/pkg/mod; do mkdir -p $d; "
                        + "\(Self.megabyte) > $d/file; done", "mkdir -p ~/.ccache; echo small > ~/.ccache/stats"))
            let run = try drydock("run", "-e", "GOPATH=/root/gopath")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            let json = try suggest(drydock, "--json")
            #expect(try Self.schema("cache-suggest").violations(in: json.standardOutput) == [])
            let document = try JSONSerialization.jsonObject(with: Data(json.standardOutput)) as? [String: Any]
            let places = document?["places"] as? [[String: Any]] ?? []
            #expect(
                places.map { "\($0["tool"] ?? "") \($0["path"] ?? "")" } == [
                    "npm web/node_modules", "pip /root/.cache/pip", "go /root/gopath/pkg/mod", "apt /var/cache/apt",
                ], "\(json.output)")
            #expect(document?["key"] as? String == "packages-$(codebuild-hash-files web/yarn.lock requirements.txt)")
            #expect(places.allSatisfy { ($0["byteCount"] as? Int ?? 0) >= 1_000_000 && $0["fileCount"] as? Int == 1 })
            // A compiler's results are another each time: an entry with a key would stay as the first build left it.
            try write(
                tree, drydock,
                buildspec("mkdir -p target ~/.cargo/registry; \(Self.megabyte) | tee target/a > ~/.cargo/registry/b"))
            #expect(try drydock("run").status == 0)
            let cargo = try suggest(drydock)
            #expect(!cargo.output.contains("key:") && cargo.output.contains("# without a key"), "\(cargo.output)")
            // `npm ci` removes node_modules first.
            try write(
                tree, drydock,
                buildspec("npm() { mkdir -p node_modules; \(Self.megabyte) > node_modules/a; }; npm ci"))
            #expect(try drydock("run").status == 0)
            #expect(try suggest(drydock, "3").status == 2)
        }
    }

    @Test("`run --suggest-cache` finds large directories by their size alone, and prints them")
    func others() throws {
        try with(TestUser()) { tree, drydock in
            try write(
                tree, drydock,
                buildspec(
                    "mkdir -p ~/.tool/store/a ~/.tool/store/b; head -c 40000000 /dev/zero > ~/.tool/store/a/1; "
                        + "head -c 30000000 /dev/zero > ~/.tool/store/b/2", "mkdir out; \(Self.megabyte) > out/small"))
            let run = try drydock("run", "--suggest-cache")
            #expect(run.output.contains("\ncache:\n"), "\(run.output)\(run.errors)")
            #expect(
                run.lines.contains { $0.hasPrefix("    - /root/.tool/store/**/*  # 66.7 MiB, 2 files, ") },
                "\(run.output)")
            #expect(try drydock("run", "--suggest-cache", "--progress", "json").lines.allSatisfy { $0.hasPrefix("{") })
            let plain = try drydock("run")
            #expect(!plain.output.contains("cache:"), "\(plain.output)")
            #expect(try suggest(drydock, "3").status == 2)
            // The newest build that has something to tell.
            #expect(try suggest(drydock).lines.first?.hasPrefix("# build 2 of ") == true)
        }
    }

    @Test("a build that failed, or wrote nothing of note, says so")
    func nothing() throws {
        try with(TestUser()) { tree, drydock in
            #expect(try suggest(drydock).status == 2)
            try write(tree, drydock, buildspec("mkdir -p ~/.npm; \(Self.megabyte) > ~/.npm/a; exit 1"))
            #expect(try drydock("run").status == 1)
            #expect(try suggest(drydock).errors.contains("did not succeed"))
            try write(tree, drydock, buildspec("true"))
            #expect(try drydock("run").status == 0)
            #expect(try suggest(drydock).errors.contains("nothing worth caching"))
        }
    }

    @Test("one line at the end of a build on a terminal, and not twice a day")
    func hint() throws {
        try with(TestUser()) { tree, drydock in
            try write(
                tree, drydock, buildspec("mkdir -p ~/.m2/repository; head -c 110000000 /dev/zero > ~/.m2/repository/x"))
            let words = "drydock cache suggest"
            let logged = try drydock("run", "--project", "other")
            #expect(!(logged.output + logged.errors).contains(words))
            for isNew in [true, false] {
                let shown = try DrydockOnTerminal(drydock, ["run"], columns: 200)
                #expect(shown.end() == 0)
                #expect(shown.text.contains(words) == isNew, "\(shown.text)")
            }
        }
    }
}
