// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `drydock.yml`, the user's own configuration, and `drydock config`.
@Suite("Configuration")
struct ConfigurationTests {
    /// The rows of `drydock config` that are no defaults: `setting value origin`.
    private func settings(_ drydock: Drydock, _ words: String...) throws -> [String] {
        let result = try drydock.run(["config"] + words)
        #expect(result.status == 0, "\(result.errors)")
        return result.output.split(separator: "\n").dropFirst().map { line in
            line.split(separator: " ").joined(separator: " ")
        }.filter { !$0.hasSuffix(" default") }
    }

    private func refusal(_ drydock: Drydock, _ text: String) throws -> String {
        try drydock.tree.write("source/drydock.yml", text)
        let result = try drydock("run")
        #expect(result.status == 2, "\(text): \(result.output)")
        return result.errors
    }

    @Test("each layer overrides the one below it, and every value says where it comes from")
    func layers() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "home/.config/drydock/config.yml",
                "progress: plain\nverbose: true\nenv: {A: user}\npackaging: directory\n")
            try tree.write(
                "source/p.json",
                #"{"name": "sample", "source": {"type": "GITHUB"}, "timeoutInMinutes": 30, "artifacts": {"type": "S3", "packaging": "ZIP"}}"#
            )
            try tree.write("source/drydock.yml", "project: p.json\ntimeout: 20\nprogress: json\nenv: [A=checkout]\n")
            #expect(
                try settings(drydock, "--progress", "tty", "-e", "A=line", "--secret", "S=x") == [
                    "env A=user \(tree.path("home"))/.config/drydock/config.yml:3", "env A=checkout drydock.yml:4",
                    "env A=line command line", "secret S=*** command line", "project sample p.json:1",
                    "timeout 20 drydock.yml:2", "packaging zip p.json:1", "progress tty command line",
                    "verbose true \(tree.path("home"))/.config/drydock/config.yml:2",
                ])
            // The one that excludes the other steps back before the line's own word.
            #expect(try settings(drydock, "--quiet").contains("quiet true command line"))
        }
    }

    @Test("XDG_CONFIG_HOME comes before ~/.config, and neither need be there")
    func userFile() throws {
        try TemporaryTree.with { tree in
            var drydock = try Drydock(in: tree)
            #expect(try settings(drydock) == [])
            try tree.write("home/.config/drydock/config.yml", "timeout: 1")
            try tree.write("xdg/drydock/config.yml", "timeout: 2\nmount-source: yes\nevents: /tmp/e\n")
            drydock.environment["XDG_CONFIG_HOME"] = tree.path("xdg").string
            #expect(
                try settings(drydock).map { $0.prefix { $0 != "/" } } == [
                    "mount-source true ", "timeout 2 ", "events ",
                ])
            drydock.environment["XDG_CONFIG_HOME"] = "relative"
            #expect(try settings(drydock).first?.hasPrefix("timeout 1 ") == true)
        }
    }

    @Test("the file of the directory that is built counts, its paths are seen from there")
    func otherDirectory() throws {
        try TemporaryTree.with { tree in
            var drydock = try Drydock(in: tree)
            try tree.write("source/drydock.yml", "env-file: .env\nsource: lib:lib\nartifacts: out\n")
            try tree.write("source/.env")
            try tree.directory("source/lib")
            drydock.directory = tree.path("")
            #expect(
                try settings(drydock, "-s", "source") == [
                    "source source command line", "source lib:source/lib source/drydock.yml:2",
                    "env-file source/.env source/drydock.yml:1", "artifacts source/out source/drydock.yml:3",
                ])
        }
    }

    @Test("what bounds a build is not widened by a checkout")
    func bounds() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("home/.config/drydock/config.yml", "memory: 1G\n")
            try tree.write("source/drydock.yml", "memory: 64G\ncpus: 2\n")
            #expect(
                try settings(drydock)
                    == ["memory 1G \(tree.path("home"))/.config/drydock/config.yml:1", "cpus 2 drydock.yml:2"])
            #expect(try settings(drydock, "--memory", "2G").first == "memory 2G command line")
        }
    }

    @Test(
        "a checkout's file cannot reach outside",
        arguments: [
            "mount-source: true", "image: dir:/", "network: host", "env-file: ../.env", "env-file: /etc/passwd",
            "env-file: link/passwd", "artifacts: .", "artifacts: ./", "artifacts: .git", "artifacts: sub/.Git/hooks",
            "artifacts: ../out", "artifacts: link/out", "artifacts: dangling",
            "source: ../lib", "source: x:../lib", "source: x:/etc", "source: https://example.org/r",
            "source: x:ssh://example.org/r", "events: e.jsonl", "state-dir: state", "env: [HOME]", "env: HOME",
            "secret: [AWS_SECRET_ACCESS_KEY]", "buildspec: /etc/passwd", "project: ../p.json",
            "project: link/p.json#x", "progress: github", "progress: gitlab", "fetch-source: true",
            "source-version: main", "no-cache: false", "cache-size: 1T",
            "artifacts: s3://bucket/prefix", "artifacts: 'arn:aws:s3:::bucket'",
        ])
    func refused(text: String) throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try FileManager.default.createSymbolicLink(
                atPath: tree.path("source/link").string, withDestinationPath: "/etc")
            try FileManager.default.createSymbolicLink(
                atPath: tree.path("source/dangling").string, withDestinationPath: "/nowhere/out")
            let errors = try refusal(drydock, text)
            #expect(errors.contains("cannot be set so by a file of the source directory"), "\(errors)")
            #expect(errors.contains("drydock.yml:1:"), "\(errors)")
        }
    }

    @Test("a checkout's file may do without caches")
    func noCache() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/drydock.yml", "no-cache: true\n")
            let shown = try drydock("config")
            #expect(shown.status == 0 && shown.output.contains("no-cache"), "\(shown.output)\(shown.errors)")
        }
    }

    @Test("artifacts of a checkout's file replace nothing of the source, a repository's hooks above all")
    func ownArtifacts() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/src/main.c", "int main;")
            try tree.directory("source/.git/hooks")
            try FileManager.default.createSymbolicLink(
                atPath: tree.path("source/link").string, withDestinationPath: ".git/hooks")
            func build(_ configuration: String, _ name: String) throws -> ToolResult {
                try tree.write("source/drydock.yml", "packaging: directory\n" + configuration)
                try tree.write(
                    "source/buildspec.yml",
                    """
                    version: 0.2
                    phases: {build: {commands: ['echo evil >post-checkout', 'cp post-checkout main.c']}}
                    artifacts: {name: \(name), files: [post-checkout, main.c]}
                    """)
                return try drydock("run")
            }
            for directory in ["src", "link", "src/../src"] {
                #expect(try build("artifacts: \(directory)\n", "x").status == 2)
            }
            #expect(try build("artifacts: out\n", ".git/hooks").status == 1)
            #expect(try build("artifacts: out\n", "good").status == 0)
            #expect(try build("artifacts: out\n", "good").status == 0)
            #expect(try tree.listing("source/out") == ["good/", "good/main.c", "good/post-checkout"])
            #expect(try tree.listing("source/.git") == ["hooks/"])
            #expect(try tree.text("source/src/main.c") == "int main;")
        }
    }

    @Test("memory and processors of a weaker layer do not count beside a compute type of a stronger one")
    func computeBounds() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/drydock.yml", "memory: 64G\ncpus: 16\n")
            #expect(try settings(drydock).count == 2)
            #expect(try settings(drydock, "--compute", "small") == ["compute small command line"])
            #expect(
                try settings(drydock, "--compute", "small", "--cpus", "1") == [
                    "cpus 1 command line", "compute small command line",
                ])
            try tree.write("home/.config/drydock/config.yml", "compute: BUILD_GENERAL1_SMALL\n")
            #expect(try settings(drydock).map { $0.prefix { $0 != "/" } } == ["compute BUILD_GENERAL1_SMALL "])
            // Within one layer they refine it.
            try tree.write("home/.config/drydock/config.yml", "compute: BUILD_GENERAL1_SMALL\nmemory: 1G\n")
            #expect(try settings(drydock).count == 2)
        }
    }

    @Test("variables count by their layer, however they are given, and show where they come from")
    func variables() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", "version: 0.2\nphases: {build: {commands: [ls]}}\n")
            try tree.write(
                "source/drydock.yml", "secret: {TOK: fromfile, SEC: fromfile}\nenv: {VAR: fromfile, FIL: x}\n")
            try tree.write("source/line.env", "FIL=fromline\n")
            try tree.write("home/.config/drydock/config.yml", "env: {VAR: user}\n")
            let result = try drydock("env", "-e", "TOK=fromline", "--env-file", "line.env")
            let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            for line in [
                "TOK *** -e", "SEC *** drydock.yml:1", "VAR fromfile drydock.yml:2", "FIL fromline line.env:1",
            ] {
                #expect(lines.contains(line), "\(result.output)\(result.errors)")
            }
            #expect(try drydock("run", "--dry-run", "-e", "TOK=short").output.contains("TOK=*** (-e)"))
        }
    }

    @Test(
        "mistakes are shown at their place",
        arguments: [
            ("timeuot: 3", "there is no setting `timeuot`", "did you mean `timeout`?"),
            ("compute-type-override: x", "there is no setting", "it is called `compute` here"),
            ("dry-run: true", "`dry-run` belongs to one run", "`--dry-run`"),
            ("timeout: soon", "`timeout` takes a number of minutes", "^^^^"),
            ("timeout: 0", "`timeout` takes a number of minutes", "drydock.yml:1:10"),
            ("memory: 0", "`memory` takes a size such as", "at least 1M, not `0`"),
            ("pids: 0", "`pids` takes a number of processes from 1", "^"),
            ("env: ['=x']", "`env` takes NAME=VALUE", "drydock.yml:1:7"),
            ("secret: ['=hunter2']", "`secret` takes NAME=VALUE", "^"),
            ("env-file: no.env", "`env-file` names `no.env`, which is not there", "drydock.yml:1:1"),
            ("source: lib:lib", "`source` names `lib`, which is not there", "^^^^^^"),
            ("project: no.json", "there is no project file `no.json`", "drydock.yml:1:1"),
            ("memory: 1X", "`memory` takes a size such as", "^^"),
            ("quiet: maybe", "`quiet` takes `true` or `false`", "^"),
            ("progress: loud", "`progress` takes `auto`, `tty`, `plain`", "not `loud`"),
            ("timeout: [1]", "`timeout` takes text", "^"), ("env: {A: [1]}", "`env` takes names with text", "^"),
            ("timeout: 1\ntimeout: 2", "key `timeout` stands twice", "drydock.yml:2:1"),
            ("[timeout]", "a configuration is a map of settings", "^"),
            ("timeout: 'x", "never closed", "drydock.yml:1"),
        ])
    func mistakes(text: String, message: String, other: String) throws {
        try TemporaryTree.with { tree in
            let errors = try refusal(try Drydock(in: tree), text)
            #expect(errors.contains(message) && errors.contains(other), "\(errors)")
        }
    }

    @Test("a file that is large, deep or full of aliases, or is none, neither hangs nor crashes")
    func hostile() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            _ = try refusal(drydock, String(repeating: "# comment\n", count: 20_000))
            _ = try refusal(drydock, "env: " + String(repeating: "[", count: 10_000))
            var laughs = "a0: &a0 [lol, lol]\n"
            for index in 1...30 { laughs += "a\(index): &a\(index) [*a\(index - 1), *a\(index - 1)]\n" }
            _ = try refusal(drydock, laughs)
            try FileManager.default.removeItem(atPath: tree.path("source/drydock.yml").string)
            #expect(try runTool("mkfifo", [tree.path("source/drydock.yml").string]).status == 0)
            let result = try drydock("run")
            #expect(result.status == 2 && result.errors.contains("not a regular file"), "\(result.errors)")
        }
    }

    @Test("docs/drydock.schema.json is the schema that the options give")
    func schema() throws {
        try TemporaryTree.with { tree in
            let printed = try Drydock(in: tree)("config", "--schema")
            let page = URL(filePath: #filePath).appending(path: "../../../docs/drydock.schema.json").standardized
            if ProcessInfo.processInfo.environment["RECORD"] == "1" {
                try printed.output.write(to: page, atomically: true, encoding: .utf8)
            }
            #expect(try String(contentsOf: page, encoding: .utf8) == printed.output)
            // Its patterns agree with what is read: a value of each form.
            #expect(printed.output.contains(#""additionalProperties": false"#))
        }
    }

    @Test("settings reach the build; lint looks for none")
    func effects() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: ['echo $A $B']\n")
            try tree.write("source/vars.env", "B=file\n")
            try tree.write("source/drydock.yml", "env: {A: 3.10}\nenv-file: vars.env\n")
            let result = try drydock("run")
            #expect(result.status == 0 && result.output.contains("\n3.10 file\n"), "\(result.output)\(result.errors)")
            try tree.write("source/drydock.yml", "nonsense: true\n")
            #expect(try drydock("lint").status == 0)
        }
    }
}
