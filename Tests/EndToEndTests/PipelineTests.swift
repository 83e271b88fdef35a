// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import SystemPackage
import TestSupport
import Testing

@Suite("A step of a job")
struct PipelineTests {
    private static let spec = """
        version: 0.2
        env:
          parameter-store:
            TOKEN: /token
          exported-variables: [VERSION, TOKEN]
        phases:
          install:
            commands:
              - export VERSION=1.2
          build:
            commands:
              - echo "::set-output name=a::b"; echo "token $TOKEN"; test -z "$FAIL"

        """

    private func inJob(
        _ arguments: [String], files: [String: String] = [:], _ body: (ToolResult, TemporaryTree) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("job") { tree in
            try tree.write("source/app/buildspec.yml", Self.spec)
            var drydock = try Drydock(in: tree)
            for name in ["summary", "output"] { try tree.write(FilePath(name)) }
            for (name, text) in files { try tree.write(FilePath(name), text) }
            drydock.environment["GITHUB_ACTIONS"] = "true"
            drydock.environment["GITHUB_WORKSPACE"] = drydock.directory.string
            drydock.environment["GITHUB_STEP_SUMMARY"] = tree.path("summary").string
            drydock.environment["GITHUB_OUTPUT"] = tree.path("output").string
            drydock.directory = drydock.directory.appending("app")
            // The runner reads pipes.
            let line = "set -o pipefail; { \"$0\" \"$@\" 2>&1 1>&3 | cat 1>&2; } 3>&1 | cat"
            let words = ["-c", line, Drydock.program.string]
            let result = try runTool(
                "bash", words + Drydock.withState(arguments, tree.path("state")), environment: drydock.environment,
                in: drydock.directory)
            try body(result, tree)
        }
    }

    @Test("GitHub Actions gets masks first, groups, an error at its line, a summary and outputs")
    func github() throws {
        try inJob(["run", "-e", "TOKEN=one secret\n}\nanother", "-e", "FAIL=1"]) { result, tree in
            #expect(result.status == 1, "\(result.errors)")
            let lines = result.lines
            let masks = lines.filter { $0.hasPrefix("::add-mask::") }
            #expect(masks == ["::add-mask::one secret", "::add-mask::another"], "\(result.output)")
            let first = lines.firstIndex { $0.contains("secret") }
            #expect(first == lines.firstIndex { $0.hasPrefix("::add-mask::") })
            #expect(lines.contains("::group::BUILD") && lines.contains("token ***"), "\(result.output)")
            #expect(
                lines.contains {
                    $0.hasPrefix("::error file=app/buildspec.yml,line=12,col=9,") && $0.contains("title=BUILD failed")
                }, "\(result.output)")
            let output = lines.firstIndex(of: "::set-output name=a::b") ?? 0
            #expect(lines[..<output].last { $0.hasPrefix("::") }?.hasPrefix("::stop-commands::drydock-") == true)
            let summary = try tree.text("summary")
            #expect(summary.contains("| BUILD | FAILED |") && summary.contains("token ***"), "\(summary)")
            let outputs = try tree.text("output")
            #expect(outputs.hasPrefix("VERSION<<drydock-") && outputs.contains("\n1.2\ndrydock-"), "\(outputs)")
            #expect(!outputs.contains("secret") && !summary.contains("secret"))
        }
    }

    @Test("a finding before the build, and those of lint, are annotations too")
    func findings() throws {
        try inJob(["run", "-b", "-"]) { result, _ in
            #expect(result.status == 2 && result.output.contains("::error "), "\(result.output)")
        }
        try inJob(["lint", "none.yml", "../../source/app/none.yml"]) { result, _ in
            #expect(result.status == 2)
            #expect(result.lines.count(where: { $0.hasPrefix("::error ") }) == 2, "\(result.output)")
        }
    }

    @Test(
        "neither -q nor a checkout's drydock.yml keeps anything from the runner",
        arguments: [
            (["-q"], ""), ([], "quiet: true\n"), ([], "progress: plain\n"), ([], "progress: json\nverbose: true\n"),
        ])
    func staysAJob(words: [String], configuration: String) throws {
        let run = ["run", "-e", "TOKEN=one secret", "-e", "FAIL=1"] + words
        try inJob(run, files: ["source/app/drydock.yml": configuration]) { result, tree in
            #expect(result.status == 1, "\(result.errors)")
            let lines = result.lines
            #expect(lines.first { $0.hasPrefix("::") } == "::add-mask::one secret", "\(result.output)")
            #expect(lines.contains { $0.hasPrefix("::error file=app/buildspec.yml,line=12") }, "\(result.output)")
            // What the build has printed stands where the runner obeys nothing, or where no command begins a line.
            for index in lines.indices where lines[index].hasPrefix("::set-output") {
                let before = lines[..<index].last { $0.hasPrefix("::") }
                #expect(before?.hasPrefix("::stop-commands::drydock-") == true, "\(result.output)")
            }
            let (summary, outputs) = (try tree.text("summary"), try tree.text("output"))
            #expect(summary.contains("| BUILD | FAILED |") && outputs.hasPrefix("VERSION<<drydock-"))
        }
    }

    @Test("what is appended to the job's files begins on a line of its own")
    func ownLine() throws {
        let run = ["run", "-e", "TOKEN=one secret"]
        try inJob(run, files: ["output": "a=b", "summary": "words\n"]) { result, tree in
            #expect(result.status == 0, "\(result.errors)")
            let (summary, outputs) = (try tree.text("summary"), try tree.text("output"))
            #expect(outputs.hasPrefix("a=b\nVERSION<<drydock-") && summary.hasPrefix("words\n### "))
        }
    }

    @Test("wrong use is an annotation too")
    func wrongUse() throws {
        try inJob(["run", "--qiet"]) { result, _ in
            #expect(result.status == 2 && result.output.isEmpty)
            #expect(
                result.errors == "error: there is no option `--qiet`\nhint: did you mean `--quiet`?\n"
                    + "::error title=drydock::there is no option `--qiet`%0Ahint: did you mean `--quiet`?\n")
        }
    }

    @Test("in a file nothing is masked for a runner, and nothing of a secret is written")
    func file() throws {
        try inJob(["run", "-e", "TOKEN=one secret"]) { _, tree in
            var drydock = try Drydock(in: tree)
            drydock.directory = drydock.directory.appending("app")
            drydock.environment["GITHUB_ACTIONS"] = "true"
            for form in ["auto", "github"] {
                let result = try drydock("run", "-e", "TOKEN=one secret", "--progress", form)
                #expect(result.status == 0 && !result.output.contains("one secret"), "\(result.output)")
            }
        }
    }
}
