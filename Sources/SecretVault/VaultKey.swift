// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import Secrets

/// The key of a store, as the keys that are made of it for each purpose.
///
/// Values are sealed with ChaCha20-Poly1305 (RFC 8439): it is as fast as needed and takes the same time whatever the data is
/// on every processor, where AES-GCM needs special instructions for that. Each seal has a random nonce of 96 bits; a store
/// would have to be written 2³² times before two of them are likely to meet. The file as a whole is authenticated by
/// HMAC-SHA-256, which unlike either cipher also commits to the key.
struct VaultKey {
    static let byteCount = 32

    /// Tells another key from a damaged file; says nothing about the key.
    let identifier: String
    private let valueKey: SymmetricKey
    private let fileKey: SymmetricKey

    /// - Parameter secret: random bytes; copied, the original is the caller's to wipe.
    init(secret: UnsafeRawBufferPointer) {
        let main = SymmetricKey(data: secret)
        func derived(_ purpose: String, _ count: Int = VaultKey.byteCount) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: main, info: Array("drydock secrets 1 \(purpose)".utf8), outputByteCount: count)
        }
        valueKey = derived("values")
        fileKey = derived("file")
        identifier = derived("identifier", 8).withUnsafeBytes { Hexadecimal.text($0) }
    }

    // MARK: Values

    /// Values are padded to a multiple of this, so that a password's length does not show.
    private static let block = 128

    /// - Parameter label: what the value is bound to; it opens with the same only.
    func seal(_ value: SecretText, label: [UInt8]) throws(SecretVaultError) -> [UInt8] {
        let count = (4 + value.count + Self.block - 1) / Self.block * Self.block
        let padded = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4)
        defer {
            if let start = padded.baseAddress { explicit_bzero(start, count) }
            padded.deallocate()
        }
        padded.initializeMemory(as: UInt8.self, repeating: 0)
        padded.storeBytes(of: UInt32(value.count).littleEndian, as: UInt32.self)
        value.withExposedBytes { UnsafeMutableRawBufferPointer(rebasing: padded[4...]).copyMemory(from: $0) }
        do {
            let box = try ChaChaPoly.seal(UnsafeRawBufferPointer(padded), using: valueKey, authenticating: label)
            return Array(box.combined)
        } catch { throw .cipherFailed }
    }

    /// - Returns: nil for what this key did not seal with this label.
    func open(_ sealed: [UInt8], label: [UInt8]) -> SecretText? {
        guard let box = try? ChaChaPoly.SealedBox(combined: sealed),
            var padded = try? ChaChaPoly.open(box, using: valueKey, authenticating: label)
        else { return nil }
        // In place: nobody else holds these bytes.
        return padded.withUnsafeMutableBytes { bytes in
            defer { if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) } }
            guard bytes.count >= 4 else { return nil }
            let count = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
            guard count <= bytes.count - 4 else { return nil }
            return SecretText(bytes: UnsafeRawBufferPointer(rebasing: bytes[4..<4 + count]))
        }
    }

    // MARK: The whole file

    func authentication(of bytes: some DataProtocol) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: fileKey))
    }

    func isAuthentic(_ bytes: some DataProtocol, _ code: [UInt8]) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: bytes, using: fileKey)
    }

    /// Random bytes for a new key, wiped after the call.
    static func withNewSecret<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        SymmetricKey(size: .bits256).withUnsafeBytes(body)
    }
}

/// Bytes as pairs of lower-case digits: the one way to write them, so that no two texts mean the same bytes.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for anything else than such pairs.
    static func bytes(_ text: some RandomAccessCollection<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var high: UInt8?
        for digit in text {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
