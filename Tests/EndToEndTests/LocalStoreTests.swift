// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `drydock secrets`, and builds that take their secrets from it.
@Suite("The local store of secrets")
struct LocalStoreTests {
    private static let store: FilePath = "home/.local/share/drydock/secrets.vault"
    private static let key: FilePath = "home/.config/drydock/secrets.key"

    private func expect(
        _ result: ToolResult, _ status: Int, _ words: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
        if let words { #expect(result.errors.contains(words), "\(result.errors)", sourceLocation: sourceLocation) }
    }

    // MARK: Verbs

    @Test("sets, shows, lists and removes, as root and as an ordinary user", arguments: TestUser.all)
    func verbs(user: TestUser) throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            expect(try drydock("secrets", "list"), 0, "there is no secret yet")
            expect(try drydock.run(["secrets", "set", "/ci/token"], input: "tok-123\n"), 0, "set `/ci/token`")
            expect(try drydock.run(["secrets", "set", "/ci/token"], input: "tok-1\nline 2\n\n"), 0, "replaced")
            expect(try drydock.run(["secrets", "set", "prod/db"], input: #"{"password":"hunter2"}"#), 0)
            expect(try drydock.run(["secrets", "set", "kept", "--keep-newline"], input: "x\r\n"), 0)
            // What `set` takes away `get` adds.
            #expect(try drydock("secrets", "get", "/ci/token").output == "tok-1\nline 2\n\n")
            #expect(try drydock("secrets", "get", "kept").output == "x\r\n\n")
            #expect(try drydock("secrets", "get", "prod/db", "--json-key", "password").output == "hunter2\n")
            let list = try drydock("secrets", "list")
            #expect(list.lines.map { $0.prefix { $0 != " " } } == ["NAME", "/ci/token", "kept", "prod/db"])
            #expect(!list.output.contains("tok-") && !list.output.contains("hunter2"))
            #expect(try drydock("secrets", "list", "--names").output == "/ci/token\nkept\nprod/db\n")
            expect(try drydock("secrets", "rm", "kept", "prod/db"), 0)
            #expect(try drydock("secrets", "list").lines.count == 2)
            for path in [Self.store, Self.key] {
                #expect(try tree.root.status(path).mode == 0o600)
                #expect(try !tree.text(path).contains("tok-1"))
            }
        }
    }

    @Test("what cannot be done is told with its exit code, and a value is never repeated")
    func failures() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            expect(try drydock("secrets", "set", "TOKEN", "hush"), 2, "not taken from the command line")
            expect(try drydock("secrets", "set", "TOKEN=hush"), 2, "`TOKEN=…` cannot be the name")
            expect(try drydock("secrets", "set", "--value=hush", "TOKEN"), 2, "there is no option `--value`")
            for words in [["TOKEN", "hush"], ["TOKEN=hush"], ["--value=hush", "TOKEN"]] {
                #expect(try !drydock.run(["secrets", "set"] + words).errors.contains("hush"))
            }
            expect(try drydock("secrets", "get", "TOKEN"), 3, "has no secret `TOKEN`")
            #expect(!tree.exists("home/.config") && !tree.exists("home/.local"))
            expect(try drydock.run(["secrets", "set", "TOKEN"], input: "\n"), 2, "is empty")
            expect(try drydock.run(["secrets", "set", "TOKEN"], input: "a\0b"), 2, "holds a NUL")
            let long = String(repeating: "x", count: 65_537)
            expect(try drydock.run(["secrets", "set", "TOKEN"], input: long), 2, "longer than 65536 bytes")
            expect(try drydock.run(["secrets", "set", "TOKEN"], input: String(long.dropLast()) + "\n"), 0)
            expect(
                try drydock.run(["secrets", "set", "db:password"], input: "x"), 2,
                "set the whole secret as JSON under `db`")
            expect(try drydock("secrets", "get", "TOKE"), 3, "did you mean `TOKEN`?")
            expect(try drydock("secrets", "rm", "TOKEN", "none"), 3, "has no secret `none`")
            expect(try drydock("secrets", "get", "TOKEN", "--json-key", "x"), 3, "no JSON object")
            expect(try drydock("secrets", "lst"), 2, "did you mean `list`?")
            try tree.setMode(Self.key, 0o644)
            for words in [["get", "TOKEN"], ["list"], ["rm", "TOKEN"]] {
                expect(try drydock.run(["secrets"] + words), 4, "is open to others (mode 644)")
            }
            try tree.root.remove(Self.key)
            expect(try drydock("secrets", "get", "TOKEN"), 4, "the key of the local store is not there")
            expect(
                try drydock.run(["secrets", "set", "other"], input: "x"), 4, "the key of the local store is not there")
            let list = try drydock("secrets", "list")
            expect(list, 0, "nobody vouches for these names")
            #expect(list.output.contains("TOKEN"))
        }
    }

    @Test("the key lies where DRYDOCK_SECRETS_KEY says, and its directory is not made there")
    func chosenKey() throws {
        try TemporaryTree.with { tree in
            var drydock = try Drydock(in: tree)
            drydock.environment["DRYDOCK_SECRETS_KEY"] = tree.path("stick/key").string
            expect(
                try drydock.run(["secrets", "set", "a"], input: "x"), 4, "the key of the local store cannot be made")
            #expect(!tree.exists("stick") && !tree.exists(Self.store))
            try tree.directory("stick")
            expect(try drydock.run(["secrets", "set", "a"], input: "x"), 0)
            #expect(tree.exists("stick/key") && !tree.exists(Self.key))
            drydock.environment["DRYDOCK_SECRETS_KEY"] = nil
            expect(try drydock("secrets", "get", "a"), 4, "`DRYDOCK_SECRETS_KEY` names the key's file")
        }
    }

    @Test("imports a file of each kind, all of it or nothing")
    func imports() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            func get(_ name: String) throws -> String { try drydock("secrets", "get", name).output }
            try tree.write("source/a.env", "# remark\n/ci/token=\"tok 1\"\nexport PLAIN='x y'\n")
            try tree.write("source/b.json", #"{"/ci/token": "tok 2", "db": {"user": "u", "port": 5432}, "n": 1}"#)
            try tree.write("source/c.yml", "/ci/token: tok 3\ndb: {user: v, ok: yes}\nlines: |\n  1\n  2\n")
            expect(try drydock("secrets", "import", "a.env"), 0, "set 2 secrets")
            expect(try drydock("secrets", "import", "b.json"), 2, "has `/ci/token` already; nothing was changed")
            #expect(try drydock("secrets", "list").lines.count == 3)
            expect(try drydock("secrets", "import", "--force", "b.json"), 0, "set 3 secrets, 1 of them anew")
            #expect(try get("db") == #"{"user":"u","port":5432}"# + "\n")
            expect(try drydock("secrets", "import", "c.yml", "--force"), 0, "`c.yml` still holds them in clear")
            #expect(try get("/ci/token") == "tok 3\n")
            #expect(try get("db") == #"{"user":"v","ok":"yes"}"# + "\n")
            #expect(try get("lines") == "1\n2\n\n")
            #expect(try get("PLAIN") == "x y\n")
            expect(try drydock.run(["secrets", "import", "-"], input: "piped=1\n"), 0, "set 1 secret")
            expect(try drydock.run(["secrets", "import", "--format", "yaml", "-"], input: "more: 2\n"), 0)
            let before = try tree.text(Self.store)
            for (text, status, words) in [
                ("ok: fine\n/bad:3: hush\n", 2, "`w.yml:2`: `/bad:3` names a part or a version"),
                ("ok: fine\nnone:\n", 2, "`w.yml:2`: `none` has no value"), ("ok: fine\n'': hush\n", 2, "needs a name"),
                ("ok: [hush\n", 3, "is not valid YAML, at `w.yml:"), ("- hush\n", 3, "is no map of names to values"),
                ("ok: \"\"\n", 2, "the value for `ok` is empty"), ("x y: hush\n", 2, "cannot be the name"),
            ] {
                try tree.write("source/w.yml", text)
                let result = try drydock("secrets", "import", "w.yml")
                expect(result, status, words)
                #expect(!result.errors.contains("hush"), "\(result.errors)")
            }
            expect(try drydock("secrets", "import", "none.yml"), 3, "no such file")
            #expect(try tree.text(Self.store) == before)
        }
    }

    // MARK: The prompt

    @Test("asks twice on a terminal, and shows nothing of the answers")
    func prompt() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            // Longer than a line that a terminal collects.
            let value = "hush" + String(repeating: "x", count: 6000)
            let terminal = try DrydockOnTerminal(drydock, ["secrets", "set", "/ci/token"])
            #expect(terminal.wait(for: "value for /ci/token (not shown): "))
            terminal.type("wrong\u{15}\(value)éy\u{7F}\u{7F}\n")
            #expect(terminal.wait(for: "once more: "))
            terminal.type(value + "\n")
            #expect(terminal.end() == 0)
            #expect(terminal.text.contains("set `/ci/token`"))
            #expect(
                !terminal.text.contains("hush") && !terminal.text.contains("xx") && !terminal.text.contains("wrong"))
            #expect(terminal.isCooked)
            #expect(try drydock("secrets", "get", "/ci/token").output == value + "\n")
        }
    }

    @Test(
        "takes nothing where the answers differ, are empty, of several lines or interrupted",
        arguments: [
            (["one\n", "two\n"], 2, "are not the same"), (["\n"], 2, "is empty"), (["\u{4}"], 2, "is empty"),
            (["one\ntwo\n"], 2, "more than one line"), (["a\u{1B}[A\n"], 2, "control character"),
            (["half\u{3}"], -Int(SIGINT), ""), (["one\n", "half\u{3}"], -Int(SIGINT), ""),
        ] as [([String], Int, String)])
    func promptRefuses(answers: [String], status: Int, words: String) throws {
        try TemporaryTree.with { tree in
            let terminal = try DrydockOnTerminal(try Drydock(in: tree), ["secrets", "set", "a"])
            for (answer, question) in zip(answers, ["(not shown): ", "once more: "]) {
                #expect(terminal.wait(for: question))
                terminal.type(answer)
            }
            #expect(terminal.end() == status, "\(terminal.text)")
            if !words.isEmpty { #expect(terminal.text.contains(words), "\(terminal.text)") }
            #expect(terminal.isCooked)
            #expect(!tree.exists(Self.store))
        }
    }

    @Test("leaves the terminal as it was when a signal ends it")
    func promptSignal() throws {
        try TemporaryTree.with { tree in
            let terminal = try DrydockOnTerminal(try Drydock(in: tree), ["secrets", "set", "a"])
            #expect(terminal.wait(for: "(not shown): "))
            terminal.signal(SIGTERM)
            #expect(terminal.end() == -Int(SIGTERM))
            #expect(terminal.isCooked)
        }
    }

    @Test("a value goes to a terminal only when it is asked for")
    func reveal() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            expect(try drydock.run(["secrets", "set", "a"], input: "tok-123"), 0)
            let refused = try DrydockOnTerminal(drydock, ["secrets", "get", "a"])
            #expect(refused.end() == 2)
            #expect(refused.text.contains("`--reveal` shows it") && !refused.text.contains("tok-123"))
            let revealed = try DrydockOnTerminal(drydock, ["secrets", "get", "a", "--reveal"])
            #expect(revealed.end() == 0)
            #expect(revealed.text == "tok-123\r\n")
        }
    }

    // MARK: Several at once, and the end at any point

    @Test("twenty at once lose nothing")
    func concurrency() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let script = """
                for i in $(seq 20); do printf "value $i" | "$0" secrets set "/n/$i" & done
                for i in $(seq 20); do wait; done
                for i in $(seq 20); do "$0" secrets get "/n/$i"; done
                """
            let result = try runTool("sh", ["-c", script, Drydock.program.string], environment: drydock.environment)
            #expect(result.output == (1...20).map { "value \($0)\n" }.joined(), "\(result.errors)")
        }
    }

    @Test("killed at any point it leaves the old or the new")
    func killed() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let start = Date()
            expect(try drydock.run(["secrets", "set", "other"], input: "stays"), 0)
            let time = max(0.01, Date().timeIntervalSince(start))
            let delays = (1...60).map { _ in String(format: "%.4f", Double.random(in: 0...1.3) * time) }
            let script = """
                drydock=$0; old=first; printf %s "$old" | "$drydock" secrets set a 2> /dev/null
                for delay; do
                    new="value $delay"; printf %s "$new" > "$HOME/input"
                    "$drydock" secrets set a < "$HOME/input" 2> /dev/null & process=$!
                    sleep "$delay"; kill -9 $process 2> /dev/null; wait $process 2> /dev/null
                    found=$("$drydock" secrets get a) || exit 1
                    [ "$found" = "$old" ] || [ "$found" = "$new" ] || exit 1
                    [ "$("$drydock" secrets get other)" = stays ] || exit 1
                    [ "$found" = "$new" ] && echo new || echo old
                    old=$found
                done
                printf %s last | "$drydock" secrets set a; "$drydock" secrets get a
                """
            let result = try runTool(
                "sh", ["-c", script, Drydock.program.string] + delays, environment: drydock.environment)
            #expect(result.status == 0 && result.lines.last == "last", "\(result.output)\(result.errors)")
            #expect(result.lines.contains("old"), "no kill came in time")
            let remains = try tree.listing("home/.local/share/drydock")
            #expect(remains == ["secrets.lock", "secrets.vault"])
        }
    }

    @Test("a killed first writer leaves no store without its key")
    func killedFirst() throws {
        for _ in 0..<25 {
            try TemporaryTree.with { tree in
                let drydock = try Drydock(in: tree)
                let script = """
                    printf x > "$HOME/input"; "$0" secrets set a < "$HOME/input" 2> /dev/null & process=$!
                    sleep "$1"; kill -9 $process 2> /dev/null; wait $process 2> /dev/null
                    printf y | "$0" secrets set b && "$0" secrets get b
                    """
                let delay = String(format: "%.4f", Double.random(in: 0...0.06))
                let result = try runTool(
                    "sh", ["-c", script, Drydock.program.string, delay], environment: drydock.environment)
                #expect(result.output == "y\n", "\(result.errors)")
            }
        }
    }

    @Test("a value stands in no process's words or environment")
    func processes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("input", "tok-in-no-process")
            let script = """
                (cat "$1"; sleep 1) | "$0" secrets set a &
                sleep 0.5
                grep -laf "$1" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null
                wait $!; "$0" secrets list
                """
            let result = try runTool(
                "sh", ["-c", script, Drydock.program.string, tree.path("input").string],
                environment: drydock.environment)
            #expect(result.lines.map { $0.prefix { $0 != " " } } == ["NAME", "a"], "\(result.output)\(result.errors)")
        }
    }
}

