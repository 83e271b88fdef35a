// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Crypto

/// SHA-256 of a stream of bytes.
public struct SHA256: Sendable {
    private var state = Crypto.SHA256()

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }

    /// The digest of all that was fed, as 64 lower-case hexadecimal digits.
    public consuming func finish() -> String { hexadecimal(state.finalize()) }
}
