// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The rules of this module, by the names that findings carry; `docs/lint-rules.md` explains each.
public enum BuildspecRule: String, Sendable, CaseIterable {
    // What cannot run. CodeBuild rejects these, unless the page says otherwise.
    case fileMissing = "file-missing"
    case fileUnreadable = "file-unreadable"
    case notABuildspec = "not-a-buildspec"
    case missingVersion = "missing-version"
    case unsupportedVersion = "unsupported-version"
    case missingPhases = "missing-phases"
    case unknownPhase = "unknown-phase"
    case wrongType = "wrong-type"
    case commandIsAMap = "command-is-a-map"
    case invalidOnFailure = "invalid-on-failure"
    case invalidRunAs = "invalid-run-as"
    case unknownShell = "unknown-shell"
    case invalidVariableName = "invalid-variable-name"
    case invalidSecretReference = "invalid-secret-reference"
    case invalidBatch = "invalid-batch"
    case invalidBatchIdentifier = "invalid-batch-identifier"
    case unknownDependency = "unknown-dependency"
    case dependencyCycle = "dependency-cycle"

    // What CodeBuild tolerates.
    case unknownKey = "unknown-key"
    case misplacedKey = "misplaced-key"
    case legacyKey = "legacy-key"
    case phaseNameCase = "phase-name-case"
    case scalarForList = "scalar-for-list"
    case nullItem = "null-item"
    case nullValue = "null-value"
    case notABoolean = "not-a-boolean"
    case unknownValue = "unknown-value"

    // What is accepted and surely not meant.
    case bashSyntaxInSh = "bash-syntax-in-sh"
    case cachePathAtRoot = "cache-path-at-root"
    case commandSplitOverItems = "command-split-over-items"
    case commentCutsCommand = "comment-cuts-command"
    case ignoredKey = "ignored-key"
    case invisibleCharacter = "invisible-character"
    case lostState = "lost-state"
    case missingFiles = "missing-files"
    case needsPrivilegedMode = "needs-privileged-mode"
    case notExportable = "not-exportable"
    case patternNeverMatches = "pattern-never-matches"
    case placeholderCommand = "placeholder-command"
    case powershellSyntax = "powershell-syntax"
    case quotedVersionInBatch = "quoted-version-in-batch"
    case reportPatternTooWide = "report-pattern-too-wide"
    case reservedVariable = "reserved-variable"
    case secretInPlaintext = "secret-in-plaintext"
    case typographicQuote = "typographic-quote"
    case unknownRuntime = "unknown-runtime"
    case variableNotExpanded = "variable-not-expanded"
    case variableSetTwice = "variable-set-twice"
}
