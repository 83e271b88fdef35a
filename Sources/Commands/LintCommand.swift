// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import Buildspec
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Glibc
internal import SystemPackage

/// `drydock lint`.
struct LintCommand: Action {
    static let name = "lint"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Check buildspecs",
            discussion: "Ends with 2 when CodeBuild would reject a file. Warnings alone do not change the exit code.",
            operands: Operands(
                "file", help: "The files; `-` is standard input. By default buildspec.yml.",
                count: Operands.anyNumber, completion: .files),
            groups: [OptionGroup("Options", [format])])
    }

    private static let format = ValueOption(
        "format", placeholder: "format", words: DiagnosticRenderer.allCases.map(\.rawValue),
        help:
            "How to write findings: `text` (the default), `json`, `sarif` or `github` (the default in GitHub Actions).")

    private let files: [String]
    private let renderer: DiagnosticRenderer

    init(_ words: ParsedWords) {
        files = words.operands
        renderer = words[Self.format].flatMap(DiagnosticRenderer.init) ?? Self.usual
    }

    /// In a workflow findings are wanted at their lines.
    private static var usual: DiagnosticRenderer {
        Caller.variable("GITHUB_ACTIONS") == "true" && isatty(1) == 0 ? .github : .text
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        if files.count(where: { $0 == "-" }) > 1 { throw CommandFailure.secondStandardInput }
        var sources: [SourceText] = []
        var diagnostics: [Diagnostic] = []
        for file in files.isEmpty ? [Self.standardFile] : files {
            // What cannot be read is a finding like others, and the other files are still worth checking.
            switch try Self.read(file) {
            case .success(let source):
                sources.append(source)
                diagnostics += Buildspec.read(source, lint: true).diagnostics
            case .failure(let file): diagnostics.append(file.diagnostic)
            }
        }
        let style = renderer == .text ? terminal.outputStyle : .plain
        let workspace = [.github, .sarif].contains(renderer) ? try GitHubStep.workspace() : nil
        if renderer != .text || !diagnostics.isEmpty {
            terminal.print(
                renderer.render(
                    diagnostics, in: sources, colour: style.hasColour, unicode: style.hasUnicode,
                    columns: terminal.outputIsTerminal ? TerminalSize.of(1).columns : nil, workspace: workspace))
        }
        if renderer == .text, terminal.outputIsTerminal, !sources.isEmpty {
            let summary = DiagnosticRenderer.summary(of: diagnostics)
            terminal.print(summary.isEmpty ? "nothing found\n" : "\n\(summary)\n")
        }
        return terminal.meaning(diagnostics.contains { $0.severity == .error } ? .wrongUse : .succeeded)
    }

    /// The other spelling only where the right one is missing: CodeBuild does not look for it.
    static var standardFile: String {
        let names = ["buildspec.yml", "buildspec.yaml"]
        return names.first { access($0, F_OK) == 0 } ?? names[0]
    }

    private static func read(_ word: String) throws -> Result<SourceText, Buildspec.UnreadableFile> {
        if word.isEmpty { throw CommandFailure.emptyOption("lint") }
        if word == "-" { return .success(SourceText(path: "<stdin>", text: try SourceOptions.standardInput())) }
        let path = Arguments.path(word)
        if String(validating: path) != nil { return Buildspec.load(path.string, as: path.displayed) }
        do throws(FilesError) {
            let bytes = try FileContents.read(path, limit: Buildspec.maximumBytes + 1)
            return .success(SourceText(path: path.displayed, bytes: bytes))
        } catch {
            throw CommandFailure.cannotRead(error)
        }
    }
}
