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
