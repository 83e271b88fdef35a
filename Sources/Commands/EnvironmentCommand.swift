// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Secrets

/// `drydock env`.
struct EnvironmentCommand: Action {
    static let name = "env"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Show the variables a build starts with, and where they come from",
            discussion: "Values of secrets are shown as `***`.",
            groups: [
                SourceOptions.group, OptionGroup("Sandbox", [ImageOption.option, IsolationOptions.option]),
                OptionGroup("Output", [OutputOptions.json]), StateOptions.group, OverrideOptions.group,
            ])
    }

    private let source: SourceOptions
    private let image: ImageOption
    private let isolation: IsolationOptions
    private let state: StateOptions
    private let json: Bool

    init(_ words: ParsedWords) throws {
        source = try SourceOptions(words)
        image = ImageOption(words)
        isolation = IsolationOptions(words)
        state = StateOptions(words)
        json = words[OutputOptions.json]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        var request = try source.request()
        try isolation.check()
        try image.apply(to: &request)
        let store = try state.store()
        let choice = try isolation.choice(for: request, in: store)
        let preview = try BuildPreview(request: request, isolation: choice.isolation, store: store)
        defer { preview.remove() }
        let environment = preview.plan.environment
        preview.plan.advice.forEach(terminal.warn)
        terminal.show(environment.warnings, in: [preview.plan.buildspecText])
        let columns = [
            Table.Column("NAME", key: "name"), Table.Column("VALUE", key: "value"), Table.Column("FROM", key: "origin"),
        ]
        if json {
            terminal.print(Self.json(environment))
        } else {
            // A value is shown as it is: a tab or an escape in it is no drawing, and no reason to leave it out.
            let rows = environment.variables.map { variable in
                [variable.name, variable.value.description, variable.origin.words].map(DisplayText.escaped)
            }
            terminal.print(Table(columns, rows: rows).text(terminal.outputStyle))
        }
        return terminal.meaning()
    }

    private static func json(_ environment: ResolvedEnvironment) -> [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.array { writer in
            for variable in environment.variables {
                writer.object { writer in
                    writer.member("name", variable.name)
                    writer.member("value", variable.value.description)
                    writer.member("secret", variable.isSecret)
                    writer.member("origin", variable.origin.words)
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}
