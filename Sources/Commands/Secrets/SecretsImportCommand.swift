// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import BuildModel
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Glibc
internal import SecretVault
internal import Secrets
internal import SystemPackage

/// `drydock secrets import`.
struct SecretsImportCommand: Action {
    static let name = "import"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Set what a file of names and values holds",
            discussion: """
                All of it or nothing. A map or a list of JSON or YAML becomes one secret, as JSON. The file stays as it is, \
                and in clear.
                """,
            operands: Operands(
                "file", help: "JSON, YAML, or a NAME=VALUE a line; `-` is standard input.", count: 1...1,
                completion: .files), groups: [OptionGroup("Options", [replaces, format])])
    }

    private static let replaces = Flag("force", help: "Replace secrets that are there already.")
    private static let format = ValueOption(
        "format", placeholder: "format", words: SecretFile.Format.allCases.map(\.rawValue),
        help: "How the file is read; by default as its name ends or its first character says.")

    private let path: FilePath
    private let isInput: Bool
    private let replaces: Bool
    private let format: SecretFile.Format?

    init(_ words: ParsedWords) {
        let word = words.operands.first ?? ""
        isInput = word == "-"
        path = isInput ? "standard input" : Arguments.path(word)
        replaces = words[Self.replaces]
        format = words[Self.format].flatMap(SecretFile.Format.init)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let vault = try SecretVaultPlaces.vault()
        var secrets: [(name: SecretName, value: SecretText)] = []
        for entry in try entries() {
            let place = "\(path.displayed):\(entry.line)"
            guard let value = entry.value else { throw CommandFailure.secretImportWithoutValue(place, entry.name) }
            do throws(SecretVaultError) { secrets.append((try SecretName(entry.name), value)) } catch {
                throw CommandFailure.secretImport(place, error)
            }
        }
        guard !secrets.isEmpty else {
            terminal.warn("`\(path.displayed)` holds no secret")
            return terminal.meaning()
        }
        let replaced: Int
        do throws(SecretVaultError) {
            replaced = try vault.set(secrets, seconds: Int(Caller.now.seconds), replacing: replaces)
        } catch { throw CommandFailure(error) }
        let count = secrets.count == 1 ? "1 secret" : "\(secrets.count) secrets"
        terminal.say("set \(count)" + (replaced > 0 ? ", \(replaced) of them anew" : ""))
        if !isInput { terminal.say("`\(path.displayed)` still holds them in clear") }
        return terminal.meaning()
    }

    private func entries() throws -> [SecretFile.Entry] {
        var bytes: [UInt8]
        do throws(FilesError) {
            bytes =
                try isInput
                ? FileContents.read(
                    .standardInput, path: path, limit: SecretFile.maximumBytes, regularOnly: false)
                : FileContents.read(path, limit: SecretFile.maximumBytes, regularOnly: false)
        } catch { throw CommandFailure(.inputUnavailable, "\(error)") }
        let subject = isInput ? "standard input" : "the file `\(path.displayed)`"
        let result = SecretFile.parse(bytes, path: path, subject: subject, format: format)
        bytes.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } }
        switch result {
        case .success(let entries): return entries
        case .failure(let failure): throw CommandFailure(.inputUnavailable, failure.message, hints: failure.hints)
        }
    }
}
