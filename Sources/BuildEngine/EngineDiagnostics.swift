// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import BuildModel
import Buildspec
import Checkout
import Diagnostics
import Files
public import Sandbox
import SystemPackage

// Every message of the engine.

extension EngineError {
    // MARK: Source

    static func sourceUnavailable(_ path: FilePath, _ error: FilesError) -> EngineError {
        let words = error.underlying?.words ?? "\(error)"
        return EngineError(
            .inputUnavailable, "cannot use the source `\(path.displayed)`: \(words)",
            hints: error.underlying == .notDirectory ? ["a source is a directory or a git URL"] : [],
            context: PhaseContext(statusCode: "CLIENT_ERROR", message: "\(words) for primary source"))
    }

    static func checkoutFailed(_ error: CheckoutError, _ source: SourceRequest) -> EngineError {
        let place = source.identifier.map { "secondary source \($0)" } ?? "primary source"
        // CodeBuild's words are those of go-git.
        let words: String =
            switch error.code {
            case .noSuchVersion: "reference not found"
            case .fetch: error.hints.isEmpty ? "repository not found" : "authentication required"
            default: error.message
            }
        return EngineError(
            error.code == .invalid ? .wrongUse : .inputUnavailable, error.message, hints: error.hints,
            context: PhaseContext(
                statusCode: "CLIENT_ERROR", message: "\(words) for \(place) and source version \(source.version ?? "")")
        )
    }

    static func duplicateSource(_ identifier: String) -> EngineError {
        EngineError(
            .wrongUse, "two secondary sources are named `\(identifier)`",
            context: PhaseContext(statusCode: "CLIENT_ERROR", message: "duplicate source identifier \(identifier)"))
    }

    // MARK: Buildspec

    static let needsCheckout = EngineError(
        .wrongUse, "the buildspec lies in a repository that is not checked out",
        hints: ["check it out, and give its directory"], context: PhaseContext())

    static func buildspecMissing(inside: String, displayed: String, isStandard: Bool) -> EngineError {
        EngineError(
            .wrongUse, "there is no `\(displayed)`",
            hints: isStandard
                ? ["run drydock where your buildspec.yml is, or name it: `drydock run -b FILE`, `drydock run -s DIR`"]
                : ["the path is read from the top of the source, unless it begins with `/`"],
            context: PhaseContext(
                statusCode: "YAML_FILE_ERROR", message: "stat \(inside): no such file or directory"))
    }

    static func buildspecUnreadable(inside: String, displayed: String, _ error: FilesError) -> EngineError {
        let words = error.underlying?.words ?? "not a regular file"
        let reason: String =
            switch error.code {
            case .tooLarge: "it is larger than any buildspec"
            case .notRegular: "it is not a regular file"
            default: words
            }
        return EngineError(
            .wrongUse, "cannot read the buildspec `\(displayed)`: \(reason)",
            context: PhaseContext(statusCode: "YAML_FILE_ERROR", message: "open \(inside): \(words)"))
    }

    static func buildspecRejected(_ diagnostics: [Diagnostic], source: SourceText) -> EngineError {
        let reason = diagnostics.first { $0.severity == .error } ?? diagnostics.first
        // A reference that leads nowhere is a secret that is not to be had; the rest of the file is as it should be.
        let onlySecrets = diagnostics.allSatisfy {
            $0.severity != .error || $0.rule == BuildspecRule.invalidSecretReference.rawValue
        }
        return EngineError(
            onlySecrets ? .inputUnavailable : .wrongUse,
            "the buildspec `\(DisplayText.escaped(source.path))` is not valid",
            context: PhaseContext(
                statusCode: reason?.codeBuild?.statusCode ?? "YAML_FILE_ERROR",
                message: reason?.contextMessage ?? "invalid buildspec"),
            diagnostics: diagnostics, source: source)
    }

    static func shellUnavailable(_ shell: Buildspec.Text, source: SourceText) -> EngineError {
        let diagnostic = Diagnostic(
            rule: "windows-shell", severity: .error, message: "`\(shell.value)` is a shell of Windows",
            span: shell.span,
            hints: ["drydock runs Linux builds; their shells are `sh`, `bash` and full paths"])
        return EngineError(
            .wrongUse, diagnostic.message,
            context: PhaseContext(statusCode: "YAML_FILE_ERROR", message: "unknown shell \(shell.value)"),
            diagnostics: [diagnostic], source: source)
    }

