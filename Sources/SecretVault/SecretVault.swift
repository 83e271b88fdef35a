// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
public import Secrets
public import SystemPackage
internal import YAML

/// Where a store and its key lie: apart, so that a copy of the one is not a copy of the other.
public struct VaultPlaces: Sendable, Equatable {
    public var store: FilePath
    public var key: FilePath
    /// Whether the key's directory is made where it is missing. The mount point of a stick that is not there must not be.
    public var makesKeyDirectory: Bool

    public init(store: FilePath, key: FilePath, makesKeyDirectory: Bool) {
        self.store = store
        self.key = key
        self.makesKeyDirectory = makesKeyDirectory
    }
}

/// Secrets in an encrypted file of the user's own.
///
/// The file is always whole: it is written beside its place and renamed (``AtomicFile``), by one writer at a time
/// (``FileLock``). Readers need no lock. Where there is no file, nothing is made until something is set.
public struct SecretVault: Sendable {
    public let places: VaultPlaces

    public init(_ places: VaultPlaces) { self.places = places }

    /// As AWS Secrets Manager has it (API Reference, `CreateSecret`, `SecretString`).
    public static let maximumValueBytes = 65_536
    /// The most that is read of a store.
    static let maximumBytes = 16 << 20

    // MARK: Reading

    /// What is in the store, by name; nil where there is none.
    public func entries() throws(SecretVaultError) -> [SecretEntry]? {
        guard let (file, _) = try read() else { return nil }
        return file.lines.map(\.entry)
    }

    /// Names and forms where the key is not at hand: nobody vouches for them.
    public func entriesWithoutKey() throws(SecretVaultError) -> [SecretEntry]? {
        guard let text = try text() else { return nil }
        do throws(VaultFile.Damage) { return try VaultFile(text, key: nil).lines.map(\.entry) } catch {
            throw .damaged(places.store, error, key: places.key)
        }
    }

    /// - Throws: `.notFound` too where there is no store.
    public func value(of name: SecretName) throws(SecretVaultError) -> SecretText {
        guard let (file, key) = try read() else { throw .notFound(name, known: []) }
        guard let line = file[name] else { throw .notFound(name, known: file.lines.map(\.entry.name)) }
        return try open(line, key)
    }

    /// - Parameter names: for each value the names that it may have; the first that the store has counts.
    /// - Returns: nil for names that the store does not have; nil at all where there is no store.
    func values(of names: [[SecretName]]) throws(SecretVaultError) -> [SecretText?]? {
        guard let (file, key) = try read() else { return nil }
        var values: [SecretText?] = []
        for name in names {
            let line = name.lazy.compactMap { file[$0] }.first
            values.append(try line.map { (line) throws(SecretVaultError) in try open(line, key) })
        }
        return values
    }

    private func open(_ line: VaultFile.Line, _ key: VaultKey) throws(SecretVaultError) -> SecretText {
        guard let value = key.open(line.sealed, label: VaultFile.label(line.entry)) else {
            throw .damaged(places.store, .changed, key: places.key)
        }
        return value
    }

    private func read() throws(SecretVaultError) -> (VaultFile, VaultKey)? {
        guard let text = try text() else { return nil }
        let key = try KeyFile.read(places.key)
        let file: VaultFile
        do throws(VaultFile.Damage) { file = try VaultFile(text, key: key) } catch {
            throw .damaged(places.store, error, key: places.key)
        }
        // What is no store at all is told before the key is missed.
        guard let key else { throw .noKey(places.key, store: places.store) }
        return (file, key)
    }

    private func text() throws(SecretVaultError) -> [UInt8]? {
        do throws(FilesError) { return try FileContents.read(places.store, limit: Self.maximumBytes) } catch {
            if error.underlying == .noSuchFileOrDirectory { return nil }
            throw .storeUnreadable(error)
        }
    }

    // MARK: Writing

