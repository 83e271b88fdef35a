// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

extension Buildspec {
    /// The `env` section.
    public struct Environment: Sendable, Equatable {
        /// The shell of every command, as written; nil means `/bin/sh`.
        public var shell: Text?
        /// Plain values; nothing in them is expanded.
        public var variables: [Variable] = []
        /// Each value is the name of a parameter.
        public var parameterStore: [Variable] = []
        /// Each value follows `SecretReference`.
        public var secretsManager: [Variable] = []
        public var exportedVariables: [Text] = []
        public var gitCredentialHelper = false

        public init() {}
    }

    /// A name with its value, in file order; of equal names only the one that counts is kept.
    public struct Variable: Sendable, Equatable {
        public var name: Text
        public var value: Text

        public init(name: Text, value: Text) {
            self.name = name
            self.value = value
        }
    }
}

/// Where a secret is kept: `secret-id[:json-key[:version-stage[:version-id]]]`.
///
/// A secret's ARN has seven fields of its own; the same three may follow it. Empty fields in between are skipped.
/// Source: AWS CodeBuild User Guide, "Build specification reference", `env/secrets-manager`.
public struct SecretReference: Sendable, Equatable {
    /// A name or an ARN.
    public var secretID: String
    /// Nil means the whole secret.
    public var jsonKey: String?
    public var versionStage: String?
    public var versionID: String?

    public init(_ raw: String) throws(BuildspecError) {
        var fields = raw.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if raw.hasPrefix("arn:") {
            guard fields.count >= 7, fields[2] == "secretsmanager", fields[5] == "secret", !fields[6].isEmpty else {
                throw .invalidSecretReference("the ARN is not one of a secret")
            }
            secretID = fields[..<7].joined(separator: ":")
            fields.removeFirst(7)
        } else {
            secretID = fields.removeFirst()
            guard !secretID.isEmpty else { throw .invalidSecretReference("the secret's name is empty") }
        }
        guard fields.count <= 3 else {
            throw .invalidSecretReference("`\(fields[3])` follows the version id, the last field there is")
        }
        func field(_ index: Int) -> String? {
            fields.count > index && !fields[index].isEmpty ? fields[index] : nil
        }
        jsonKey = field(0)
        versionStage = field(1)
        versionID = field(2)
        if versionStage != nil, versionID != nil {
            throw .invalidSecretReference("it names both a version stage and a version id")
        }
    }
}
