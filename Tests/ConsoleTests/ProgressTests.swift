// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Diagnostics
import Testing

@testable import Console

/// Plays builds to a form of progress and gives what it wrote.
private struct Stage {
    let pipe = TestPipe()
    let start = Timestamp(seconds: 1_751_116_252)
    let build = BuildIdentity(
        id: "app:u", arn: "a", number: 12, project: "app", source: "my-service @ 3f2c1ab",
        buildspecPath: "buildspec.yml")
    let source = SourceText(
        path: "buildspec.yml",
        bytes: Array(
            "version: 0.2\nphases:\n  build:\n    commands:\n      - make\n      - ./publish.sh \"$BUCKET\"\n".utf8))

    var writer: DescriptorWriter { DescriptorWriter(descriptor: pipe.writer, name: "standard output") }

    func command(_ text: String, line: Int = 5) -> CommandReference {
        CommandReference(
            phase: .build, index: line - 5, text: text,
            location: .init(path: "buildspec.yml", line: line, column: 9, endLine: line, endColumn: 9 + text.count))
    }

    func play(_ observer: any BuildObserver, output: [String] = ["one\n", "two\n"], fails: Bool, ticks: Bool = false) {
        func at(_ seconds: Double, _ event: BuildEvent) {
            observer.handle(TimedEvent(time: Timestamp(seconds: start.seconds + seconds), event: event))
        }
        func phase(_ type: PhaseType, _ from: Double, _ to: Double, _ status: BuildStatus = .succeeded) {
            at(
                to,
                .phaseEnded(
                    PhaseRecord(
                        phaseType: type, phaseStatus: status, startTime: Timestamp(seconds: start.seconds + from),
                        endTime: Timestamp(seconds: start.seconds + to), contexts: [PhaseContext()])))
        }
        at(0, .buildStarted(build))
        phase(.submitted, 0, 0)
        at(0, .phaseStarted(.downloadSource))
        at(0, .notice("CODEBUILD_SRC_DIR=/x"))
        phase(.downloadSource, 0, 0.1)
        at(0.1, .phaseStarted(.install))
        phase(.install, 0.1, 0.1)
        at(0.1, .phaseStarted(.build))
        at(0.1, .commandStarted(command("make")))
        at(2, .commandEnded(command("make"), .exited(0), milliseconds: 1900))
        let publish = command("./publish.sh \"$BUCKET\"", line: 6)
        at(2, .commandStarted(publish))
        for text in output {
            Array(text.utf8).withUnsafeBytes { observer.output($0) }
            if ticks { observer.tick(at: Timestamp(seconds: start.seconds + 2.5)) }
        }
        let end = CommandEnd.exited(fails ? 1 : 0)
        at(3, .commandEnded(publish, end, milliseconds: 1000))
        phase(.build, 0.1, 3, fails ? .failed : .succeeded)
        let failure = BuildOutcome.Failure(
            phase: .build, context: PhaseContext(statusCode: "COMMAND_EXECUTION_ERROR", message: "Error while …"),
            command: publish, end: end, hints: ["`BUCKET` is empty"])
        at(
            3.2,
            .buildEnded(
                BuildOutcome(
                    status: fails ? .failed : .succeeded, milliseconds: 3200, failure: fails ? failure : nil)))
    }
}

@Suite("Plain and JSON progress")
struct PlainProgressTests {
    @Test("plain progress is CodeBuild's log with the output between its lines")
    func plain() {
        let stage = Stage()
        stage.play(PlainProgress(writer: stage.writer), output: ["a", "\u{1B}[1mb"], fails: true)
        let text = stage.pipe.text
        #expect(text.contains("Running command ./publish.sh \"$BUCKET\"\na\u{1B}[1mb\n[Container] "))
        #expect(text.hasSuffix("hint: `BUCKET` is empty\n"))
        #expect(!text.contains("SUBMITTED"))
    }

    @Test("a line of ours begins on a line of its own")
    func ownLine() {
        let stage = Stage()
        let progress = PlainProgress(writer: stage.writer)
        Array("no end".utf8).withUnsafeBytes { progress.output($0) }
        progress.handle(TimedEvent(time: stage.start, event: .warning(message: "w", hint: nil)))
        #expect(stage.pipe.text == "no end\n[drydock] 2025/06/28 13:10:52.000000 warning: w\n")
    }

