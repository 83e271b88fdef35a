// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser
internal import BuildEngine
internal import Buildspec
internal import Console
internal import Diagnostics
internal import Files
internal import SystemPackage

/// `drydock lint`.
struct LintCommand: ParsableCommand, Action {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Check buildspecs",
        discussion: "Ends with 2 when CodeBuild would reject a file. Warnings alone do not change the exit code.")

    @Argument(
        help: ArgumentHelp("The files; `-` is standard input. By default buildspec.yml.", valueName: "file"))
    var files: [String] = []

    @Option(help: ArgumentHelp("How to write findings: `text`, `json`, `sarif` or `github`.", valueName: "format"))
    var format = "text"

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        guard let renderer = DiagnosticRenderer(rawValue: format) else {
            throw CommandFailure.unknownWord("--format", format, DiagnosticRenderer.allCases.map(\.rawValue))
        }
        var sources: [SourceText] = []
        var diagnostics: [Diagnostic] = []
        var meaning = ExitMeaning.succeeded
        for file in files.isEmpty ? [Self.standardFile] : files {
            do {
                let source = try Self.read(file)
                sources.append(source)
                diagnostics += Buildspec.read(source, lint: true).diagnostics
            } catch let failure as CommandFailure {
                // The other files are still worth checking.
                terminal.show(failure)
                meaning = .wrongUse
            }
        }
        let colour = terminal.outputStyle.hasColour && renderer == .text
        terminal.print(renderer.render(diagnostics, in: sources, colour: colour))
        let summary = DiagnosticRenderer.summary(of: diagnostics)
        if renderer == .text, terminal.outputIsTerminal, !sources.isEmpty {
            terminal.print(summary.isEmpty ? "nothing found\n" : "\n\(summary)\n")
        }
        if diagnostics.contains(where: { $0.severity == .error }) { meaning = .wrongUse }
        return terminal.meaning(meaning)
    }

    /// The other spelling only where the right one is missing: CodeBuild does not look for it.
    private static var standardFile: String {
        let names = ["buildspec.yml", "buildspec.yaml"]
        let directory = try? Directory(".")
        return names.first { (try? directory?.status(FilePath($0))) != nil } ?? names[0]
    }

    private static func read(_ word: String) throws -> SourceText {
        try Option.requireText(word, "lint")
        if word == "-" { return SourceText(path: "<stdin>", text: try SourceOptions.standardInput()) }
        let path = Arguments.path(word)
        do throws(FilesError) {
            let bytes = try FileContents.read(path, limit: Buildspec.maximumBytes + 1)
            return SourceText(path: path.displayed, bytes: bytes)
        } catch {
            throw CommandFailure.cannotRead(error)
        }
    }
}
