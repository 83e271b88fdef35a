// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CZlib
public import SystemPackage

/// Files in the form of gzip(1).
public enum GzipFile {
    private static let bufferSize = 256 << 10
    /// A window of 32 KiB, and 16 for the form: gzip's, without name and time, so that the same content gives the same bytes.
    private static let windowBits: Int32 = 15 + 16

    /// Compresses what a file holds, from its beginning, and writes it into another.
    public static func compress(_ source: FileDescriptor, into target: FileDescriptor) throws(Errno) {
        let buffers = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * bufferSize, alignment: 16)
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer {
            stream.deallocate()
            buffers.deallocate()
        }
        let input = UnsafeMutableRawBufferPointer(rebasing: buffers[..<bufferSize])
        let output = UnsafeMutableRawBufferPointer(rebasing: buffers[bufferSize...])
        let made = deflateInit2_(
            stream, 6, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard made == Z_OK else { throw .noMemory }
        defer { deflateEnd(stream) }
        var position: Int64 = 0
        while true {
            let count: Int
            do { count = try source.read(fromAbsoluteOffset: position, into: input) } catch {
                throw error as? Errno ?? .ioError
            }
            position += Int64(count)
            stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_in = UInt32(count)
            repeat {
                stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(output.count)
                _ = deflate(stream, count == 0 ? Z_FINISH : Z_NO_FLUSH)
                let packed = output[..<(output.count - Int(stream.pointee.avail_out))]
                do { _ = try target.writeAll(UnsafeRawBufferPointer(rebasing: packed)) } catch {
                    throw error as? Errno ?? .ioError
                }
            } while stream.pointee.avail_out == 0
            if count == 0 { return }
        }
    }
}
