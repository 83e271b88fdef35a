// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// One line of a `.gitignore`. Source: gitignore(5), and git's `wildmatch.c` for what that leaves open.
///
/// A match takes time proportional to the pattern's length times the path's, whatever both are.
struct IgnorePattern: Sendable, Equatable {
    /// `!`: what matches is not ignored after all.
    private(set) var isNegated = false
    private var isForDirectories = false
    /// A pattern without a `/` inside is compared with the last component alone.
    private var isForNames = true
    private var steps: [Step] = []
    /// The whole pattern, where it holds nothing but literal bytes.
    private var literal: [UInt8]?

    private enum Step: Sendable, Equatable {
        case byte(UInt8)
        /// `?`: any byte but `/`.
        case anyByte
        case oneOf(ByteSet)
        /// `*`: any number of bytes but `/`.
        case anyBytes
        /// `**/`: nothing, or whole directories. Always before `directories`.
        case optionalDirectories
        case directories
        /// `**` at the end: anything.
        case anything
    }

    /// Nil for a line that says nothing: blank, a comment, or a pattern that nothing can match.
    init?(_ line: some Collection<UInt8>) {
        var text = Self.trimmed(Array(line))
        if text.first == UInt8(ascii: "#") || text.isEmpty { return nil }
        if text.first == UInt8(ascii: "!") {
            isNegated = true
            text.removeFirst()
        }
        if text.last == UInt8(ascii: "/") {
            isForDirectories = true
            text.removeLast()
        }
        isForNames = !text.contains(UInt8(ascii: "/"))
        if text.first == UInt8(ascii: "/") { text.removeFirst() }
        guard !text.isEmpty, let steps = Self.compile(text) else { return nil }
        self.steps = steps
        let bytes = steps.compactMap { step -> UInt8? in
            if case .byte(let byte) = step { return byte }
            return nil
        }
        if bytes.count == steps.count { literal = bytes }
    }

    /// Blanks at the end count only behind a backslash.
    private static func trimmed(_ line: [UInt8]) -> [UInt8] {
        var end = 0
        var index = 0
        while index < line.count {
            if line[index] == UInt8(ascii: "\\") {
                index += 2
                end = min(index, line.count)
            } else {
                index += 1
                if line[index - 1] != UInt8(ascii: " ") { end = index }
            }
        }
        return Array(line[..<end])
    }

    /// Nil when the pattern is not whole: git lets it match nothing.
    private static func compile(_ text: [UInt8]) -> [Step]? {
        var steps: [Step] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\\"):
                guard index + 1 < text.count else { return nil }
                steps.append(.byte(text[index + 1]))
                index += 2
            case UInt8(ascii: "?"):
                steps.append(.anyByte)
                index += 1
            case UInt8(ascii: "["):
                guard let (set, end) = ByteSet.read(text, from: index + 1) else { return nil }
                steps.append(.oneOf(set))
                index = end
            case UInt8(ascii: "*"):
                let start = index
                while index < text.count, text[index] == UInt8(ascii: "*") { index += 1 }
                let beginsComponent = start == 0 || text[start - 1] == UInt8(ascii: "/")
                if index - start > 1, beginsComponent, index == text.count {
                    steps.append(.anything)
                } else if index - start > 1, beginsComponent, text[index] == UInt8(ascii: "/") {
                    steps += [.optionalDirectories, .directories]
                    index += 1
                } else {
                    steps.append(.anyBytes)
                }
            default:
                steps.append(.byte(text[index]))
                index += 1
            }
        }
        return steps
    }

    /// - Parameters:
    ///   - path: relative to the directory of the pattern's file.
    ///   - nameStart: where its last component begins.
    func matches(_ path: ArraySlice<UInt8>, nameStart: Int, isDirectory: Bool) -> Bool {
        if isForDirectories, !isDirectory { return false }
        let subject = isForNames ? path[nameStart...] : path
        if let literal { return literal.elementsEqual(subject) }
        return run(subject)
    }

    /// All ways through the pattern at once.
    private func run(_ subject: ArraySlice<UInt8>) -> Bool {
        var now = [Bool](repeating: false, count: steps.count + 1)
        var next = now
        enter(0, &now)
        for byte in subject {
            for index in next.indices { next[index] = false }
            var isAlive = false
            for index in steps.indices where now[index] {
                switch steps[index] {
                case .byte(let wanted): if byte == wanted { enter(index + 1, &next) } else { continue }
                case .anyByte: if byte != UInt8(ascii: "/") { enter(index + 1, &next) } else { continue }
                case .oneOf(let set): if set.contains(byte) { enter(index + 1, &next) } else { continue }
                case .anyBytes: if byte != UInt8(ascii: "/") { enter(index, &next) } else { continue }
                case .optionalDirectories: continue
                case .directories:
                    next[index] = true
                    if byte == UInt8(ascii: "/") { enter(index + 1, &next) }
                case .anything: next[index] = true
                }
                isAlive = true
            }
            if !isAlive { return false }
            swap(&now, &next)
        }
        return now[steps.count] || (steps.last == .anything && now[steps.count - 1])
    }

    /// Marks a step, and those behind it that may match nothing.
    private func enter(_ index: Int, _ states: inout [Bool]) {
        var index = index
        while true {
            states[index] = true
            guard index < steps.count else { return }
            switch steps[index] {
            case .anyBytes: index += 1
            case .optionalDirectories:
                states[index + 1] = true
                index += 2
            default: return
            }
        }
    }
}

