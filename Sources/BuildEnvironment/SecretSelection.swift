// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
public import Secrets
import YAML

/// Takes the value of a `json-key` out of a secret.
///
/// Text is taken as it is, numbers and words as they are written, anything larger as JSON without blanks. CodeBuild does not
/// say what it makes of those. No message quotes the secret, not even where it is no JSON.
public enum SecretSelection {
    /// - Parameter provider: who gave the secret, for messages.
    public static func value(
        of key: String, in secret: SecretText, from provider: String
    ) -> Result<SecretText, SecretFailure> {
        let source = SourceText(path: "secret", text: secret.exposed())
        guard let document = try? YAMLDocument(json: source), let root = document.root, root.entries != nil else {
            return .failure(
                SecretFailure(
                    "the secret that \(provider) gives is no JSON object, so it has no key `\(DisplayText.escaped(key))`",
                    hints: ["leave the key away to get the whole secret"], codeBuild: .noJSONKey(key)))
        }
        guard let node = root[key] else {
            // Names of keys are not secret; whoever misspelt one wants to see them.
            let known = (root.entries ?? []).compactMap { $0.key.scalar?.text }
            return .failure(
                SecretFailure(
                    "the secret that \(provider) gives has no key `\(DisplayText.escaped(key))`",
                    hints: Suggestion.nearest(to: key, among: known).map {
                        ["did you mean `\(DisplayText.escaped($0))`?"]
                    } ?? [],
                    codeBuild: .noJSONKey(key)))
        }
        if let scalar = node.scalar { return .success(SecretText(scalar.text)) }
        return .success(SecretText(compact(node)))
    }

    /// As JSON without blanks.
    static func compact(_ node: Node) -> String {
        if let entries = node.entries {
            let members = entries.map { "\(quoted($0.key.scalar?.text ?? "")):\(compact($0.value))" }
            return "{\(members.joined(separator: ","))}"
        }
        if let items = node.items { return "[\(items.map(compact).joined(separator: ","))]" }
        guard let scalar = node.scalar else { return "null" }
        if scalar.isNull { return "null" }
        return scalar.style == .plain && isWord(scalar.text) ? scalar.text : quoted(scalar.text)
    }

    /// Whether JSON writes it without quotes. Text that a YAML file leaves unquoted is text all the same.
    private static func isWord(_ text: String) -> Bool {
        if text == "true" || text == "false" { return true }
        return text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil
    }

    /// RFC 8259, section 7.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension CodeBuildVerdict {
    fileprivate static func noJSONKey(_ key: String) -> CodeBuildVerdict {
        CodeBuildVerdict(
            statusCode: "Secrets Manager Error", message: "secret value does not contain the key \(key)")
    }
}
