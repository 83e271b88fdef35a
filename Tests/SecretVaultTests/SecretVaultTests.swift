// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SecretVault
import Secrets
import SystemPackage
import TestSupport
import Testing

/// A store and its key in a tree of the test's own.
struct VaultFixture {
    let tree: TemporaryTree
    let vault: SecretVault
    static let store: FilePath = "data/secrets.vault"
    static let key: FilePath = "config/secrets.key"

    static func with<Result>(_ test: String = #function, _ body: (VaultFixture) throws -> Result) throws -> Result {
        try TemporaryTree.with(test) { tree in
            let places = VaultPlaces(store: tree.path(store), key: tree.path(key), makesKeyDirectory: true)
            return try body(VaultFixture(tree: tree, vault: SecretVault(places)))
        }
    }

    func set(_ name: String, _ value: String, seconds: Int = 1_764_000_000) throws {
        try vault.set([(try SecretName(name), SecretText(value))], seconds: seconds, replacing: true)
    }

    func get(_ name: String) throws -> String { try vault.value(of: try SecretName(name)).exposed() }

    /// The error's code, or what went wrong instead.
    func failure(_ body: () throws -> Void) -> SecretVaultError.Code? {
        do { try body() } catch let error as SecretVaultError { return error.code } catch {}
        return nil
    }

    var bytes: [UInt8] {
        get throws { try tree.root.read(Self.store, limit: 1 << 24) }
    }
}

