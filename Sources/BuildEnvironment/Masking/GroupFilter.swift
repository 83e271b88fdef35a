// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Tells of a group of bytes that it is at the beginning of no pattern, or that it may be, and how far behind its start.
struct GroupFilter: Sendable {
    /// Bytes of a group: 3 or 4.
    private let width: Int
    /// How far a hash is shifted for the number of its bit.
    private let shift: UInt32
    private var bits: [UInt64]
    /// By a shorter hash: a bit for each offset at which such a group stands in a pattern.
    private var offsets: [UInt32]

    private static let offsetShift: UInt32 = 2

    /// - Parameter count: of the groups that will be there; the table is made for so many.
    init(count: Int, width: Int) {
        self.width = width
        // About one bit of 32 is set, and up to 2 MiB are used: what a processor keeps near.
        var size: UInt32 = 10
        while size < 24, 1 << size < count * 32 { size += 1 }
        shift = 32 - size
        bits = [UInt64](repeating: 0, count: count == 0 ? 1 : 1 << (size - 6))
        offsets = [UInt32](repeating: 0, count: count == 0 ? 1 : 1 << (size - Self.offsetShift))
    }

    mutating func insert(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let hash = Self.hash(bytes, 0, width)
        let bit = hash >> shift
        bits[Int(bit >> 6)] |= 1 << UInt64(bit & 63)
        offsets[Int(bit >> Self.offsetShift)] |= 1 << UInt32(offset)
    }

    /// Numbers of Knuth's multiplicative hashing; The Art of Computer Programming 3, 6.4.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, _ place: Int, _ width: Int) -> UInt32 {
        var group: UInt32
        if width == 4 {
            group = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
        } else {
            group = UInt32(bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self))
            group |= UInt32(bytes[place + 2]) << 16
        }
        group &*= 0x9E37_79B1
        return (group ^ group >> 15) &* 0x85EB_CA77
    }

    /// The tables by their addresses, for as long as `body` runs.
    @inline(__always)
    func withUnsafe<Result>(_ body: (Unsafe) -> Result) -> Result {
        bits.withUnsafeBufferPointer { bits in
            offsets.withUnsafeBufferPointer { offsets in
                body(Unsafe(width: width, shift: shift, bits: bits, offsets: offsets))
            }
        }
    }

    struct Unsafe {
        let width: Int
        let shift: UInt32
        let bits: UnsafeBufferPointer<UInt64>
        let offsets: UnsafeBufferPointer<UInt32>

        /// Whether a group that begins here may stand in a pattern.
        @inline(__always)
        func mayHold(_ text: UnsafeRawBufferPointer, _ place: Int) -> Bool {
            let bit = hash(text, place, width) >> shift
            return bits[Int(bit >> 6)] & (1 << UInt64(bit & 63)) != 0
        }

        /// Whether a pattern may begin here.
        @inline(__always)
        func mayBegin(_ text: UnsafeRawBufferPointer, _ place: Int) -> Bool {
            mayHold(text, place) && offsets(text, place) & 1 != 0
        }

        @inline(__always)
        func offsets(_ text: UnsafeRawBufferPointer, _ place: Int) -> UInt32 {
            offsets[Int((hash(text, place, width) >> shift) >> GroupFilter.offsetShift)]
        }

        @inline(__always)
        private func hash(_ text: UnsafeRawBufferPointer, _ place: Int, _ width: Int) -> UInt32 {
            GroupFilter.hash(text, place, width)
        }
    }
}
