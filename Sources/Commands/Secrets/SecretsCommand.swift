// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Glibc
internal import SecretVault
internal import Secrets
internal import SystemPackage

/// `drydock secrets`.
struct SecretsCommand: Action {
    static let name = "secrets"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Keep parameters and secrets in an encrypted store of your own",
            discussion: """
                A build takes parameters and secrets from it where `--secrets` names no other store. Names are visible, \
                values are not. The store is $XDG_DATA_HOME/drydock/secrets.vault (~/.local/share/drydock), its key \
                $XDG_CONFIG_HOME/drydock/secrets.key (~/.config/drydock) or what DRYDOCK_SECRETS_KEY names.
                """)
    }
    static var actions: [any Action.Type] {
        [
            SecretsSetCommand.self, SecretsGetCommand.self, SecretsListCommand.self, SecretsRemoveCommand.self,
            SecretsImportCommand.self,
        ]
    }

    static let nameHelp = "As a buildspec writes it: `/ci/token`, `prod/db`."

    init(_ words: ParsedWords) {}
}

/// `drydock secrets set`.
struct SecretsSetCommand: Action {
    static let name = "set"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Set a secret, asking for its value or reading it from standard input",
            discussion: """
                On a terminal the value is asked for twice and not shown. Otherwise standard input is the value, several \
                lines and all, without one line end at its end. A secret with keys is given as JSON: \
                `{"user": "app", "password": "…"}`.
                """,
            operands: Operands("name", help: SecretsCommand.nameHelp, count: 1...1, refusal: refusal),
            groups: [OptionGroup("Options", [keepsNewline])])
    }

    private static let refusal = Operands.Refusal(
        "a value is not taken from the command line, where every program of this machine can read it",
        hints: [
            "leave it away to be asked for it, or pipe it in: `drydock secrets set NAME < FILE`",
            "if that was the value, it now stands in your shell's history",
        ])
    private static let keepsNewline = Flag(
        "keep-newline", help: "Keep the line end at the end of what standard input gives.")

    private let secret: SecretName
    private let keepsNewline: Bool

    init(_ words: ParsedWords) throws {
        secret = try SecretName(operand: words.operands.first ?? "")
        keepsNewline = words[Self.keepsNewline]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let vault = try SecretVaultPlaces.vault()
        let value: SecretText
        if let prompt = SecretPrompt(secret.description, terminal) {
            switch try prompt.ask() {
            case .value(let answer): value = answer
            case .interrupted(let signal): return .interrupted(signal: signal)
            }
        } else {
            let buffer = SecretBuffer()
            try buffer.fill(from: .standardInput)
            if buffer.isFull { throw CommandFailure.secretTooLong(secret.description) }
            if !keepsNewline { buffer.removeLineEnd() }
            value = buffer.text
        }
        do throws(SecretVaultError) {
            let replaced = try vault.set([(secret, value)], seconds: Int(Caller.now.seconds), replacing: true)
            terminal.say("\(replaced > 0 ? "replaced" : "set") `\(secret)`")
        } catch { throw CommandFailure(error) }
        return terminal.meaning()
    }
}

/// `drydock secrets get`.
struct SecretsGetCommand: Action {
    static let name = "get"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Print a secret",
            discussion: "One line end is added to the value, as `set` takes one away.",
            operands: Operands(
                "name", help: SecretsCommand.nameHelp, count: 1...1, completion: SecretsListCommand.names),
            groups: [OptionGroup("Options", [jsonKey, reveals])])
    }

    private static let jsonKey = ValueOption(
        "json-key", placeholder: "key", help: "Only the value of this key of a secret that is JSON.")
    private static let reveals = Flag("reveal", help: "Print it on a terminal too.")

    private let secret: SecretName
    private let jsonKey: String?
    private let reveals: Bool

    init(_ words: ParsedWords) throws {
        secret = try SecretName(operand: words.operands.first ?? "")
        jsonKey = words[Self.jsonKey]
        reveals = words[Self.reveals]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        if terminal.outputIsTerminal, !reveals { throw CommandFailure.secretToTerminal(secret.description) }
        let vault = try SecretVaultPlaces.vault()
        var value: SecretText
        do throws(SecretVaultError) { value = try vault.value(of: secret) } catch {
            throw CommandFailure(error)
        }
        if let jsonKey {
            switch SecretSelection.value(of: jsonKey, in: value, from: "the local store") {
            case .success(let selected): value = selected
            case .failure(let failure):
                throw CommandFailure(.inputUnavailable, failure.message, hints: failure.hints)
            }
        }
        return try write(value, terminal)
    }

    /// Straight to the descriptor: a writer's backlog would keep a copy.
    private func write(_ value: SecretText, _ terminal: Terminal) throws -> ExitMeaning {
        do {
            _ = try value.withExposedBytes { try FileDescriptor.standardOutput.writeAll($0) }
            _ = try FileDescriptor.standardOutput.writeAll("\n".utf8)
        } catch {
            let reason = error as? Errno ?? .ioError
            if reason == .brokenPipe { return .interrupted(signal: SIGPIPE) }
            throw CommandFailure.outputFailed("cannot write standard output: \(reason.words)")
        }
        return .succeeded
    }
}

