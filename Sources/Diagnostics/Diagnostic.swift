// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// One finding about a user's file: what is wrong, where, how sure, and what to do about it.
public struct Diagnostic: Sendable, Equatable {
    /// The stable kebab-case name of the rule that found it, as `docs/lint-rules.md` lists it.
    public var rule: String
    public var severity: Severity
    /// One lower-case sentence without a final period; the user's words stand in backticks.
    public var message: String
    /// The place, or nil when no place in a file can be named.
    public var span: SourceSpan?
    /// The file that it speaks of as a whole, where no place in it can be named.
    public var file: String?
    /// Advice, one sentence each.
    public var hints: [String]
    /// Other places that belong to the finding, such as the first of two equal keys.
    public var related: [Related]
    /// What CodeBuild says to the same input; only errors have it.
    public var codeBuild: CodeBuildVerdict?

    public init(
        rule: String, severity: Severity, message: String, span: SourceSpan? = nil, hints: [String] = [],
        related: [Related] = [], codeBuild: CodeBuildVerdict? = nil
    ) {
        self.rule = rule
        self.severity = severity
        self.message = message
        self.span = span
        self.hints = hints
        self.related = related
        self.codeBuild = codeBuild
    }

    /// The path of the file that it speaks of, if there is one.
    public var path: String? { span?.path ?? file }

    /// The message for a phase's context: CodeBuild's own text where it is known, else ours.
    public var contextMessage: String {
        codeBuild?.message ?? message
    }

    /// Another place that belongs to a finding.
    public struct Related: Sendable, Equatable {
        public var message: String
        public var span: SourceSpan

        public init(message: String, span: SourceSpan) {
            self.message = message
            self.span = span
        }
    }
}

/// How bad a finding is.
public enum Severity: String, Sendable, Comparable, CaseIterable {
    /// CodeBuild rejects it, or nothing could run it.
    case error
    /// CodeBuild tolerates it, but it is surely not what was meant.
    case warning
    /// Worth knowing.
    case note

    private var rank: Int {
        switch self {
        case .error: 0
        case .warning: 1
        case .note: 2
        }
    }

    /// The worse comes first.
    public static func < (left: Severity, right: Severity) -> Bool {
        left.rank < right.rank
    }
}

/// What CodeBuild reports for an input that it rejects, in the context of the phase that fails.
public struct CodeBuildVerdict: Sendable, Equatable {
    /// Such as `YAML_FILE_ERROR`.
    public var statusCode: String
    /// The message word for word, or nil where CodeBuild's wording is not known.
    public var message: String?

    public init(statusCode: String, message: String? = nil) {
        self.statusCode = statusCode
        self.message = message
    }
}

extension Diagnostic {
    /// The same, of a file that CodeBuild never reads.
    public var withoutVerdict: Diagnostic {
        var diagnostic = self
        diagnostic.codeBuild = nil
        return diagnostic
    }
}
