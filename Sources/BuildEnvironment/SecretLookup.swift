// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Secrets

/// A value, and who gave it.
struct FoundSecret {
    var value: SecretText
    /// For `drydock env`, such as `.env:3` or `file:secrets.yml:4`.
    var provider: String
}

/// Asks stores, one after the other, for values of parameters and secrets.
struct SecretLookup {
    /// By the name of the variable; counts before every store.
    var given: [String: FoundSecret]
    var stores: [any SecretStore]
    var isCancelled: () -> Bool

    /// - Returns: a value for each request, in order.
    /// - Throws: findings for all that have none.
    func values(for requests: [SecretRequest]) throws(EnvironmentError) -> [FoundSecret] {
        var found: [FoundSecret?] = requests.map { given[$0.variable] }
        var failures: [Int: Diagnostic] = [:]
        for index in requests.indices where found[index] == nil {
            if let reason = requests[index].malformation { failures[index] = .malformed(requests[index], reason) }
        }
        var asked: [Int: [String]] = [:]
        for store in stores {
            let open = requests.indices.filter { found[$0] == nil && failures[$0] == nil }
            if open.isEmpty || isCancelled() { break }
            for (index, answer) in zip(open, store.answers(to: open.map { requests[$0] }, isCancelled: isCancelled)) {
                switch take(answer, requests[index]) {
                case .success(let secret?): found[index] = secret
                case .success(nil):
                    var words = "`\(DisplayText.escaped(store.name))`"
                    if case .absent(let reason) = answer { words += " (\(reason))" }
                    asked[index, default: []].append(words)
                case .failure(let failure): failures[index] = .storeFailed(requests[index], failure)
                }
            }
        }
        let findings = requests.indices.compactMap { index -> Diagnostic? in
            if found[index] != nil { return nil }
            return failures[index] ?? .unresolved(requests[index], asked: asked[index] ?? [])
        }
        guard findings.isEmpty else { throw EnvironmentError.unresolved(findings) }
        return found.compactMap { $0 }
    }

    /// - Returns: nil where the store does not know.
    private func take(
        _ answer: SecretAnswer, _ request: SecretRequest
    ) -> Result<FoundSecret?, SecretFailure> {
        switch answer {
        case .unknown, .absent: return .success(nil)
        case .failed(let failure): return .failure(failure)
        case .selected(let value, let provider): return checked(value, provider)
        case .value(let value, let provider):
            return selected(value, request, provider).flatMap { checked($0, provider) }
        }
    }

    /// What no variable can hold, or nobody can have meant.
    private func checked(_ value: SecretText, _ provider: String) -> Result<FoundSecret?, SecretFailure> {
        let name = DisplayText.escaped(provider)
        if value.isEmpty { return .failure(SecretFailure("the value that `\(name)` gives is empty")) }
        if value.withExposedBytes({ $0.contains(0) }) {
            return .failure(
                SecretFailure(
                    "the value that `\(name)` gives holds a NUL, which no variable can",
                    hints: ["encode it, for example in base64, and decode it in a command"]))
        }
        if value.withExposedBytes({ String(validating: $0, as: UTF8.self) }) == nil {
            return .failure(
                SecretFailure(
                    "the value that `\(name)` gives is not UTF-8 text",
                    hints: ["encode it, for example in base64, and decode it in a command"]))
        }
        return .success(FoundSecret(value: value, provider: provider))
    }

    private func selected(
        _ whole: SecretText, _ request: SecretRequest, _ provider: String
    ) -> Result<SecretText, SecretFailure> {
        guard request.kind == .secret, let key = (try? SecretReference(request.reference))?.jsonKey else {
            return .success(whole)
        }
        return SecretSelection.value(of: key, in: whole, from: provider)
    }
}
