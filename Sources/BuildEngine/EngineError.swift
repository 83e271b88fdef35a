// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Diagnostics

/// Why a build cannot be planned, in CodeBuild's words and in ours.
public struct EngineError: Error, Sendable {
    /// What drydock's exit code is to say.
    public var meaning: ExitMeaning
    /// One sentence of ours.
    public var message: String
    public var hints: [String]
    /// What CodeBuild reports for the phase that this ends.
    public var context: PhaseContext
    /// Findings in the user's files; the first error is the reason.
    public var diagnostics: [Diagnostic]
    /// The text that `diagnostics` speak of, for drawing; nil where it must not be shown (a file of secrets).
    public var source: SourceText?
    /// What was logged on the way, in order.
    public var notices: [String] = []

    init(
        _ meaning: ExitMeaning, _ message: String, hints: [String] = [], context: PhaseContext,
        diagnostics: [Diagnostic] = [], source: SourceText? = nil
    ) {
        self.meaning = meaning
        self.message = message
        self.hints = hints
        self.context = context
        self.diagnostics = diagnostics
        self.source = source
    }
}

extension EngineError: CustomStringConvertible {
    public var description: String { message }
}
