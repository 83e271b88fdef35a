// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// Patterns, in the order of their bytes, and the search for all of them at once.
///
/// Every pattern of at least eight bytes has the same number of groups of four bytes at its beginning, as many as the
/// shortest of them allows; whatever occurs in a text, one group of each occurrence lies at a multiple of that number. So
/// the text is looked at in steps, and only what a bit table does not rule out is looked at closely (Wu and Manber, "A Fast
/// Algorithm for Multi-Pattern Searching", 1994). What is shorter is looked for by its first three bytes at every place.
/// No pattern is longer than `longest`, which bounds what one place of a text can cost and how much is held back.
struct PatternTable: Sendable {
    /// Longer ones are cut into pieces, each of which is a pattern.
    static let longest = 128
    private static let group = 4
    private static let shortest = 8
    private static let widest = 20

    private let entries: [Entry]
    private let arena: Arena
    private let places: GroupFilter
    private let shortStarts: GroupFilter
    /// The step in which the text is looked at; 0 where no pattern is long.
    private let step: Int
    private let hasShort: Bool
    /// How far before the end of a text a pattern may begin that goes on behind it.
    private let tail: Int

    struct Entry: Sendable {
        var offset: UInt32
        var length: UInt16
        /// A piece of a longer value, but the first.
        var continues: Bool
        /// The longest other pattern that this one begins with, or -1.
        var prefix: Int32
    }

    /// What a text holds of a pattern.
    struct Match {
        var start: Int
        var end: Int
        var continues: Bool
    }

    var isEmpty: Bool { entries.isEmpty }

    init(_ forms: consuming FormList) {
        arena = Arena(forms.bytes)
        entries = Self.sorted(forms.ranges, arena)
        var width = Self.widest
        var hasShort = false
        var roots = 0
        for entry in entries where entry.prefix < 0 {
            let length = Int(entry.length)
            if length < Self.shortest { hasShort = true } else { (width, roots) = (min(width, length), roots + 1) }
        }
        self.hasShort = hasShort
        step = roots == 0 ? 0 : width - Self.group + 1
        tail = (entries.map { Int($0.length) }.max() ?? 1) - 1
        var places = GroupFilter(count: roots * step, width: Self.group)
        var short = GroupFilter(count: hasShort ? entries.count - roots : 0, width: 3)
        for entry in entries where entry.prefix < 0 {
            let bytes = arena.bytes(entry)
            if bytes.count < Self.shortest {
                short.insert(bytes, at: 0)
            } else {
                for place in 0..<step { places.insert(UnsafeRawBufferPointer(rebasing: bytes[place...]), at: place) }
            }
        }
        (self.places, shortStarts) = (places, short)
    }

    // MARK: Searching

    /// Finds, at each place of a text where patterns begin, the longest; in order.
    func matches(in text: UnsafeRawBufferPointer) -> [Match] {
        var found: [Match] = []
        if step > 0, text.count >= Self.shortest {
            places.withUnsafe { filter in
                var place = 0
                let last = text.count - Self.group
                while place <= last {
                    if filter.mayHold(text, place) { look(at: place, in: text, filter, &found) }
                    place += step
                }
            }
        }
        if hasShort, text.count >= 3 {
            let isMixed = !found.isEmpty
            shortStarts.withUnsafe { filter in
                for start in 0...(text.count - 3) where filter.mayHold(text, start) {
                    if let match = match(at: start, in: text) { found.append(match) }
                }
            }
            if isMixed { found.sort { $0.start < $1.start } }
        } else if found.count > 1 {
            // A group of a later place may belong to an earlier beginning.
            if zip(found, found.dropFirst()).contains(where: { $0.start > $1.start }) {
                found.sort { $0.start < $1.start }
            }
        }
        return found
    }

    /// Looks at every beginning of a pattern that a group at this place may belong to.
    private func look(
        at place: Int, in text: UnsafeRawBufferPointer, _ filter: GroupFilter.Unsafe, _ found: inout [Match]
    ) {
        var offsets = filter.offsets(text, place)
        while offsets != 0 {
            // The farthest first, so that beginnings come in order.
            let offset = 31 - offsets.leadingZeroBitCount
            offsets &= ~(1 << UInt32(offset))
            let start = place - offset
            guard start >= 0, offset == 0 || filter.mayBegin(text, start) else { continue }
            if let match = match(at: start, in: text) { found.append(match) }
        }
    }