    @Test("JSON progress keeps characters whole that writes cut")
    func json() {
        let stage = Stage()
        let progress = JSONProgress(writer: stage.writer) { stage.start }
        for byte in Array("aé€🔑".utf8) { [byte].withUnsafeBytes { progress.output($0) } }
        [0xE2, 0x82].withUnsafeBytes { (_: UnsafeRawBufferPointer) in }
        ([0xF0, 0x9F] as [UInt8]).withUnsafeBytes { progress.output($0) }
        progress.handle(TimedEvent(time: stage.start, event: .notice("n")))
        let texts = stage.pipe.text.split(separator: "\n").map { line in
            line.split(separator: "\"text\":\"").last.map { $0.dropLast(2) } ?? ""
        }
        #expect(texts.prefix(5) == ["a", "é", "€", "🔑", "\u{FFFD}"])
    }
}

@Suite("Caches on a terminal")
struct CacheSentenceTests {
    @Test("what a build began with and what it saved is one line each, keys cut short")
    func sentences() {
        let long = String(repeating: "k", count: 99)
        var content = CacheOutcome.Entry(key: "a-1", byteCount: 9, fileCount: 2)
        func restored(_ isCopied: Bool) -> String? {
            let event = CacheEvent.Restored(
                content, entry: "e", layerCount: 1, isCopied: isCopied, milliseconds: 1)
            return CacheEvent.restored(event).sentence(ellipsis: ">")
        }
        #expect(restored(false) == "cache `a-1` restored: 2 files")
        content.fallbackKey = "a-"
        content.fileCount = 1
        #expect(restored(true) == "cache `a-1` copied: 1 file, by the fallback key `a-`")
        let missed = CacheEvent.missed(.init(key: long, reason: .empty))
        #expect(missed.sentence(ellipsis: ">") == "no cache with the key `\(long.prefix(59))>` yet")
        let removed = CacheEvent.missed(.init(key: "k", reason: .removed))
        #expect(removed.sentence(ellipsis: ">") == "cache `k` was removed since it was saved")
        let saved = CacheEvent.Saved(
            key: nil, entry: "e", byteCount: 1, fileCount: 3, isDelta: true, copyReason: nil, linkCount: 0,
            milliseconds: 1)
        #expect(CacheEvent.saved(saved).sentence(ellipsis: ">") == "cache (no key) saved: 3 files changed")
        #expect(CacheEvent.kept(.unchanged, key: nil).sentence(ellipsis: ">") == nil)
    }
}

@Suite("Progress on a terminal")
struct TerminalProgressTests {
    private func surface(columns: Int = 80, rows: Int = 24) -> TerminalSurface {
        TerminalSurface(size: { TerminalSize(columns: columns, rows: rows) })
    }

    private func shown(
        fails: Bool, style: Style = .plain, columns: Int = 80, verbosity: Verbosity = .normal,
        output: [String] = ["one\n", "two\n"], ticks: Bool = false
    ) -> String {
        let stage = Stage()
        let progress = TerminalProgress(
            writer: stage.writer, style: style, verbosity: verbosity, surface: surface(columns: columns))
        progress.source = stage.source
        progress.nextCommands = { _ in [NextCommand("drydock logs 12", "the whole output")] }
        stage.play(progress, output: output, fails: fails, ticks: ticks)
        return Screen.after(stage.pipe.text, columns: columns)
    }

