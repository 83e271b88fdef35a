// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Reads JSON into nodes, each with its place.
///
/// Source: RFC 8259. Of equal keys the last counts, and is warned of, as in YAML.
struct JSONReader {
    private let source: SourceText
    private let bytes: [UInt8]
    private let limits: YAMLLimits
    private(set) var diagnostics: [Diagnostic] = []
    private var index = 0
    private var line = 1
    private var column = 1
    private var depth = 0

    init(source: SourceText, limits: YAMLLimits) {
        self.source = source
        self.bytes = source.bytes
        self.limits = limits
    }

    mutating func read() throws(YAMLError) -> Node? {
        skipBlanks()
        guard index < bytes.count else { return nil }
        let root = try value()
        skipBlanks()
        if index < bytes.count { throw failure("text follows the end of the document") }
        return root
    }

    // MARK: Values

    private mutating func value() throws(YAMLError) -> Node {
        let start = position
        switch peek {
        case UInt8(ascii: "{"): return try object(start)
        case UInt8(ascii: "["): return try array(start)
        case UInt8(ascii: "\""):
            let text = try string()
            return Node(
                content: .scalar(Scalar(text: text, style: .doubleQuoted)), start: start, end: position)
        case UInt8(ascii: "'"):
            throw failure("text stands in double quotes in JSON")
        case nil: throw failure("the file ends where a value is due")
        case let byte?:
            guard Self.isWordByte(byte) else { throw unexpected("a value") }
            return try word(start)
        }
    }

    /// A number, `true`, `false` or `null`.
    private mutating func word(_ start: SourcePosition) throws(YAMLError) -> Node {
        let first = index
        while let byte = peek, Self.isWordByte(byte) { advance() }
        let text = String(decoding: bytes[first..<index], as: UTF8.self)
        guard ["true", "false", "null"].contains(text) || Self.isNumber(text) else {
            throw YAMLError(
                .json(
                    "`\(DisplayText.escaped(String(text.prefix(40))))` is no JSON value",
                    at: span(start), hints: ["text stands in double quotes: `\"…\"`"]))
        }
        return Node(content: .scalar(Scalar(text: text, style: .plain)), start: start, end: position)
    }

    private mutating func array(_ start: SourcePosition) throws(YAMLError) -> Node {
        try enter(start)
        var items: [Node] = []
        advance()
        skipBlanks()
        if peek == UInt8(ascii: "]") {
            advance()
        } else {
            while true {
                items.append(try value())
                if try !isNext(before: UInt8(ascii: "]"), openedAt: start) { break }
            }
        }
        depth -= 1
        return Node(content: .list(items), start: start, end: position)
    }

    private mutating func object(_ start: SourcePosition) throws(YAMLError) -> Node {
        try enter(start)
        var entries: [Node.Entry] = []
        var places: [String: Int] = [:]
        advance()
        skipBlanks()
        if peek == UInt8(ascii: "}") {
            advance()
        } else {
            while true {
                let keyStart = position
                guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
                let name = try string()
                let key = Node(
                    content: .scalar(Scalar(text: name, style: .doubleQuoted)), start: keyStart, end: position)
                skipBlanks()
                guard peek == UInt8(ascii: ":") else { throw unexpected("`:` after the key") }
                advance()
                skipBlanks()
                let entry = Node.Entry(key: key, value: try value())
                if let place = places[name] {
                    if diagnostics.count < 1000 {
                        diagnostics.append(
                            .duplicateKey(
                                name, first: entries[place].key.span(in: source.path), last: key.span(in: source.path)))
                    }
                    entries[place] = entry
                } else {
                    places[name] = entries.count
                    entries.append(entry)
                }
                if try !isNext(before: UInt8(ascii: "}"), openedAt: start) { break }
            }
        }
        depth -= 1
        return Node(content: .map(entries), start: start, end: position)
    }

    /// Whether another member follows: a comma; or takes the closing bracket.
    private mutating func isNext(before close: UInt8, openedAt start: SourcePosition) throws(YAMLError) -> Bool {
        skipBlanks()
        let bracket = String(UnicodeScalar(close))
        guard let byte = peek else {
            throw YAMLError(
                .json(
                    "the file ends before `\(bracket)`", at: span(position, isPoint: true),
                    related: [
                        .init(
                            message: "opened here",
                            span: SourceSpan(
                                path: source.path, start: start,
                                end: SourcePosition(line: start.line, column: start.column + 1)))
                    ]))
        }
        if byte == close {
            advance()
            return false
        }
        guard byte == UInt8(ascii: ",") else { throw unexpected("`,` or `\(bracket)`") }
        let comma = position
        advance()
        skipBlanks()
        if peek == close {
            throw YAMLError(
                .json("a comma before `\(bracket)` has no place in JSON", at: span(comma, isPoint: true)))
        }
        return true
    }

