// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// Replaces secrets in a stream of bytes by `***`, however the stream is cut into pieces.
///
/// Bytes that may be the beginning of a secret are held back until it is clear whether they are. Where matches overlap,
/// everything that any of them covers is hidden. Besides the values themselves their usual disguises are found: see
/// `SecretForms`. What a build does to a secret beyond that (reversed, encrypted, printed a letter a line) stays visible,
/// as it does in CodeBuild.
public struct SecretMask: Sendable {
    /// What stands in a secret's place, as in CodeBuild's logs.
    public static let replacement = "***"

    /// Names whose values are too short or blank to be masked: hiding every `a` of a log would destroy it.
    public let unmaskableNames: [String]
    /// Whether there is nothing to hide, so that a caller may pass bytes by.
    public var isEmpty: Bool { patterns.isEmpty }

    private let patterns: PatternTable
    /// The end of what was fed: a possible beginning of a secret.
    private var held: [UInt8] = []
    /// How many of the held bytes a match already covers; their replacement has been emitted.
    private var coveredCount = 0

    /// - Parameter secrets: names and values; a name serves only to say whose value cannot be masked.
    public init(secrets: [(name: String, value: String)] = []) {
        var forms: Set<[UInt8]> = []
        var unmaskable: [String] = []
        for secret in secrets {
            let own = SecretForms.all(of: secret.value)
            if own.isEmpty { unmaskable.append(secret.name) }
            forms.formUnion(own)
        }
        patterns = PatternTable(forms)
        unmaskableNames = unmaskable
    }

    /// Takes the next bytes of the stream and hands on what is certain, in order.
    /// - Parameter emit: gets bytes that are valid during its call only.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) -> Void) {
        process(bytes, isLast: false, emit)
    }

    /// Hands on what is held back: the stream ended, or a command did.
    public mutating func flush(emit: (UnsafeRawBufferPointer) -> Void) {
        process(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true, emit)
    }

    /// Masks a text that is whole, whatever is held back of the stream.
    public func mask(_ text: String) -> String {
        guard !isEmpty else { return text }
        var copy = SecretMask(patterns: patterns)
        var result: [UInt8] = []
        var text = text
        text.withUTF8 { bytes in
            copy.process(UnsafeRawBufferPointer(bytes), isLast: true) { result.append(contentsOf: $0) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private init(patterns: PatternTable) {
        self.patterns = patterns
        unmaskableNames = []
    }

    private mutating func process(
        _ bytes: UnsafeRawBufferPointer, isLast: Bool, _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        if isEmpty {
            if !bytes.isEmpty { emit(bytes) }
            return
        }
        let rest: (start: Int, covered: Int)
        if held.isEmpty {
            rest = patterns.scan(bytes, covered: coveredCount, isLast: isLast, emit)
            held.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[rest.start...]))
        } else {
            held.append(contentsOf: bytes)
            rest = held.withUnsafeBytes { patterns.scan($0, covered: coveredCount, isLast: isLast, emit) }
            held.removeFirst(rest.start)
        }
        coveredCount = rest.covered
    }
}

/// Patterns by their first two bytes, and the scan for them.
private struct PatternTable: Sendable {
    /// For each pair of bytes (low byte first) 0 or 1 + the number of its bucket. 128 KiB, of which a text touches few.
    private let bucketOfPair: [UInt16]
    /// Whether a pattern begins with this byte, for the last byte of a stream.
    private let startsPattern: [Bool]
    /// Each in the order of bytes, so that the patterns that fit a text are found by bisection.
    private let buckets: [[Entry]]

    private struct Entry {
        var bytes: [UInt8]
        /// The longest other pattern that this one begins with, or -1.
        var prefix: Int
    }

    var isEmpty: Bool { buckets.isEmpty }

