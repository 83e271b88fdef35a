// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Builds whose parameters and secrets come from stores of the user's choice.
@Suite("Builds with secrets", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct SecretStoreTests {
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

        """

    private func prepared(_ tree: TemporaryTree) throws -> Drydock {
        try tree.write("source/buildspec.yml", Self.buildspec)
        return try Drydock(in: tree)
    }

    private func expectSecrets(_ result: ToolResult, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(result.status == 0, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
        #expect(result.output.contains("token *** password ***\n"), "\(result.output)", sourceLocation: sourceLocation)
        #expect(result.output.contains("lengths 10 11\n"), "\(result.output)", sourceLocation: sourceLocation)
        #expect(
            !result.all.contains("tok-abcdef") && !result.all.contains("hunter2-abc"), sourceLocation: sourceLocation)
    }

    @Test("come from a file, a directory, the environment and a command, in the order given")
    func stores() throws {
        try TemporaryTree.with { tree in
            var drydock = try prepared(tree)
            try tree.write(
                "s.yml", "/ci/token: tok-abcdef\nprod/db: {password: hunter2-abc, user: u}\n", mode: 0o600)
            try tree.write("one.env", "/ci/token=tok-abcdef\n", mode: 0o600)
            try tree.write("mount/prod-db", #"{"password": "hunter2-abc"}"#)
            drydock.environment["CI_TOKEN"] = "tok-abcdef"
            drydock.environment["PASSWORD"] = #"{"password": "hunter2-abc"}"#
            let script = "case $1 in prod/db) echo '{\"password\":\"hunter2-abc\"}';; *) exit 1; esac"
            for stores in [
                ["file:../s.yml"], ["file:../one.env,dir:../mount"], ["env"], ["dir:../mount", "env:CI_TOKEN"],
                ["command:\(script)", "file:../one.env"],
            ] {
                expectSecrets(try drydock.run(["run"] + stores.flatMap { ["--secrets", $0] }))
            }
            let shown = try drydock("env", "--secrets", "file:../one.env,dir:../mount")
            #expect(shown.output.contains("parameter-store /ci/token (file:../one.env:1)"), "\(shown.output)")
            #expect(shown.output.contains("secrets-manager prod/db:password (dir:../mount/prod-db)"))
            #expect(shown.output.contains("***") && !shown.output.contains("hunter2"))
            let plan = try drydock("run", "--dry-run", "--secrets", "file:../s.yml")
            #expect(plan.status == 0 && !plan.all.contains("hunter2") && !plan.all.contains("tok-abcdef"))
        }
    }

    @Test("come from the real pass")
    func pass() throws {
        guard Self.requirePass() else { return }
        try TemporaryTree.with { tree in
            var drydock = try prepared(tree)
            let home = tree.path("home")
            drydock.environment["GNUPGHOME"] = try tree.directory("home/.gnupg").string
            #expect(chmod(tree.path("home/.gnupg").string, 0o700) == 0)
            func tool(_ program: String, _ arguments: [String], input: String = "") throws {
                let result = try runTool(
                    program, arguments, environment: drydock.environment, in: home, input: Array(input.utf8))
                try #require(result.status == 0, "\(program) \(arguments): \(result.errors)")
            }
            tree.atEnd { try? tool("gpgconf", ["--kill", "all"]) }
            try tool("gpg", ["--batch", "--passphrase", "", "--quick-generate-key", "drydock@example.org"])
            try tool("pass", ["init", "drydock@example.org"])
            try tool("pass", ["insert", "--multiline", "ci/token"], input: "tok-abcdef\n")
            try tool("pass", ["insert", "--multiline", "prod/db"], input: "{\"password\": \"hunter2-abc\"}\n")
            expectSecrets(try drydock("run", "--secrets", "command:pass show \"${1#/}\""))

            try tool("pass", ["rm", "--force", "prod/db"])
            let missing = try drydock("run", "--secrets", "command:pass show \"${1#/}\",env")
            #expect(missing.status == 3, "\(missing.output)\(missing.errors)")
            #expect(missing.errors.contains("prod/db is not in the password store."), "\(missing.errors)")
            #expect(missing.errors.contains("`env`"), "\(missing.errors)")
        }
    }

    private static func requirePass() -> Bool {
        if (try? runTool("sh", ["-c", "command -v pass && command -v gpg"]).status) == 0 { return true }
        if Drydock.sandboxIsRequired {
            Issue.record("pass is not installed")
        } else {
            _ = try? FileDescriptor.standardError.writeAll("SKIPPED: pass is not installed\n".utf8)
        }
        return false
    }

    @Test("are hidden in their disguises too, unless CodeBuild's own way is asked for")
    func disguises() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepared(tree)
            try tree.write("s.env", "/ci/token=tok-abcdef\nprod/db={\"password\":\"hunter2-abc\"}\n", mode: 0o600)
            try tree.write(
                "source/buildspec.yml",
                Self.buildspec + "      - printf %s $TOKEN | base64; printf %s $TOKEN | od -An -tx1 | tr -d ' '\n")
            let encoded = ["dG9rLWFiY2RlZg==", "746f6b2d616263646566"]
            let all = try drydock("run", "--secrets", "file:../s.env")
            #expect(all.status == 0 && !encoded.contains { all.output.contains($0) }, "\(all.output)\(all.errors)")
            let exact = try drydock("run", "--secrets", "file:../s.env", "--masking", "exact")
            #expect(exact.status == 0 && encoded.allSatisfy { exact.output.contains($0) }, "\(exact.output)")
            #expect(!exact.all.contains("tok-abcdef") && !exact.all.contains("hunter2-abc"))
        }
    }

    @Test("of git reach a build that asks for them, when the caller agrees, for its source's host alone")
    func gitCredentials() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                env:
                  git-credential-helper: yes
                phases:
                  build:
                    commands:
                      - printf 'protocol=https\\nhost=git.example.org\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill | wc -c
                      - printf 'protocol=https\\nhost=git.example.org\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill
                      - printf 'protocol=https\\nhost=other.example.org\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill || echo none

                """)
            try tree.write(
                "home/.git-credentials",
                "https://me:hunter2-abc@git.example.org\nhttps://me:tok-abcdef@other.example.org\n", mode: 0o600)
            try tree.write("home/.gitconfig", "[credential]\n\thelper = store\n[safe]\n\tdirectory = *\n")
            for words in [
                ["init", "-q"], ["remote", "add", "origin", "https://git.example.org/a/b.git"],
                ["config", "credential.helper", "!touch \(tree.path("ran")); echo password=never"],
            ] {
                #expect(
                    try runTool("git", ["-C", drydock.directory.string] + words, environment: drydock.environment)
                        .status == 0)
            }
            let asked = try drydock("run", "--git-credentials")
            #expect(asked.status == 0, "\(asked.output)\(asked.errors)")
            #expect(
                asked.output.contains("username=me\npassword=***\n") && asked.output.contains("\nnone\n"),
                "\(asked.output)")
            #expect(!asked.all.contains("hunter2-abc"))
            #expect(access(tree.path("ran").string, F_OK) != 0, "the repository's own helper was run on this machine")
            let unasked = try drydock("run")
            #expect(unasked.status == 1 && unasked.output.contains("`--git-credentials` gives"), "\(unasked.output)")
        }
    }

    @Test("are found in artifacts, which a strict build does not publish")
    func artifacts() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepared(tree)
            try tree.write("s.env", "/ci/token=tok-abcdef\nprod/db={\"password\":\"hunter2-abc\"}\n", mode: 0o600)
            try tree.write(
                "source/buildspec.yml",
                Self.buildspec + """
                          - mkdir out; seq 100000 > out/clean; cp out/clean out/big; echo "x=$TOKEN" >> out/big
                          - printf 'a\\nb\\n%s' "$PASSWORD" | base64 > out/encoded; ln -s big out/link
                          - mkdir "out/d-$TOKEN"; echo nothing > "out/d-$TOKEN/f"
                    artifacts:
                      files: ['out/**/*']

                    """)
            let artifacts = tree.path("artifacts").string
            let run = ["run", "--secrets", "file:../s.env", "-a", artifacts]
            let strict = try drydock.run(run + ["--strict-secrets"])
            #expect(strict.status == 1, "\(strict.output)\(strict.errors)")
            #expect(strict.output.contains("UPLOAD_ARTIFACTS State: FAILED"))
            #expect(
                strict.output.contains("the artifact holds the value of `TOKEN` at `out/big:100001`"),
                "\(strict.output)")
            #expect(try tree.listing("artifacts").isEmpty)
            let loose = try drydock.run(run)
            #expect(loose.status == 0, "\(loose.output)\(loose.errors)")
            for words in [
                "of `TOKEN` at `out/big:100001`", "of `PASSWORD` at `out/encoded:1`",
                "of `TOKEN` at the name of `out/d-***/f`",
            ] {
                #expect(loose.output.contains("warning: the artifact holds the value \(words)"), "\(loose.output)")
            }
            #expect(!loose.output.contains("out/clean:"))
            #expect(try tree.listing("artifacts") == ["artifacts.zip"])
        }
    }

    @Test("that are missing are named with variable, reference, stores and line, all at once")
    func missing() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepared(tree)
            try tree.write("s.yml", "prod/db: {user: hunter2-abc}\n", mode: 0o600)
            let result = try drydock("run", "--secrets", "file:../s.yml,env")
            #expect(result.status == 3)
            for words in [
                "`TOKEN` comes from parameter-store `/ci/token`: no value is set locally, and not known to "
                    + "`file:../s.yml`, `env`", "buildspec.yml:4:12",
                "`PASSWORD` comes from secrets-manager `prod/db:password`: the secret that file:../s.yml:1 gives has no key "
                    + "`password`", "buildspec.yml:6:15",
            ] {
                #expect(result.errors.contains(words), "\(words) in \(result.errors)")
            }
            #expect(
                result.output.contains(
                    "Phase context status code: Decrypted Variables Error Message: parameter does not exist: /ci/token"),
                "\(result.output)")
            #expect(!result.all.contains("hunter2"))
        }
    }

    @Test("are not waited for once the build is to stop", arguments: [SIGINT, SIGTERM])
    func interruption(number: Int32) throws {
        try TemporaryTree.with { tree in
            let drydock = try prepared(tree)
            let asked = tree.path("asked").string
            for stores in ["command:touch \(asked); exec sleep 60 #", "command:touch \(asked); false #,file:../pipe"] {
                unlink(asked)
                if mkfifo(tree.path("pipe").string, 0o600) != 0 { #expect(errno == EEXIST) }
                let running = try RunningDrydock(drydock, ["run", "--secrets", stores])
                for _ in 0..<400 where access(asked, F_OK) != 0 { usleep(25_000) }
                usleep(200_000)
                let begin = Date()
                running.signal(number)
                #expect(running.end() == -Int(number), "\(running.text)\(running.errors)")
                #expect(Date().timeIntervalSince(begin) < 5)
                #expect(running.text.contains("DOWNLOAD_SOURCE State: STOPPED"), "\(running.text)")
            }
        }
    }

    @Test("stay out of the references to others")
    func references() throws {
        try TemporaryTree.with { tree in
            var drydock = try prepared(tree)
            try tree.write(
                "source/buildspec.yml", Self.buildspec.replacingOccurrences(of: "/ci/token", with: "/ci/$STAGE/$KEY"))
            drydock.environment["KEY"] = "hunter2-key"
            let result = try drydock(
                "run", "-e", "STAGE=beta", "--secret", "KEY", "--secrets", "command:echo \"asked $1\" >&2; false")
            #expect(result.status == 3 && result.errors.contains("asked /ci/beta/$KEY"), "\(result.errors)")
            #expect(!result.all.contains("hunter2"))
        }
    }

    @Test("are refused where a store is not named rightly, others may read it, or the checkout names it")
    func badStores() throws {
        try TemporaryTree.with { tree in
            let drydock = try prepared(tree)
            try tree.write("open.yml", "/ci/token: tok-abcdef\n", mode: 0o644)
            for (stores, status, words) in [
                ("fil:x", 2, "did you mean `file`?"), ("file:", 2, "write it as `file:PATH`"),
                ("command: ", 2, "write it as `command:pass show`"), ("file:../none", 3, "no such file"),
                ("file:../open.yml", 3, "can be read by others (mode 644)"),
            ] {
                let result = try drydock("run", "--secrets", stores)
                #expect(result.status == status && result.errors.contains(words), "\(stores): \(result.errors)")
                #expect(!result.all.contains("tok-abcdef"))
            }
            try tree.write("source/drydock.yml", "secrets: command:id\n")
            let refused = try drydock("run")
            #expect(refused.status == 2 && refused.errors.contains("drydock.yml:1:10"), "\(refused.errors)")
        }
    }
}

extension ToolResult {
    /// Everything that was said.
    fileprivate var all: String { output + errors }
}
