// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax

/// `drydock completion`.
struct CompletionCommand: Action {
    static let name = "completion"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Print what makes a shell complete the words of drydock",
            discussion: "`make install` puts it where bash, zsh and fish find it by themselves.",
            operands: Operands("shell", help: "The shell.", count: 1...1, words: Shell.allCases.map(\.rawValue)))
    }

    private let shell: Shell

    init(_ words: ParsedWords) throws {
        let word = words.operands.first ?? ""
        guard let shell = Shell(rawValue: word) else {
            throw CommandFailure.unknownWord("completion", word, Shell.allCases.map(\.rawValue))
        }
        self.shell = shell
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        terminal.print(Program.syntax.completionScript(for: shell, fallback: RunCommand.name))
        return terminal.meaning()
    }
}

/// `drydock man`.
struct ManualCommand: Action {
    static let name = "man"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Print the manual page", discussion: "To read it: `drydock man | man -l -`.")
    }

    init(_ words: ParsedWords) {}

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let page = ManualPage(
            Program.syntax, version: Program.version, date: Program.versionDate,
            sections: [Self.exitStatus, Self.environment, Self.files])
        terminal.print(page.description)
        return terminal.meaning()
    }

    private static let exitStatus = ManualPage.Section(
        "EXIT STATUS",
        [
            ("0", "The build succeeded."), ("1", "The build failed."), ("2", "Wrong use, or an invalid buildspec."),
            ("3", "A source, image or secret could not be had."),
            ("4", "This machine cannot run it; see drydock doctor."),
            ("124", "The build timed out."), ("125", "A fault of drydock."), ("130, 143", "Interrupted."),
        ])
    private static let environment = ManualPage.Section(
        "ENVIRONMENT",
        [
            ("NO_COLOR", "No colours, whatever its value."),
            ("FORCE_COLOR, CLICOLOR_FORCE", "Colours wherever output goes; `FORCE_COLOR=0` means none."),
            ("CLICOLOR", "`0` means no colours."),
            ("XDG_CONFIG_HOME", "Where drydock/config.yml is looked for, instead of ~/.config."),
            ("XDG_STATE_HOME", "Where a user's builds are kept, instead of ~/.local/state."),
            (
                "GITHUB_ACTIONS, GITLAB_CI",
                "`true` in a job, whose form output then has; see `--progress` of `drydock run`."
            ),
            ("SOURCE_DATE_EPOCH", "The time that files in artifacts get."),
        ])
    private static let files = ManualPage.Section(
        "FILES",
        [
            ("buildspec.yml", "What to build, in the directory of the source."),
            (
                "~/.local/share/drydock/secrets.vault",
                "Your parameters and secrets, encrypted, unless XDG_DATA_HOME names another place."
            ),
            (
                "~/.config/drydock/secrets.key",
                "Their key, unless XDG_CONFIG_HOME names another place or DRYDOCK_SECRETS_KEY another file."
            ),
            ("/var/lib/drydock", "Records, logs and events of root's builds."),
            ("~/.local/state/drydock", "The same of a user's builds, unless XDG_STATE_HOME names another place."),
        ])
}
