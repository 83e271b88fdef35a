// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Diagnostics
import Testing

@testable import Console

@Suite("A build as a step of a job")
struct PipelineTests {
    private let start = Timestamp(seconds: 1_751_116_252)
    private let workspace = GitHubWorkspace(
        root: "/workspace/app", directory: "/workspace/app/svc")

    private func play(_ observer: any BuildObserver, output: String = "out\n", fails: Bool = true) {
        func at(_ seconds: Double, _ event: BuildEvent) {
            observer.handle(TimedEvent(time: Timestamp(seconds: start.seconds + seconds), event: event))
        }
        let command = CommandReference(
            phase: .build, index: 0, text: "make <all>\n::set-env name=A::b",
            location: .init(path: "buildspec.yml", line: 5, column: 9, endLine: 5, endColumn: 13))
        at(
            0,
            .buildStarted(
                BuildIdentity(
                    id: "app:12345678-aaaa", arn: "a", number: 12, project: "app", source: ".",
                    buildspecPath: "buildspec.yml")))
        at(0, .phaseStarted(.submitted))
        at(
            0,
            .phaseEnded(PhaseRecord(phaseType: .submitted, phaseStatus: .succeeded, startTime: start, endTime: start)))
        at(0, .phaseStarted(.build))
        at(0, .commandStarted(command))
        Array(output.utf8).withUnsafeBytes { observer.output($0) }
        at(1, .warning(message: "50% of\nit", hint: "do"))
        let end = CommandEnd.exited(fails ? 2 : 0)
        at(2, .commandEnded(command, end, milliseconds: 2000))
        at(
            2,
            .phaseEnded(
                PhaseRecord(
                    phaseType: .build, phaseStatus: fails ? .failed : .succeeded, startTime: start,
                    endTime: Timestamp(seconds: start.seconds + 2))))
        let failure = BuildOutcome.Failure(
            phase: .build, context: PhaseContext(statusCode: "COMMAND_EXECUTION_ERROR", message: "Error: make"),
            command: command, end: end, directory: "/src", hints: ["see `x`"])
        at(
            2,
            .buildEnded(
                BuildOutcome(
                    status: fails ? .failed : .succeeded, milliseconds: 2000, failure: fails ? failure : nil)))
    }

    private func github(
        output: String = "out\n", fails: Bool = true, mask: [String] = [], verbosity: Verbosity = .normal
    ) -> (String, GitHubProgress) {
        let pipe = TestPipe()
        let writer = DescriptorWriter(descriptor: pipe.writer, name: "standard output")
        let progress = GitHubProgress(
            writer: writer, style: .plain, workspace: workspace, token: "T0", verbosity: verbosity)
        if !mask.isEmpty { progress.mask(mask) }
        play(progress, output: output, fails: fails)
        return (pipe.text, progress)
    }

    /// The workflow commands that a runner obeys, as it does: none between `stop-commands` and its token.
    private func obeyed(_ text: String) -> [String] {
        var token: String?
        var commands: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if let stopped = token {
                if line == "::\(stopped)::" { token = nil }
            } else if line.hasPrefix("::stop-commands::") {
                token = String(line.dropFirst(17))
            } else if line.hasPrefix("::") {
                commands.append(String(line))
            }
        }
        #expect(token == nil)
        return commands
    }

    @Test(
        "GitHub: a group for each phase with content, annotations with file and line, and nothing that a build says is obeyed"
    )
    func githubCommands() {
        let (text, _) = github(
            output: "::set-output name=x::y\n  ::add-path::/tmp\n::T1::\nno end", mask: ["hush", "a%b"])
        #expect(
            obeyed(text) == [
                "::add-mask::hush", "::add-mask::a%25b", "::group::BUILD",
                "::warning title=drydock::50%25 of%0Ait%0Ahint: do", "::endgroup::",
                "::error file=svc/buildspec.yml,line=5,col=9,endLine=5,"
                    + "title=BUILD failed%3A command exited with 2::Error: make%0Ahint: see `x`",
            ], "\(text)")
        #expect(text.hasPrefix("::add-mask::hush\n"))
        #expect(text.contains("\nno end\n::T0::\n::warning"))
        #expect(text.contains("build 12 failed after 2.0s"))
    }

    @Test("GitHub: quiet leaves out the log, and tells the runner all the same")
    func githubQuiet() {
        let (text, progress) = github(output: "::error::evil\nno end", mask: ["hush"], verbosity: .quiet)
        #expect(
            obeyed(text) == [
                "::add-mask::hush", "::warning title=drydock::50%25 of%0Ait%0Ahint: do",
                "::error file=svc/buildspec.yml,line=5,col=9,endLine=5,"
                    + "title=BUILD failed%3A command exited with 2::Error: make%0Ahint: see `x`",
            ], "\(text)")
        #expect(!text.contains("[Container]") && text.contains("| ::error::evil\n") && !progress.summary.isEmpty)
        let (succeeded, _) = github(fails: false, verbosity: .quiet)
        #expect(!succeeded.contains("out") && succeeded.contains("build 12 succeeded"), "\(succeeded)")
    }

    @Test("GitHub: the summary has the phases, the failing command and its output, and Markdown in them means nothing")
    func githubSummary() {
        let (_, failed) = github(output: "<b>**x**</pre>|\u{1B}[31m\n")
        #expect(
            failed.summary == """
                ### ❌ app build 12 failed after 2&#46;0s

                | phase | status | time |
                |---|---|---:|
                | SUBMITTED | SUCCEEDED | 0.0s |
                | BUILD | FAILED | 2.0s |

                <code>make &#60;all&#62;&#92;n&#58;&#58;set&#45;env name=A&#58;&#58;b</code> buildspec&#46;yml&#58;5: command exited with 2

                <pre>
                &lt;b&gt;**x**&lt;/pre&gt;|
                </pre>

                - hint: see &#96;x&#96;


                """)
        let (text, succeeded) = github(fails: false)
        #expect(succeeded.summary.hasPrefix("### ✅ app build 12 succeeded"))
        #expect(!obeyed(text).contains { $0.hasPrefix("::error") })
    }

    @Test(
        "GitHub: paths begin at the top of the repository",
        arguments: [
            ("buildspec.yml", "svc/buildspec.yml"), ("../ci/b.yml", "ci/b.yml"), ("./x", "svc/x"),
            ("/workspace/app/b.yml", "b.yml"), ("/etc/b.yml", "/etc/b.yml"), ("<inline>", "<inline>"),
            ("../../../x", "../../../x"),
        ])
    func workspacePaths(path: String, expected: String) {
        #expect(workspace.path(path) == expected)
        #expect(GitHubWorkspace(root: nil, directory: "/x").path(path) == path)
    }

    @Test("GitLab: a folded section for each phase with content, under a name of its own")
    func gitlab() {
        let pipe = TestPipe()
        let progress = GitLabProgress(
            writer: DescriptorWriter(descriptor: pipe.writer, name: "standard output"), style: .plain)
        play(progress, output: "no end")
        let text = pipe.text
        #expect(
            text.hasPrefix(
                "\u{1B}[0Ksection_start:1751116252:drydock_12345678_build_1[collapsed=true]\r\u{1B}[0KBUILD\n[Container] "
            ))
        #expect(text.contains("no end\n[drydock] "))
        #expect(text.contains("\u{1B}[0Ksection_end:1751116254:drydock_12345678_build_1\r\u{1B}[0K\n\n  | no end\n"))
        #expect(text.split(separator: "section_start").count == 2)
    }
}
