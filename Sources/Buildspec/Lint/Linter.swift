// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// Looks for what CodeBuild accepts and is surely not meant.
///
/// Its rules are for people who have many buildspecs that work: a rule that would often be wrong is not here.
struct Linter {
    let source: SourceText
    let root: Node
    /// What could be decoded, even of a file that is rejected.
    let partial: Buildspec
    let findings: Findings
    let commands: [Command]
    let isWindows: Bool

    /// A command with the node that it comes from.
    struct Command {
        var text: String
        var style: Scalar.Style
        var span: SourceSpan
        var phase: String
        /// Whether an item of the same list follows.
        var hasSuccessor: Bool
    }

    init(source: SourceText, root: Node, partial: Buildspec, findings: Findings) {
        self.source = source
        self.findings = findings
        self.root = root
        self.partial = partial
        commands = Self.findCommands(root, path: source.path)
        isWindows = Self.looksLikeWindows(shell: partial.environment.shell?.value, commands)
    }

    mutating func run() {
        lintVersion()
        lintEnvironment()
        lintRuntimes()
        lintCommands()
        lintOutputs()
    }

    func add(_ diagnostic: @autoclosure () -> Diagnostic) {
        findings.warn(diagnostic)
    }

    /// The place of a word inside a scalar, or the scalar's own when the word is not found as written.
    func place(of word: String, in span: SourceSpan) -> SourceSpan {
        let needle = Array(word.unicodeScalars)
        guard !needle.isEmpty else { return span }
        for number in span.start.line...max(span.start.line, min(span.end.line, span.start.line + 500)) {
            let line = Array(source.line(number).unicodeScalars)
            var column = number == span.start.line ? span.start.column - 1 : 0
            while column + needle.count <= line.count {
                if line[column] == needle[0], line[column..<(column + needle.count)].elementsEqual(needle) {
                    return SourceSpan(
                        path: source.path, start: SourcePosition(line: number, column: column + 1),
                        end: SourcePosition(line: number, column: column + 1 + needle.count))
                }
                column += 1
            }
        }
        return span
    }

    private mutating func lintVersion() {
        guard partial.batch != nil, let node = root["version"], let scalar = node.scalar, scalar.style != .plain else {
            return
        }
        add(.quotedVersion(at: node.span(in: source.path)))
    }

    private mutating func lintRuntimes() {
        let known = ["android", "dotnet", "golang", "java", "nodejs", "php", "python", "ruby"]
        for runtime in partial.phases[.install]?.runtimeVersions ?? []
        where !known.contains(runtime.name.value) {
            add(.unknownRuntime(runtime.name, known: known))
        }
    }

    private static func findCommands(_ root: Node, path: String) -> [Command] {
        var result: [Command] = []
        for phase in root["phases"]?.entries ?? [] {
            let name = phase.key.scalar?.text ?? ""
            for entry in phase.value.entries ?? [] {
                guard let key = entry.key.scalar?.text, key == "commands" || key == "finally" else { continue }
                let items = entry.value.items ?? [entry.value]
                for (index, item) in items.enumerated() {
                    guard let scalar = item.scalar, !item.isNull else { continue }
                    result.append(
                        Command(
                            text: scalar.text, style: scalar.style, span: item.span(in: path), phase: name,
                            hasSuccessor: index + 1 < items.count))
                }
            }
        }
        return result
    }

    /// A Windows build's shell is PowerShell, which the file need not say.
    private static func looksLikeWindows(shell: String?, _ commands: [Command]) -> Bool {
        if let shell = shell?.lowercased() {
            return shell.mentions("powershell") || shell.mentions("pwsh") || shell.mentions("cmd")
        }
        return commands.contains { command in
            let text = command.text
            return text.mentions("$env:") || text.mentions("$Env:") || text.mentions("C:\\")
                || text.mentions("Write-Host") || text.mentions("New-Item") || text.mentions("Set-Location")
                || text.mentions("Invoke-") || text.mentions("Get-ChildItem") || text.mentions(".ps1")
                || text.mentions("choco install") || text.mentions("Start-Process") || text.mentions(".bat")
        }
    }
}
