// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Linter {
    mutating func lintEnvironment() {
        for variable in partial.environment.variables {
            lintPlaintext(variable)
            lintReserved(variable)
        }
        for variable in partial.environment.parameterStore {
            lintReserved(variable)
            lintParameter(variable)
        }
        for variable in partial.environment.secretsManager { lintReserved(variable) }
        for name in partial.environment.exportedVariables { lintExported(name) }
        switch partial.batch?.kind {
        case .list(let tasks), .graph(let tasks):
            for task in tasks {
                for variable in task.environment.variables { lintPlaintext(variable) }
                if let fleet = task.environment.fleet, task.environment.computeType != nil {
                    add(.ignoredKey("`fleet` and `compute-type` exclude each other", at: fleet.span))
                }
            }
        default: break
        }
    }

    private mutating func lintPlaintext(_ variable: Buildspec.Variable) {
        lintCharacters(variable.value.value, in: variable.value.span)
        if SecretShape.looksSecret(name: variable.name.value, value: variable.value.value) {
            add(.secretInPlaintext(variable.name))
        } else if let word = Self.reference(in: variable.value.value) {
            add(
                .variableNotExpanded(word, in: variable.name.value, at: place(of: word, in: variable.value.span)))
        }
        if let first = variable.value.value.unicodeScalars.first, "“‘".unicodeScalars.contains(first) {
            add(.typographicQuote(in: "the value of `\(variable.name.value)`", at: variable.value.span))
        }
    }

    /// The first `$NAME`, `${…` or `$(…` of a text.
    static func reference(in text: String) -> String? {
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() where scalar == "$" && index + 1 < scalars.count {
            var end = index + 1
            switch scalars[end] {
            case "{", "(":
                let close: Unicode.Scalar = scalars[end] == "{" ? "}" : ")"
                guard let last = scalars[end...].firstIndex(of: close) else { continue }
                return String(String.UnicodeScalarView(scalars[index...last]))
            case "A"..."Z", "_":
                while end < scalars.count, isNameCharacter(scalars[end]) { end += 1 }
                // `$A` in the midst of letters is part of a word such as a password.
                guard end - index > 2 else { continue }
                return String(String.UnicodeScalarView(scalars[index..<end]))
            default: continue
            }
        }
        return nil
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "A"..."Z", "a"..."z", "0"..."9", "_": true
        default: false
        }
    }

    /// `CODEBUILD_` is CodeBuild's own prefix, except for the switches that users are to set.
    private mutating func lintReserved(_ variable: Buildspec.Variable) {
        let name = variable.name.value
        guard name.hasPrefix("CODEBUILD_"), !name.hasPrefix("CODEBUILD_CONFIG_") else { return }
        add(.reservedVariable(variable.name))
    }

    /// A parameter's name: letters, digits, `.-_/`, then a version or label; variables may stand in it.
    private mutating func lintParameter(_ variable: Buildspec.Variable) {
        let value = variable.value.value
        let allowed = value.unicodeScalars.allSatisfy {
            Self.isNameCharacter($0) || ".-/:${}".unicodeScalars.contains($0)
        }
        guard !value.isEmpty, !allowed || value.split(separator: "/").contains("..") else { return }
        add(.invalidParameterName(variable))
    }

    private mutating func lintExported(_ name: Buildspec.Text) {
        if name.value.hasPrefix("AWS_") {
            add(.notExportable(name, "CodeBuild exports no variable whose name begins with `AWS_`"))
        } else if !Decoder.isShellName(name.value) {
            add(.notExportable(name, "`\(name.value)` is not the name of a variable"))
        }
    }
}

/// What gives a secret away: the form of well-known keys, or a telling name with a value that nobody would make up.
enum SecretShape {
    /// The kind of key that a text holds, or nil.
    static func kind(in text: String) -> String? {
        if text.mentions("PRIVATE KEY-----") { return "a private key" }
        for (prefix, length, kind) in [
            ("AKIA", 20, "an AWS access key"), ("ASIA", 20, "an AWS access key"), ("ghp_", 40, "a GitHub token"),
            ("github_pat_", 60, "a GitHub token"), ("glpat-", 26, "a GitLab token"),
            ("npm_", 40, "an npm token"), ("xoxb-", 30, "a Slack token"), ("sk_live_", 30, "a Stripe key"),
        ] where text.mentions(prefix) {
            for word in text.split(whereSeparator: {
                !($0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == "-")
            })
            where word.hasPrefix(prefix) && word.count >= length && !word.hasSuffix("EXAMPLE") {
                let isKeyOfAWS = prefix == "AKIA" || prefix == "ASIA"
                guard !isKeyOfAWS || word.count == 20 && word == word.uppercased() else { continue }
                guard Set(word.dropFirst(prefix.count)).count > 5 else { continue }
                return kind
            }
        }
        return nil
    }

    static func looksSecret(name: String, value: String) -> Bool {
        if kind(in: value) != nil { return true }
        let upper = name.uppercased()
        let telling = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY"]
        guard telling.contains(where: upper.mentions) else { return false }
        // Names of what only describes a secret.
        for ending in [
            "NAME", "ARN", "ID", "PATH", "FILE", "URL", "URI", "HOST", "PARAM", "PARAMETER", "PREFIX", "TTL",
            "REGION", "VERSION", "TYPE", "LENGTH", "STORE", "MANAGER", "KEYS", "ENDPOINT", "PROVIDER", "USER",
            "ENABLED",
        ] where upper.hasSuffix("_" + ending) || upper.hasSuffix("SECRET" + ending) { return false }
        return looksRandom(value)
    }

    /// Eight characters or more, letters with digits or punctuation, and none of the forms of a reference.
    private static func looksRandom(_ value: String) -> Bool {
        guard value.utf8.count >= 8, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        guard let first = value.first, !"/$<{*%".contains(first), !value.hasPrefix("arn:"), !value.mentions("://"),
            !value.mentions("${"), !value.mentions("/"), !value.mentions(":")
        else { return false }
        let lower = value.lowercased()
        for word in [
            "example", "changeme", "change_me", "change-me", "replace", "your", "xxxx", "dummy", "fake", "test",
            "placeholder", "1234",
        ] where lower.mentions(word) { return false }
        let hasLetter = value.contains(where: \.isLetter)
        let hasDigit = value.contains(where: \.isNumber)
        let hasMark = value.contains { "!@#^&+=?,;~".contains($0) }
        return hasLetter && (hasDigit || hasMark)
    }
}
