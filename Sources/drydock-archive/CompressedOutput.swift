// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CZstd
import Files
import SystemPackage

/// Compresses in several threads on the way to a descriptor, with a checksum, so that a reader sees each flipped bit.
///
/// libarchive could compress too, but writes no checksum.
final class CompressedOutput {
    private let context: OpaquePointer
    private let descriptor: FileDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    /// Why writing ended; libarchive, which calls ``take(_:)``, knows only that it did.
    private(set) var failure: ArchiveFailure?

    init(_ descriptor: FileDescriptor, level: Int, threads: Int) throws(ArchiveFailure) {
        guard let context = ZSTD_createCCtx() else { throw ArchiveFailure("could not compress: no memory") }
        self.context = context
        self.descriptor = descriptor
        try set(ZSTD_c_compressionLevel, level)
        try set(ZSTD_c_checksumFlag, 1)
        // One thread besides this one would be slower than none: it waits for us, and we for it.
        guard threads > 1 else { return }
        try set(ZSTD_c_nbWorkers, threads)
        // Smaller than zstd's own choice at the usual levels, because each thread holds a piece or two; pieces of this size
        // cost less than a hundredth of the result.
        if level < 10 { try set(ZSTD_c_jobSize, 4 << 20) }
    }

    deinit {
        ZSTD_freeCCtx(context)
        buffer.deallocate()
    }

    private func set(_ parameter: ZSTD_cParameter, _ value: Int) throws(ArchiveFailure) {
        try check(ZSTD_CCtx_setParameter(context, parameter, Int32(value)))
    }

    /// Whether the bytes were taken.
    func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard failure == nil else { return false }
        do throws(ArchiveFailure) {
            var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            while input.pos < input.size { _ = try compress(&input, ZSTD_e_continue) }
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// Writes what is left, and the checksum.
    func finish() throws(ArchiveFailure) {
        if let failure { throw failure }
        var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
        while try compress(&input, ZSTD_e_end) > 0 {}
    }

    private func compress(
        _ input: inout ZSTD_inBuffer, _ directive: ZSTD_EndDirective
    ) throws(ArchiveFailure) -> Int {
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        let left = try check(ZSTD_compressStream2(context, &output, &input, directive))
        do { _ = try descriptor.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<output.pos])) } catch {
            throw ArchiveFailure("could not write the archive: \((error as? Errno)?.words ?? "\(error)")")
        }
        return left
    }

    @discardableResult
    private func check(_ result: Int) throws(ArchiveFailure) -> Int {
        guard ZSTD_isError(result) == 0 else {
            throw ArchiveFailure("could not compress: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}
