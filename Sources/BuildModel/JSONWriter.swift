// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Writes JSON into a byte buffer: every event of a build passes here, so it neither reflects nor loads Foundation.
///
/// Keys and structure are the caller's word; text is escaped as RFC 8259 asks, and bytes that are not UTF-8 become
/// U+FFFD, so that the result is always valid JSON.
public struct JSONWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    private let isIndented: Bool
    private var depth = 0
    private var needsComma = false

    /// - Parameter isIndented: one member a line, two blanks a level, instead of all on one line.
    public init(isIndented: Bool = false, reservingCapacity capacity: Int = 512) {
        self.isIndented = isIndented
        bytes.reserveCapacity(capacity)
    }

    // MARK: Structure

    /// Writes an object as the document itself or as an element of an array.
    public mutating func object(_ members: (inout JSONWriter) -> Void) {
        separate()
        nest(open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), members)
    }

    /// Writes an object as a member.
    public mutating func object(_ name: StaticString, _ members: (inout JSONWriter) -> Void) {
        key(name)
        nest(open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), members)
    }

    /// Writes an object as a member whose name is not known beforehand.
    public mutating func object(named name: String, _ members: (inout JSONWriter) -> Void) {
        separate()
        append(text: name)
        bytes.append(contentsOf: isIndented ? [0x3A, 0x20] : [0x3A])
        needsComma = false
        nest(open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), members)
    }

    /// Writes an array as the document itself or as an element of an array.
    public mutating func array(_ elements: (inout JSONWriter) -> Void) {
        separate()
        nest(open: UInt8(ascii: "["), close: UInt8(ascii: "]"), elements)
    }

    /// Writes an array as a member.
    public mutating func array(_ name: StaticString, _ elements: (inout JSONWriter) -> Void) {
        key(name)
        nest(open: UInt8(ascii: "["), close: UInt8(ascii: "]"), elements)
    }

    /// Writes an array of texts as a member.
    public mutating func array(_ name: StaticString, of texts: [String]) {
        array(name) { writer in
            for text in texts { writer.element(text) }
        }
    }

    // MARK: Members and elements

    /// Writes a text as a member.
    public mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        append(text: text)
    }

    /// Writes a text as a member, or nothing when there is none.
    public mutating func member(_ name: StaticString, ifPresent text: String?) {
        if let text { member(name, text) }
    }

    /// Writes a whole number as a member.
    public mutating func member(_ name: StaticString, _ number: Int) {
        key(name)
        bytes.append(contentsOf: String(number).utf8)
        needsComma = true
    }

    /// Writes a truth value as a member.
    public mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
        needsComma = true
    }

    /// Writes a moment as CodeBuild's API does: epoch seconds with three decimals.
    public mutating func member(_ name: StaticString, epoch time: Timestamp) {
        key(name)
        let milliseconds = time.milliseconds
        let (whole, rest) = abs(milliseconds).quotientAndRemainder(dividingBy: 1000)
        if milliseconds < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.append(contentsOf: String(whole).utf8)
        bytes.append(UInt8(ascii: "."))
        for divisor in [100, 10, 1] { bytes.append(UInt8(ascii: "0") + UInt8(rest / divisor % 10)) }
        needsComma = true
    }

    /// Writes bytes as text, each ill-formed sequence as U+FFFD.
    public mutating func member(_ name: StaticString, bytes text: UnsafeRawBufferPointer) {
        key(name)
        // Only a whole valid buffer may be passed on byte by byte; the check is vectorised in the standard library.
        if let span = text.isASCIIOnly ? text : nil {
            append(wellFormed: span)
        } else {
            append(text: String(decoding: text, as: UTF8.self))
        }
    }

    /// Writes a text as an element.
    public mutating func element(_ text: String) {
        separate()
        append(text: text)
    }

    /// Ends a line of JSON Lines.
    public mutating func newline() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    // MARK: Bytes

    private mutating func nest(open: UInt8, close: UInt8, _ content: (inout JSONWriter) -> Void) {
        bytes.append(open)
        depth += 1
        needsComma = false
        content(&self)
        depth -= 1
        if needsComma { breakLine() }
        bytes.append(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        if depth > 0 { breakLine() }
    }

    private mutating func breakLine() {
        guard isIndented else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
    }

    private mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: isIndented ? [UInt8(ascii: "\""), 0x3A, 0x20] : [UInt8(ascii: "\""), 0x3A])
        needsComma = false
    }

    private mutating func append(text: String) {
        var text = text
        text.withUTF8 { append(wellFormed: UnsafeRawBufferPointer($0)) }
    }

    private mutating func append(wellFormed text: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F else {
                continue
            }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<index]))
            append(escaped: byte)
            start = index + 1
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start...]))
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    private mutating func append(escaped byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        default:
            bytes.append(contentsOf: "u00".utf8)
            for digit in [byte >> 4, byte & 0xF] {
                bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var isASCIIOnly: Bool {
        var seen: UInt8 = 0
        for byte in self { seen |= byte }
        return seen < 0x80
    }
}
