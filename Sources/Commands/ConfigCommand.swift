// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Projects

/// `drydock config`.
struct ConfigCommand: Action {
    static let name = "config"
    static var syntax: CommandSyntax {
        var groups = RunCommand.syntax.groups
        groups.insert(OptionGroup("Settings", [OutputOptions.json, schema]), at: 0)
        return CommandSyntax(
            name, abstract: "Show every setting, and where its value comes from",
            discussion: """
                Takes the options of `drydock run`. From the one that counts least: default,                 $XDG_CONFIG_HOME/drydock/config.yml, the project, drydock.yml of the source directory, the command line.
                """,
            groups: groups)
    }

    private static let schema = Flag("schema", help: "Write the JSON Schema of configuration files.")

    private let words: ParsedWords
    private let settings: Settings
    private let json: Bool
    private let schema: Bool

    init(_ words: ParsedWords) {
        self.words = words
        settings = words.companion as? Settings ?? Settings()
        json = words[OutputOptions.json]
        schema = words[Self.schema]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        if schema {
            terminal.print(SettingSchema.json)
            return terminal.meaning()
        }
        settings.project?.warnings.forEach(terminal.warn)
        if json {
            terminal.print(jsonBytes)
        } else {
            let columns = [
                Table.Column("SETTING", key: "setting"), Table.Column("VALUE", key: "value"),
                Table.Column("FROM", key: "origin"),
            ]
            let rows = entries.map { [$0.name, $0.value ?? "-", $0.origin.words] }
            terminal.print(Table(columns, rows: rows).text(terminal.outputStyle))
        }
        return terminal.meaning()
    }

    private struct Entry {
        var name: String
        var value: String?
        var origin: SettingOrigin
    }

    private var entries: [Entry] {
        let overrides = Set(OverrideOptions.group.options.map(\.name))
        let mask = SecretMask(secrets: settings.project?.hidden ?? [])
        var entries: [Entry] = []
        for option in RunCommand.syntax.options {
            guard let values = words.values[option.name] else {
                // Overrides are of the command line alone.
                if !overrides.contains(option.name) {
                    entries.append(Entry(name: option.name, value: Self.standard(option), origin: .standard))
                }
                continue
            }
            for (index, value) in values.enumerated() {
                let origins = settings.origins[option.name] ?? []
                entries.append(
                    Entry(
                        name: option.name, value: shown(value, of: option, by: mask),
                        origin: index < origins.count ? origins[index] : .line))
            }
        }
        return entries
    }

    /// Values as they may be seen: a secret's is not.
    private func shown(_ value: String, of option: OptionSpecification, by mask: SecretMask) -> String {
        let name = value.prefix { $0 != "=" }
        let isSecret =
            option.name == "secret"
            || option.name == "parameter" && settings.project?.secretParameters.contains { $0.name == name } == true
        let shown = DisplayText.escaped(Arguments.displayed(isSecret ? value : mask.mask(value)))
        guard isSecret else { return shown }
        return shown.contains("=") ? shown.prefix { $0 != "=" } + "=***" : shown
    }

    private static func standard(_ option: OptionSpecification) -> String? {
        let standards = [
            "source": ".", "buildspec": "buildspec.yml", "image": "host", "network": "host", "timeout": "60",
            "packaging": "zip", "progress": "auto", "env-file-format": "dotenv",
        ]
        return option.takesValue ? standards[option.name] : "false"
    }

    private var jsonBytes: [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.array { writer in
            for entry in entries {
                writer.object { writer in
                    writer.member("setting", entry.name)
                    writer.member("value", ifPresent: entry.value)
                    writer.member("origin", entry.origin.words)
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}
