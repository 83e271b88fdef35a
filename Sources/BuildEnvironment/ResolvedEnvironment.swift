// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
public import Secrets

/// The environment that a build starts with: every name once, with its value and where that came from.
public struct ResolvedEnvironment: Sendable {
    /// In order of first appearance: image, CodeBuild's own, buildspec, project, files, flags.
    public var variables: [ResolvedVariable]
    /// What is masked besides the values of secret variables, by a name to speak of it.
    public var hidden: [EnvironmentVariable]
    /// What the user should know; nothing here is an error.
    public var warnings: [Diagnostic]
    /// Whether secrets are hidden in their usual disguises too: quoted, escaped, encoded. CodeBuild hides the values alone.
    public var areDisguisesHidden = true

    public init(variables: [ResolvedVariable], hidden: [EnvironmentVariable] = [], warnings: [Diagnostic] = []) {
        self.variables = variables
        self.hidden = hidden
        self.warnings = warnings
    }

    /// The value of a variable, secret or not.
    public subscript(name: String) -> String? {
        variables.first { $0.name == name }?.value
    }

    /// Names and values as a program is given them.
    public var pairs: [(name: String, value: String)] {
        variables.map { ($0.name, $0.value) }
    }

    /// A text with `$NAME` and `${NAME}` replaced by the variables' values; one without a value stays as it is written.
    public func expanded(_ text: String) -> String {
        VariableExpansion.expand(text) { self[$0] }
    }

    /// The values of secrets, and each line of those that have several, as far as they are long enough to be hidden: a
    /// `}` on a line of its own would take every `}` of a log with it.
    public var valuesToHide: [String] {
        secrets.flatMap { secret in
            secret.value.split(whereSeparator: \.isNewline).map(String.init).filter { line in
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

    var secrets: [(name: String, value: String)] {
        variables.filter(\.isSecret).map { ($0.name, $0.value) } + hidden.map { ($0.name, $0.value) }
    }
}

/// A variable with its value; shown, it hides a secret.
public struct ResolvedVariable: Sendable, Equatable {
    public var name: String
    /// The real value, also of a secret.
    public var value: String
    /// Whether it comes from a store of parameters or secrets, whose values CodeBuild masks, or was given with
    /// `--secret`.
    public var isSecret: Bool
    public var origin: Origin

    public init(name: String, value: String, isSecret: Bool = false, origin: Origin) {
        self.name = name
        self.value = value
        self.isSecret = isSecret
        self.origin = origin
    }

    /// The value, or `***` for a secret.
    public var redactedValue: String { isSecret ? SecretMask.replacement : value }

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
    public var description: String { "\(name)=\(redactedValue) (\(origin.words))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension ResolvedEnvironment: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { variables.map(\.description).joined(separator: "\n") }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["variables": variables]) }
}
