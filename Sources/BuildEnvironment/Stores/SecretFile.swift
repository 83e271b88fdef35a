// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
public import Secrets
public import SystemPackage
internal import YAML

/// A text that maps names of parameters and secrets to values: JSON, YAML, or a `NAME=VALUE` a line.
public enum SecretFile {
    /// Texts above this size are refused: no set of secrets is that large.
    public static let maximumBytes = 4 << 20

    public enum Format: String, Sendable, CaseIterable {
        case dotenv, json, yaml
    }

    public struct Entry: Sendable {
        /// Any text: a name, or a whole reference.
        public var name: String
        /// A map or a list is what a secret of JSON would be. Nil where nothing stands.
        public var value: SecretText?
        public var line: Int
    }

    /// Reads a text.
    /// - Parameters:
    ///   - subject: what the text is, as a sentence begins: "the store `file:x`".
    ///   - format: nil judges by the path's ending, and by the first character where that says nothing.
    /// - Returns: each name once, the last of equal ones. No failure shows a line of the text: it may hold a secret.
    public static func parse(
        _ bytes: [UInt8], path: FilePath, subject: String, format: Format? = nil
    ) -> Result<[Entry], SecretFailure> {
        switch format ?? judged(bytes, path) {
        case .json: parseTree(bytes, path, subject, isJSON: true)
        case .yaml: parseTree(bytes, path, subject, isJSON: false)
        case .dotenv: parseLines(bytes, path, subject)
        }
    }

    private static func judged(_ bytes: [UInt8], _ path: FilePath) -> Format {
        switch path.extension?.lowercased() {
        case "json": .json
        case "yml", "yaml": .yaml
        default: bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{") ? .json : .dotenv
        }
    }

    private static func parseTree(
        _ bytes: [UInt8], _ path: FilePath, _ subject: String, isJSON: Bool
    ) -> Result<[Entry], SecretFailure> {
        let source = SourceText(path: path.displayed, bytes: bytes)
        let document: YAMLDocument
        do throws(YAMLError) {
            document = try isJSON ? YAMLDocument(json: source) : YAMLDocument(source)
        } catch {
            let place = error.diagnostic.span.map { ":\($0.start.line):\($0.start.column)" } ?? ""
            let kind = isJSON ? "JSON" : "YAML"
            return .failure(SecretFailure("\(subject) is not valid \(kind), at `\(path.displayed)\(place)`"))
        }
        guard let root = document.root, !root.isNull else { return .success([]) }
        guard let members = root.entries else {
            return .failure(
                SecretFailure("\(subject) is no map of names to values", hints: ["write `name: value` lines"]))
        }
        return .success(
            unique(
                members.compactMap { member in
                    guard let key = member.key.scalar?.text else { return nil }
                    let text = member.value.scalar?.text ?? SecretSelection.compact(member.value)
                    return Entry(
                        name: key, value: member.value.isNull ? nil : SecretText(text), line: member.key.start.line)
                }))
    }

    private static func unique(_ entries: [Entry]) -> [Entry] {
        var last: [String: Int] = [:]
        for (index, entry) in entries.enumerated() { last[entry.name] = index }
        return entries.indices.compactMap { last[entries[$0].name] == $0 ? entries[$0] : nil }
    }

    private static func parseLines(
        _ bytes: [UInt8], _ path: FilePath, _ subject: String
    ) -> Result<[Entry], SecretFailure> {
        let file = EnvironmentFile.parse(bytes, path: path.displayed, names: .references)
        if let error = file.diagnostics.first(where: { $0.severity == .error }) {
            let place = error.span.map { ", at `\(path.displayed):\($0.start.line):\($0.start.column)`" } ?? ""
            return .failure(SecretFailure("\(subject) cannot be read: \(error.message)\(place)"))
        }
        return .success(
            file.variables.map { Entry(name: $0.name, value: SecretText($0.value), line: $0.span.start.line) })
    }
}