    private mutating func enter(_ start: SourcePosition) throws(YAMLError) {
        depth += 1
        guard depth <= limits.nesting else {
            throw YAMLError(.nestingTooDeep(limit: limits.nesting, at: span(start, isPoint: true)))
        }
    }

    // MARK: Strings

    private mutating func string() throws(YAMLError) -> String {
        let start = position
        advance()
        var text: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                advance()
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &text)
            case 0x0A, 0x0D:
                throw YAMLError(
                    .json(
                        "text in quotes does not end on its line", at: span(start),
                        hints: ["a line break inside text is written `\\n`"]))
            case 0..<0x20:
                throw failure("a tab inside text is written `\\t` in JSON")
            default:
                text.append(byte)
                advance()
            }
        }
        throw YAMLError(.json("text in quotes does not end", at: span(start, isPoint: true)))
    }

    private mutating func escape(into text: inout [UInt8]) throws(YAMLError) {
        let start = position
        advance()
        guard let byte = peek else { throw failure("the file ends within text") }
        advance()
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try unit(start)
            if (0xD800..<0xDC00).contains(value) {
                guard peek == UInt8(ascii: "\\"), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u") else {
                    throw YAMLError(.json("half of a surrogate pair stands alone", at: span(start)))
                }
                advance()
                advance()
                let low = try unit(start)
                guard (0xDC00..<0xE000).contains(low) else {
                    throw YAMLError(.json("half of a surrogate pair stands alone", at: span(start)))
                }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw YAMLError(.json("half of a surrogate pair stands alone", at: span(start)))
            }
            guard value != 0 else { throw YAMLError(.escapedNul(at: span(start))) }
            text += Array(String(scalar).utf8)
        default:
            throw YAMLError(
                .json(
                    "JSON has no such escape", at: span(start), hints: ["a backslash itself is written `\\\\`"]))
        }
    }

    /// Four hexadecimal digits.
    private mutating func unit(_ start: SourcePosition) throws(YAMLError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw YAMLError(.json("`\\u` takes four hexadecimal digits", at: span(start)))
            }
            value = value << 4 | UInt32(digit)
            advance()
        }
        return value
    }

    // MARK: Bytes

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private var position: SourcePosition { SourcePosition(line: line, column: column) }

    /// Goes one byte on, and keeps the place as `SourceText` counts it.
    private mutating func advance() {
        let byte = bytes[index]
        index += 1
        switch byte {
        case 0x0A: newLine()
        case 0x0D:
            if peek != 0x0A { newLine() }
        case 0x80..<0xC0:
            let isBreak =
                byte == 0x85 && bytes[index - 2] == 0xC2
                || (byte | 1) == 0xA9 && index > 2 && bytes[index - 2] == 0x80 && bytes[index - 3] == 0xE2
            if isBreak { newLine() }
        default: column += 1
        }
    }

    private mutating func newLine() {
        line += 1
        column = 1
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { advance() }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        var rest = Substring(text)
        if rest.first == "-" { rest.removeFirst() }
        let whole = rest.prefix { $0.isASCII && $0.isNumber }
        guard !whole.isEmpty, whole == "0" || whole.first != "0" else { return false }
        rest = rest.dropFirst(whole.count)
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return false }
            rest = rest.dropFirst(digits.count + 1)
        }
        guard let exponent = rest.first else { return true }
        guard exponent == "e" || exponent == "E" else { return false }
        rest.removeFirst()
        if rest.first == "+" || rest.first == "-" { rest.removeFirst() }
        return !rest.isEmpty && rest.allSatisfy { $0.isASCII && $0.isNumber }
    }

    // MARK: Mistakes

    private func span(_ start: SourcePosition, isPoint: Bool = false) -> SourceSpan {
        SourceSpan(
            path: source.path, start: start,
            end: isPoint || start.line != line
                ? SourcePosition(line: start.line, column: start.column + 1) : position)
    }

    private func failure(_ message: String) -> YAMLError {
        YAMLError(.json(message, at: span(position, isPoint: true)))
    }

    private func unexpected(_ expected: String) -> YAMLError {
        guard index < bytes.count else { return failure("the file ends where \(expected) is due") }
        if bytes[index] == UInt8(ascii: "/") || bytes[index] == UInt8(ascii: "#") {
            return YAMLError(
                .json("\(expected) is due here", at: span(position, isPoint: true), hints: ["JSON has no comments"]))
        }
        return failure("\(expected) is due here")
    }
}
