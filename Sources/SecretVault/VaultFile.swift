// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The text of a store's file, version 1:
///
///     drydock-secrets 1
///     key 1f6a0c44d0a7b1e2
///     /ci/token text 1764000000 <nonce, sealed value and tag, in hexadecimal digits>
///     prod/db json 1764000012 <…>
///     seal <HMAC-SHA-256 of every byte before this line, in hexadecimal digits>
///
/// Each value is sealed by itself, bound to its own line's name, form and time, so that asking for one opens one. The last
/// line binds the lines to each other: none can be added, left out or taken from an older file. What it cannot tell is a
/// whole older file.
struct VaultFile {
    struct Line {
        var entry: SecretEntry
        var sealed: [UInt8]
    }

    /// By name, in ascending order.
    private(set) var lines: [Line]

    init(lines: [Line] = []) { self.lines = lines }

    static let version = 1
    private static let magic = "drydock-secrets "

    /// What a value is bound to.
    static func label(_ entry: SecretEntry) -> [UInt8] {
        Array("\(magic)\(version)\n\(entry.name) \(entry.form.rawValue) \(entry.seconds)".utf8)
    }

    // MARK: Lines

    /// Where the line of a name is, or would be.
    private func place(of name: SecretName) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = lines.count
        while low < high {
            let middle = (low + high) / 2
            if lines[middle].entry.name < name { low = middle + 1 } else { high = middle }
        }
        return (low, low < lines.count && lines[low].entry.name == name)
    }

    subscript(name: SecretName) -> Line? {
        get {
            let (index, isThere) = place(of: name)
            return isThere ? lines[index] : nil
        }
        set {
            let (index, isThere) = place(of: name)
            lines.replaceSubrange(index..<(isThere ? index + 1 : index), with: newValue.map { [$0] } ?? [])
        }
    }

    // MARK: Writing

    func text(with key: VaultKey) -> [UInt8] {
        var text = Array("\(Self.magic)\(Self.version)\nkey \(key.identifier)\n".utf8)
        for line in lines {
            text += "\(line.entry.name) \(line.entry.form.rawValue) \(line.entry.seconds) ".utf8
            Hexadecimal.append(line.sealed, to: &text)
            text.append(UInt8(ascii: "\n"))
        }
        let code = key.authentication(of: text)
        text += "seal ".utf8
        Hexadecimal.append(code, to: &text)
        text.append(UInt8(ascii: "\n"))
        return text
    }

    // MARK: Reading

    /// - Parameter key: nil believes the file: names without a witness.
    /// - Throws: reasons that fit behind "the local store cannot be read".
    init(_ text: [UInt8], key: VaultKey?) throws(Damage) {
        var rest = text[...]
        guard let first = Self.takeLine(&rest) else { throw text.isEmpty ? .empty : .truncated }
        guard first.starts(with: Self.magic.utf8) else { throw .notAStore }
        guard first.dropFirst(Self.magic.utf8.count).elementsEqual("\(Self.version)".utf8) else {
            throw .unknownVersion
        }
        guard let second = Self.takeLine(&rest) else { throw .truncated }
        guard second.starts(with: "key ".utf8) else { throw .changed }
        let sealStart = try Self.check(text, identifier: second.dropFirst(4), key)
        lines = []
        while rest.startIndex < sealStart, let line = Self.takeLine(&rest) {
            guard let line = Self.entry(line) else { throw .changed }
            if let last = lines.last, !(last.entry.name < line.entry.name) { throw .changed }
            lines.append(line)
        }
    }

    /// - Returns: where the last line begins.
    private static func check(
        _ text: [UInt8], identifier: ArraySlice<UInt8>, _ key: VaultKey?
    ) throws(Damage) -> Int {
        // `seal `, the digits of 32 bytes, and the line's end.
        let sealStart = text.count - 5 - 64 - 1
        guard text.last == UInt8(ascii: "\n"), sealStart > identifier.startIndex,
            text[sealStart...].starts(with: "seal ".utf8), text[sealStart - 1] == UInt8(ascii: "\n")
        else { throw .truncated }
        guard let code = Hexadecimal.bytes(text[(sealStart + 5)..<(text.count - 1)]) else { throw .changed }
        guard let key else { return sealStart }
        guard key.isAuthentic(text[..<sealStart], code) else {
            throw identifier.elementsEqual(key.identifier.utf8) ? .changed : .anotherKey
        }
        return sealStart
    }

    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> Line? {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count == 4, let name = try? SecretName(String(decoding: fields[0], as: UTF8.self)),
            let form = SecretEntry.Form(rawValue: String(decoding: fields[1], as: UTF8.self)),
            let seconds = Int(String(decoding: fields[2], as: UTF8.self)), let sealed = Hexadecimal.bytes(fields[3])
        else { return nil }
        return Line(entry: SecretEntry(name: name, form: form, seconds: seconds), sealed: sealed)
    }

    /// Why a text is no store.
    enum Damage: Error, Equatable {
        case empty, truncated, notAStore, unknownVersion, changed
        /// Sealed with another key, or changed where it says which.
        case anotherKey
    }
}