    @Test("a build that succeeds leaves a line for each phase, its output folded")
    func success() {
        #expect(
            shown(fails: false, ticks: true) == """
                * source         my-service @ 3f2c1ab                                      0.1s
                * build          make - ./publish.sh "$BUCKET"                             2.9s

                build 12 succeeded after 3.2s

                """)
    }

    @Test("a build that fails shows the output, the place in the buildspec and the hints")
    func failure() {
        let style = Style(hasColour: false, hasUnicode: true)
        #expect(
            shown(fails: true, style: style, ticks: true) == """
                ● source         my-service @ 3f2c1ab                                      0.1s
                ✗ build          exit 1 · ./publish.sh "$BUCKET"                           2.9s

                  │ one
                  │ two

                  buildspec.yml:6:9
                  6 │       - ./publish.sh "$BUCKET"
                    │         ^^^^^^^^^^^^^^^^^^^^^^ command exited with 1
                  hint: `BUCKET` is empty

                build 12 failed after 3.2s
                next: drydock logs 12  the whole output

                """)
    }

    @Test("a line of the buildspec is cut to the window, so that the carets stand below it", arguments: [40, 80, 100])
    func longCommand(columns: Int) {
        let command = "./publish.sh " + String(repeating: "word ", count: 40)
        let place = SourceSpan(
            path: "b.yml", start: SourcePosition(line: 1, column: 3),
            end: SourcePosition(line: 1, column: 3 + command.utf8.count))
        let failure = BuildOutcome.Failure(
            phase: .build, context: PhaseContext(statusCode: "COMMAND_EXECUTION_ERROR", message: "Error"),
            command: CommandReference(
                phase: .build, index: 0, text: command,
                location: .init(
                    path: "b.yml", line: 1, column: 3, endLine: 1, endColumn: 3 + command.utf8.count)),
            end: .exited(1), directory: nil, hints: [String(repeating: "advice ", count: 30)])
        let source = SourceText(path: "b.yml", text: "- \(command)\n")
        let report = BuildReport(style: .plain, columns: columns, source: source).text(failure, tail: nil)
        let drawn = DiagnosticRenderer.text.render(
            [Diagnostic(rule: "r", severity: .error, message: "m", span: place, hints: failure.hints)], in: [source],
            columns: columns)
        for line in (report + drawn).split(separator: "\n") { #expect(line.count <= columns, "\(line)") }
        for text in [report, drawn] {
            #expect(text.contains("1 | - ./publish.sh") || text.contains("1 │ - ./publish.sh"), "\(text)")
            #expect(!text.contains("advi\n") && text.split(separator: "advice").count >= 30)
        }
    }

    @Test("what the build prints cannot steer the terminal")
    func hostileOutput() {
        let stage = Stage()
        let progress = TerminalProgress(writer: stage.writer, style: .plain, surface: surface())
        let hostile =
            "\u{1B}]0;title\u{7}\u{1B}[2J\u{9B}31m\u{1B}[31mred\u{8}\u{8}x\u{202E}\u{1B}(B\u{1B}Pq\u{1B}\\\n10%\r20%\n\u{0}\u{7}end\n"
        stage.play(progress, output: [hostile], fails: true, ticks: true)
        let text = stage.pipe.text
        #expect(
            !text.contains("\u{1B}]") && !text.contains("[2J") && !text.contains("\u{7}") && !text.contains("\u{202E}"))
        #expect(text.contains("| rx\n  | 20%\n  | end\n"))
    }

    @Test(
        "narrow, unknown and huge windows are drawn without wrapping", arguments: [1, 2, 5, 10, 20, 30, 40, 0, 10_000])
    func widths(columns: Int) {
        let stage = Stage()
        let progress = TerminalProgress(writer: stage.writer, style: .plain, surface: surface(columns: columns))
        stage.play(progress, output: [String(repeating: "long ", count: 100)], fails: false, ticks: true)
        for line in stage.pipe.text.split(separator: "\n") where line.contains("long") || line.hasPrefix("o ") {
            #expect(line.replacing(/\u{1B}\[[?0-9]*[A-Za-z]/, with: "").count <= max(columns == 0 ? 80 : columns, 7))
        }
    }

    @Test("without colour there is no escape but those that move the cursor")
    func noColour() {
        let stage = Stage()
        stage.play(
            TerminalProgress(writer: stage.writer, style: .plain, surface: surface()), fails: true, ticks: true)
        #expect(!stage.pipe.text.contains("m\u{1B}") && !stage.pipe.text.contains("\u{1B}[0m"))
        #expect(stage.pipe.text.utf8.allSatisfy { $0 < 0x80 } || stage.pipe.text.contains("…"))
    }

    @Test("verbose shows all output as it comes")
    func verbose() {
        let text = shown(fails: true, verbosity: .verbose, output: ["one\n", "two"])
        #expect(text.contains("$ ./publish.sh \"$BUCKET\"\none\ntwo\nx build"))
        #expect(!text.contains("| one"))
    }

    @Test("quiet shows the result, and on failure what failed")
    func quiet() {
        for fails in [false, true] {
            let stage = Stage()
            let progress = QuietProgress(
                writer: stage.writer, style: .plain, errors: stage.writer, errorStyle: .plain
            ) { TerminalSize(columns: 80, rows: 24) }
            progress.source = stage.source
            stage.play(progress, fails: fails)
            let text = stage.pipe.text
            #expect(
                fails
                    ? text.hasPrefix("  | one\n  | two\n\n  buildspec.yml:6:9\n")
                    : text == "build 12 succeeded after 3.2s\n")
        }
    }

    @Test("quiet says what the build goes without, once and beside the result, and leaves other warnings out")
    func quietWarnings() {
        let (result, messages) = (TestPipe(), TestPipe())
        func writer(_ pipe: TestPipe) -> DescriptorWriter { DescriptorWriter(descriptor: pipe.writer, name: "pipe") }
        let progress = QuietProgress(
            writer: writer(result), style: .plain, errors: writer(messages), errorStyle: .plain
        ) { TerminalSize(columns: 80, rows: 24) }
        for event in [
            BuildEvent.warning(message: "no limit\n", hint: "a hint", isGrave: true), .notice("Restored cache"),
            .warning(message: "advice", hint: nil), .retrying(attempt: 1, limit: 2, phase: .build),
            .warning(message: "no limit\n", hint: "a hint", isGrave: true),
            .buildEnded(BuildOutcome(status: .succeeded, milliseconds: 100)),
        ] { progress.handle(TimedEvent(time: Timestamp(seconds: 1), event: event)) }
        #expect(messages.text == "warning: no limit\nhint: a hint\n")
        #expect(result.text == "build succeeded after 0.1s and 1 retry\n")
    }

    @Test("only the end of a long output is kept")
    func longOutput() {
        let lines = (1...100_000).map { "line \($0)\n" }.joined()
        let text = shown(fails: true, output: [lines])
        #expect(text.contains("| line 100000\n") && text.contains("| line 99951\n") && !text.contains("line 99950\n"))
        #expect(text.contains("| > what came before is in the log: drydock logs 12\n"))
    }
}

