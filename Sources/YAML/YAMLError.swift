// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Why a text is not a YAML document that can be used.
public struct YAMLError: Error, Sendable, Equatable {
    /// The finding to show; it names the rule, the place and CodeBuild's verdict.
    public var diagnostic: Diagnostic
    /// Whether the fault is this program's and not the text's.
    public var isFault = false

    init(_ diagnostic: Diagnostic, isFault: Bool = false) {
        self.diagnostic = diagnostic
        self.isFault = isFault
    }
}

/// The rules of this module, by the names that findings carry.
public enum YAMLRule: String, Sendable, CaseIterable {
    case syntax = "yaml-syntax"
    case tabIndentation = "tab-indentation"
    case testBecameList = "test-became-a-list"
    case invalidUTF8 = "invalid-utf-8"
    case controlCharacter = "control-character"
    case nulCharacter = "nul-character"
    case fileTooLarge = "file-too-large"
    case nestingTooDeep = "nesting-too-deep"
    case aliasExpansion = "alias-expansion"
    case aliasCycle = "alias-cycle"
    case undefinedAlias = "undefined-alias"
    case keyNotText = "key-not-text"
    case duplicateKey = "duplicate-key"
    case unknownTag = "unknown-tag"
    case multipleDocuments = "multiple-documents"
}

/// The rule of texts that are read as JSON; a buildspec is never one.
public enum JSONRule {
    public static let syntax = "json-syntax"
}

/// How much a document may ask of its reader.
public struct YAMLLimits: Sendable, Equatable {
    /// Bytes of the text.
    public var bytes = 1 << 20
    /// Levels of lists and maps inside each other.
    public var nesting = 64
    /// Nodes that aliases may add.
    public var aliasNodes = 100_000

    public init() {}
}

/// A document: its tree, and what is odd about it though it can be used.
public struct YAMLDocument: Sendable, Equatable {
    /// Nil when the text holds no document, only blanks and comments.
    public var root: Node?
    /// Warnings, in file order.
    public var diagnostics: [Diagnostic]

    /// Reads the first document of a text.
    ///
    /// Works in time and memory proportional to the text, whatever it holds: the limits end the reading.
    ///
    /// - Parameter keepsLocalTags: whether `!name` before a value stays with its node instead of being warned of.
    public init(
        _ source: SourceText, limits: YAMLLimits = YAMLLimits(), keepsLocalTags: Bool = false
    ) throws(YAMLError) {
        try Preflight.check(source, limits: limits)
        var composer = Composer(source: source, limits: limits, keepsLocalTags: keepsLocalTags)
        root = try composer.compose()
        diagnostics = composer.diagnostics
    }

    /// Reads a text as JSON (RFC 8259), into the same tree.
    ///
    /// A reader of its own, because JSON is not quite YAML 1.1: libyaml knows no surrogate pairs (`\ud83d\ude00`), and
    /// speaks of mistakes in words that fit no JSON.
    public init(json source: SourceText, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) {
        try Preflight.check(source, limits: limits)
        var reader = JSONReader(source: source, limits: limits)
        root = try reader.read()
        diagnostics = reader.diagnostics
    }
}
