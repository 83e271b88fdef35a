// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Words that drydock cannot do anything with: one message, one exit code, no sandbox needed.
struct WrongUse: Sendable, CustomTestStringConvertible {
    var arguments: [String]
    var status: Int
    var message: String
    var testDescription: String { arguments.joined(separator: " ") }

    init(_ arguments: String, _ message: String, status: Int = 2) {
        self.arguments = arguments.split(separator: " ").map { $0 == "''" ? "" : String($0) }
        self.status = status
        self.message = message
    }
}

@Suite("Command line")
struct CommandLineTests {
    @Test("a directory is one image, however it is written")
    func imageDirectory() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [ls]\n")
            try tree.link("source/link", to: "../root")
            _ = try tree.directory("root/bin")
            let drydock = try Drydock(in: tree)
            func image(_ word: String) throws -> String? {
                try drydock("run", "--dry-run", "--image", "dir:\(word)").lines.first { $0.hasPrefix("image ") }
            }
            let plain = try image(tree.path("root").string)
            #expect(plain?.hasSuffix("/root") == true)
            for word in ["../root", "./../source/../root/", "link"] { #expect(try image(word) == plain, "\(word)") }
        }
    }

    @Test(
        "says what is wrong, once",
        arguments: [
            WrongUse("run --foo", "error: there is no option `--foo`\nhint: `drydock run --help` shows what there is"),
            WrongUse("run --qiet", "error: there is no option `--qiet`\nhint: did you mean `--quiet`?"),
            WrongUse("run -a", "error: `-a` needs a value"),
            WrongUse("show ''", "error: `BUILD` needs a value that is not empty"),
            WrongUse("run -b ''", "error: `-b` needs a value that is not empty"),
            WrongUse("show 1 2", "error: `2` is a word too many"),
            WrongUse("completion", "error: `SHELL` is missing"),
            WrongUse("help nothing", "error: `drydock` has no command `nothing`"),
            WrongUse("lnt", "error: `lnt` is neither a command of drydock nor a phase\nhint: did you mean `lint`?"),
            WrongUse(
                "buidl --help",
                "error: `buidl` is neither a command of drydock nor a phase\nhint: did you mean `build`?"),
            WrongUse(
                "completions --help",
                "error: `completions` is neither a command of drydock nor a phase\nhint: did you mean `completion`?"),
            WrongUse("--versoin", "error: there is no option `--versoin`\nhint: did you mean `--version`?"),
            WrongUse(
                "help run extra", "error: `extra` is a word too many\nhint: `drydock run --help` shows what there is"),
            WrongUse("lint - -", "error: standard input can be read only once, and `-` is given twice"),
            WrongUse("fmt - -", "error: standard input can be read only once, and `-` is given twice"),
            WrongUse(
                "run buid", "error: `buid` is neither a command of drydock nor a phase\nhint: did you mean `build`?"),
            WrongUse("run --memory 5x", "error: `--memory` takes a size such as `512M` or `4G`, at least 1M, not `5x`"),
            WrongUse("run --memory ''", "error: `--memory` needs a value that is not empty"),
            WrongUse("run --cpus 0", "error: `--cpus` takes a number of processors such as `2` or `0.5`, not `0`"),
            WrongUse("run --cpus nan", "error: `--cpus` takes a number of processors such as `2` or `0.5`, not `nan`"),
            WrongUse("run --pids -1", "error: `--pids` takes a number of processes from 1 to 4194304, not `-1`"),
            WrongUse("run --pids 0", "error: `--pids` takes a number of processes from 1 to 4194304, not `0`"),
            WrongUse(
                "run --timeout 1e9", "error: `--timeout` takes a number of minutes such as `30` or `0.5`, not `1e9`"),
            WrongUse("run --network bridge", "error: `--network` takes `host`, `none`, not `bridge`"),
            WrongUse(
                "run --image aws/codebuild/standard:7.0",
                "error: `--image` takes `host`, an image's name or `dir:PATH`, not `aws/codebuild/standard:7.0`\n"
                    + "hint: `drydock image ls` lists the images; an unpacked root file system is given as `dir:PATH`"),
            WrongUse(
                "run --image ubuntu",
                "error: there is no image `ubuntu`\nhint: `drydock image ls` lists the images; `drydock image build DIR` makes",
                status: 3),
            WrongUse("env --image ubuntu", "error: there is no image `ubuntu`", status: 3),
            WrongUse("image inspect ubuntu", "error: there is no image `ubuntu`", status: 3),
            WrongUse("image rm ubuntu", "error: there is no image `ubuntu`", status: 3),
            WrongUse("image rm a/b", "error: `a/b` cannot be an image's name"),
            WrongUse("image build . --name host", "error: `host` cannot be an image's name"),
            WrongUse(
                "image build .",
                "error: there is no recipe `image.yml`\nhint: `drydock image build DIR` takes a directory that holds"),
            WrongUse("image bild", "error: `drydock image` has no command `bild`"),
            WrongUse(
                "run --compute SMALLEST",
                "error: `--compute` takes `BUILD_GENERAL1_SMALL`, `BUILD_GENERAL1_MEDIUM`, `BUILD_GENERAL1_LARGE`, "
                    + "`BUILD_GENERAL1_XLARGE`, `BUILD_GENERAL1_2XLARGE`, not `SMALLEST`"),
            WrongUse("run --packaging tar", "error: `--packaging` takes `zip`, `directory`, not `tar`"),
            WrongUse(
                "run --progress fancy",
                "error: `--progress` takes `auto`, `tty`, `plain`, `json`, `github`, `gitlab`, not `fancy`"),
            WrongUse("run -q -v", "error: `--quiet` and `--verbose` exclude each other"),
            WrongUse("run -s ''", "error: `-s` needs a value that is not empty"),
            WrongUse("run -s a -s b", "error: only the first `--source` can be without an identifier"),
            WrongUse("run -s a:", "error: `--source a:` names no place"),
            WrongUse("run -s a:. -s a:.", "error: two secondary sources are named `a`"),
            WrongUse("run --source-version x=1", "error: `--source-version` names `x`, which no `--source` does"),
            WrongUse("run -a ''", "error: `-a` needs a value that is not empty"),
            WrongUse("run -e =x", "error: expected a name before `=` in `-e`"),
            WrongUse(
                "run --env-file nowhere",
                "error: cannot read the environment file `nowhere`: no such file or directory", status: 3),
            WrongUse("run -b nowhere.yml", "error: there is no `nowhere.yml`"),
            WrongUse("run -b .", "error: cannot read the buildspec `.`: is a directory"),
            WrongUse("run -s nowhere", "error: cannot use the source `nowhere`: no such file or directory", status: 3),
            WrongUse(
                "run -s buildspec.yml", "error: cannot use the source `buildspec.yml`: not a directory", status: 3),
            WrongUse("run --project a.b", "error: `a.b` cannot be a project's name"),
            WrongUse("run --state-dir ''", "error: `--state-dir` needs a value that is not empty"),
            WrongUse(
                "run --state-dir /dev/null/x", "error: cannot write `/dev/null/x/builds`: not a directory", status: 4),
            WrongUse("lint --format xml", "error: `--format` takes `text`, `json`, `sarif`, `github`, not `xml`"),
            WrongUse("show 7", "error: there is no build `7`"),
            WrongUse("run -b ''", "error: `-b` needs a value that is not empty"),
            WrongUse("show ''", "error: `BUILD` needs a value that is not empty"),
            WrongUse("show x/y", "error: a build is named by its number, by the beginning of its id, or by `latest`"),
            WrongUse("logs", "error: there is no build yet\nhint: `drydock run` makes one"),
            WrongUse("history --limit -1", "error: `--limit` takes a number from 0, not `-1`"),
        ])
    func wrongUse(use: WrongUse) throws {
        try TemporaryTree.with("wrong-use") { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [\"true\"]\n")
            let result = try Drydock(in: tree).run(use.arguments)
            #expect(result.status == use.status, "\(result.errors)")
            #expect(result.errors.hasPrefix(use.message), "\(result.errors)")
            #expect(result.errors.components(separatedBy: "error:").count == 2, "\(result.errors)")
        }
    }

    @Test("an invalid buildspec is shown with its line, and ends with 2")
    func invalidBuildspec() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n")
            let result = try Drydock(in: tree)("run")
            #expect(result.status == 2)
            #expect(result.output.contains("Phase context status code: YAML_FILE_ERROR Message: Expected Commands[0]"))
            #expect(result.errors.contains("buildspec.yml:5:9"), "\(result.errors)")
            #expect(result.errors.contains("^^^"))
        }
    }

    @Test("a file that cannot be linted is a finding in every format", arguments: ["text", "json", "sarif", "github"])
    func lintsMissingFile(format: String) throws {
        try TemporaryTree.with { tree in
            let result = try Drydock(in: tree)("lint", "nowhere.yml", "--format", format)
            #expect(result.status == 2)
            #expect(result.output.contains("file-missing") && result.errors.isEmpty, "\(result.output)\(result.errors)")
            let path = [
                "json": "\"path\": \"nowhere.yml\"", "sarif": "\"uri\": \"nowhere.yml\"", "github": "file=nowhere.yml,",
            ]
            #expect(result.output.contains(path[format] ?? "`nowhere.yml`"), "\(result.output)")
        }
    }

    @Test("paths in SARIF begin at the repository, and those outside it at the root")
    func sarifPaths() throws {
        try TemporaryTree.with { tree in
            for path: FilePath in ["source/sub/a.yml", "source/b.yml", "c.yml"] { try tree.write(path, "version: 9\n") }
            var drydock = try Drydock(in: tree)
            drydock.directory = drydock.directory.appending("sub")
            drydock.environment["GITHUB_WORKSPACE"] = tree.path("source").string
            func places() throws -> [String] {
                let found = try drydock("lint", "--format", "sarif", "a.yml", "../b.yml", "../../c.yml").output
                return Set(found.matches(of: /"uri": "(.*)"/).map { String($0.1) }).sorted()
            }
            let outside = "file://" + tree.path("c.yml").string
            #expect(try places() == ["b.yml", outside, "sub/a.yml"])
            drydock.environment["GITHUB_WORKSPACE"] = nil
            #expect(try places() == ["a.yml", "file://" + tree.path("source/b.yml").string, outside].sorted())
        }
    }

    @Test("lint is offered after a failure where it finds something")
    func offersLint() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            for words in [["run", "-q"], ["run", "-q", "-b", "nope.yml"]] {
                let result = try drydock.run(words)
                #expect(result.status == 2 && !result.output.contains("next:"), "\(result.output)")
            }
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [{a: b}]\n")
            let result = try drydock("run", "-q")
            #expect(result.status == 2 && result.output.contains("next: drydock lint"), "\(result.output)")
        }
    }

    @Test("the version is shown wherever a build's options may stand")
    func version() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let version = try drydock("--version").output
            #expect(!version.isEmpty)
            #expect(try drydock("-q", "--version").output == version)
        }
    }

    @Test("words that are not UTF-8 name files, and nothing traps")
    func rawBytes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let script = """
                import os, subprocess, sys
                program, state = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
                os.mkdir(b"d\\xff")
                open(b"d\\xff/b\\xfe.yml", "w").write("version: 0.2\\nphases:\\n  build:\\n    commands: [x]\\n")
                def run(*words, **more):
                    p = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
                    print(p.returncode, p.stderr.decode("utf-8", "backslashreplace").split("\\n")[0])
                run(b"list", b"-s", b"d\\xff", b"-b", b"b\\xfe.yml")
                run(b"lint", b"d\\xff/b\\xfe.yml")
                run(b"lint", b"d\\xff/none")
                run(b"\\xff\\xfe")
                run(b"run", b"--\\xff")
                run(b"run", b"-e", b"A=\\xff", b"--state-dir", state)
                shell = ["bash", "-c", 'exec -a "" "$0" lint', program]
                print(subprocess.run(shell, stdout=subprocess.DEVNULL).returncode)
                """
            let result = try runTool(
                "python3", ["-c", script, Drydock.program.string, tree.path("state").string], in: drydock.directory)
            #expect(
                result.lines == [
                    "0 ", "0 ", "2 error: could not open `d\\xff/none`: no such file or directory",
                    "2 error: `\\xff\\xfe` is neither a command of drydock nor a phase",
                    "2 error: there is no option `--\\xff`",
                    "2 error: the value of `-e` is not UTF-8", "2",
                ], "\(result.output)\(result.errors)")
        }
    }

    @Test("the launcher started by hand says what it is")
    func launcherByHand() throws {
        try TemporaryTree.with { tree in
            let programs = Drydock.program.removingLastComponent()
            let script =
                "for p in \"$0/drydock-init\" \"$0/../libexec/drydock/drydock-init\"; do "
                + "[ -x \"$p\" ] && exec \"$p\" 3<&-; done"
            let result = try runTool("sh", ["-c", script, programs.string], in: tree.path("."))
            #expect(result.status == 2)
            #expect(result.errors == "drydock-init is started by drydock, and does nothing by itself\n")
        }
    }

    @Test(
        "help and version go to standard output",
        arguments: [["--help"], ["help", "run"], ["run", "-h"], ["--version"]])
    func help(arguments: [String]) throws {
        try TemporaryTree.with { tree in
            let result = try Drydock(in: tree).run(arguments)
            #expect(result.status == 0)
            #expect(!result.standardOutput.isEmpty)
            #expect(result.standardError.isEmpty)
        }
    }

    @Test("variables are listed with their origin, secrets hidden")
    func environment() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nenv:\n  variables:\n    A: 1.0\n  parameter-store:\n    S: /s\nphases:\n  build:\n    commands: [x]\n"
            )
            try tree.write("source/local.env", "S=hush-hush\n")
            let result = try Drydock(in: tree)("env", "--env-file", "local.env", "-e", "B=two words", "--json")
            #expect(result.status == 0, "\(result.errors)")
            let list = try JSONSerialization.jsonObject(with: Data(result.standardOutput)) as? [[String: Any]] ?? []
            func origin(_ name: String) -> String? {
                list.first { $0["name"] as? String == name }.map { "\($0["value"] ?? "") from \($0["origin"] ?? "")" }
            }
            #expect(origin("A") == "1.0 from buildspec.yml:4")
            #expect(origin("B") == "two words from -e")
            #expect(origin("S") == "*** from parameter-store /s (local.env:1)")
            #expect(!result.output.contains("hush"))
        }
    }

    @Test("control characters in a variable are shown, not left out")
    func controlCharacters() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [x]\n")
            let result = try Drydock(in: tree)("env", "-e", "A=a\tb\u{1B}[31m\nc")
            #expect(result.output.contains(#"A "#) && result.output.contains(#"a\tb\u{1B}[31m\nc"#), "\(result.output)")
        }
    }

    @Test("a failure before the build is said once where output and messages go to one place")
    func saidOnce() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [a: b]\n")
            let drydock = try Drydock(in: tree)
            let run = "\"$0\" run --state-dir \(tree.path("state")) $1 2>&1"
            func lines(_ more: String) throws -> [String] {
                try runTool(
                    "sh", ["-c", run, Drydock.program.string, more], environment: drydock.environment,
                    in: drydock.directory
                ).lines
            }
            #expect(try lines("").filter { $0.contains("is a map") || $0.contains("error:") }.count == 2)
            #expect(try lines("-s nowhere").filter { $0.contains("cannot use the source") }.count == 1)
        }
    }

    @Test("commands are listed")
    func list() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nphases:\n  build:\n    commands:\n      - make\n      - |\n        a\n        b\n    finally: [c]\n"
            )
            let result = try Drydock(in: tree)("list")
            #expect(result.output == "build\n  $ make\n  $ a\n    b\n  finally\n    $ c\n")
        }
    }

    @Test("a dry run prints the plan without secrets and keeps nothing")
    func dryRun() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nenv:\n  parameter-store:\n    S: /s\nphases:\n  build:\n    commands: [make]\n")
            let result = try Drydock(in: tree)("run", "--dry-run", "-e", "S=hush-hush", "--memory", "1.5G")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains("  S=*** (parameter-store /s (-e))\n"))
            #expect(result.output.contains("limits       memory 1.5 GiB\n"))
            #expect(result.output.contains("phase BUILD\n  $ make\n"))
            #expect(!result.output.contains("hush"))
            #expect(try tree.listing("state").isEmpty)
        }
    }
}
