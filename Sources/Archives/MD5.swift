// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Crypto

/// MD5 of a stream of bytes, for the checksum that CodeBuild shows beside an artifact; it proves nothing against someone
/// who means harm.
public struct MD5: Sendable {
    private var state = Insecure.MD5()

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }

    /// The digest of all that was fed, as 32 lower-case hexadecimal digits.
    public consuming func finish() -> String { hexadecimal(state.finalize()) }
}

/// The bytes in lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
