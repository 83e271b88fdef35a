// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// `{{resolve:SERVICE:REFERENCE}}`, which CloudFormation replaces by a stored value when a stack is deployed.
///
/// Source: "Get values stored in other services using dynamic references", AWS CloudFormation User Guide.
struct DynamicReference {
    private static let start = "{{resolve:"

    var kind: ProjectDefinition.Variable.Kind
    /// As a variable of that kind names it.
    var reference: String

    static func occurs(in text: String) -> Bool { text.contains(start) }

    /// Nil where the text is not one reference and nothing else, or one that no variable can name.
    init?(_ text: String) {
        guard text.hasPrefix(Self.start), text.hasSuffix("}}") else { return nil }
        let inner = text.dropFirst(Self.start.count).dropLast(2)
        guard !inner.contains("{"), !inner.contains("}"), let colon = inner.firstIndex(of: ":") else { return nil }
        let rest = inner[inner.index(after: colon)...]
        switch inner[..<colon] {
        case "ssm", "ssm-secure":
            guard !rest.isEmpty else { return nil }
            kind = .parameterStore
            reference = String(rest)
        case "secretsmanager":
            // secret-id:SecretString:json-key:version-stage:version-id; an ARN is seven fields.
            var fields = rest.split(separator: ":", omittingEmptySubsequences: false)
            let count = rest.hasPrefix("arn:") ? 7 : 1
            guard fields.count >= count else { return nil }
            let secret = fields[..<count].joined(separator: ":")
            fields.removeFirst(count)
            guard !secret.isEmpty, fields.isEmpty || fields.removeFirst() == "SecretString" else { return nil }
            kind = .secretsManager
            reference = ([secret] + fields.map(String.init)).joined(separator: ":")
            while reference.hasSuffix(":") { reference.removeLast() }
        default: return nil
        }
    }
}
