// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import Console
internal import Diagnostics
internal import Files
internal import SystemPackage

/// A build as a step of a GitHub Actions workflow, with the files that the runner gives a step.
struct GitHubStep {
    private let terminal: Terminal
    private let workspace: GitHubWorkspace

    init(_ terminal: Terminal) throws {
        self.terminal = terminal
        workspace = try Self.workspace()
    }

    /// The repository of the job that drydock is a step of.
    static func workspace() throws -> GitHubWorkspace {
        GitHubWorkspace(
            root: Caller.variable("GITHUB_WORKSPACE"), directory: try Caller.currentDirectory().displayed)
    }

    func view(
        _ nextCommands: @escaping (BuildOutcome) -> [NextCommand], verbosity: Verbosity
    ) -> BuildView {
        let progress = GitHubProgress(
            writer: terminal.output, style: terminal.logStyle, workspace: workspace,
            token: "drydock-" + BuildStore.makeUUID(), verbosity: verbosity)
        progress.nextCommands = nextCommands
        // In a file nobody would take the values out again.
        let hide: (([String]) -> Void)? = terminal.outputIsFile ? nil : { progress.mask($0) }
        return BuildView(
            observer: progress, hasShownFailure: true, take: { progress.source = $0 },
            leaveReason: { progress.isExplainedElsewhere = true }, hide: hide,
            annotate: { terminal.print(DiagnosticRenderer.github.render($0, in: [], workspace: workspace)) },
            finish: { record in
                [
                    Self.append(progress.summary, to: "GITHUB_STEP_SUMMARY"),
                    Self.append(Self.outputs(record), to: "GITHUB_OUTPUT"),
                ].compactMap { $0 }
            })
    }

    /// In a job, has an error that ended drydock before a build marked as one; it is on standard error, because standard
    /// output may be somebody's data. A file nobody reads for such lines.
    static func annotate(_ failure: CommandFailure, _ terminal: Terminal) {
        guard Caller.variable("GITHUB_ACTIONS") == "true", !terminal.errorsAreTerminal, !terminal.errorsAreFile,
            let workspace = try? workspace()
        else { return }
        var findings = failure.diagnostics
        if !findings.contains(where: { $0.severity == .error }) {
            findings.append(
                Diagnostic(rule: "drydock", severity: .error, message: failure.message, hints: failure.hints))
        }
        terminal.errors.write(DiagnosticRenderer.github.render(findings, in: [], workspace: workspace))
    }

    /// Exported variables as outputs of the step. The end of a value is a line that no value can hold.
    ///
    /// Source: GitHub Docs, "Workflow commands for GitHub Actions", multiline strings.
    private static func outputs(_ record: BuildRecord) -> String {
        record.exportedEnvironmentVariables.map { variable in
            let end = "drydock-" + BuildStore.makeUUID()
            return "\(variable.name)<<\(end)\n\(variable.value)\n\(end)\n"
        }.joined()
    }

    /// Appends to the file that a variable names; says why that did not work, if it did not.
    private static func append(_ text: String, to name: String) -> String? {
        guard !text.isEmpty, let path = Caller.variable(name), !path.isEmpty else { return nil }
        do {
            let file = try FileDescriptor.open(
                FilePath(path), .readWrite, options: [.append, .create, .closeOnExec, .nonBlocking],
                permissions: .ownerReadWrite)
            try file.closeAfter {
                // What an earlier command wrote may lack its line end: ours would be more of that line.
                var last: UInt8 = UInt8(ascii: "\n")
                let size = try file.seek(offset: 0, from: .end)
                if size > 0 {
                    _ = try withUnsafeMutableBytes(of: &last) { try file.read(fromAbsoluteOffset: size - 1, into: $0) }
                }
                _ = try file.writeAll(((last == UInt8(ascii: "\n") ? "" : "\n") + text).utf8)
            }
            return nil
        } catch {
            return "cannot write the file that \(name) names: \((error as? Errno)?.words ?? "\(error)")"
        }
    }
}
