// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
public import Secrets

/// The environment that a build starts with: every name once, with its value and where that came from.
public struct ResolvedEnvironment: Sendable {
    /// In order of first appearance: image, CodeBuild's own, buildspec, project, files, flags.
    public var variables: [ResolvedVariable]
    /// What is masked besides the values of secret variables, by a name to speak of it.
    public var hidden: [(name: String, value: SecretText)]
    /// What the user should know; nothing here is an error.
    public var warnings: [Diagnostic]
    /// Whether secrets are hidden in their usual disguises too: quoted, escaped, encoded. CodeBuild hides the values alone.
    public var areDisguisesHidden = true

    public init(
        variables: [ResolvedVariable], hidden: [(name: String, value: SecretText)] = [], warnings: [Diagnostic] = []
    ) {
        self.variables = variables
        self.hidden = hidden
        self.warnings = warnings
    }

    /// The value of a variable.
    public subscript(name: String) -> VariableValue? {
        variables.first { $0.name == name }?.value
    }

    /// Names and values as a program is given them.
    public var pairs: [(name: String, value: VariableValue)] {
        variables.map { ($0.name, $0.value) }
    }

    /// A text with `$NAME` and `${NAME}` replaced by the variables' values; one without a value, or with a secret one, stays
    /// as it is written.
    public func expanded(_ text: String) -> String {
        VariableExpansion.expand(text) { self[$0]?.plainText }
    }

    /// The values of secrets themselves, and each line of those that have several, for whoever hides them in our place; as
    /// far as they are long enough for that: a `}` on a line of its own would take every `}` of a log with it.
    public func exposedSecretLines() -> [String] {
        secrets.flatMap { secret in
            secret.value.exposed().split(whereSeparator: \.isNewline).map(String.init).filter { line in
                line.utf8.count { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } >= SecretForms.minimumLength
            }
        }
    }

    /// Whether there is anything that nobody else may see.
    public var holdsSecrets: Bool { !secrets.isEmpty }

    /// A mask for every secret of the build.
    public func makeMask() -> SecretMask {
        SecretMask(secrets: secrets, areDisguisesHidden: areDisguisesHidden)
    }

    var secrets: [(name: String, value: SecretText)] {
        variables.compactMap { variable in
            if case .secret(let text) = variable.value { (variable.name, text) } else { nil }
        } + hidden
    }
}

/// A variable with its value; shown, it hides a secret.
public struct ResolvedVariable: Sendable, Equatable {
    public var name: String
    /// Secret where it comes from a store of parameters or secrets, whose values CodeBuild masks, or was given with
    /// `--secret`.
    public var value: VariableValue
    public var origin: Origin

    public init(name: String, value: VariableValue, origin: Origin) {
        self.name = name
        self.value = value
        self.origin = origin
    }

    public var isSecret: Bool { value.isSecret }

    /// Where a value came from.
    public enum Origin: Sendable, Equatable {
        case image
        /// Set by CodeBuild, here by drydock.
        case builtIn
        /// `env/variables`; the place of the value.
        case buildspec(SourceSpan)
        /// The project's `environmentVariables`; the place of the name.
        case project(SourceSpan)
        /// `--env-file`; the place of the name.
        case environmentFile(SourceSpan)
        /// `-e` or `--secret`, as it was written, or the place in a configuration file.
        case flag(String)
        /// A parameter or secret: the request, and who gave the value.
        case store(SecretRequest, provider: String)

        /// For people: `buildspec.yml:4`, `parameter-store /ci/token (-e)`.
        public var words: String {
            switch self {
            case .image: "image"
            case .builtIn: "CodeBuild"
            case .buildspec(let span), .project(let span), .environmentFile(let span):
                "\(DisplayText.escaped(span.path)):\(span.start.line)"
            case .flag(let option): option
            case .store(let request, let provider):
                "\(request.kind.rawValue) \(DisplayText.escaped(request.reference)) (\(provider))"
            }
        }
    }
}

// A secret must not slip into a log because somebody printed the whole.
extension ResolvedVariable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(name)=\(value) (\(origin.words))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension ResolvedEnvironment: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { variables.map(\.description).joined(separator: "\n") }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["variables": variables]) }
}
