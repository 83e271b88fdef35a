// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import Buildspec
internal import CommandSyntax
internal import Diagnostics
internal import SystemPackage

/// `drydock list`.
struct ListCommand: Action {
    static let name = "list"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List the phases and commands of the buildspec",
            groups: [SourceOptions.group, OptionGroup("Output", [OutputOptions.json])])
    }

    private let source: SourceOptions
    private let json: Bool

    init(_ words: ParsedWords) throws {
        source = try SourceOptions(words)
        json = words[OutputOptions.json]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let request = try source.request()
        let identifiers = BuildIdentifiers(project: "", uuid: "", number: 0, start: Caller.now)
        let planner = BuildPlanner(request: request, identifiers: identifiers, checkouts: "")
        do throws(EngineError) {
            let (buildspec, text, _) = try planner.readBuildspec()
            terminal.print(json ? Self.json(buildspec, text) : Array(Self.text(buildspec).utf8))
        } catch {
            throw CommandFailure(error)
        }
        return terminal.meaning()
    }

    private static func text(_ buildspec: Buildspec) -> String {
        var lines: [String] = []
        for entry in buildspec.phases.entries {
            lines.append(entry.name.rawValue)
            for command in entry.phase.commands { lines += indented(command.value, "  ") }
            if !entry.phase.finally.isEmpty { lines.append("  finally") }
            for command in entry.phase.finally { lines += indented(command.value, "    ") }
        }
        return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
    }

    private static func indented(_ command: String, _ indent: String) -> [String] {
        // A block scalar ends in a line break, which is no line of its own.
        var text = Substring(command)
        while text.last == "\n" { text.removeLast() }
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
            indent + (index == 0 ? "$ " : "  ") + DisplayText.escaped(String(line))
        }
    }

    private static func json(_ buildspec: Buildspec, _ text: SourceText) -> [UInt8] {
        func commands(_ list: [Buildspec.Text], _ name: StaticString, _ writer: inout JSONWriter) {
            writer.array(name) { writer in
                for command in list {
                    writer.object { writer in
                        writer.member("text", command.value)
                        writer.member("line", command.span.start.line)
                        writer.member("column", command.span.start.column)
                    }
                }
            }
        }
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("buildspec", text.path)
            writer.member("version", buildspec.version.rawValue)
            writer.array("phases") { writer in
                for entry in buildspec.phases.entries {
                    writer.object { writer in
                        writer.member("name", entry.name.rawValue)
                        commands(entry.phase.commands, "commands", &writer)
                        commands(entry.phase.finally, "finally", &writer)
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}
