// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Secrets
import YAML

extension Decoder {
    static let environmentKeys = [
        "shell", "variables", "parameter-store", "secrets-manager", "exported-variables", "git-credential-helper",
    ]

    mutating func decodeEnvironment(_ section: Node.Entry) {
        var environment = partial.environment
        for entry in map(section, named: "env") {
            switch entry.key.scalar?.text ?? "" {
            case "shell": environment.shell = shell(entry)
            case "variables": environment.variables += variables(entry)
            case "parameter-store": environment.parameterStore += variables(entry)
            case "secrets-manager": environment.secretsManager += secrets(entry)
            case "exported-variables": environment.exportedVariables = texts(entry)
            case "git-credential-helper": environment.gitCredentialHelper = boolean(entry)
            default: unknown(entry, in: "env", known: Self.environmentKeys)
            }
        }
        update { $0.environment = environment }
    }

    /// Version 0.1's spelling: `environment_variables: plaintext:`. Both versions are given both spellings.
    mutating func decodeLegacyEnvironment(_ section: Node.Entry) {
        if partial.version == .v0_2 { warn(.legacyEnvironment(at: span(section.key))) }
        var environment = partial.environment
        for entry in map(section, named: "environment_variables") {
            switch entry.key.scalar?.text ?? "" {
            case "plaintext": environment.variables += variables(entry)
            case "parameter-store": environment.parameterStore += variables(entry)
            default: unknown(entry, in: "environment_variables", known: ["plaintext", "parameter-store"])
            }
        }
        update { $0.environment = environment }
    }

    /// A variable set in two places of `env` has one value: a secret's before a parameter's before a plain one's.
    mutating func checkClashes() {
        let environment = partial.environment
        guard !environment.parameterStore.isEmpty || !environment.secretsManager.isEmpty else { return }
        var winners: [String: (section: String, span: SourceSpan)] = [:]
        for (section, variables) in [
            ("secrets-manager", environment.secretsManager), ("parameter-store", environment.parameterStore),
            ("variables", environment.variables),
        ] {
            for variable in variables {
                if let winner = winners[variable.name.value] {
                    warn(.variableSetTwice(variable.name, winner: winner.section, at: winner.span))
                } else {
                    winners[variable.name.value] = (section, variable.name.span)
                }
            }
        }
    }

    /// Plain values and parameter names: text, or empty for nothing.
    mutating func variables(_ section: Node.Entry) -> [Buildspec.Variable] {
        let sectionName = section.key.scalar?.text ?? ""
        var result: [Buildspec.Variable] = []
        for entry in map(section, named: sectionName) {
            let name = text(of: entry.key)
            guard !name.value.isEmpty, !name.value.utf8.contains(UInt8(ascii: "=")) else {
                reject(.invalidVariableName(name))
                continue
            }
            if !Self.isShellName(name.value) { warn(.unusualVariableName(name)) }
            guard entry.value.scalar != nil else {
                reject(.wrongType(entry.value, in: source, named: name.value, expected: "text"))
                continue
            }
            var value = text(of: entry.value)
            if entry.value.isNull {
                warn(.nullVariable(name))
                value = Buildspec.Text("", span: name.span)
            }
            result.append(Buildspec.Variable(name: name, value: value))
        }
        return result
    }

    static func isShellName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }

    private mutating func secrets(_ section: Node.Entry) -> [Buildspec.Variable] {
        let found = variables(section)
        for variable in found {
            do {
                _ = try SecretReference(variable.value.value)
            } catch {
                reject(.invalidSecretReference(variable, error.message))
            }
        }
        return found
    }

    private mutating func shell(_ entry: Node.Entry) -> Buildspec.Text? {
        guard let text = text(entry) else { return nil }
        let known = ["sh", "bash", "powershell", "powershell.exe", "pwsh", "pwsh.exe", "cmd", "cmd.exe"]
        // A path is believed: the image decides what stands there.
        if !text.value.hasPrefix("/"), !known.contains(text.value.lowercased()) {
            reject(.unknownShell(text))
        }
        return text
    }
}