@Suite("Style")
struct StyleTests {
    private func style(_ environment: [String: String], isTerminal: Bool = true) -> Style {
        Style(isTerminal: isTerminal) { environment[$0] }
    }

    @Test("colour needs a terminal that is not dumb, and no NO_COLOR")
    func colour() {
        #expect(style(["TERM": "xterm"]).hasColour)
        #expect(style(["TERM": "xterm", "NO_COLOR": ""]).hasColour)
        #expect(!style(["TERM": "xterm", "NO_COLOR": "1"]).hasColour)
        #expect(!style(["TERM": "dumb"]).hasColour && !style([:]).hasColour)
        #expect(!style(["TERM": "xterm"], isTerminal: false).hasColour)
        #expect(!style(["TERM": "xterm", "CLICOLOR": "0"]).hasColour)
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
            #expect(style([name: "1"], isTerminal: false).hasColour)
            #expect(!style([name: "0"], isTerminal: false).hasColour)
            #expect(!style([name: "1", "NO_COLOR": "1"], isTerminal: false).hasColour)
        }
        #expect(!style(["TERM": "xterm", "FORCE_COLOR": "0"]).hasColour)
        #expect(Style(ofLogIn: { _ in nil }).hasColour)
        for (name, value) in [("NO_COLOR", "1"), ("FORCE_COLOR", "0"), ("FORCE_COLOR", "false"), ("CLICOLOR", "0")] {
            #expect(!Style(ofLogIn: { $0 == name ? value : nil }).hasColour, "\(name)")
        }
    }

    @Test("signs need a UTF-8 locale")
    func unicode() {
        #expect(style(["LANG": "en_US.UTF-8"]).hasUnicode && style(["LC_CTYPE": "C.utf8"]).hasUnicode)
        #expect(!style([:]).hasUnicode && !style(["LC_ALL": "C", "LANG": "en_US.UTF-8"]).hasUnicode)
    }

    @Test("auto means a terminal only where the cursor can move")
    func forms() {
        #expect(ProgressForm.auto.resolved(isTerminal: true) { $0 == "TERM" ? "xterm" : nil } == .tty)
        #expect(ProgressForm.auto.resolved(isTerminal: true) { _ in nil } == .plain)
        #expect(ProgressForm.auto.resolved(isTerminal: true) { $0 == "TERM" ? "dumb" : nil } == .plain)
        #expect(ProgressForm.auto.resolved(isTerminal: false) { _ in "xterm" } == .plain)
        let github = ["GITHUB_ACTIONS": "true", "TERM": "xterm"]
        #expect(ProgressForm.auto.resolved(isTerminal: false) { github[$0] } == .github)
        #expect(ProgressForm.auto.resolved(isTerminal: true) { github[$0] } == .tty)
        #expect(ProgressForm.auto.resolved(isTerminal: false, isFile: true) { github[$0] } == .plain)
        #expect(ProgressForm.auto.resolved(isTerminal: false) { $0 == "GITLAB_CI" ? "true" : nil } == .gitlab)
        #expect(ProgressForm.json.resolved(isTerminal: true) { _ in "xterm" } == .json)
    }
}

