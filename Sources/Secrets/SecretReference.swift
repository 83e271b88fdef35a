// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Where a secret is kept: `secret-id[:json-key[:version-stage[:version-id]]]`.
///
/// A secret's ARN has seven fields of its own; the same three may follow it. Empty fields in between are skipped.
/// Source: AWS CodeBuild User Guide, "Build specification reference", `env/secrets-manager`.
public struct SecretReference: Sendable, Equatable {
    /// A name or an ARN.
    public var secretID: String
    /// Nil means the whole secret.
    public var jsonKey: String?
    public var versionStage: String?
    public var versionID: String?

    public init(_ raw: String) throws(SecretsError) {
        var fields = raw.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if raw.hasPrefix("arn:") {
            guard fields.count >= 7, fields[2] == "secretsmanager", fields[5] == "secret", !fields[6].isEmpty else {
                throw .invalidReference("the ARN is not one of a secret")
            }
            secretID = fields[..<7].joined(separator: ":")
            fields.removeFirst(7)
        } else {
            secretID = fields.removeFirst()
            guard !secretID.isEmpty else { throw .invalidReference("the secret's name is empty") }
        }
        guard fields.count <= 3 else {
            throw .invalidReference("`\(fields[3])` follows the version id, the last field there is")
        }
        func field(_ index: Int) -> String? {
            fields.count > index && !fields[index].isEmpty ? fields[index] : nil
        }
        jsonKey = field(0)
        versionStage = field(1)
        versionID = field(2)
        if versionStage != nil, versionID != nil {
            throw .invalidReference("it names both a version stage and a version id")
        }
    }

    /// Whether it asks for the version that is current, which is all that most stores have.
    public var asksForCurrent: Bool { versionID == nil && (versionStage ?? "AWSCURRENT") == "AWSCURRENT" }
}

/// A parameter of Parameter Store: `name[:selector]`, where the selector is a version's number or a label; or an ARN, which
/// may end in one too.
///
/// Source: AWS Systems Manager API Reference, `GetParameters`, `Names`.
public struct ParameterReference: Sendable, Equatable {
    /// Without the selector.
    public var name: String
    /// A number, or a label.
    public var selector: String?

    public init(_ raw: String) throws(SecretsError) {
        let fields = raw.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let own = raw.hasPrefix("arn:") ? 6 : 1
        if own == 6 {
            guard fields.count >= 6, fields[2] == "ssm", fields[5].hasPrefix("parameter/"), fields[5] != "parameter/"
            else { throw .invalidReference("the ARN is not one of a parameter") }
        }
        name = fields[..<own].joined(separator: ":")
        guard !name.isEmpty else { throw .invalidReference("the parameter's name is empty") }
        guard fields.count <= own + 1 else {
            throw .invalidReference("`\(fields[own + 1])` follows the version or label, the last field there is")
        }
        selector = fields.count > own ? fields[own] : nil
        if selector?.isEmpty == true { throw .invalidReference("the version or label after `:` is empty") }
    }
}

extension SecretRequest {
    /// Why the reference is none; nil for a good one.
    public var malformation: String? {
        if reference.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
            return "it holds a control character"
        }
        do throws(SecretsError) {
            switch kind {
            case .parameter: _ = try ParameterReference(reference)
            case .secret: _ = try SecretReference(reference)
            }
            return nil
        } catch { return error.message }
    }

    /// The name that stores without versions know it by; nil where another version than the current one is asked for.
    public var currentName: String? {
        switch kind {
        case .parameter:
            guard let reference = try? ParameterReference(self.reference), reference.selector == nil else { return nil }
            return reference.name
        case .secret:
            guard let reference = try? SecretReference(self.reference), reference.asksForCurrent else { return nil }
            return reference.secretID
        }
    }

    /// The names under which a store of the user's own may keep the current version, the likeliest first: as it is written,
    /// and for an ARN the name in it.
    public var localNames: [String] { currentName.map { [$0] + Self.names(inARN: $0, kind) } ?? [] }

    /// The name that a person would keep it under.
    public var plainName: String? { localNames.count > 1 ? localNames[1] : localNames.first }

    /// A parameter's ARN leaves the slash at the beginning of its name away; a secret's adds `-` and six characters to it.
    ///
    /// Source: AWS Systems Manager User Guide, "Restricting access to Parameter Store parameters using IAM policies"; AWS
    /// Secrets Manager User Guide, "Secret structure" in "What's in a Secrets Manager secret?".
    private static func names(inARN text: String, _ kind: Kind) -> [String] {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard text.hasPrefix("arn:") else { return [] }
        switch kind {
        case .parameter:
            guard fields.count == 6 else { return [] }
            let name = String(fields[5].dropFirst("parameter/".count))
            return name.contains("/") ? ["/\(name)", name] : [name, "/\(name)"]
        case .secret:
            guard fields.count == 7 else { return [] }
            let name = fields[6]
            let isSuffixed =
                name.count > 7 && name.dropLast(6).last == "-"
                && name.suffix(6).allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
            return isSuffixed ? [String(name.dropLast(7)), String(name)] : [String(name)]
        }
    }
}
