// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A pattern's syntax tree.
indirect enum PatternNode {
    case empty
    case set(TextPattern.CharacterSet)
    case check(TextPattern.Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, minimum: Int, maximum: Int?)
}

/// Reads RE2's grammar (https://github.com/google/re2/wiki/Syntax) by recursive descent.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var flags = Flags()
    private var depth = 0

    private struct Flags {
        var ignoresCase = false
        var dotMatchesNewline = false
        var isMultiline = false
    }

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() throws(TextPattern.Malformed) -> PatternNode {
        let node = try choice()
        guard position == scalars.count else { throw malformed("there is an unopened `)`") }
        return node
    }

    private func malformed(_ reason: String) -> TextPattern.Malformed { TextPattern.Malformed(reason: reason) }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private mutating func choice() throws(TextPattern.Malformed) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth < 200 else { throw malformed("it is nested too deeply") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(TextPattern.Malformed) -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            parts.append(try repetition())
        }
        return parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repetition() throws(TextPattern.Malformed) -> PatternNode {
        if let scalar = current, "*+?".unicodeScalars.contains(scalar) {
            throw malformed("`\(scalar)` has nothing before it to repeat")
        }
        var node = try atom()
        var levels = 0
        while let bounds = try repetitionBounds() {
            // Lazy or greedy: the same texts match.
            _ = take("?")
            levels += 1
            guard levels < 20 else { throw malformed("it has too many repetitions in a row") }
            node = .repeated(node, minimum: bounds.minimum, maximum: bounds.maximum)
        }
        return node
    }

    private mutating func repetitionBounds() throws(TextPattern.Malformed) -> (minimum: Int, maximum: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard current == "{" else { return nil }
        // A brace that opens no repetition stands for itself.
        let start = position
        position += 1
        guard let minimum = number() else {
            position = start
            return nil
        }
        var maximum: Int? = minimum
        if take(",") { maximum = number() }
        guard take("}") else {
            position = start
            return nil
        }
        if let maximum, maximum < minimum { throw malformed("a repetition's bounds are the wrong way round") }
        guard max(minimum, maximum ?? 0) <= 1000 else { throw malformed("a repetition is over 1000") }
        return (minimum, maximum)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = current, ("0"..."9").contains(scalar), (value ?? 0) < 100_000 {
            value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
            position += 1
        }
        return value
    }

    private mutating func atom() throws(TextPattern.Malformed) -> PatternNode {
        let scalar = scalars[position]
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket())
        case ".":
            let newline: [ClosedRange<UInt32>] = flags.dotMatchesNewline ? [] : [0x0A...0x0A]
            return .set(TextPattern.CharacterSet(ranges: newline, isInverted: true))
        case "^": return .check(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .check(flags.isMultiline ? .lineEnd : .textEnd)
        case "\\": return try escape()
        default: return .set(single(scalar.value))
        }
    }

    private func single(_ value: UInt32) -> TextPattern.CharacterSet {
        TextPattern.CharacterSet(ranges: [value...value], ignoresCase: flags.ignoresCase)
    }

    private mutating func group() throws(TextPattern.Malformed) -> PatternNode {
        let outer = flags
        if take("?") {
            if take("P") || current == "<" {
                guard take("<") else { throw malformed("a group's name is not in `<…>`") }
                while let scalar = current, scalar != ">" {
                    guard TextPattern.CharacterSet.word.contains(scalar) else {
                        throw malformed("a group's name is not in `<…>`, or it looks around, which RE2 cannot")
                    }
                    position += 1
                }
                guard take(">") else { throw malformed("a group's name is not in `<…>`") }
            } else if try groupFlags() {
                // `(?i)` holds to the end of the group around it, so the flags are not put back here.
                return .empty
            }
        }
        let node = try choice()
        guard take(")") else { throw malformed("there is an unclosed `(`") }
        flags = outer
        return node
    }

    /// Reads `i`, `-s`, … up to `:` (false: a group follows) or `)` (true: the flags stand alone).
    private mutating func groupFlags() throws(TextPattern.Malformed) -> Bool {
        var value = true
        while let scalar = current {
            position += 1
            switch scalar {
            case "i": flags.ignoresCase = value
            case "s": flags.dotMatchesNewline = value
            case "m": flags.isMultiline = value
            case "U": break
            case "-": value = false
            case ":": return false
            case ")": return true
            default: throw malformed("`(?\(scalar)` is not known to RE2")
            }
        }
        throw malformed("there is an unclosed `(`")
    }

    private mutating func escape() throws(TextPattern.Malformed) -> PatternNode {
        guard let scalar = current else { throw malformed("it ends in a backslash") }
        switch scalar {
        case "b", "B", "A", "z":
            position += 1
            let checks: [Unicode.Scalar: TextPattern.Assertion] = [
                "b": .wordBoundary, "B": .noWordBoundary, "A": .textStart, "z": .textEnd,
            ]
            return checks[scalar].map { .check($0) } ?? .empty
        case "Q":
            position += 1
            var parts: [PatternNode] = []
            while let next = current {
                if next == "\\", position + 1 < scalars.count, scalars[position + 1] == "E" {
                    position += 2
                    break
                }
                parts.append(.set(single(next.value)))
                position += 1
            }
            return .sequence(parts)
        default: return .set(try escapedSet())
        }
    }

    /// What follows a backslash, inside brackets or out: a class such as `\d`, or one character.
    private mutating func escapedSet() throws(TextPattern.Malformed) -> TextPattern.CharacterSet {
        guard let scalar = current else { throw malformed("it ends in a backslash") }
        position += 1
        func inverted(_ set: TextPattern.CharacterSet) -> TextPattern.CharacterSet {
            TextPattern.CharacterSet(ranges: set.ranges, isInverted: true)
        }
        switch scalar {
        case "d": return .digit
        case "D": return inverted(.digit)
        case "w": return .word
        case "W": return inverted(.word)
        case "s": return .space
        case "S": return inverted(.space)
        case "n": return single(0x0A)
        case "r": return single(0x0D)
        case "t": return single(0x09)
        case "f": return single(0x0C)
        case "v": return single(0x0B)
        case "a": return single(0x07)
        case "x": return single(try hexadecimal())
        case "0"..."9", "a"..."z", "A"..."Z":
            throw malformed("`\\\(scalar)` is not known to RE2")
        default: return single(scalar.value)
        }
    }

    private mutating func hexadecimal() throws(TextPattern.Malformed) -> UInt32 {
        let isBraced = take("{")
        var digits = ""
        while let scalar = current, scalar.properties.isASCIIHexDigit, isBraced ? digits.count < 8 : digits.count < 2 {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil, isBraced ? take("}") : true else {
            throw malformed("`\\x` is not followed by a character's number")
        }
        return value
    }

    private mutating func bracket() throws(TextPattern.Malformed) -> TextPattern.CharacterSet {
        var set = TextPattern.CharacterSet(ignoresCase: flags.ignoresCase)
        set.isInverted = take("^")
        var isFirst = true
        while let scalar = current, scalar != "]" || isFirst {
            isFirst = false
            if scalar == "[", position + 1 < scalars.count, scalars[position + 1] == ":" {
                try addNamedClass(to: &set)
                continue
            }
            let low = try bracketItem()
            guard low.ranges.count == 1, let first = low.ranges.first, first.lowerBound == first.upperBound,
                current == "-", position + 1 < scalars.count, scalars[position + 1] != "]"
            else {
                set.ranges += low.isInverted ? complement(of: low.ranges) : low.ranges
                continue
            }
            position += 1
            let high = try bracketItem()
            guard high.ranges.count == 1, let last = high.ranges.first, last.lowerBound == last.upperBound,
                last.lowerBound >= first.lowerBound
            else { throw malformed("a range in brackets is the wrong way round") }
            set.ranges.append(first.lowerBound...last.lowerBound)
        }
        guard take("]") else { throw malformed("there is an unclosed `[`") }
        return set
    }

    private mutating func bracketItem() throws(TextPattern.Malformed) -> TextPattern.CharacterSet {
        guard let scalar = current else { throw malformed("there is an unclosed `[`") }
        position += 1
        return scalar == "\\" ? try escapedSet() : single(scalar.value)
    }

    private mutating func addNamedClass(to set: inout TextPattern.CharacterSet) throws(TextPattern.Malformed) {
        let classes: [String: [ClosedRange<UInt32>]] = [
            "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A],
            "ascii": [0x00...0x7F], "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0x00...0x1F, 0x7F...0x7F],
            "digit": [0x30...0x39], "graph": [0x21...0x7E], "lower": [0x61...0x7A], "print": [0x20...0x7E],
            "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E], "space": [0x09...0x0D, 0x20...0x20],
            "upper": [0x41...0x5A], "word": TextPattern.CharacterSet.word.ranges,
            "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
        ]
        position += 2
        let isInverted = take("^")
        var name = ""
        while let scalar = current, scalar != ":" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":"), take("]"), let ranges = classes[name] else { throw malformed("`[:\(name):]` is not a class") }
        set.ranges += isInverted ? complement(of: ranges) : ranges
    }

    private func complement(of ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        return result + [next...0x10FFFF]
    }
}

