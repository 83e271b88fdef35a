// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Cuts a stream into blocks of 64 bytes, and pads its end, as both digests want it.
struct BlockBuffer: Sendable {
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    /// Hands on all whole blocks.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ compress: (UnsafeRawBufferPointer) -> Void) {
        length &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !pending.isEmpty {
            let taken = rest.prefix(64 - pending.count)
            pending += taken
            rest = rest.dropFirst(taken.count)
            guard pending.count == 64 else { return }
            pending.withUnsafeBytes(compress)
            pending.removeAll(keepingCapacity: true)
        }
        let whole = rest.count & ~63
        if whole > 0 { compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole))) }
        pending += rest.dropFirst(whole)
    }

    /// Hands on the last block or two: a one bit, zeros, and the length in bits.
    mutating func finish(bigEndianLength: Bool, _ compress: (UnsafeRawBufferPointer) -> Void) {
        let bits = length &* 8
        pending.append(0x80)
        while pending.count % 64 != 56 { pending.append(0) }
        withUnsafeBytes(of: bigEndianLength ? bits.bigEndian : bits.littleEndian) { pending += $0 }
        pending.withUnsafeBytes(compress)
    }
}

/// The bytes of the words, as they lie in memory, in lower-case hexadecimal digits.
func hexadecimal(_ words: [UInt32]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return words.withUnsafeBytes { bytes in
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