    /// Where the first pattern begins that may go on behind the text; nil when none does.
    func unfinished(in text: UnsafeRawBufferPointer) -> Int? {
        places.withUnsafe { long in
            shortStarts.withUnsafe { short in
                for start in max(0, text.count - tail)..<text.count {
                    let rest = text.count - start
                    let isPossible =
                        rest < Self.group || step > 0 && long.mayBegin(text, start)
                        || hasShort && short.mayHold(text, start)
                    if isPossible, goesOn(UnsafeRawBufferPointer(rebasing: text[start...])) { return start }
                }
                return nil
            }
        }
    }

    /// Patterns that begin with the text stand right after it in the order of bytes.
    private func goesOn(_ text: UnsafeRawBufferPointer) -> Bool {
        let next = firstAfter(text)
        guard next < entries.count else { return false }
        let bytes = arena.bytes(entries[next])
        return bytes.count > text.count && compare(bytes, text, text.count) == 0
    }

    /// The last pattern that does not stand after the text is a beginning of it, or shares with it every one that is.
    private func match(at start: Int, in text: UnsafeRawBufferPointer) -> Match? {
        let rest = UnsafeRawBufferPointer(rebasing: text[start..<min(text.count, start + Self.longest)])
        var candidate = firstAfter(rest) - 1
        while candidate >= 0 {
            let entry = entries[candidate]
            let bytes = arena.bytes(entry)
            if bytes.count <= rest.count, compare(bytes, rest, bytes.count) == 0 {
                return Match(start: start, end: start + bytes.count, continues: entry.continues)
            }
            candidate = Int(entry.prefix)
        }
        return nil
    }

    /// The place of the first pattern that stands after the text in the order of bytes.
    private func firstAfter(_ text: UnsafeRawBufferPointer) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let pattern = arena.bytes(entries[middle])
            let order = compare(pattern, text, min(pattern.count, text.count))
            if order > 0 || order == 0 && pattern.count > text.count { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func compare(_ pattern: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer, _ count: Int) -> Int32 {
        guard let pattern = pattern.baseAddress, let text = text.baseAddress else { return -1 }
        return memcmp(pattern, text, count)
    }

    // MARK: Making

    /// In the order of bytes, each once, with the longest other that each begins with.
    private static func sorted(_ ranges: [FormList.Form], _ arena: Arena) -> [Entry] {
        // Nearly all differ in their first eight bytes, which are compared as one number.
        var keyed = ranges.indices.map { (key: arena.key(ranges[$0]), index: $0) }
        keyed.sort { left, right in
            if left.key != right.key { return left.key < right.key }
            return arena.compare(ranges[left.index], ranges[right.index]) < 0
        }
        var entries: [Entry] = []
        entries.reserveCapacity(keyed.count)
        var open: [Int] = []
        for (_, index) in keyed {
            let form = ranges[index]
            let entry = Entry(
                offset: UInt32(form.offset), length: UInt16(form.length), continues: form.continues, prefix: -1)
            while let last = open.last, !arena.bytes(entry).starts(with: arena.bytes(entries[last])) {
                open.removeLast()
            }
            if let last = open.last, entries[last].length == entry.length {
                // The same text twice: as the beginning of a value it counts.
                entries[last].continues = entries[last].continues && entry.continues
                continue
            }
            open.append(entries.count)
            entries.append(entry)
            entries[entries.count - 1].prefix = Int32(open.dropLast().last ?? -1)
        }
        return entries
    }
}

/// The bytes of all patterns, wiped when the last mask goes.
final class Arena: @unchecked Sendable {
    // Immutable after `init`, so that it may be shared between threads.
    private let memory: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        // The key of the last form reads past its end.
        memory = .allocate(byteCount: bytes.count + 8, alignment: 8)
        memory.copyBytes(from: bytes + [UInt8](repeating: 0, count: 8))
    }

    deinit {
        if let start = memory.baseAddress { explicit_bzero(start, memory.count) }
        memory.deallocate()
    }

    @inline(__always)
    func bytes(_ entry: PatternTable.Entry) -> UnsafeRawBufferPointer {
        let start = Int(entry.offset)
        return UnsafeRawBufferPointer(rebasing: memory[start..<(start + Int(entry.length))])
    }

    /// The first eight bytes as a number that is ordered as they are; a shorter form ends in zeros.
    func key(_ form: FormList.Form) -> UInt64 {
        let whole = UInt64(bigEndian: memory.loadUnaligned(fromByteOffset: form.offset, as: UInt64.self))
        return form.length >= 8 ? whole : whole & ~(UInt64.max >> UInt64(8 * form.length))
    }

    func compare(_ left: FormList.Form, _ right: FormList.Form) -> Int {
        guard let start = memory.baseAddress else { return 0 }
        let order = memcmp(start + left.offset, start + right.offset, min(left.length, right.length))
        return order == 0 ? left.length - right.length : Int(order)
    }
}
