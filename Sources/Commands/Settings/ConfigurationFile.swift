// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import SystemPackage
internal import YAML

/// A file of defaults for options: the user's own, or one that lies in a checkout and may come from anyone.
struct ConfigurationFile {
    private static let maximumBytes = 64 << 10

    /// `$XDG_CONFIG_HOME/drydock/config.yml`, by default below `~/.config` (XDG Base Directory Specification).
    static func user() throws -> SettingLayer? {
        let directory: FilePath
        if let configuration = Caller.variable("XDG_CONFIG_HOME"), configuration.hasPrefix("/") {
            directory = FilePath(configuration)
        } else if let home = Caller.variable("HOME"), home.hasPrefix("/") {
            directory = FilePath(home).appending(".config")
        } else {
            return nil
        }
        return try read(directory.appending("drydock/config.yml"), checkout: nil)
    }

    /// `drydock.yml` of a source directory.
    static func checkout(_ directory: FilePath) throws -> SettingLayer? {
        try read(directory == "." ? "drydock.yml" : directory.appending("drydock.yml"), checkout: directory)
    }

    private static func read(_ path: FilePath, checkout: FilePath?) throws -> SettingLayer? {
        let bytes: [UInt8]
        do throws(FilesError) {
            bytes = try FileContents.read(path, limit: maximumBytes)
        } catch {
            switch error.underlying {
            case .noSuchFileOrDirectory?, .notDirectory?: return nil
            // A home that is another user's, as after su, has nothing to say.
            case .permissionDenied? where checkout == nil: return nil
            default: throw CommandFailure.cannotRead(error)
            }
        }
        let source = SourceText(path: path.displayed, bytes: bytes)
        let document: YAMLDocument
        do throws(YAMLError) { document = try YAMLDocument(source) } catch {
            throw CommandFailure.configuration([error.diagnostic.withoutVerdict], in: source)
        }
        var reader = ConfigurationReader(source: source, checkout: checkout)
        reader.read(document)
        if reader.findings.contains(where: { $0.severity == .error }) {
            throw CommandFailure.configuration(reader.findings, in: source)
        }
        return reader.layer
    }
}

/// Checks a file's keys and values against the options of `drydock run`.
private struct ConfigurationReader {
    let source: SourceText
    let checkout: FilePath?
    private(set) var layer = SettingLayer()
    private(set) var findings: [Diagnostic] = []

    init(source: SourceText, checkout: FilePath?) {
        self.source = source
        self.checkout = checkout
        layer.text = source
    }

    mutating func read(_ document: YAMLDocument) {
        findings = document.diagnostics.map(\.withoutVerdict).map { finding in
            var finding = finding
            // Of equal keys one would be lost without a word.
            if finding.rule == YAMLRule.duplicateKey.rawValue {
                finding.severity = .error
                finding.message = finding.message.split(separator: ";").first.map(String.init) ?? finding.message
                finding.related = finding.related.map { Diagnostic.Related(message: "first here", span: $0.span) }
            }
            return finding
        }
        guard let root = document.root, !root.isNull else { return }
        guard let entries = root.entries else {
            findings.append(.notAMapOfSettings(at: root.span(in: source.path)))
            return
        }
        for entry in entries { read(entry) }
    }

    private mutating func read(_ entry: Node.Entry) {
        let key = entry.key.scalar?.text ?? ""
        let span = entry.key.span(in: source.path)
        guard let option = SettingKeys.options.first(where: { $0.name == key }) else {
            findings.append(.unknownSetting(key, at: span))
            return
        }
        if entry.value.isNull { return }
        var values: [String] = []
        for (text, place) in self.values(of: entry.value, for: option) {
            let word = Arguments.encode(Array(text.utf8))
            if let problem = SettingKeys.problem(option, word) {
                // A variable's value may be a secret.
                findings.append(.wrongSetting(key, SettingKeys.isMap(option) ? nil : text, problem, at: place))
            } else if let checkout {
                switch CheckoutTrust(directory: checkout).judge(option.name, word) {
                case .allowed(let word): values.append(word)
                case .refused(let reason): findings.append(.refusedSetting(key, reason, at: place))
                }
            } else {
                values.append(word)
            }
        }
        if values.isEmpty { return }
        layer.entries[option.name] = .init(values: values, origin: checkout == nil ? .user(span) : .checkout(span))
    }

    /// The words that a value stands for, as they would be given on the command line.
    private mutating func values(of node: Node, for option: OptionSpecification) -> [(String, SourceSpan)] {
        func span(_ node: Node) -> SourceSpan { node.span(in: source.path) }
        switch node.content {
        case .scalar(let scalar):
            guard !option.takesValue else { return [(scalar.text, span(node))] }
            guard let value = scalar.boolean else {
                findings.append(.wrongSetting(option.name, scalar.text, "`true` or `false`", at: span(node)))
                return []
            }
            return [(value ? "true" : "false", span(node))]
        case .list(let items):
            guard option.isRepeatable else { break }
            var values: [(String, SourceSpan)] = []
            for item in items {
                guard let scalar = item.scalar, !item.isNull else {
                    findings.append(.wrongSetting(option.name, nil, "text in its list", at: span(item)))
                    continue
                }
                values.append((scalar.text, span(item)))
            }
            return values
        case .map(let entries):
            guard SettingKeys.isMap(option) else { break }
            var values: [(String, SourceSpan)] = []
            for entry in entries {
                guard let name = entry.key.scalar?.text, let value = entry.value.scalar else {
                    findings.append(.wrongSetting(option.name, nil, "names with text", at: span(entry.value)))
                    continue
                }
                values.append(("\(name)=\(entry.value.isNull ? "" : value.text)", span(entry.key)))
            }
            return values
        }
        findings.append(.wrongSetting(option.name, nil, SettingKeys.expected(option), at: span(node)))
        return []
    }
}
