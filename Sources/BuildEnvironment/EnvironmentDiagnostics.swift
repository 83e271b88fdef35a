// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
internal import Processes
internal import Secrets

/// Why the environment of a build cannot be made. No message ever holds a value.
public struct EnvironmentError: Error, Sendable, CustomStringConvertible {
    public var code: Code
    public var message: String
    public var hints: [String]
    /// The findings one by one, with their places, where there are several.
    public var diagnostics: [Diagnostic]
    /// What CodeBuild reports in the context of DOWNLOAD_SOURCE; nil for what only drydock knows.
    public var codeBuild: CodeBuildVerdict?

    public var description: String { message }

    /// What went wrong. A wrong flag is wrong use; everything else means that something could not be had.
    public struct Code: Sendable, Hashable {
        private enum Kind { case unreadableFile, invalidFile, invalidFlag, valueTooLarge, unresolved }
        private var kind: Kind

        public static let unreadableFile = Code(kind: .unreadableFile)
        public static let invalidFile = Code(kind: .invalidFile)
        public static let invalidFlag = Code(kind: .invalidFlag)
        public static let valueTooLarge = Code(kind: .valueTooLarge)
        public static let unresolved = Code(kind: .unresolved)
    }

    private init(
        _ code: Code, _ message: String, hints: [String] = [], diagnostics: [Diagnostic] = [],
        codeBuild: CodeBuildVerdict? = nil
    ) {
        self.code = code
        self.message = message
        self.hints = hints
        self.diagnostics = diagnostics
        self.codeBuild = codeBuild
    }
}

// MARK: Errors

extension EnvironmentError {
    static func cannotRead(_ path: String, _ reason: String) -> EnvironmentError {
        EnvironmentError(.unreadableFile, "cannot read the environment file `\(DisplayText.escaped(path))`: \(reason)")
    }

    static func notRegular(_ path: String) -> EnvironmentError {
        EnvironmentError(
            .unreadableFile, "cannot read the environment file `\(DisplayText.escaped(path))`: not a regular file",
            hints: ["write the variables to a file, or pass them one by one with `-e NAME`"])
    }

    static func fileTooLarge(_ path: String, limit: Int) -> EnvironmentError {
        EnvironmentError(
            .unreadableFile,
            "cannot read the environment file `\(DisplayText.escaped(path))`: larger than \(limit >> 20) MiB")
    }

    static func invalidFile(_ path: String, _ diagnostics: [Diagnostic]) -> EnvironmentError {
        let errors = diagnostics.filter { $0.severity == .error }
        let count = errors.count == 1 ? "1 error" : "\(errors.count) errors"
        return EnvironmentError(
            .invalidFile, "the environment file `\(DisplayText.escaped(path))` has \(count)", diagnostics: diagnostics)
    }

    static func flagWithoutName(_ option: String) -> EnvironmentError {
        EnvironmentError(.invalidFlag, "expected a name before `=` in `\(option)`")
    }

    static func flagWithInvalidName(_ option: String) -> EnvironmentError {
        EnvironmentError(
            .invalidFlag, "the name in `\(option)` holds other characters than letters, digits, `_`, `.` and `-`",
            hints: ["write it as `\(option) NAME=VALUE`"])
    }

    static func flagNotSet(_ name: String, _ option: String) -> EnvironmentError {
        EnvironmentError(
            .invalidFlag, "`\(option) \(name)` takes the value from your environment, where it is not set",
            hints: ["set it, or write `\(option) \(name)=VALUE`"])
    }

    static func flagWithNUL(_ name: String, _ option: String) -> EnvironmentError {
        EnvironmentError(.invalidFlag, "the value of `\(name)` in `\(option)` holds a NUL, which no variable can")
    }

    static func valueTooLarge(_ name: String, size: Int, span: SourceSpan?) -> EnvironmentError {
        let diagnostic = Diagnostic.valueTooLarge(name, size: size, span: span)
        return EnvironmentError(
            .valueTooLarge, diagnostic.message, hints: diagnostic.hints, diagnostics: span == nil ? [] : [diagnostic])
    }

    static func environmentTooLarge(size: Int, largest name: String) -> EnvironmentError {
        EnvironmentError(
            .valueTooLarge,
            "the environment is \(size) bytes and a program can be given \(EnvironmentLimits.total); "
                + "the largest variable is `\(name)`",
            hints: ["pass large values as files of the source"])
    }

    static func unresolved(_ diagnostics: [Diagnostic]) -> EnvironmentError {
        let first = diagnostics.first
        let others = diagnostics.count > 1 ? " (and \(diagnostics.count - 1) more)" : ""
        return EnvironmentError(
            .unresolved, (first?.message ?? "a variable has no value") + others, hints: first?.hints ?? [],
            diagnostics: diagnostics, codeBuild: first?.codeBuild)
    }
}

// MARK: Findings

extension Diagnostic {
    static func expectedAssignment(_ span: SourceSpan, isLiteral: Bool) -> Diagnostic {
        // The line is not quoted: it may be a piece of a secret that lost its quotes.
        Diagnostic(
            rule: "environment-line", severity: .error, message: "expected `NAME=VALUE`", span: span,
            hints: [
                isLiteral
                    ? "in this format a variable has one line; `--env-file-format dotenv` and `--secret NAME` take more"
                    : "a value of several lines stands between double quotes"
            ])
    }

    static func missingName(_ span: SourceSpan) -> Diagnostic {
        Diagnostic(rule: "environment-name", severity: .error, message: "expected a name before `=`", span: span)
    }