/// Builds that name no store.
@Suite("Builds with the local store", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct LocalStoreBuildTests {
    private static let buildspec = """
        version: 0.2
        env:
          parameter-store:
            TOKEN: /ci/token
          secrets-manager:
            PASSWORD: prod/db:password
        phases:
          build:
            commands:
              - echo "token $TOKEN password $PASSWORD"
              - echo "lengths ${#TOKEN} ${#PASSWORD}"
              - test -z "$DRYDOCK_SECRETS_KEY"
              - test ! -e "$STORE" && test ! -e "$KEY"

        """

    @Test("take parameters and secrets from it, masked, and leave no trace of them", arguments: TestUser.all)
    func build(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec)
            var drydock = try Drydock(in: tree, user: user)
            let key = try tree.directory("keys").appending("key")
            try user.own(tree.path("keys"))
            drydock.environment["DRYDOCK_SECRETS_KEY"] = key.string
            func set(_ name: String, _ value: String) throws {
                let result = try drydock.run(["secrets", "set", name], input: value)
                #expect(result.status == 0, "\(result.errors)")
            }
            try set("/ci/token", "tok-abcdef\n")
            let missing = try drydock("run")
            #expect(missing.status == 3)
            #expect(missing.errors.contains("`drydock secrets set prod/db`"), "\(missing.errors)")
            try set("prod/db", #"{"user": "u", "password": "hunter2-abc"}"#)
            let store = tree.path("home/.local/share/drydock/secrets.vault")
            #expect(access(store.string, F_OK) == 0 && access(key.string, F_OK) == 0)
            let result = try drydock("run", "-e", "STORE=\(store)", "-e", "KEY=\(key)")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("token *** password ***\n"), "\(result.output)")
            #expect(result.output.contains("lengths 10 11\n"), "\(result.output)")
            let shown = try drydock("env")
            #expect(shown.output.contains("secrets-manager prod/db:password (local)"), "\(shown.output)")
            let all = [result, missing, shown, try drydock("logs", "--json"), try drydock("show", "--json")]
            for text in all.map({ $0.output + $0.errors }) {
                #expect(!text.contains("tok-abcdef") && !text.contains("hunter2-abc"))
            }
            let search = try runTool("grep", ["-rlaE", "tok-abcdef|hunter2-abc", tree.path.string])
            #expect(search.output == "")
        }
    }

    @Test("make nothing where there is no store, and do without one that they need not")
    func withoutStore() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec)
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").status == 3)
            #expect(try drydock("run", "--dry-run", "-e", "TOKEN=a", "-e", "PASSWORD=b").status == 0)
            #expect(try tree.listing("home") == [])
            // A store that nobody needs may be unreadable.
            try tree.write("home/.local/share/drydock/secrets.vault", "damaged\n")
            #expect(try drydock("run", "--dry-run", "-e", "TOKEN=a", "-e", "PASSWORD=b").status == 0)
            let result = try drydock("run")
            #expect(result.status == 3 && result.errors.contains("is no store of drydock"), "\(result.errors)")
        }
    }

    @Test("ask it in the place that `--secrets` gives it, and not where it is not named")
    func order() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", Self.buildspec)
            var drydock = try Drydock(in: tree)
            drydock.environment["CI_TOKEN"] = "from-environment"
            for (name, value) in [("/ci/token", "from-local"), ("prod/db", #"{"password":"p-local"}"#)] {
                #expect(try drydock.run(["secrets", "set", name], input: value).status == 0)
            }
            func origins(_ stores: String) throws -> [String] {
                try drydock("env", "--secrets", stores).lines.filter { $0.contains("parameter-store") }
            }
            #expect(try origins("env,local").first?.contains("(env:CI_TOKEN)") == true)
            #expect(try origins("local,env").first?.contains("(local)") == true)
            #expect(try drydock("env", "--secrets", "env").status == 3)
        }
    }
}