@Suite("Tables")
struct TableTests {
    @Test("columns are aligned and cells made safe")
    func text() {
        let table = Table(
            [.init("NAME", key: "name"), .init("N", key: "count", isRightAligned: true), .init("WHERE", key: "where")],
            rows: [["a", "1", "x"], ["long name", "100", "日本\u{1B}[31m\n"]])
        #expect(table.text(.plain) == "NAME         N  WHERE\na            1  x\nlong name  100  日本\n")
        #expect(String(decoding: table.json, as: UTF8.self).contains(#""name": "long name""#))
        #expect(String(decoding: Table([], rows: []).json, as: UTF8.self) == "[]\n")
    }

    @Test("history says how each build stands")
    func history() {
        var record = BuildRecord(
            id: "p:12345678-aaaa", arn: "", buildNumber: 3, startTime: Timestamp(seconds: 1000), projectName: "p",
            source: .init(type: "LOCAL", location: "/s"), environment: .init(image: "host", computeType: "c"),
            timeoutInMinutes: 60, initiator: "me",
            drydock: .init(version: "1", buildspecPath: "b", sourceDirectory: "/s", logPath: "/l", processIdentifier: 1)
        )
        record.endTime = Timestamp(seconds: 1002.5)
        record.buildStatus = .failed
        let text = HistoryTable.text([record], now: Timestamp(seconds: 4700), style: .plain)
        #expect(
            text
                == "NUMBER  STATUS  STARTED     TIME  PROJECT  ID\n     3  FAILED  1 hour ago  2.5s  p        12345678\n"
        )
        #expect(BuildSummary.text(record, style: .plain).hasPrefix("p 3  FAILED\n\nid "))
        var cache = CacheOutcome()
        cache.restored = .init(key: "npm-1", fallbackKey: "npm-", byteCount: 3 << 20, fileCount: 2)
        cache.saved = .init(key: "npm-2", byteCount: 4 << 20, fileCount: 2)
        cache.result = .saved
        record.drydock.cache = cache
        let words = "restored `npm-1` by the fallback key `npm-` (3 MiB), saved `npm-2` (4 MiB)\n"
        let shown = BuildSummary.text(record, style: .plain)
        #expect(shown.contains("cache        " + words), "\(shown)")
    }
}

/// What a terminal shows after some text: a cursor that moves up and erases, nothing more.
private enum Screen {
    static func after(_ text: String, columns: Int) -> String {
        var lines: [String] = [""]
        var row = 0
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "\n":
                row += 1
                if row == lines.count { lines.append("") }
            case "\r": lines[row] = lines[row]
            case "\u{1B}":
                let end = rest.firstIndex { $0.isLetter } ?? rest.startIndex
                let sequence = rest[...end]
                rest = rest[rest.index(after: end)...]
                if sequence.hasSuffix("A") { row -= Int(sequence.dropFirst().dropLast()) ?? 0 }
                if sequence == "[J" { lines = lines[..<row] + [""] }
            default: lines[row].append(character)
            }
        }
        return lines.joined(separator: "\n")
    }
}
