// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// Reads a buildspec as tolerantly as CodeBuild does: it converts a scalar into a list of one, drops nulls, ignores
/// unknown keys everywhere but among the phases, and keeps a scalar's text; it refuses a map or list where text is due.
struct Decoder {
    let source: SourceText
    /// What could be read, even when the whole is rejected.
    private(set) var partial: Buildspec
    let findings: Findings

    init(source: SourceText, findings: Findings) {
        self.source = source
        self.findings = findings
        partial = Buildspec(
            version: .v0_2, environment: Buildspec.Environment(), phases: Buildspec.Phases(), secondaryArtifacts: [],
            reports: [], proxy: Buildspec.Proxy(), unknownKeys: [])
    }

    /// The buildspec, or nil when CodeBuild would reject it.
    mutating func decode(_ document: YAMLDocument) -> Buildspec? {
        guard let root = document.root, !root.isNull else {
            reject(.emptyFile(source))
            return nil
        }
        guard let entries = root.entries else {
            reject(.notABuildspec(root, in: source))
            return nil
        }
        decodeVersion(root)
        for entry in entries {
            switch entry.key.scalar?.text ?? "" {
            case "version": break
            case "run-as": partial.runAs = user(entry)
            case "env": decodeEnvironment(entry)
            case "environment_variables": decodeLegacyEnvironment(entry)
            case "phases": decodePhases(entry)
            case "reports": partial.reports = reports(entry)
            case "artifacts": decodeArtifacts(entry)
            case "cache": partial.cache = cache(entry)
            case "proxy": decodeProxy(entry)
            case "batch":
                findings.isInBatch = true
                partial.batch = batch(entry)
                findings.isInBatch = false
            default: unknown(entry, in: "", known: Self.topLevelKeys)
            }
        }
        if root["phases"] == nil || root["phases"]?.isNull == true, root["batch"] == nil {
            reject(.missingPhases(root, in: source))
        }
        checkClashes()
        return findings.isRejected ? nil : partial
    }

    static let topLevelKeys = [
        "version", "run-as", "env", "phases", "reports", "artifacts", "cache", "proxy", "batch",
        "environment_variables",
    ]

    private mutating func decodeVersion(_ root: Node) {
        guard let node = root["version"], !node.isNull else {
            // A file of only a batch lives without: each task names its own buildspec.
            if root["batch"] != nil, root["phases"] == nil {
                warn(.missingVersionInBatch(root, in: source))
            } else {
                reject(.missingVersion(root, in: source))
            }
            return
        }
        guard let version = node.scalar.flatMap({ Buildspec.Version(rawValue: $0.text) }) else {
            reject(.unsupportedVersion(node, in: source))
            return
        }
        partial.version = version
    }

    private mutating func decodeProxy(_ section: Node.Entry) {
        for entry in map(section, named: "proxy") {
            switch entry.key.scalar?.text ?? "" {
            case "upload-artifacts": partial.proxy.uploadsArtifacts = boolean(entry)
            case "logs": partial.proxy.logs = boolean(entry)
            default: unknown(entry, in: "proxy", known: ["upload-artifacts", "logs"])
            }
        }
    }

    // MARK: Findings

    func reject(_ diagnostic: @autoclosure () -> Diagnostic) {
        findings.reject(diagnostic)
    }

    func warn(_ diagnostic: @autoclosure () -> Diagnostic) {
        findings.warn(diagnostic)
    }

    mutating func unknown(_ entry: Node.Entry, in section: String, known: [String]) {
        let key = text(of: entry.key)
        partial.unknownKeys.append(Buildspec.UnknownKey(section: section, key: key))
        warn(KeyPlaces.diagnostic(for: key, in: section, known: known))
    }

    mutating func update(_ change: (inout Buildspec) -> Void) {
        change(&partial)
    }

    // MARK: Reading nodes

    func span(_ node: Node) -> SourceSpan {
        node.span(in: source.path)
    }

    func text(of node: Node) -> Buildspec.Text {
        Buildspec.Text(node.scalar?.text ?? "", span: span(node))
    }

    /// The entries of a section that must be a map; none when it is empty.
    mutating func map(_ entry: Node.Entry, named name: String) -> [Node.Entry] {
        if let entries = entry.value.entries { return entries }
        if entry.value.isNull {
            warn(.nullValue(name, at: span(entry.key)))
        } else {
            reject(.wrongType(entry.value, in: source, named: name, expected: "a map"))
        }
        return []
    }

    /// A scalar, or nil when it is empty; a list or map in its place is rejected.
    mutating func text(_ entry: Node.Entry) -> Buildspec.Text? {
        let name = entry.key.scalar?.text ?? ""
        guard entry.value.scalar != nil else {
            reject(.wrongType(entry.value, in: source, named: name, expected: "text"))
            return nil
        }
        if entry.value.isNull {
            warn(.nullValue(name, at: span(entry.key)))
            return nil
        }
        return text(of: entry.value)
    }

    /// A list of scalars, or one scalar in its place.
    mutating func texts(_ entry: Node.Entry) -> [Buildspec.Text] {
        let name = entry.key.scalar?.text ?? ""
        switch entry.value.content {
        case .scalar:
            if entry.value.isNull {
                warn(.nullValue(name, at: span(entry.key)))
                return []
            }
            warn(.scalarForList(name, entry.value, in: source))
            return [text(of: entry.value)]
        case .map:
            reject(.wrongType(entry.value, in: source, named: name, expected: "a list"))
            return []
        case .list(let items):
            var result: [Buildspec.Text] = []
            for item in items {
                if item.scalar == nil {
                    reject(.wrongType(item, in: source, named: "an item of `\(name)`", expected: "text"))
                } else if item.isNull {
                    warn(.nullItem(name, at: itemSpan(item, in: entry.value)))
                } else {
                    result.append(text(of: item))
                }
            }
            return result
        }
    }

    /// `yes` or `no`, as YAML 1.1 spells them; other text is taken as `no`.
    mutating func boolean(_ entry: Node.Entry) -> Bool {
        guard let text = text(entry) else { return false }
        if let value = entry.value.scalar?.boolean { return value }
        warn(.notABoolean(entry.key.scalar?.text ?? "", text))
        return false
    }

    /// The span of an empty item: libyaml gives it no width, so its dash is shown where one stands before it.
    func itemSpan(_ item: Node, in list: Node) -> SourceSpan {
        guard item.start == item.end else { return span(item) }
        let before = source.line(item.start.line).unicodeScalars.prefix(max(0, item.start.column - 1))
        if let last = before.lastIndex(of: "-") {
            let column = before.distance(from: before.startIndex, to: last) + 1
            return SourceSpan(
                path: source.path, start: SourcePosition(line: item.start.line, column: column),
                end: SourcePosition(line: item.start.line, column: column + 1))
        }
        return span(item)
    }

    /// A Linux user's name or number.
    mutating func user(_ entry: Node.Entry) -> Buildspec.Text? {
        guard let text = text(entry) else { return nil }
        let isName = text.value.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "_.-\\$".unicodeScalars.contains(scalar))
        }
        guard isName, let first = text.value.first, first != "-", first != "$" else {
            reject(.invalidRunAs(text))
            return nil
        }
        return text
    }
}
