// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
public import Secrets

/// A variable that a project sets, or that StartBuild overrides.
///
/// Source: `EnvironmentVariable`, AWS CodeBuild API Reference.
public struct ProjectVariable: Sendable, Equatable {
    public var name: String
    /// The value, or where it is kept; a plain value may be secret all the same.
    public var value: VariableValue
    /// Nil for a plain value.
    public var store: SecretRequest.Kind?
    public var span: SourceSpan
    /// For people, where `span` is no place of a file: an option.
    public var place: String?

    public init(name: String, value: VariableValue, store: SecretRequest.Kind?, span: SourceSpan) {
        self.name = name
        self.value = value
        self.store = store
        self.span = span
    }
}