/// The bytes that a bracket expression matches.
struct ByteSet: Sendable, Equatable {
    private var words: SIMD4<UInt64> = .zero

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }

    private mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    /// Reads a bracket expression, from behind its `[`; and where it ends. Nil when it has no end, or names a class that
    /// does not exist.
    static func read(_ text: [UInt8], from start: Int) -> (ByteSet, end: Int)? {
        var set = ByteSet()
        var index = start
        var isNegated = false
        if index < text.count, text[index] == UInt8(ascii: "!") || text[index] == UInt8(ascii: "^") {
            isNegated = true
            index += 1
        }
        var last: UInt8?
        let first = index
        while true {
            guard index < text.count else { return nil }
            let byte = text[index]
            if byte == UInt8(ascii: "]"), index > first { break }
            if byte == UInt8(ascii: "["), index + 1 < text.count, text[index + 1] == UInt8(ascii: ":"),
                let close = text[(index + 2)...].firstIndex(of: UInt8(ascii: "]")), close > index + 2,
                text[close - 1] == UInt8(ascii: ":")
            {
                let name = String(decoding: text[(index + 2)..<(close - 1)], as: UTF8.self)
                guard let members = classes[name] else { return nil }
                for byte in UInt8.min...UInt8.max where members(byte) { set.insert(byte) }
                last = nil
                index = close + 1
                continue
            }
            if byte == UInt8(ascii: "-"), let low = last, index + 1 < text.count, text[index + 1] != UInt8(ascii: "]") {
                index += 1
                if text[index] == UInt8(ascii: "\\") { index += 1 }
                guard index < text.count else { return nil }
                if low <= text[index] { for byte in low...text[index] { set.insert(byte) } }
                last = nil
                index += 1
                continue
            }
            if byte == UInt8(ascii: "\\") { index += 1 }
            guard index < text.count else { return nil }
            set.insert(text[index])
            last = text[index]
            index += 1
        }
        if isNegated { set.words = ~set.words }
        // No bracket expression matches what separates directories.
        set.words[0] &= ~(1 << UInt64(UInt8(ascii: "/")))
        return (set, index + 1)
    }

    private static let classes: [String: @Sendable (UInt8) -> Bool] = [
        "alnum": { isLetter($0) || isDigit($0) }, "alpha": isLetter, "blank": { $0 == 0x20 || $0 == 0x09 },
        "cntrl": { $0 < 0x20 || $0 == 0x7F }, "digit": isDigit, "graph": { $0 > 0x20 && $0 < 0x7F },
        "lower": { (0x61...0x7A).contains($0) }, "print": { $0 >= 0x20 && $0 < 0x7F },
        "punct": { $0 > 0x20 && $0 < 0x7F && !isLetter($0) && !isDigit($0) },
        "space": { $0 == 0x20 || (0x09...0x0D).contains($0) }, "upper": { (0x41...0x5A).contains($0) },
        "xdigit": { isDigit($0) || (0x41...0x46).contains($0 & ~0x20) },
    ]

    @Sendable private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & ~0x20) }
    @Sendable private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
