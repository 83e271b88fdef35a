// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CZlib

/// zlib's compressor without its framing, set up once and used for many members.
struct Deflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil when there is no memory for it.
    init?(level: Int) {
        // On the heap, because zlib keeps the stream's address.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = deflateInit2_(
            stream, Int32(level), Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            stream.deallocate()
            return nil
        }
        self.stream = stream
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Makes ready for a new member.
    func reset() { deflateReset(stream) }

    /// Compresses all of it at once.
    /// - Returns: the size, or nil when it would be more than `limit`, or the target's.
    func deflateWhole(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, limit: Int
    ) -> Int? {
        reset()
        let room = min(limit, target.count)
        setInput(bytes)
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room)
        guard CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END else { return nil }
        return room - Int(stream.pointee.avail_out)
    }

    /// Compresses the next piece and hands on what comes of it.
    /// - Returns: false when `emit` returned false or zlib failed.
    func deflate(
        _ bytes: UnsafeRawBufferPointer, isLast: Bool, through buffer: UnsafeMutableRawBufferPointer,
        emit: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        setInput(bytes)
        while true {
            stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(buffer.count)
            let result = CZlib.deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
            guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return false }
            let count = buffer.count - Int(stream.pointee.avail_out)
            if count > 0, !emit(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { return false }
            if isLast ? result == Z_STREAM_END : stream.pointee.avail_out > 0 { return true }
        }
    }

    private func setInput(_ bytes: UnsafeRawBufferPointer) {
        // zlib reads only; its header lacks the const.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(bytes.count)
    }

    /// The CRC-32 of a stream, given that of what came before.
    static func checksum(_ bytes: UnsafeRawBufferPointer, _ before: UInt32) -> UInt32 {
        guard let start = bytes.baseAddress else { return before }
        return UInt32(truncatingIfNeeded: crc32_z(UInt(before), start.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
}
