// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import SystemPackage

/// A ZIP file as libarchive is to see it: without the word that names are UTF-8, because it composes those (Unicode's form NFC)
/// and hands out all others as they are.
///
/// What cannot be understood is left as it is: whether that is a ZIP file at all libarchive finds out.
/// Source: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.16, 4.4.4 (bit 11) and 4.5.3.
struct ZipFile {
    private let descriptor: FileDescriptor
    let size: Int
    /// Where it lies; ascending.
    private var flags: [Int] = []
    private var window: [UInt8] = []
    private var windowStart = 0

    private static let windowLength = 256 * 1024
    private static let endLength = 22
    private static let entryLength = 46
    /// Bit 11, in the second byte of a member's flags.
    private static let textFlag: UInt8 = 0x08

    init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
        size = max(0, Int(lseek(descriptor.rawValue, 0, SEEK_END)))
        var found: [Int] = []
        if let list = findList() {
            var position = list.lowerBound
            while position < list.upperBound, number(4, at: position) == 0x0201_4B50,
                let length = entryLength(at: position)
            {
                if let start = memberStart(entry: position) {
                    // What stands before the archive counts in no offset.
                    let (flag, isTooLarge) = start.addingReportingOverflow(list.shift + 7)
                    if !isTooLarge { found.append(flag) }
                }
                position += length
            }
        }
        found.sort()
        flags = found
        window = []
    }

    /// - Returns: how many bytes there are; 0 at the end, negative for a failure, with errno.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        var count = -1
        repeat {
            count = pread(descriptor.rawValue, buffer.baseAddress, buffer.count, offset)
        } while count < 0 && errno == EINTR
        guard count > 0 else { return count }
        var (low, high) = (0, flags.count)
        while low < high {
            let middle = (low + high) / 2
            if flags[middle] < offset { low = middle + 1 } else { high = middle }
        }
        while low < flags.count, flags[low] - offset < count {
            buffer[flags[low] - offset] &= ~Self.textFlag
            low += 1
        }
        return count
    }

    // MARK: The list of members

    private struct List {
        var lowerBound: Int
        var upperBound: Int
        /// How much further back all lies than it says.
        var shift: Int
    }

    private mutating func findList() -> List? {
        var end = size - Self.endLength
        let first = max(0, end - Int(UInt16.max))
        while end >= first, number(4, at: end) != 0x0605_4B50 { end -= 1 }
        guard end >= first, var length = number(4, at: end + 12), var offset = number(4, at: end + 16) else {
            return nil
        }
        // A large one says before its end where it says so in wider numbers.
        if number(4, at: end - 20) == 0x0706_4B50, let place = number(8, at: end - 12),
            number(4, at: place) == 0x0606_4B50, let wideLength = number(8, at: place + 40),
            let wideOffset = number(8, at: place + 48)
        {
            (end, length, offset) = (place, wideLength, wideOffset)
        }
        guard length <= end else { return nil }
        return List(lowerBound: end - length, upperBound: end, shift: end - length - offset)
    }

    private mutating func entryLength(at position: Int) -> Int? {
        guard let name = number(2, at: position + 28), let extra = number(2, at: position + 30),
            let comment = number(2, at: position + 32)
        else { return nil }
        return Self.entryLength + name + extra + comment
    }

    private mutating func memberStart(entry position: Int) -> Int? {
        let narrow = Int(UInt32.max)
        guard let start = number(4, at: position + 42), start == narrow else { return number(4, at: position + 42) }
        guard let name = number(2, at: position + 28), let extra = number(2, at: position + 30) else { return nil }
        var field = position + Self.entryLength + name
        let end = field + extra
        while field + 4 <= end, let kind = number(2, at: field), let length = number(2, at: field + 2) {
            guard kind != 1 else {
                // Only those of its numbers are there that do not fit elsewhere.
                let before = [24, 20].filter { number(4, at: position + $0) == narrow }.count
                return number(8, at: field + 4 + 8 * before)
            }
            field += 4 + length
        }
        return nil
    }

    /// A number of so many bytes, the lowest first; nil where there is none, or none that can be a place.
    private mutating func number(_ count: Int, at position: Int) -> Int? {
        guard position >= 0, position <= size - count else { return nil }
        if position < windowStart || position + count > windowStart + window.count {
            // Searched backwards at first, then read forwards.
            windowStart = position < windowStart ? max(0, position + count - Self.windowLength) : position
            let (descriptor, start) = (descriptor.rawValue, windowStart)
            window = [UInt8](unsafeUninitializedCapacity: Self.windowLength) { buffer, filled in
                filled = max(0, pread(descriptor, buffer.baseAddress, buffer.count, start))
            }
            guard position + count <= windowStart + window.count else { return nil }
        }
        let first = position - windowStart
        let value = (0..<count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(window[first + $1]) }
        return value <= UInt64(Int64.max >> 1) ? Int(value) : nil
    }
}