@Suite("The local store")
struct SecretVaultTests {
    @Test("what was set comes back, and nothing of it stands in a file")
    func roundTrip() throws {
        try VaultFixture.with { fixture in
            let value = "hush \"hush\"\nsecond line é"
            try fixture.set("/ci/token", value)
            try fixture.set("prod/db", #"{"password":"correct horse"}"#)
            try fixture.set("prod/db", #"{"password":"battery staple"}"#, seconds: 1_764_000_001)
            #expect(try fixture.get("/ci/token") == value)
            #expect(try fixture.get("prod/db") == #"{"password":"battery staple"}"#)
            let entries = try #require(try fixture.vault.entries())
            #expect(entries.map(\.name.description) == ["/ci/token", "prod/db"])
            #expect(entries.map(\.form) == [.text, .json])
            #expect(entries.map(\.seconds) == [1_764_000_000, 1_764_000_001])
            for path in try fixture.tree.listing().filter({ !$0.hasSuffix("/") }) {
                let text = try fixture.tree.text(FilePath(path))
                for secret in ["hush", "second", "correct", "battery", "password"] {
                    #expect(!text.contains(secret), "\(path)")
                }
            }
            let files = ["config/", "config/secrets.key", "data/", "data/secrets.lock", "data/secrets.vault"]
            #expect(try fixture.tree.listing() == files)
        }
    }

    @Test("files are the user's alone, whatever the umask")
    func modes() throws {
        try VaultFixture.with { fixture in
            let mask = umask(0)
            defer { umask(mask) }
            try fixture.set("a", "value")
            for path in ["config/secrets.key", "data/secrets.vault", "data/secrets.lock"] as [FilePath] {
                #expect(try fixture.tree.root.status(path).mode == 0o600, "\(path)")
            }
            for path in ["config", "data"] as [FilePath] {
                #expect(try fixture.tree.root.status(path).mode == 0o700, "\(path)")
            }
        }
    }

    @Test("a value's length does not show")
    func lengths() throws {
        try VaultFixture.with { fixture in
            try fixture.set("a", "x")
            let short = try fixture.bytes.count
            try fixture.set("a", String(repeating: "x", count: 100))
            #expect(try fixture.bytes.count == short)
        }
    }

    @Test("the same value is never sealed to the same bytes")
    func nonces() throws {
        try VaultFixture.with { fixture in
            var seen: Set<[UInt8]> = []
            for _ in 0..<50 {
                try fixture.set("a", "x")
                seen.insert(try fixture.bytes)
            }
            #expect(seen.count == 50)
        }
    }

    @Test("the largest value is taken, and what no variable can hold is refused")
    func values() throws {
        try VaultFixture.with { fixture in
            let largest = String(repeating: "x", count: SecretVault.maximumValueBytes)
            try fixture.set("a", largest)
            #expect(try fixture.get("a") == largest)
            for wrong in ["", "a\0b", largest + "x"] {
                #expect(fixture.failure { try fixture.set("a", wrong) } == .refused)
            }
            let name = try SecretName("a")
            #expect(
                fixture.failure {
                    try fixture.vault.set([(name, SecretText(bytes: [0xFF, 0xFE]))], seconds: 0, replacing: true)
                } == .refused)
            #expect(try fixture.get("a") == largest)
        }
    }

    @Test("several are set and removed all or none")
    func allOrNone() throws {
        try VaultFixture.with { fixture in
            try fixture.set("b", "old")
            let names = try ["a", "b", "c"].map { try SecretName($0) }
            let secrets = names.map { (name: $0, value: SecretText("new")) }
            #expect(
                fixture.failure { try fixture.vault.set(secrets, seconds: 0, replacing: false) } == .refused)
            #expect(try fixture.vault.entries()?.map(\.name) == [names[1]])
            #expect(try fixture.get("b") == "old")
            #expect(try fixture.vault.set(secrets, seconds: 0, replacing: true) == 1)
            #expect(
                fixture.failure { try fixture.vault.remove([names[0], try SecretName("none")]) } == .notFound)
            #expect(try fixture.vault.entries()?.count == 3)
            try fixture.vault.remove([names[0], names[2]])
            #expect(try fixture.vault.entries()?.map(\.name) == [names[1]])
            try fixture.vault.remove([names[1]])
            #expect(try fixture.vault.entries() == [])
        }
    }

    @Test(
        "names are those of buildspecs",
        arguments: [
            "/ci/token", "token", "prod/db", "a.b-c_d@e+f",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf",
            "arn:aws:ssm:us-east-1:123456789012:parameter/ci/token",
        ])
    func names(_ name: String) throws { #expect(try SecretName(name).description == name) }

    @Test(
        "what names a part, a version or a value is no name",
        arguments: [
            "", "prod/db:password", "/ci/token:3", "a b", "a\nb", "é", "a\0", ":a", String(repeating: "x", count: 2049),
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:x:key", "arn:aws:s3:::bucket",
        ])
    func wrongNames(_ name: String) { #expect(throws: SecretVaultError.self) { try SecretName(name) } }

    @Test("a name with a value behind it is refused without showing the value")
    func nameWithValue() {
        let error = #expect(throws: SecretVaultError.self) { try SecretName("TOKEN=hush") }
        #expect(error?.message.contains("hush") == false)
        #expect(error?.hints.joined().contains("hush") == false)
    }

    @Test("an unknown name is told with the one that was meant")
    func suggestion() throws {
        try VaultFixture.with { fixture in
            #expect(fixture.failure { _ = try fixture.get("a") } == .notFound)
            try fixture.set("/ci/token", "value")
            let error = #expect(throws: SecretVaultError.self) { try fixture.get("/ci/tokne") }
            #expect(error?.hints == ["did you mean `/ci/token`?"])
        }
    }
}

@Suite("The local store, attacked")
struct SecretVaultAttackTests {
    @Test("a changed byte anywhere is an error and never another value")
    func everyByte() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/a", "first")
            try fixture.set("/b", "second")
            let whole = try fixture.bytes
            for index in whole.indices {
                // Each bit somewhere, and the bit of a letter's case everywhere.
                for flip in Set([UInt8(1) << UInt8(index % 8), 0x20]) {
                    var changed = whole
                    changed[index] ^= flip
                    try fixture.tree.write(VaultFixture.store, bytes: changed)
                    let code = fixture.failure { _ = try fixture.get("/b") }
                    #expect(code == .store || code == .key, "byte \(index)")
                    if index.isMultiple(of: 40) {
                        #expect(fixture.failure { _ = try fixture.vault.entries() } != nil, "byte \(index)")
                        // Nothing is written over what cannot be read.
                        #expect(fixture.failure { try fixture.set("/c", "x") } != nil)
                        #expect(try fixture.bytes == changed)
                    }
                }
            }
            try fixture.tree.write(VaultFixture.store, bytes: whole)
            #expect(try fixture.get("/b") == "second")
        }
    }

    @Test("a store cut off or continued anywhere is an error")
    func truncated() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/a", "first")
            let whole = try fixture.bytes
            for count in whole.indices {
                try fixture.tree.write(VaultFixture.store, bytes: Array(whole[..<count]))
                #expect(fixture.failure { _ = try fixture.get("/a") } == .store, "\(count) bytes")
            }
            for more in ["\n", "x", String(decoding: whole, as: UTF8.self)] {
                try fixture.tree.write(VaultFixture.store, bytes: whole + more.utf8)
                #expect(fixture.failure { _ = try fixture.get("/a") } == .store)
            }
        }
    }

    @Test("values cannot be swapped between names, nor lines left out, added or taken from an older file")
    func lines() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/a", "first")
            try fixture.set("/b", "second")
            let older = try String(decoding: fixture.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            try fixture.set("/b", "third")
            let lines = try String(decoding: fixture.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            let (first, second) = (lines[2].split(separator: " "), lines[3].split(separator: " "))
            let swapped = [
                (first[..<3] + second[3...]).joined(separator: " "),
                (second[..<3] + first[3...]).joined(separator: " "),
            ]
            let (head, values) = (Array(lines[..<2]), Array(lines[2..<4]))
            let bodies: [[String]] = [
                swapped, [values[1]], [values[0]], [values[0], older[3]], [values[0], values[0], values[1]],
                [values[1], values[0]],
            ]
            let attempts = bodies.map { head + $0 + [lines[4]] } + [head + values + [older[4]]]
            for attempt in attempts {
                try fixture.tree.write(VaultFixture.store, attempt.joined(separator: "\n") + "\n")
                #expect(fixture.failure { _ = try fixture.get("/a") } == .store, "\(attempt)")
            }
        }
    }

    @Test("another version, another key, no key and a key in pieces are told apart")
    func keys() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/a", "first")
            let whole = String(decoding: try fixture.bytes, as: UTF8.self)
            let key = try fixture.tree.text(VaultFixture.key)
            func message() -> String {
                do { _ = try fixture.get("/a") } catch { return "\(error)" }
                return "no error"
            }
            try fixture.tree.write(
                VaultFixture.store, whole.replacing("drydock-secrets 1\n", with: "drydock-secrets 2\n"))
            #expect(message().contains("has another version"))
            try fixture.tree.write(VaultFixture.store, whole)
            try VaultFixture.with("other") { other in
                try other.set("/a", "first")
                try fixture.tree.write(VaultFixture.key, try other.tree.text(VaultFixture.key), mode: 0o600)
            }
            #expect(message().contains("sealed with another key"))
            for wrong in ["", "x", String(key.dropLast(2)), key + "0", key.uppercased(), String(key.dropFirst(150))] {
                try fixture.tree.write(VaultFixture.key, wrong, mode: 0o600)
                #expect(message().contains("is no key"), "\(wrong)")
            }
            try fixture.tree.root.remove(VaultFixture.key)
            #expect(message().contains("the key of the local store is not there"))
            // Names can be looked at all the same, and a new key is not made over the store.
            #expect(try fixture.vault.entriesWithoutKey()?.map(\.name.description) == ["/a"])
            #expect(fixture.failure { try fixture.set("/b", "x") } == .keyMissing)
            #expect(!fixture.tree.exists(VaultFixture.key))
            try fixture.tree.write(VaultFixture.key, key, mode: 0o600)
            #expect(try fixture.get("/a") == "first")
        }
    }

    @Test("a key that others may read, that is another's or no file is refused")
    func keyFile() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/a", "first")
            for mode in [0o604, 0o640, 0o602, 0o610, 0o777] as [UInt32] {
                try fixture.tree.setMode(VaultFixture.key, mode)
                #expect(fixture.failure { _ = try fixture.get("/a") } == .key)
                #expect(fixture.failure { try fixture.set("/b", "x") } == .key)
            }
            try fixture.tree.setMode(VaultFixture.key, 0o400)
            #expect(try fixture.get("/a") == "first")
            if geteuid() == 0 {
                chown(fixture.tree.path(VaultFixture.key).string, 12_345, 0)
                #expect(fixture.failure { _ = try fixture.get("/a") } == .key)
            }
            try fixture.tree.root.remove(VaultFixture.key)
            try fixture.tree.fifo(VaultFixture.key)
            #expect(fixture.failure { _ = try fixture.get("/a") } == .key)
        }
    }

    @Test("the directory of a key in a chosen place is not made")
    func chosenPlace() throws {
        try TemporaryTree.with { tree in
            let vault = SecretVault(
                VaultPlaces(store: tree.path("data/x.vault"), key: tree.path("stick/key"), makesKeyDirectory: false))
            let secret = (name: try SecretName("a"), value: SecretText("x"))
            #expect(throws: SecretVaultError.self) { try vault.set([secret], seconds: 0, replacing: true) }
            #expect(!tree.exists("stick"))
            #expect(!tree.exists("data/x.vault"))
            try tree.directory("stick")
            try vault.set([secret], seconds: 0, replacing: true)
            #expect(try vault.value(of: secret.name).exposed() == "x")
        }
    }

    @Test("what a killed writer left is removed by the next")
    func remains() throws {
        try VaultFixture.with { fixture in
            try fixture.set("a", "x")
            try fixture.tree.write("data/.secrets.vault.123.part", "half")
            try fixture.tree.write("data/.other.123.part", "theirs")
            try fixture.set("b", "x")
            #expect(!fixture.tree.exists("data/.secrets.vault.123.part"))
            #expect(fixture.tree.exists("data/.other.123.part"))
        }
    }
}