    /// Sets all of them or none.
    /// - Parameters:
    ///   - seconds: the time that the entries get: seconds since 1970.
    ///   - replacing: false refuses names that are taken.
    /// - Returns: how many of the names were there before.
    @discardableResult
    public func set(
        _ secrets: [(name: SecretName, value: SecretText)], seconds: Int, replacing: Bool
    ) throws(SecretVaultError) -> Int {
        for (name, value) in secrets { try Self.check(value, name) }
        return try change { (file, key) throws(SecretVaultError) in
            let taken = secrets.map(\.name).filter { file[$0] != nil }
            guard replacing || taken.isEmpty else { throw .taken(taken) }
            for (name, value) in secrets {
                let entry = SecretEntry(name: name, form: Self.form(of: value), seconds: seconds)
                file[name] = VaultFile.Line(
                    entry: entry, sealed: try key.seal(value, label: VaultFile.label(entry)))
            }
            return taken.count
        }
    }

    /// Removes all of them or, where one is not there, none.
    public func remove(_ names: [SecretName]) throws(SecretVaultError) {
        if let first = names.first, try text() == nil { throw .notFound(first, known: []) }
        try change { (file, _) throws(SecretVaultError) in
            for name in names where file[name] == nil {
                throw .notFound(name, known: file.lines.map(\.entry.name))
            }
            for name in names { file[name] = nil }
        }
    }

    /// What no variable could hold is refused while the user is there to hear it.
    private static func check(_ value: SecretText, _ name: SecretName) throws(SecretVaultError) {
        if value.isEmpty { throw .emptyValue(name) }
        if value.count > maximumValueBytes { throw .longValue(name, limit: maximumValueBytes) }
        if value.withExposedBytes({ $0.contains(0) }) { throw .valueWithNUL(name) }
        if value.withExposedBytes({ String(validating: $0, as: UTF8.self) }) == nil { throw .valueIsNoText(name) }
    }

    private static func form(of value: SecretText) -> SecretEntry.Form {
        let mayBeJSON = value.withExposedBytes { bytes in
            bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
        }
        guard mayBeJSON else { return .text }
        let document = try? YAMLDocument(json: SourceText(path: "secret", text: value.exposed()))
        return document?.root?.entries == nil ? .text : .json
    }

    private func change<Result>(
        _ body: (inout VaultFile, VaultKey) throws(SecretVaultError) -> Result
    ) throws(SecretVaultError) -> Result {
        let directory = places.store.removingLastComponent()
        let lock: FileLock?
        do throws(FilesError) {
            _ = try Directory.make(directory, mode: 0o700)
            lock = try FileLock.acquire(lockPath, waiting: true)
        } catch { throw .storeUnwritable(error) }
        defer { withExtendedLifetime(lock) {} }
        var file = VaultFile()
        let key: VaultKey
        if let found = try read() { (file, key) = found } else { key = try keyForNewStore() }
        let result = try body(&file, key)
        let text = file.text(with: key)
        guard text.count <= Self.maximumBytes else { throw .storeFull(limit: Self.maximumBytes) }
        removeRemains(directory)
        do throws(FilesError) {
            try AtomicFile.write(text, to: places.store, mode: 0o600, synchronizing: true)
        } catch { throw .storeUnwritable(error) }
        return result
    }

    private var lockPath: FilePath {
        var path = places.store
        path.extension = "lock"
        return path
    }

    /// The key that is there, or a new one.
    private func keyForNewStore() throws(SecretVaultError) -> VaultKey {
        if let key = try KeyFile.read(places.key) { return key }
        if let key = try KeyFile.make(places.key, makingDirectory: places.makesKeyDirectory) { return key }
        // Another store's first writer was quicker.
        if let key = try KeyFile.read(places.key) { return key }
        throw .noKey(places.key, store: places.store)
    }

    /// What a writer that was killed has left: under the lock there is no living one.
    private func removeRemains(_ path: FilePath) {
        guard let directory = try? Directory(path), let entries = try? directory.entries(),
            let name = places.store.lastComponent?.string
        else { return }
        let (start, end) = (Array(".\(name).".utf8), Array(".part".utf8))
        for entry in entries where entry.name.starts(with: start) && entry.name.suffix(end.count).elementsEqual(end) {
            try? directory.remove(FilePath(bytes: entry.name))
        }
    }
}
