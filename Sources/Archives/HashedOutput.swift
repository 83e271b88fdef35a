// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import SystemPackage

/// Gathers what is written into large pieces, and feeds each to both digests on its way out.
struct HashedOutput: ~Copyable {
    private let descriptor: FileDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    private var used = 0
    private(set) var md5 = MD5()
    private(set) var sha256 = SHA256()
    /// Bytes written so far.
    private(set) var count = 0

    init(descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit { buffer.deallocate() }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        count += bytes.count
        var rest = bytes[...]
        while !rest.isEmpty {
            if used == buffer.count { try flush() }
            let piece = rest.prefix(buffer.count - used)
            UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: piece))
            used += piece.count
            rest = rest.dropFirst(piece.count)
        }
    }

    mutating func flush() throws(Errno) {
        let piece = UnsafeRawBufferPointer(rebasing: buffer[..<used])
        used = 0
        md5.update(piece)
        sha256.update(piece)
        do { _ = try descriptor.writeAll(piece) } catch { throw error as? Errno ?? .ioError }
    }
}