/// Turns a syntax tree into instructions.
struct PatternCompiler {
    var program: [TextPattern.Instruction] = []

    mutating func emit(_ node: PatternNode) throws(TextPattern.Malformed) {
        guard program.count < 4000 else { throw TextPattern.Malformed(reason: "its repetitions are too many") }
        switch node {
        case .empty: break
        case .set(let set): program.append(.scalar(set))
        case .check(let assertion): program.append(.check(assertion))
        case .sequence(let parts):
            for part in parts { try emit(part) }
        case .choice(let branches):
            var exits: [Int] = []
            for branch in branches.dropLast() {
                let split = reserve()
                try emit(branch)
                exits.append(reserve())
                program[split] = .split(split + 1, program.count)
            }
            if let last = branches.last { try emit(last) }
            for exit in exits { program[exit] = .jump(program.count) }
        case .repeated(let inner, let minimum, let maximum):
            for _ in 0..<minimum { try emit(inner) }
            if let maximum {
                var splits: [Int] = []
                for _ in minimum..<maximum {
                    splits.append(reserve())
                    try emit(inner)
                }
                for split in splits { program[split] = .split(split + 1, program.count) }
            } else {
                let split = reserve()
                try emit(inner)
                program.append(.jump(split))
                program[split] = .split(split + 1, program.count)
            }
        }
    }

    private mutating func reserve() -> Int {
        program.append(.jump(program.count + 1))
        return program.count - 1
    }
}