@Suite("The local store, asked by a build")
struct LocalSecretStoreTests {
    private func request(_ kind: SecretRequest.Kind, _ reference: String) -> SecretRequest {
        SecretRequest(variable: "X", kind: kind, reference: reference, span: nil)
    }

    @Test("both kinds of reference find the current value by its name, and no other version")
    func references() throws {
        try VaultFixture.with { fixture in
            try fixture.set("/ci/token", "hush")
            try fixture.set("db", #"{"a":"b"}"#)
            let store = LocalSecretStore(fixture.vault)
            #expect(store.name == "local")
            let answers = store.answers(to: [
                request(.parameter, "/ci/token"), request(.secret, "/ci/token"), request(.secret, "db:a"),
                request(.secret, "db:a:AWSCURRENT"), request(.secret, "db:a:AWSPREVIOUS"), request(.secret, "db:::id"),
                request(.parameter, "/ci/token:3"), request(.parameter, "none"), request(.parameter, "a b"),
            ])
            let (token, database) = (
                SecretAnswer.value("hush", from: "local"), SecretAnswer.value(SecretText(#"{"a":"b"}"#), from: "local")
            )
            #expect(
                answers == [token, token, database, database, .unknown, .unknown, .unknown, .unknown, .unknown])
        }
    }

    @Test("an ARN finds what is kept under it, or under the name in it")
    func resourceNames() throws {
        try VaultFixture.with { fixture in
            let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
            try fixture.set("/ci/token", "hush")
            try fixture.set("prod/db", "db")
            try fixture.set("\(secret)exact-AbC123", "own")
            try fixture.set("exact", "other")
            let answers = LocalSecretStore(fixture.vault).answers(to: [
                request(.parameter, "arn:aws:ssm:eu-west-1:123456789012:parameter/ci/token"),
                request(.secret, "\(secret)prod/db-AbC123"), request(.secret, "\(secret)exact-AbC123"),
                request(.secret, "\(secret)prod/db-AbC123::AWSPREVIOUS"), request(.secret, "\(secret)none-AbC123"),
            ])
            #expect(
                answers
                    == ["hush", "db", "own"].map { SecretAnswer.value($0, from: "local") } + [.unknown, .unknown])
        }
    }

    @Test("without a store nothing is known, and nothing is made")
    func nothing() throws {
        try VaultFixture.with { fixture in
            let answers = LocalSecretStore(fixture.vault).answers(to: [request(.parameter, "a"), request(.secret, "b")])
            #expect(answers == [.unknown, .unknown])
            let listing = try fixture.tree.listing()
            #expect(listing.isEmpty)
        }
    }

    @Test("a store that cannot be read fails every request that it might know")
    func failure() throws {
        try VaultFixture.with { fixture in
            try fixture.set("a", "hush")
            try fixture.tree.setMode(VaultFixture.key, 0o644)
            let answers = LocalSecretStore(fixture.vault).answers(to: [
                request(.parameter, "a"), request(.parameter, "b"), request(.parameter, "a:1"),
            ])
            guard case .failed(let failure) = answers[0], case .failed = answers[1] else {
                Issue.record("\(answers)")
                return
            }
            #expect(failure.message.contains("is open to others (mode 644)"))
            #expect(failure.hints.first?.contains("chmod 600") == true)
            #expect(answers[2] == .unknown)
        }
    }
}
