// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Where the words of a recipe stand in its text. It has no part in what the recipe is.
public struct RecipePlaces: Sendable, Equatable {
    public var suite: SourceSpan?
    /// In the recipe's order, as the other two.
    public var packages: [SourceSpan] = []
    public var users: [SourceSpan] = []
    public var commands: [SourceSpan] = []

    public init() {}
}