/// `drydock secrets list`.
struct SecretsListCommand: Action {
    static let name = "list"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List the names of what is kept",
            groups: [OptionGroup("Options", [onlyNames, OutputOptions.json])])
    }

    private static let onlyNames = Flag("names", help: "Show only the names.")

    /// What a shell offers where a secret is named.
    static let names = Completion.answers(to: "secrets list --names", beside: [])

    private let onlyNames: Bool
    private let json: Bool

    init(_ words: ParsedWords) throws {
        onlyNames = words[Self.onlyNames]
        json = words[OutputOptions.json]
        if onlyNames, json { throw CommandFailure.conflict("--names", "--json") }
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let entries = try entries(terminal)
        if onlyNames {
            terminal.print(entries.map { "\($0.name)\n" }.joined())
            return terminal.meaning()
        }
        if json {
            var writer = JSONWriter(isIndented: true)
            writer.object { writer in
                writer.member("v", 1)
                writer.array("secrets") { writer in
                    for entry in entries {
                        writer.object { writer in
                            writer.member("name", entry.name.description)
                            writer.member("form", entry.form.rawValue)
                            writer.member("set", Timestamp(seconds: Double(entry.seconds)).rfc3339)
                        }
                    }
                }
            }
            writer.newline()
            terminal.print(writer.bytes)
            return terminal.meaning()
        }
        guard !entries.isEmpty else {
            terminal.warn("there is no secret yet", hint: "`drydock secrets set NAME` sets one")
            return terminal.meaning()
        }
        let columns = [
            Table.Column("NAME", key: "name"), Table.Column("FORM", key: "form"), Table.Column("SET", key: "set"),
        ]
        let rows = entries.map { entry in
            let time = Timestamp(seconds: Double(entry.seconds)).rfc3339
            return [entry.name.description, entry.form.rawValue, String(time.prefix(19)) + "Z"]
        }
        terminal.print(Table(columns, rows: rows).text(terminal.outputStyle))
        return terminal.meaning()
    }

    private func entries(_ terminal: Terminal) throws -> [SecretEntry] {
        guard let places = SecretVaultPlaces.find() else { return [] }
        let vault = SecretVault(places)
        do throws(SecretVaultError) { return try vault.entries() ?? [] } catch {
            // Names are visible without a key; whether they are true nobody knows then.
            guard error.code == .keyMissing, let entries = try? vault.entriesWithoutKey() else {
                throw CommandFailure(error)
            }
            terminal.warn("\(error.message); nobody vouches for these names", hint: error.hints.first)
            return entries
        }
    }
}

/// `drydock secrets rm`.
struct SecretsRemoveCommand: Action {
    static let name = "rm"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Remove secrets", discussion: "All of them, or none where one of the names is not there.",
            operands: Operands(
                "name", help: "The names.", count: 1...Int.max, completion: SecretsListCommand.names))
    }

    private let names: [SecretName]

    init(_ words: ParsedWords) throws { names = try words.operands.map { try SecretName(operand: $0) } }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let vault = try SecretVaultPlaces.vault()
        do throws(SecretVaultError) { try vault.remove(names) } catch { throw CommandFailure(error) }
        return terminal.meaning()
    }
}

extension SecretName {
    /// A name as it stands on the command line.
    init(operand word: String) throws(CommandFailure) {
        do throws(SecretVaultError) { try self.init(word) } catch { throw CommandFailure(error) }
    }
}
