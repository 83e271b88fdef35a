// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Secrets that came from every store, looked for in everything that a build leaves or shows while it runs.
@Suite("Secrets stay where they belong", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct SecretLeakTests {
    /// A value for each way that a secret can come by.
    private static let values = [
        "LOCAL": "local-hunter2-Zq8vB", "FILE": "file-hunter2-Xr7tN", "MOUNT": "mount-hunter2-Ws6yM",
        "PROGRAM": "program-hunter2-Vd5uK", "PARAMETER": "parameter-hunter2-Uf4iJ", "SECRET": "secret-hunter2-Tg3oH",
        "FLAG": "flag-hunter2-Sh2pG", "ENVIRONMENT": "environment-hunter2-Rj1aF",
    ]
    private static let keys = ["AKIAQ3LEAKTESTKEYID", "key-hunter2-Pl9sD/xyz+abc"]

    private static let buildspec = """
        version: 0.2
        env:
          parameter-store:
            LOCAL: /leak/local
            FILE: /leak/file
            MOUNT: /leak/mount
            PROGRAM: /leak/program
            PARAMETER: /leak/parameter
            ENVIRONMENT: /leak/environment
          secrets-manager:
            SECRET: leak/secret:password
          exported-variables: [FILE]
        cache:
          key: k-$SECRET-$(printf %s "$FILE" | base64)
          paths: [/root/kept/**/*]
        phases:
          build:
            commands:
              - mkdir ~/kept; echo clean > ~/kept/file
              - env; export COPY="$SECRET"; set -x; echo "$FLAG $LOCAL"; set +x
              - for v in "$FILE" "$MOUNT" "$SECRET"; do printf %s "$v" | base64; printf '{"v":"%s"}' "$v"; done
              - echo "$PROGRAM" "$AWS_SECRET_ACCESS_KEY" "$AWS_ACCESS_KEY_ID" >&2; echo halfway; while ! test -e go; do sleep 0.05; done
              - echo clean > artifact; false
        artifacts:
          files: artifact

        """

    private static let moto = """
        import json, os, sys
        os.environ.update(AWS_ACCESS_KEY_ID="AKIASEED", AWS_SECRET_ACCESS_KEY="seed", AWS_DEFAULT_REGION="eu-west-1")
        import boto3
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        port = server.get_host_and_port()[1]
        url = "http://127.0.0.1:%d" % port
        boto3.client("ssm", endpoint_url=url).put_parameter(
            Name="/leak/parameter", Value=sys.argv[1], Type="SecureString")
        boto3.client("secretsmanager", endpoint_url=url).create_secret(
            Name="leak/secret", SecretString=json.dumps({"password": sys.argv[2]}))
        print("ready", port, flush=True)
        sys.stdin.read()
        os._exit(0)
        """

    @Test("in logs, events, records, kept states, processes and memory dumps there is none of them")
    func wholeBuild() throws {
        guard PythonServer.canImport(["boto3", "moto.server"]) else { return }
        let values = Self.values
        func value(_ name: String) -> String { values[name] ?? "" }
        try TemporaryTree.with("leak") { tree in
            let server = try PythonServer(
                script: Self.moto, arguments: [value("PARAMETER"), value("SECRET")], python: PythonServer.python,
                log: tree.path("moto.log"))
            var drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write("secrets/file.env", "/leak/file=\(value("FILE"))\n", mode: 0o600)
            try tree.write("secrets/mount/leak.mount", value("MOUNT") + "\n")
            try tree.write(
                "secrets/program", "#!/bin/sh\ntest $1 = /leak/program && echo \(value("PROGRAM"))\n", mode: 0o700)
            try tree.write(
                "home/.aws/credentials",
                "[leak]\naws_access_key_id = \(Self.keys[0])\naws_secret_access_key = \(Self.keys[1])\n", mode: 0o600)
            drydock.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:\(server.port)"
            drydock.environment["AWS_REGION"] = "eu-west-1"
            drydock.environment["AWS_EC2_METADATA_DISABLED"] = "true"
            #expect(try drydock.run(["secrets", "set", "/leak/local"], input: value("LOCAL") + "\n").status == 0)

            // What the caller's own environment holds is the caller's to guard, and looked for in what is left alone.
            var caller = drydock
            caller.environment["ENVIRONMENT"] = value("ENVIRONMENT")
            caller.environment["FLAG"] = value("FLAG")
            let stores =
                "local,file:../secrets/file.env,dir:../secrets/mount,command:../secrets/program,env:ENVIRONMENT,aws"
            let running = try RunningDrydock(
                caller,
                [
                    "run", "--secrets", stores, "--secret", "FLAG", "--aws", "--aws-profile", "leak", "-m",
                    "--cache-save", "always", "-a", tree.path("artifacts").string, "--events",
                    tree.path("events").string,
                ])
            #expect(running.wait(for: "halfway"), "\(running.text)\(running.errors)")
            let inCaller = Set(["ENVIRONMENT", "FLAG"])
            try expectProcessesClean(values.filter { !inCaller.contains($0.key) }.map(\.value) + Self.keys, tree)
            try tree.write("source/go", "")
            #expect(running.end() == 1, "\(running.text)\(running.errors)")

            // It was kept, and goes on, and is looked at in every way there is.
            try tree.write("shown", running.text + running.errors)
            for words in [
                ["show"], ["show", "--json"], ["logs"], ["history", "--json"], ["gc", "--dry-run"],
                ["env", "--secrets", stores, "--aws-profile", "leak", "--json"],
                ["run", "--dry-run", "--secrets", stores, "--aws", "--aws-profile", "leak"],
                ["secrets", "list", "--json"], ["cache", "ls", "--json"], ["cache", "explain"],
            ] {
                let shown = try caller.run(words)
                #expect(shown.status == 0, "\(words): \(shown.errors)")
                try tree.write(FilePath("shown-\(words.joined())"), shown.output + shown.errors)
            }
            #expect(running.text.contains("***") && running.text.contains("Saved cache `k-***"), "\(running.text)")
            try expectClean(Array(values.values) + Self.keys, tree, except: ["secrets", "home/.aws", "moto.log"])
        }
    }

    /// Looks for values and their base64 in every file of the tree.
    private func expectClean(_ values: [String], _ tree: TemporaryTree, except: [String]) throws {
        let needles = values.flatMap {
            [$0, String(Data($0.utf8).base64EncodedString().prefix { $0 != "=" }.dropLast(2))]
        }
        try tree.write("secrets/needles", needles.joined(separator: "\n"), mode: 0o600)
        let found = try runTool(
            "grep", ["-rlaF", "-f", tree.path("secrets/needles").string, tree.path.string])
        let places = found.lines.filter { line in
            !except.contains { line.hasPrefix(tree.path(FilePath($0)).string) }
        }
        #expect(places.isEmpty, "\(places)")
    }

    /// Words and environments of every process of this machine but those of the build itself, which has them to use.
    private func expectProcessesClean(_ values: [String], _ tree: TemporaryTree) throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(name) != nil {
            let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/ns/pid")
            guard space == own else { continue }
            for file in ["cmdline", "environ"] {
                guard let data = FileManager.default.contents(atPath: "/proc/\(name)/\(file)") else { continue }
                let text = String(decoding: data, as: UTF8.self)
                // The server's own words are how it was seeded.
                if text.contains("ThreadedMotoServer") { continue }
                for value in values { #expect(!text.contains(value), "\(value) in \(file) of \(text.prefix(80))") }
            }
        }
    }

    @Test(
        "a build that is killed by a signal leaves no dump, and its memory is nobody's to read", arguments: TestUser.all
    )
    func dump(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: ['echo up; sleep 60']\n")
            var drydock = try Drydock(in: tree, user: user)
            drydock.environment["FLAG"] = "dumped-hunter2-Qk3xT"
            try user.own(tree.path("source"))
            let script = """
                ulimit -c unlimited
                "$0" run --state-dir "$1" --secret FLAG >out 2>&1 &
                while ! grep -q ^up out; do sleep 0.05; done
                stat -c %u /proc/$!/mem
                kill -SYS $!
                wait $!
                ls | grep core
                """
            let (program, words) = user.command(
                "/bin/bash", ["-c", script, Drydock.program.string, tree.path("state").string])
            let result = try runTool(program, words, environment: drydock.environment, in: drydock.directory)
            #expect(result.output == "0\n", "\(result.output)\(result.errors)")
        }
    }
}
