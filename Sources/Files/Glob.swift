// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A pattern of a buildspec's `artifacts` section.
///
/// `*` stands for any characters of one component, `?` for one, `[a-z]` and `[!a-z]` for one of (not of) a set, `**` as
/// a whole component for any number of components. `**` beside other characters is read as `*`, and at the end as
/// `**/*`. Hidden names are like any others; `{` and `}` are ordinary; a backslash takes the next character as it is.
/// Names are bytes; `?` and sets take a whole character where the bytes are UTF-8.
///
/// Source: "Build specification reference for CodeBuild", artifacts/files and artifacts/exclude-paths; what that page
/// leaves open is listed in docs/differences.md.
public struct Glob: Sendable, Equatable {
    enum Component: Sendable, Equatable {
        case literal([UInt8])
        case wildcard(Wildcard)
        case anyDepth
    }

    let components: [Component]

    /// A pattern relative to wherever it is matched; empty and `.` components mean nothing, `..` takes back the one
    /// before it.
    public init(_ pattern: some Collection<UInt8>) {
        self.init(components: Self.split(pattern))
    }

    /// - Parameters:
    ///   - literal: components that stand for themselves, whatever characters they hold.
    ///   - components: of the pattern, as ``split(_:)`` gives them; never `..`.
    public init(below literal: [[UInt8]] = [], components: [[UInt8]]) {
        var compiled = literal.map(Component.literal)
        for text in components {
            if text == Self.twoStars {
                if compiled.last != .anyDepth { compiled.append(.anyDepth) }
            } else {
                compiled.append(Wildcard(text).map(Component.wildcard) ?? .literal(Wildcard.unescaped(text)))
            }
        }
        if compiled.last == .anyDepth { compiled.append(.wildcard(.everything)) }
        self.components = compiled
    }

    /// The pattern's components, cleaned of what means nothing; `..` that takes back more than there is stays in front.
    public static func split(_ pattern: some Collection<UInt8>) -> [[UInt8]] {
        var components: [[UInt8]] = []
        for part in pattern.split(separator: UInt8(ascii: "/")) {
            let text = Array(part)
            if text == [UInt8(ascii: ".")] { continue }
            if text == Self.twoDots, let last = components.last, last != Self.twoDots {
                components.removeLast()
            } else {
                components.append(text)
            }
        }
        return components
    }

    /// Whether the pattern names exactly one path.
    public var isLiteral: Bool {
        components.allSatisfy { if case .literal = $0 { true } else { false } }
    }

    /// Whether a path relative to the pattern's place matches.
    public func matches(_ path: some Collection<UInt8>) -> Bool {
        let set = GlobSet([self])
        var state = set.start
        for name in path.split(separator: UInt8(ascii: "/")) { state = set.step(state, Array(name)) }
        return set.isAccepted(state)
    }

    private static let twoStars = Array("**".utf8)
    private static let twoDots = Array("..".utf8)
}

/// A component with wildcards. Matching goes back to the last star only, so it takes at most the product of the
/// lengths of name and pattern, never more.
struct Wildcard: Sendable, Equatable {
    private enum Token: Sendable, Equatable {
        case byte(UInt8)
        case anyCharacter
        case set([ClosedRange<UInt32>], isNegated: Bool)
        case star
    }

    private let tokens: [Token]

    static let everything = Wildcard(tokens: [.star])

    private init(tokens: [Token]) {
        self.tokens = tokens
    }

    /// Nil when the text holds no wildcard.
    init?(_ text: [UInt8]) {
        var tokens: [Token] = []
        var isWild = false
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "*"):
                isWild = true
                if tokens.last != .star { tokens.append(.star) }
            case UInt8(ascii: "?"):
                isWild = true
                tokens.append(.anyCharacter)
            case UInt8(ascii: "["):
                if let (set, end) = Self.set(in: text, from: index) {
                    isWild = true
                    tokens.append(set)
                    index = end
                } else {
                    tokens.append(.byte(text[index]))
                }
            case UInt8(ascii: "\\") where index + 1 < text.count:
                index += 1
                tokens.append(.byte(text[index]))
            default:
                tokens.append(.byte(text[index]))
            }
            index += 1
        }
        guard isWild else { return nil }
        self.tokens = tokens
    }

    /// The text that a component without wildcards stands for.
    static func unescaped(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(UInt8(ascii: "\\")) else { return text }
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "\\"), index + 1 < text.count { index += 1 }
            result.append(text[index])
            index += 1
        }
        return result
    }

    /// A set that begins at `[`, and the index of its `]`; nil where it has no end and `[` stands for itself.
    private static func set(in text: [UInt8], from start: Int) -> (Token, end: Int)? {
        var index = start + 1
        var isNegated = false
        if index < text.count, text[index] == UInt8(ascii: "!") || text[index] == UInt8(ascii: "^") {
            isNegated = true
            index += 1
        }
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while index < text.count {
            if text[index] == UInt8(ascii: "]"), !isFirst { return (.set(ranges, isNegated: isNegated), index) }
            isFirst = false
            let (low, lowLength) = character(text, at: index)
            index += lowLength
            if index + 1 < text.count, text[index] == UInt8(ascii: "-"), text[index + 1] != UInt8(ascii: "]") {
                let (high, highLength) = character(text, at: index + 1)
                index += 1 + highLength
                if low <= high { ranges.append(low...high) }
            } else {
                ranges.append(low...low)
            }
        }
        return nil
    }

    /// The character at an index and its length in bytes; a byte that is not UTF-8 stands for itself, apart from all
    /// characters.
    private static func character(_ text: [UInt8], at index: Int) -> (UInt32, Int) {
        let first = text[index]
        let length =
            switch first {
            case 0..<0x80: 1
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 0
            }
        if length == 1 { return (UInt32(first), 1) }
        guard length > 0, index + length <= text.count else { return (0x110000 + UInt32(first), 1) }
        var value = UInt32(first) & (0xFF >> UInt32(length + 1))
        for byte in text[(index + 1)..<(index + length)] {
            guard byte & 0xC0 == 0x80 else { return (0x110000 + UInt32(first), 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        return (value, length)
    }

    func matches(_ name: [UInt8]) -> Bool {
        var token = 0
        var index = 0
        // Where to go on when what follows the last star does not fit: the star takes one byte more.
        var star: (token: Int, index: Int)?
        while true {
            if token < tokens.count, tokens[token] == .star {
                token += 1
                if token == tokens.count { return true }
                star = (token, index)
                continue
            }
            if index == name.count, token == tokens.count { return true }
            if index < name.count, token < tokens.count, let length = fits(tokens[token], name, index) {
                index += length
                token += 1
                continue
            }
            guard let last = star, last.index < name.count else { return false }
            star = (last.token, last.index + 1)
            token = last.token
            index = last.index + 1
        }
    }

    /// How many bytes of the name one token takes; nil when it does not fit.
    private func fits(_ token: Token, _ name: [UInt8], _ index: Int) -> Int? {
        switch token {
        case .byte(let byte): return name[index] == byte ? 1 : nil
        case .anyCharacter: return Self.character(name, at: index).1
        case .set(let ranges, let isNegated):
            let (value, length) = Self.character(name, at: index)
            return ranges.contains { $0.contains(value) } != isNegated ? length : nil
        case .star: return nil
        }
    }
}
