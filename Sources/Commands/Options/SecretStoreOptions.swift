// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import SecretVault
internal import Secrets
internal import SystemPackage

/// `--secrets`: who is asked for the values of parameters and secrets.
struct SecretStoreOptions {
    static let option = ListOption(
        "secrets", placeholder: "stores",
        help: """
            The stores to ask for parameters and secrets, in order: `local` (the default), `file:PATH`, `dir:PATH`, `env` or `env:NAME`, \
            `command:TEXT`, `aws`; several with commas between, or repeated.
            """)

    static let masking = ValueOption(
        "masking", placeholder: "extent", words: ["all", "exact"],
        help: """
            What is hidden of a secret: `all` (the default) hides it quoted, escaped and encoded too, `exact` the value and \
            its lines alone, as CodeBuild does.
            """)

    static let gitCredentials = Flag(
        "git-credentials",
        help: """
            Where a buildspec says `git-credential-helper: yes`, give the build what your git knows of the hosts that its \
            sources come from.
            """)

    private let offersGitCredentials: Bool
    private let words: [SecretStoreWord]
    private let aws: AWSOptions
    private let isExact: Bool

    init(_ words: ParsedWords) throws {
        self.words = try SecretStoreWord.list(words[Self.option])
        isExact = words[Self.masking] == "exact"
        aws = AWSOptions(words)
        offersGitCredentials = words[Self.gitCredentials]
    }

    /// Where no store is named nothing is sent anywhere: the user's own is asked, if there is one.
    func apply(to request: inout BuildRequest) {
        request.areDisguisesHidden = !isExact
        request.offersGitCredentials = offersGitCredentials
        request.secretStores = (words.isEmpty ? [.local] : words).compactMap { $0.store(aws) }
    }
}

/// A store as the user names it.
enum SecretStoreWord: Equatable {
    case local
    case file(FilePath)
    case directory(FilePath)
    case environment(only: String?)
    case command(String)
    case aws

    /// - Parameter values: each names one store, or several with commas between.
    static func list(_ values: [String]) throws -> [SecretStoreWord] {
        try values.flatMap(split).map { word throws in
            guard Arguments.isText(word) || word.hasPrefix("file:") || word.hasPrefix("dir:") else {
                throw CommandFailure.notUTF8("--secrets")
            }
            return try SecretStoreWord(word)
        }
    }

    /// A comma parts two stores only where a store follows: paths and commands have commas too.
    private static func split(_ value: String) -> [String] {
        var words: [String] = []
        for piece in value.split(separator: ",", omittingEmptySubsequences: false) {
            if words.isEmpty || names.contains(String(piece.prefix { $0 != ":" })) {
                words.append(String(piece))
            } else {
                words[words.count - 1] += "," + piece
            }
        }
        return words
    }

    private static let names = ["local", "file", "dir", "env", "command", "aws"]

    private init(_ word: String) throws {
        let name = String(word.prefix { $0 != ":" })
        let rest = name == word ? nil : String(word.dropFirst(name.count + 1))
        switch (name, rest) {
        case ("local", nil): self = .local
        case ("aws", nil): self = .aws
        case ("file", let path?) where !path.isEmpty: self = .file(Arguments.path(path))
        case ("dir", let path?) where !path.isEmpty: self = .directory(Arguments.path(path))
        case ("env", nil): self = .environment(only: nil)
        case ("env", let variable?) where !variable.isEmpty: self = .environment(only: variable)
        case ("command", let text?) where !text.allSatisfy(\.isWhitespace): self = .command(text)
        case ("file", _), ("dir", _): throw CommandFailure.storeWithoutPlace(name, example: "\(name):PATH")
        case ("env", _): throw CommandFailure.storeWithoutPlace(name, example: "env:NAME`, or `env")
        case ("command", _): throw CommandFailure.storeWithoutPlace(name, example: "command:pass show")
        default:
            throw CommandFailure.unknownStore(Arguments.displayed(word), Arguments.displayed(name), known: Self.names)
        }
    }

    /// Nil for the local store of a caller who has no place for one.
    func store(_ aws: AWSOptions) -> (any SecretStore)? {
        switch self {
        case .aws: aws.store
        case .local: SecretVaultPlaces.find().map { LocalSecretStore(SecretVault($0)) }
        case .file(let path): FileSecretStore(path: path, user: Caller.userIdentifier)
        case .directory(let path): DirectorySecretStore(path: path)
        case .environment(let only):
            EnvironmentSecretStore(only: only, names: Array(Caller.environment.keys), variable: Caller.variable)
        case .command(let text): CommandSecretStore(text, environment: Caller.environment)
        }
    }
}

extension CommandFailure {
    static func storeWithoutPlace(_ name: String, example: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "the store `\(name)` of `--secrets` is not whole", hints: ["write it as `\(example)`"])
    }

    static func unknownStore(_ word: String, _ name: String, known: [String]) -> CommandFailure {
        let nearest = Suggestion.nearest(to: name, among: known).map { ["did you mean `\($0)`?"] } ?? []
        return CommandFailure(
            .wrongUse, "`--secrets` knows no store `\(word)`",
            hints: nearest + [
                "stores are `local`, `file:PATH`, `dir:PATH`, `env`, `env:NAME`, `command:TEXT` and `aws`"
            ])
    }
}
