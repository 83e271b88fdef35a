// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Why a project cannot be had from a file or from options.
public struct ProjectsError: Error, Sendable, Equatable {
    public var code: Code
    /// One sentence; `diagnostics` say more where they are not empty.
    public var message: String
    public var hints: [String]
    /// What is wrong in the file, with places; warnings may stand among errors.
    public var diagnostics: [Diagnostic]
    /// The texts that the findings speak of.
    public var sources: [SourceText]

    /// What kind of failure it is.
    public enum Code: Sendable, Equatable {
        /// The file is not there, or cannot be read.
        case unreadable
        /// The text is no project, or not a right one.
        case invalid
        /// The file holds no project of that name, or several and none was named.
        case selection
        /// A word of the command line.
        case option
    }

    init(
        _ code: Code, _ message: String, hints: [String] = [], diagnostics: [Diagnostic] = [],
        sources: [SourceText] = []
    ) {
        self.code = code
        self.message = message
        self.hints = hints
        self.diagnostics = diagnostics
        self.sources = sources
    }
}