    // MARK: Environment

    static func environment(_ error: EnvironmentError, source: SourceText?) -> EngineError {
        // A finding in an environment file is never drawn with its line, which may hold a secret.
        let isInBuildspec = source != nil && error.diagnostics.allSatisfy { $0.span?.path == source?.path }
        return EngineError(
            error.code == .invalidFlag ? .wrongUse : .inputUnavailable, error.message, hints: error.hints,
            context: PhaseContext(
                statusCode: error.codeBuild?.statusCode ?? "CLIENT_ERROR",
                message: error.codeBuild?.message ?? error.message),
            diagnostics: error.diagnostics, source: isInBuildspec ? source : nil)
    }

    // MARK: Machine

    public init(_ error: SandboxError) {
        let meaning: ExitMeaning =
            switch error.code {
            case .cannotIsolate, .cache, .state: .machineUnable
            case .image, .source: .inputUnavailable
            case .command: .buildFailed
            default: .internalFault
            }
        self.init(
            meaning, error.message, hints: error.hints,
            context: PhaseContext(statusCode: "INTERNAL_SERVICE_ERROR", message: error.message))
    }
}

extension PhaseContext {
    /// What CodeBuild says of a command that failed.
    static func commandFailed(_ command: String, reason: String) -> PhaseContext {
        PhaseContext(
            statusCode: "COMMAND_EXECUTION_ERROR",
            message: "Error while executing command: \(command). Reason: \(reason)")
    }

    /// The blank at the end is CodeBuild's.
    static let timedOut = PhaseContext(statusCode: "BUILD_TIMED_OUT", message: "Build has timed out. ")

    static func unknownUser(_ name: String) -> PhaseContext {
        PhaseContext(statusCode: "COMMAND_EXECUTION_ERROR", message: "user: unknown user \(name)")
    }
}

/// A warning of the engine: a sentence and advice.
public struct Warning: Sendable, Equatable {
    public var message: String
    public var hint: String?
    /// Whether the build is less than was asked for; said even to whoever wants to hear of the result alone.
    public var isGrave: Bool

    public init(message: String, hint: String? = nil, isGrave: Bool = false) {
        self.message = message
        self.hint = hint
        self.isGrave = isGrave
    }

    static func standardNameIsYAML(_ displayed: String) -> Warning {
        Warning(
            message: "`\(displayed)` is used, which CodeBuild does not look for: its default is `buildspec.yml`",
            hint: "rename it, or set the project's buildspec to `buildspec.yaml`")
    }

    static let artifactsNotKept = Warning(
        message: "the artifacts are not kept", hint: "`drydock run --artifacts DIR` writes them to a directory")

    static let noArtifacts = Warning(
        message: "the buildspec names no artifacts, so none are written",
        hint: "list files below `artifacts:` in the buildspec")

    static let onlySecondaryArtifacts = Warning(
        message: "the buildspec names no primary artifact; CodeBuild accepts that only of a project whose primary "
            + "artifact type is `NO_ARTIFACTS`", hint: nil)

    static let reportsNotCollected = Warning(message: "`reports` are read but not collected", hint: nil)

    static func patternMalformed(_ pattern: String, reason: String) -> Warning {
        Warning(message: "`on-failure` never retries: in `\(pattern)` \(reason)", hint: nil)
    }

    static func notExported(_ name: String) -> Warning {
        Warning(message: "`\(name)` is not exported: CodeBuild exports no variable whose name begins with `AWS_`")
    }

    static func memoryUsedUp(limit: Int?) -> Warning {
        Warning(
            message: "something that this command started was killed because the memory was used up",
            hint: limit.map { "the limit is \(FailureHints.size($0)); `--memory` or `--compute` raises it" })
    }

    static let answersMissing = Warning(
        message: "the shell did not answer at the end of the build: exported variables and names in `artifacts` are "
            + "not evaluated")

    static let runtimesNotInstalled = Warning(
        message: "the commands of the image's runtimes.yml are not run: the build has the image's default runtimes",
        hint: nil)

    static func leftover(_ words: String) -> Warning {
        Warning(message: "something of the build is left over: \(words)", hint: "the next run removes it")
    }
}
