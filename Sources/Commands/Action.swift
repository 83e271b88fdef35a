// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Sandbox

/// A verb of the command line.
protocol Action {
    static var name: String { get }
    static var syntax: CommandSyntax { get }
    /// The verbs below this one, which then does nothing by itself.
    static var actions: [any Action.Type] { get }

    /// - Throws: what is wrong with the words beyond their syntax.
    init(_ words: ParsedWords) throws

    /// - Parameter launcher: started beforehand where the words looked like a build, or nil.
    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning

    func perform(_ terminal: Terminal) throws -> ExitMeaning
}

extension Action {
    static var actions: [any Action.Type] { [] }

    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning { try perform(terminal) }

    func perform(_ terminal: Terminal) throws -> ExitMeaning { try perform(terminal, launcher: nil) }

    /// The syntax with that of every verb below.
    static var wholeSyntax: CommandSyntax {
        var whole = syntax
        whole.subcommands = actions.map { $0.wholeSyntax }
        return whole
    }
}

extension Program {
    /// Every verb, in the order of the help. `drydock` alone is the first.
    static var actions: [any Action.Type] {
        [
            RunCommand.self, WarmCommand.self, ShellCommand.self, AttachCommand.self, LintCommand.self,
            FormatCommand.self, InitCommand.self, ListCommand.self, EnvironmentCommand.self, DoctorCommand.self,
            HistoryCommand.self, ShowCommand.self, LogsCommand.self, CollectCommand.self, ConfigCommand.self,
            ImageCommand.self, CacheCommand.self, SecretsCommand.self, CompletionCommand.self, ManualCommand.self,
        ]
    }

    static var syntax: CommandSyntax {
        CommandSyntax(
            "drydock", abstract: "Run AWS CodeBuild builds on your own Linux machine",
            discussion: """
                `drydock` alone is `drydock run`: it builds the directory it stands in. `drydock help COMMAND` shows what \
                a command takes.
                """,
            groups: [OptionGroup("Options", [versionFlag])], subcommands: actions.map { $0.wholeSyntax })
    }

    private static let versionFlag = Flag("version", help: "Show the version.")

    /// What the words of a command line ask for.
    enum Request {
        case action(any Action)
        /// Help, or the version.
        case text(String)

        /// - Throws: `CommandFailure` when the words are wrong.
        init(_ arguments: [String]) throws {
            guard let first = arguments.first else {
                self = try Self.read([], as: RunCommand.self, path: ["drydock", "run"])
                return
            }
            switch first {
            case "-h", "--help": self = .text(HelpText(Program.syntax, path: "drydock").description)
            case "--version": self = .text(Program.version + "\n")
            case "help": self = try Self.help(arguments.dropFirst())
            default:
                if let action = Program.actions.first(where: { $0.name == first }) {
                    self = try Self.read(arguments.dropFirst(), as: action, path: ["drydock", first])
                } else {
                    self = try Self.readWithoutVerb(arguments)
                }
            }
        }

        /// `drydock` alone is `drydock run`, and has an option of its own.
        private static func readWithoutVerb(_ words: [String]) throws -> Request {
            // Before options are read, which are another's where a verb was misspelt; help too.
            if let first = words.first, !first.hasPrefix("-") { _ = try RunCommand.phase(first, of: RunCommand.name) }
            var syntax = RunCommand.syntax
            syntax.groups.append(OptionGroup("", [versionFlag]))
            if let parsed = try? syntax.read(words), parsed[versionFlag] { return .text(Program.version + "\n") }
            return try read(words[...], as: RunCommand.self, known: syntax, path: ["drydock", "run"])
        }

        /// - Parameter known: the action's syntax and what may be given beside it, where that is more.
        private static func read(
            _ words: ArraySlice<String>, as action: any Action.Type, known: CommandSyntax? = nil, path: [String]
        ) throws -> Request {
            if !action.actions.isEmpty { return try readBelow(words, action, path: path) }
            let parsed: ParsedWords
            let syntax = action.syntax
            do throws(CommandSyntaxError) { parsed = try (known ?? syntax).read(Array(words)) } catch {
                if error.code == .helpRequested {
                    return .text(HelpText(syntax, path: path.joined(separator: " ")).description)
                }
                throw failure(error, command: path.joined(separator: " "))
            }
            return .action(try action.init(try Settings.layered(parsed, syntax)))
        }

        private static func readBelow(
            _ words: ArraySlice<String>, _ action: any Action.Type, path: [String]
        ) throws -> Request {
            let command = path.joined(separator: " ")
            if words.first == "-h" || words.first == "--help" {
                return .text(HelpText(action.wholeSyntax, path: command).description)
            }
            guard let next = action.actions.first(where: { $0.name == words.first }) else {
                throw failure(
                    .unknownCommand(words.first, of: command, known: action.actions.map { $0.name }), command: command)
            }
            return try read(words.dropFirst(), as: next, path: path + [next.name])
        }

        private static func help(_ words: ArraySlice<String>) throws -> Request {
            var syntax = Program.syntax
            var path = ["drydock"]
            for word in words where word != "-h" && word != "--help" {
                guard let next = syntax.subcommands.first(where: { $0.name == word }) else {
                    let command = path.joined(separator: " ")
                    throw failure(
                        .unknownCommand(word, of: command, known: syntax.subcommands.map(\.name)), command: command)
                }
                syntax = next
                path.append(word)
            }
            return .text(HelpText(syntax, path: path.joined(separator: " ")).description)
        }

        private static func failure(_ error: CommandSyntaxError, command: String) -> CommandFailure {
            CommandFailure(
                .wrongUse, Arguments.displayed(error.message),
                hints: error.hints.isEmpty
                    ? ["`\(command) --help` shows what there is"] : error.hints.map(Arguments.displayed))
        }
    }
}
