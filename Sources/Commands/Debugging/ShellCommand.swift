// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Processes
internal import Sandbox

/// `drydock shell`.
struct ShellCommand: Action {
    static let name = "shell"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Open a shell where a build would run",
            discussion: """
                Opens a shell in the state that the last failed build of this project and source left; where none is \
                kept, or with `--fresh`, in a fresh sandbox before any phase: source in place, environment resolved, \
                in CODEBUILD_SRC_DIR. A command behind the options, or a text after `-c`, is run instead; without a terminal \
                the shell reads standard input. The exit code is the shell's.
                """,
            operands: Operands("command", help: "A command to run, with its arguments.", count: Operands.anyNumber),
            endsAtOperand: true,
            groups: [SourceOptions.group, SandboxOptions.shellGroup, ShellOptions.group, StateOptions.group])
    }

    private let source: SourceOptions
    private let sandbox: SandboxOptions
    private let shell: ShellOptions
    private let isolation: IsolationOptions
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        source = try SourceOptions(words)
        sandbox = SandboxOptions(words)
        shell = try ShellOptions(words)
        isolation = IsolationOptions(words)
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning {
        var request = try source.request()
        try sandbox.apply(to: &request)
        try isolation.requireSandbox(for: "drydock shell")
        let session = ShellSession(
            request: request, options: shell, store: try state.store(), terminal: terminal, launcher: launcher)
        return try session.run()
    }
}

/// What kind of shell, and for whom.
struct ShellOptions {
    static var group: OptionGroup { OptionGroup("Shell", [command, user, fresh, IsolationOptions.option]) }

    static let command = ValueOption(
        "command", short: "c", placeholder: "text", help: "Run this text, as a command of a buildspec would be.")
    static let user = ValueOption(
        "user", placeholder: "name", help: "Whom the shell runs as; by default the buildspec's `run-as`, or root.")

    static let fresh = Flag(
        "fresh", help: "A fresh sandbox before any phase, although the state of a failed build is kept.")

    let text: String?
    let user: String?
    let isFresh: Bool

    init(_ words: ParsedWords) throws {
        guard words.operands.isEmpty || words[Self.command] == nil else {
            throw CommandFailure.conflict("--command", "COMMAND")
        }
        text =
            words[Self.command]
            ?? (words.operands.isEmpty ? nil : words.operands.map(ShellWord.typed).joined(separator: " "))
        user = words[Self.user]
        isFresh = words[Self.fresh]
    }

    /// What the shell is to do, on a terminal or without one.
    func script(onTerminal: Bool) -> ShellRequest.Script {
        if let text { return .command(text) }
        return onTerminal ? .prompt : .standardInput
    }
}