    /// - Parameter patterns: each of at least three bytes.
    init(_ patterns: Set<[UInt8]>) {
        guard !patterns.isEmpty else {
            (bucketOfPair, startsPattern, buckets) = ([], [], [])
            return
        }
        var ofPair = [UInt16](repeating: 0, count: 65_536)
        var starts = [Bool](repeating: false, count: 256)
        var buckets: [[[UInt8]]] = []
        for pattern in patterns where pattern.count >= SecretForms.minimumLength {
            let pair = Int(pattern[0]) | Int(pattern[1]) << 8
            starts[Int(pattern[0])] = true
            if ofPair[pair] == 0 {
                buckets.append([])
                // At most 65,535 pairs can begin something: a pattern never begins with a line end.
                ofPair[pair] = UInt16(truncatingIfNeeded: buckets.count)
            }
            buckets[Int(ofPair[pair]) - 1].append(pattern)
        }
        bucketOfPair = ofPair
        startsPattern = starts
        self.buckets = buckets.map(Self.sorted)
    }

    /// Emits what is certain of `bytes`.
    /// - Returns: where what must be held back starts, and how many bytes from there a match already covers.
    func scan(
        _ bytes: UnsafeRawBufferPointer, covered: Int, isLast: Bool, _ emit: (UnsafeRawBufferPointer) -> Void
    ) -> (start: Int, covered: Int) {
        let count = bytes.count
        var coverEnd = covered
        var pending = covered
        func emitRun(to end: Int) {
            if pending < end { emit(UnsafeRawBufferPointer(rebasing: bytes[pending..<end])) }
        }
        let held: Int? = bucketOfPair.withUnsafeBufferPointer { bucketOfPair in
            var index = 0
            while index < count - 1 {
                let pair = Int(bytes[index]) | Int(bytes[index + 1]) << 8
                let bucket = bucketOfPair[pair]
                if bucket != 0 {
                    let found = match(bucket, in: UnsafeRawBufferPointer(rebasing: bytes[index...]))
                    if found.mayGrow && !isLast { return index }
                    if found.length > 0 {
                        if index >= coverEnd {
                            emitRun(to: index)
                            emitReplacement(emit)
                        }
                        coverEnd = max(coverEnd, index + found.length)
                        pending = coverEnd
                    }
                }
                index += 1
            }
            if index < count, !isLast, startsPattern[Int(bytes[index])] { return index }
            return nil
        }
        let end = held ?? count
        emitRun(to: end)
        return (end, max(0, coverEnd - end))
    }

    /// The longest pattern at the start of `text`, and whether a longer one would fit more text.
    ///
    /// Patterns that begin with the text stand right after it in the order of bytes. The last one not after it is a
    /// beginning of the text, or else shares with the text every pattern that is.
    private func match(_ bucket: UInt16, in text: UnsafeRawBufferPointer) -> (length: Int, mayGrow: Bool) {
        let entries = buckets[Int(bucket) - 1]
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let pattern = entries[middle].bytes
            let order = compare(pattern, text, min(pattern.count, text.count))
            if order > 0 || order == 0 && pattern.count > text.count { high = middle } else { low = middle + 1 }
        }
        let mayGrow =
            low < entries.count && entries[low].bytes.count > text.count
            && compare(entries[low].bytes, text, text.count) == 0
        var candidate = low - 1
        while candidate >= 0 {
            let pattern = entries[candidate].bytes
            if pattern.count <= text.count, compare(pattern, text, pattern.count) == 0 {
                return (pattern.count, mayGrow)
            }
            candidate = entries[candidate].prefix
        }
        return (0, mayGrow)
    }

    private static func sorted(_ patterns: [[UInt8]]) -> [Entry] {
        var entries: [Entry] = []
        var open: [Int] = []
        for pattern in patterns.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            while let last = open.last, !pattern.starts(with: entries[last].bytes) { open.removeLast() }
            open.append(entries.count)
            entries.append(Entry(bytes: pattern, prefix: open.dropLast().last ?? -1))
        }
        return entries
    }

    private func compare(_ pattern: [UInt8], _ text: UnsafeRawBufferPointer, _ count: Int) -> Int32 {
        pattern.withUnsafeBytes { bytes in
            guard let pattern = bytes.baseAddress, let text = text.baseAddress else { return -1 }
            return memcmp(pattern, text, count)
        }
    }

    private func emitReplacement(_ emit: (UnsafeRawBufferPointer) -> Void) {
        var replacement = SecretMask.replacement
        replacement.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
    }
}
