// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import Diagnostics
internal import Files
internal import Glibc
internal import SecretVault
internal import SystemPackage

/// Where the local store and its key lie (XDG Base Directory Specification): the key with what is configured, the store
/// with what is kept.
enum SecretVaultPlaces {
    /// Nil where there is no home.
    static func find() -> VaultPlaces? {
        guard let data = directory("XDG_DATA_HOME", below: ".local/share") else { return nil }
        let store = data.appending("drydock/secrets.vault")
        if let chosen = Caller.variable("DRYDOCK_SECRETS_KEY"), !chosen.isEmpty {
            return VaultPlaces(store: store, key: FilePath(chosen), makesKeyDirectory: false)
        }
        guard let configuration = directory("XDG_CONFIG_HOME", below: ".config") else { return nil }
        return VaultPlaces(
            store: store, key: configuration.appending("drydock/secrets.key"), makesKeyDirectory: true)
    }

    private static func directory(_ variable: String, below: FilePath) -> FilePath? {
        // A relative path in a variable of the specification is to be ignored.
        if let value = Caller.variable(variable), value.hasPrefix("/") { return FilePath(value) }
        let home = Caller.variable("HOME").flatMap { $0.hasPrefix("/") ? FilePath($0) : nil }
        return (home ?? StateDirectory.homeOfRecord)?.pushing(below)
    }

    static func vault() throws -> SecretVault {
        guard let places = find() else { throw CommandFailure.noSecretVault }
        return SecretVault(places)
    }
}

extension CommandFailure {
    init(_ error: SecretVaultError) {
        let meaning: ExitMeaning =
            switch error.code {
            case .notFound: .inputUnavailable
            case .refused: .wrongUse
            case .keyMissing, .key, .store: .machineUnable
            }
        self.init(meaning, error.message, hints: error.hints)
    }

    static let noSecretVault = CommandFailure(
        .machineUnable, "there is no place to keep secrets: you have no home",
        hints: ["set HOME, or XDG_DATA_HOME and XDG_CONFIG_HOME"])

    static func secretToTerminal(_ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "the value of `\(DisplayText.escaped(name))` would be shown on the terminal",
            hints: ["`--reveal` shows it; or send it on, to a file or another program"])
    }

    static func secretsDiffer(_ name: String) -> CommandFailure {
        CommandFailure(.wrongUse, "the two values for `\(DisplayText.escaped(name))` are not the same; nothing was set")
    }

    static func secretOfSeveralLines(_ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "more than one line was typed for `\(DisplayText.escaped(name))`; nothing was set",
            hints: ["several lines are read from standard input: `drydock secrets set NAME < FILE`"])
    }

    static func secretWithControl(_ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "what was typed for `\(DisplayText.escaped(name))` holds a control character; nothing was set",
            hints: ["a value that has such characters is read from standard input: `drydock secrets set NAME < FILE`"])
    }

    static func secretTooLong(_ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "the value for `\(DisplayText.escaped(name))` is longer than \(SecretVault.maximumValueBytes) bytes, the most "
                + "that a secret has")
    }

    static func cannotReadInput(_ reason: Errno) -> CommandFailure {
        CommandFailure(.machineUnable, "standard input cannot be read: \(reason.words)")
    }

    static func secretImport(_ place: String, _ error: SecretVaultError) -> CommandFailure {
        var failure = CommandFailure(error)
        failure.message = "`\(DisplayText.escaped(place))`: \(error.message); nothing was set"
        return failure
    }

    static func secretImportWithoutValue(_ place: String, _ name: String) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "`\(DisplayText.escaped(place))`: `\(DisplayText.escaped(name))` has no value; nothing was set")
    }
}
