// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CDeflate
internal import CZlib

/// The compressors of one thread, each set up when it is first needed and used for many members.
///
/// A whole member is libdeflate's: it takes half the time of zlib's level 3, which makes files of that size. A piece of a
/// long file is zlib's, because a piece has to end at a byte without ending the member, and libdeflate ends whatever it makes.
/// Nothing is kept from one member or piece to the next, so it does not matter who compresses which.
struct Compressor: ~Copyable {
    /// Of libdeflate: members are at most a twentieth larger than those of `zip`, which has zlib's 6, and made four to five
    /// times as fast; with level 4 they would be a fiftieth larger, and take half as long again.
    private static let wholeLevel: Int32 = 1
    /// Of zlib: twice to three times as fast as 6.
    private static let pieceLevel: Int32 = 4

    private var whole: OpaquePointer?
    private var stream: UnsafeMutablePointer<z_stream>?

    init() {}

    deinit {
        if let whole { libdeflate_free_compressor(whole) }
        if let stream {
            deflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Compresses all parts of it.
    mutating func compress(_ job: CompressionJob) {
        var end = 0
        for index in job.parts.indices {
            let part = job.parts[index]
            let content = UnsafeRawBufferPointer(rebasing: job.content[part.content])
            let room = UnsafeMutableRawBufferPointer(rebasing: job.compressed[end...])
            let size: Int?
            switch part.extent {
            case .whole: size = deflateWhole(content, into: room, hasFailed: &job.hasFailed)
            case .piece(let isLast):
                size = deflatePiece(content, isLast: isLast, into: room)
                if size == nil { job.hasFailed = true }
            }
            job.parts[index].checksum = libdeflate_crc32(0, content.baseAddress, content.count)
            job.parts[index].compressed = size.map { end..<end + $0 }
            end += size ?? 0
        }
    }

    /// - Returns: the size, or nil when nothing would be gained.
    private mutating func deflateWhole(
        _ content: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, hasFailed: inout Bool
    ) -> Int? {
        guard content.count > 8 else { return nil }
        if whole == nil { whole = libdeflate_alloc_compressor(Self.wholeLevel) }
        guard let whole else {
            hasFailed = true
            return nil
        }
        let size = libdeflate_deflate_compress(
            whole, content.baseAddress, content.count, room.baseAddress, min(room.count, content.count - 1))
        return size > 0 ? size : nil
    }

    /// - Returns: the size, or nil when zlib failed.
    private mutating func deflatePiece(
        _ content: UnsafeRawBufferPointer, isLast: Bool, into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        if stream == nil { stream = Self.makeStream() }
        guard let stream, deflateReset(stream) == Z_OK else { return nil }
        // zlib reads only; its header lacks the const.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: content.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(content.count)
        stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room.count)
        let result = deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
        // With room left there is nothing that zlib still holds back.
        guard result == (isLast ? Z_STREAM_END : Z_OK), stream.pointee.avail_out > 0 else { return nil }
        return room.count - Int(stream.pointee.avail_out)
    }

    /// zlib without its framing; nil when there is no memory for it.
    private static func makeStream() -> UnsafeMutablePointer<z_stream>? {
        // On the heap, because zlib keeps the stream's address.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = deflateInit2_(
            stream, pieceLevel, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)
        )
        if result == Z_OK { return stream }
        stream.deallocate()
        return nil
    }

    /// The CRC-32 of two pieces, from that of each.
    static func checksum(_ first: UInt32, _ second: UInt32, secondCount: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_combine(UInt(first), UInt(second), secondCount))
    }
}
