// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Content that one thread compresses at a time, and what came of it: some whole members, or one piece of a long file.
///
/// It is used again and again, so that there is memory for so many and no more.
// One thread at a time has it: who fills it until it is handed to `CompressionThreads`, then the thread that took it from
// the queue, and who filled it again when it has been waited for. The lock of the queue orders the three.
final class CompressionJob: @unchecked Sendable {
    /// Of content, and of what it becomes: members are kept only where they get smaller, and a piece takes half.
    static let capacity = 512 << 10

    struct Part {
        enum Extent { case whole, piece(isLast: Bool) }

        /// What the archive says of it; of a long file beside its first piece only.
        var member: ZipMember?
        var extent: Extent
        /// Where it lies in the content.
        var content: Range<Int>
        var checksum: UInt32 = 0
        /// Where it lies compressed; nil when that would gain nothing.
        var compressed: Range<Int>?
    }

    let content = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    let compressed = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    var parts: [Part] = []
    /// There was no memory to compress it.
    var hasFailed = false

    deinit {
        content.deallocate()
        compressed.deallocate()
    }

    /// Where the next part begins.
    var end: Int { parts.last?.content.upperBound ?? 0 }

    var room: Int { Self.capacity - end }

    /// What goes into the archive for a part.
    func result(of part: Part) -> UnsafeRawBufferPointer {
        guard let range = part.compressed else { return UnsafeRawBufferPointer(rebasing: content[part.content]) }
        return UnsafeRawBufferPointer(rebasing: compressed[range])
    }

    func clear() {
        parts.removeAll(keepingCapacity: true)
        hasFailed = false
    }
}
