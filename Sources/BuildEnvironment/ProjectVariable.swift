// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
public import Secrets

/// A variable that a project sets, or that StartBuild overrides.
///
/// Source: `EnvironmentVariable`, AWS CodeBuild API Reference.
public struct ProjectVariable: Sendable, Equatable {
    public var name: String
    /// The value, or where it is kept.
    public var value: String
    /// Nil for a plain value.
    public var store: SecretRequest.Kind?
    /// Whether a plain value is masked all the same.
    public var isSecret: Bool
    public var span: SourceSpan
    /// For people, where `span` is no place of a file: an option.
    public var place: String?

    public init(name: String, value: String, store: SecretRequest.Kind?, isSecret: Bool = false, span: SourceSpan) {
        self.name = name
        self.value = value
        self.store = store
        self.isSecret = isSecret
        self.span = span
    }
}
