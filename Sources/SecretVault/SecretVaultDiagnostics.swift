// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import SystemPackage

// MARK: Names

extension SecretVaultError {
    static let emptyName = SecretVaultError(.refused, "a secret needs a name")

    static func longName(limit: Int) -> SecretVaultError {
        SecretVaultError(.refused, "a secret's name has at most \(limit) bytes")
    }

    static func invalidName(_ name: String) -> SecretVaultError {
        SecretVaultError(
            .refused, "`\(DisplayText.escaped(name))` cannot be the name of a secret",
            hints: ["a name holds letters, digits, `/`, `_`, `.`, `-`, `+` and `@`"])
    }

    /// What follows the sign is not shown: it may well be the value.
    static func nameWithValue(_ name: String) -> SecretVaultError {
        let shown = DisplayText.escaped(name)
        return SecretVaultError(
            .refused, "`\(shown)=…` cannot be the name of a secret: names are visible, and this looks like a value",
            hints: ["give the name alone; the value is asked for, or read from standard input"])
    }

    static func nameWithSelector(_ name: String, whole: String?) -> SecretVaultError {
        SecretVaultError(
            .refused, "`\(DisplayText.escaped(name))` names a part or a version of a secret, not a secret",
            hints: whole.map {
                [
                    "set the whole secret as JSON under `\(DisplayText.escaped($0))`; a buildspec takes a key out of it "
                        + "with `\(DisplayText.escaped(name))`"
                ]
            } ?? [])
    }

    static func notFound(_ name: SecretName, known: [SecretName]) -> SecretVaultError {
        let nearest = Suggestion.nearest(to: name.description, among: known.map(\.description))
        return SecretVaultError(
            .notFound, "the local store has no secret `\(name)`",
            hints: [nearest.map { "did you mean `\($0)`?" } ?? "`drydock secrets list` shows what it has"])
    }

    static func taken(_ names: [SecretName]) -> SecretVaultError {
        let shown = names.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
        let others = names.count > 5 ? " and \(names.count - 5) more" : ""
        return SecretVaultError(
            .refused, "the local store has \(shown)\(others) already; nothing was changed",
            hints: ["`--force` replaces what is there"])
    }
}

// MARK: Values

extension SecretVaultError {
    static func emptyValue(_ name: SecretName) -> SecretVaultError {
        SecretVaultError(.refused, "the value for `\(name)` is empty")
    }

    static func longValue(_ name: SecretName, limit: Int) -> SecretVaultError {
        SecretVaultError(.refused, "the value for `\(name)` is longer than \(limit) bytes, the most that a secret has")
    }

    static func valueWithNUL(_ name: SecretName) -> SecretVaultError {
        SecretVaultError(
            .refused, "the value for `\(name)` holds a NUL, which no variable can",
            hints: ["encode it, for example in base64, and decode it in a command"])
    }

    static func valueIsNoText(_ name: SecretName) -> SecretVaultError {
        SecretVaultError(
            .refused, "the value for `\(name)` is not UTF-8 text",
            hints: ["encode it, for example in base64, and decode it in a command"])
    }
}

// MARK: The key

extension SecretVaultError {
    private static let keyVariable = "`DRYDOCK_SECRETS_KEY` names the key's file where it lies elsewhere"

    static func noKey(_ path: FilePath, store: FilePath) -> SecretVaultError {
        SecretVaultError(
            .keyMissing, "the key of the local store is not there: `\(path.displayed)`",
            hints: [
                keyVariable,
                "without its key a store cannot be read by anybody; remove `\(store.displayed)` to begin a new one",
            ])
    }

    static func keyUnreadable(_ path: FilePath, _ reason: String) -> SecretVaultError {
        SecretVaultError(.key, "the key of the local store `\(path.displayed)` cannot be read: \(reason)")
    }

    static func keyOfAnother(_ path: FilePath) -> SecretVaultError {
        SecretVaultError(
            .key, "the key of the local store `\(path.displayed)` belongs to another user, who can read it",
            hints: ["a key is its user's own; \(keyVariable)"])
    }

    static func keyOpenToOthers(_ path: FilePath, mode: UInt32) -> SecretVaultError {
        SecretVaultError(
            .key, "the key of the local store `\(path.displayed)` is open to others (mode \(String(mode, radix: 8)))",
            hints: [
                "`chmod 600 \(path.displayed)` makes it yours alone; if somebody may have read it, set new secrets where "
                    + "they come from"
            ])
    }

    static func keyMalformed(_ path: FilePath) -> SecretVaultError {
        SecretVaultError(
            .key, "`\(path.displayed)` is no key of a local store, or was changed",
            hints: ["take it from a backup; \(keyVariable)"])
    }

    static func keyNotMade(_ path: FilePath, _ error: FilesError) -> SecretVaultError {
        SecretVaultError(.key, "the key of the local store cannot be made: \(error)", hints: [keyVariable])
    }
}

// MARK: The store

extension SecretVaultError {
    static let cipherFailed = SecretVaultError(.store, "the value could not be sealed")

    static func storeUnreadable(_ error: FilesError) -> SecretVaultError {
        SecretVaultError(.store, "the local store cannot be read: \(error)")
    }

    static func storeUnwritable(_ error: FilesError) -> SecretVaultError {
        SecretVaultError(.store, "the local store cannot be written: \(error)")
    }

    static func storeFull(limit: Int) -> SecretVaultError {
        SecretVaultError(.store, "the local store would be larger than \(limit >> 20) MiB, the most that is read of it")
    }

    static func damaged(_ path: FilePath, _ damage: VaultFile.Damage, key: FilePath) -> SecretVaultError {
        let store = "the local store `\(path.displayed)`"
        let backup = "take it from a backup, or remove it to begin a new one"
        return switch damage {
        case .empty: SecretVaultError(.store, "\(store) is empty, which drydock leaves none", hints: [backup])
        case .truncated: SecretVaultError(.store, "\(store) ends too early", hints: [backup])
        case .notAStore: SecretVaultError(.store, "\(store) is no store of drydock", hints: [backup])
        case .unknownVersion:
            SecretVaultError(
                .store, "\(store) has another version than this drydock knows", hints: ["use the drydock that made it"])
        case .changed:
            SecretVaultError(
                .store, "\(store) was changed since drydock wrote it; nothing of it is believed", hints: [backup])
        case .anotherKey:
            SecretVaultError(
                .key, "\(store) was sealed with another key than `\(key.displayed)`", hints: [keyVariable])
        }
    }
}
