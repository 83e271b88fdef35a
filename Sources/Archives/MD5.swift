// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// MD5 of a stream of bytes, for the checksum that CodeBuild shows beside an artifact; it proves nothing against someone
/// who means harm. Source: RFC 1321.
public struct MD5: Sendable {
    private var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
    private var blocks = BlockBuffer()

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        blocks.feed(bytes) { Self.compress(&state, $0) }
    }

    /// The digest of all that was fed, as 32 lower-case hexadecimal digits.
    public consuming func finish() -> String {
        blocks.finish(bigEndianLength: false) { Self.compress(&state, $0) }
        return hexadecimal([state.0, state.1, state.2, state.3].map(\.littleEndian))
    }

    private static let constants: [UInt32] = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ]

    /// Whole blocks of 64 bytes.
    private static func compress(_ state: inout (UInt32, UInt32, UInt32, UInt32), _ bytes: UnsafeRawBufferPointer) {
        constants.withUnsafeBufferPointer { constants in
            var offset = 0
            while offset < bytes.count {
                var (a, b, c, d) = state
                // Four steps at a time, each with its own rotation, so that the compiler sees constants.
                for step in 0..<4 {
                    let base = step &* 4
                    mix(&a, b, d ^ (b & (c ^ d)), word(bytes, offset, base), constants[base], 7)
                    mix(&d, a, c ^ (a & (b ^ c)), word(bytes, offset, base &+ 1), constants[base &+ 1], 12)
                    mix(&c, d, b ^ (d & (a ^ b)), word(bytes, offset, base &+ 2), constants[base &+ 2], 17)
                    mix(&b, c, a ^ (c & (d ^ a)), word(bytes, offset, base &+ 3), constants[base &+ 3], 22)
                }
                for step in 4..<8 {
                    let base = step &* 4
                    let index = base &* 5 &+ 1
                    mix(&a, b, c ^ (d & (b ^ c)), word(bytes, offset, index), constants[base], 5)
                    mix(&d, a, b ^ (c & (a ^ b)), word(bytes, offset, index &+ 5), constants[base &+ 1], 9)
                    mix(&c, d, a ^ (b & (d ^ a)), word(bytes, offset, index &+ 10), constants[base &+ 2], 14)
                    mix(&b, c, d ^ (a & (c ^ d)), word(bytes, offset, index &+ 15), constants[base &+ 3], 20)
                }
                for step in 8..<12 {
                    let base = step &* 4
                    let index = base &* 3 &+ 5
                    mix(&a, b, b ^ c ^ d, word(bytes, offset, index), constants[base], 4)
                    mix(&d, a, a ^ b ^ c, word(bytes, offset, index &+ 3), constants[base &+ 1], 11)
                    mix(&c, d, d ^ a ^ b, word(bytes, offset, index &+ 6), constants[base &+ 2], 16)
                    mix(&b, c, c ^ d ^ a, word(bytes, offset, index &+ 9), constants[base &+ 3], 23)
                }
                for step in 12..<16 {
                    let base = step &* 4
                    let index = base &* 7
                    mix(&a, b, c ^ (b | ~d), word(bytes, offset, index), constants[base], 6)
                    mix(&d, a, b ^ (a | ~c), word(bytes, offset, index &+ 7), constants[base &+ 1], 10)
                    mix(&c, d, a ^ (d | ~b), word(bytes, offset, index &+ 14), constants[base &+ 2], 15)
                    mix(&b, c, d ^ (c | ~a), word(bytes, offset, index &+ 21), constants[base &+ 3], 21)
                }
                state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
                offset &+= 64
            }
        }
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ index: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset &+ (index & 15) &* 4, as: UInt32.self))
    }

    @inline(__always)
    private static func mix(
        _ target: inout UInt32, _ next: UInt32, _ function: UInt32, _ word: UInt32, _ constant: UInt32, _ turn: UInt32
    ) {
        let sum = target &+ function &+ word &+ constant
        target = next &+ (sum &<< turn | sum &>> (32 &- turn))
    }
}