    static func invalidName(_ span: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: "environment-name", severity: .error,
            message: "a name holds only letters, digits, `_`, `.` and `-`", span: span)
    }

    static func oddName(_ name: String, _ span: SourceSpan?) -> Diagnostic {
        Diagnostic(
            rule: "environment-odd-name", severity: .warning,
            message: "no shell can read a variable named `\(DisplayText.escaped(name))`", span: span,
            hints: ["shell variables are letters, digits and `_`, and begin with no digit"])
    }

    static func unterminatedQuote(_ quote: Character, _ span: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: "environment-quote", severity: .error, message: "this \(quote) is not closed", span: span,
            hints: quote == "'" ? ["a value of several lines stands between double quotes"] : [])
    }

    static func textAfterQuote(_ span: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: "environment-quote", severity: .error, message: "unexpected text after the closing quote", span: span)
    }

    static func holdsNUL(_ span: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: "environment-bytes", severity: .error, message: "a NUL, which no variable can hold", span: span)
    }

    static func notUTF8(_ span: SourceSpan) -> Diagnostic {
        Diagnostic(rule: "environment-bytes", severity: .error, message: "the value is not UTF-8", span: span)
    }

    static func setAgain(_ name: String, _ span: SourceSpan, first: SourceSpan) -> Diagnostic {
        Diagnostic(
            rule: "environment-duplicate", severity: .warning, message: "`\(name)` is set again; the last value counts",
            span: span, related: [Related(message: "first set here", span: first)])
    }

    static func valueTooLarge(_ name: String, size: Int, span: SourceSpan?) -> Diagnostic {
        Diagnostic(
            rule: "environment-value-too-large", severity: .error,
            message: "the value of `\(name)` is \(size) bytes, and Linux passes at most \(EnvironmentLimits.single) "
                + "bytes of name and value to a program", span: span,
            hints: ["pass it as a file of the source"])
    }

    static func reservedName(_ name: String, _ span: SourceSpan?, origin: String) -> Diagnostic {
        Diagnostic(
            rule: "reserved-variable", severity: .warning,
            message: "`\(name)` from \(origin) is not used: CodeBuild sets it itself", span: span)
    }

    static func definedTwice(
        _ name: String, _ span: SourceSpan, section: String, winner: SourceSpan, winnerSection: String
    ) -> Diagnostic {
        Diagnostic(
            rule: "variable-in-two-sections", severity: .warning,
            message:
                "`\(name)` stands in `\(section)` and in `\(winnerSection)`; the value of `\(winnerSection)` counts",
            span: span, related: [Related(message: "the value that counts", span: winner)])
    }

    static func storeFailed(_ request: SecretRequest, _ failure: SecretFailure) -> Diagnostic {
        Diagnostic(
            rule: "unresolved-variable", severity: .error,
            message: "`\(request.variable)` comes from \(request.kind.rawValue) "
                + "`\(DisplayText.escaped(request.reference))`: \(failure.message)",
            span: request.span, hints: failure.hints,
            codeBuild: failure.codeBuild ?? CodeBuildVerdict(statusCode: request.kind.statusCode))
    }

    static func malformed(_ request: SecretRequest, _ reason: String) -> Diagnostic {
        let isParameter = request.kind == .parameter
        return Diagnostic(
            rule: "unresolved-variable", severity: .error,
            message: "`\(request.variable)` comes from \(request.kind.rawValue) "
                + "`\(DisplayText.escaped(request.reference))`, which is no reference: \(reason)",
            span: request.span,
            hints: [
                isParameter
                    ? "write `name`, or `name:version` or `name:label`"
                    : "write `secret-id:json-key:version-stage:version-id`, all but the first as needed"
            ],
            codeBuild: CodeBuildVerdict(statusCode: request.kind.statusCode))
    }

    /// - Parameter asked: the stores that do not know it, in their order.
    static func unresolved(_ request: SecretRequest, asked: [String]) -> Diagnostic {
        let verdict = CodeBuildVerdict(
            statusCode: request.kind.statusCode,
            message: request.kind == .parameter
                ? "parameter does not exist: \(request.reference)"
                : "ResourceNotFoundException: Secrets Manager can't find the specified secret.")
        let reason =
            asked.isEmpty
            ? "no value is set locally, and no store is asked"
            : "no value is set locally, and not known to \(asked.joined(separator: ", "))"
        return Diagnostic(
            rule: "unresolved-variable", severity: .error,
            message: "`\(request.variable)` comes from \(request.kind.rawValue) "
                + "`\(DisplayText.escaped(request.reference))`: \(reason)",
            span: request.span,
            hints: [
                "give it for this run with `--secret \(request.variable)` from your environment, or in a file for "
                    + "`--env-file FILE`",
                request.plainName.map {
                    "keep it with `drydock secrets set \(ShellWord.typed($0))`, or name the store that has it with "
                        + "`--secrets`"
                } ?? "it names a version, which only the store `aws` has, and a file under the whole reference",
            ], codeBuild: verdict)
    }

    static func unmaskable(_ name: String) -> Diagnostic {
        Diagnostic(
            rule: "unmaskable-secret", severity: .warning,
            message: "the value of `\(name)` is blank or shorter than 3 bytes and is not masked in the log")
    }
}

/// What the kernel passes on to a program: execve(2), "Limits on size of arguments and environment".
enum EnvironmentLimits {
    /// `MAX_ARG_STRLEN`: name, `=`, value and the final NUL.
    static let single = 131_072
    /// A quarter of the usual 8 MiB stack, less room for the arguments.
    static let total = 2_097_152 - 262_144

    /// The bytes that a variable takes.
    static func size(_ name: String, _ value: VariableValue) -> Int { name.utf8.count + value.count + 2 }
}
