// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A file's text, kept so that findings can show the line they speak of.
///
/// Lines end where YAML 1.1 ends them (LF, CR LF, CR, NEL, LS, PS), so that line numbers agree with the parser's.
public struct SourceText: Sendable, Equatable {
    /// The file as the user wrote it.
    public let path: String
    /// UTF-8 without a byte order mark; a text that came as UTF-16 is converted.
    public let bytes: [UInt8]
    /// Whether the file began with a UTF-16 byte order mark.
    public let wasUTF16: Bool
    /// Byte offsets of the lines' first bytes; only for the first 2 MiB, since no larger text is ever drawn.
    private let lineStarts: [Int]

    /// Takes the bytes of a file as they were read.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        var text = bytes
        var wasUTF16 = false
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            text.removeFirst(3)
        } else if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            text = Self.fromUTF16(bytes)
            wasUTF16 = true
        }
        self.bytes = text
        self.wasUTF16 = wasUTF16
        self.lineStarts = Self.findLines(text)
    }

    /// Takes a text that was made in memory.
    public init(path: String, text: String) {
        self.init(path: path, bytes: Array(text.utf8))
    }

    /// The number of lines; an empty text has one.
    public var lineCount: Int { lineStarts.count }

    /// A line without its end, invalid bytes replaced; empty when there is no such line.
    public func line(_ number: Int) -> String {
        guard number >= 1, number <= lineStarts.count else { return "" }
        let start = lineStarts[number - 1]
        var end = number < lineStarts.count ? lineStarts[number] : min(bytes.count, Self.indexedBytes)
        while end > start, let length = Self.breakLength(endingAt: end, in: bytes, from: start) {
            end -= length
        }
        return String(decoding: bytes[start..<max(start, end)], as: UTF8.self)
    }

    /// The position of a byte of `bytes`.
    public func position(ofByte offset: Int) -> SourcePosition {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        let prefix = bytes[lineStarts[low]..<min(max(offset, lineStarts[low]), bytes.count)]
        return SourcePosition(
            line: low + 1, column: String(decoding: prefix, as: UTF8.self).unicodeScalars.count + 1)
    }

    /// The text between two positions of one line; to the line's end when `end` lies on another.
    public func text(from start: SourcePosition, to end: SourcePosition) -> String {
        let scalars = line(start.line).unicodeScalars.dropFirst(start.column - 1)
        let kept = end.line == start.line ? scalars.prefix(max(0, end.column - start.column)) : scalars
        return String(String.UnicodeScalarView(kept))
    }

    private static let indexedBytes = 2 << 20

    private static func findLines(_ bytes: [UInt8]) -> [Int] {
        var starts = [0]
        var index = 0
        let count = min(bytes.count, indexedBytes)
        while index < count {
            switch bytes[index] {
            case 0x0A:
                starts.append(index + 1)
            case 0x0D:
                if index + 1 < count, bytes[index + 1] == 0x0A { index += 1 }
                starts.append(index + 1)
            case 0xC2 where index + 1 < count && bytes[index + 1] == 0x85:
                index += 1
                starts.append(index + 1)
            case 0xE2 where index + 2 < count && bytes[index + 1] == 0x80 && (bytes[index + 2] | 1) == 0xA9:
                index += 2
                starts.append(index + 1)
            default:
                break
            }
            index += 1
        }
        return starts
    }

    /// The length of the line break that ends before `end`, or nil when none does.
    private static func breakLength(endingAt end: Int, in bytes: [UInt8], from start: Int) -> Int? {
        switch bytes[end - 1] {
        case 0x0A, 0x0D: 1
        case 0x85 where end - start >= 2 && bytes[end - 2] == 0xC2: 2
        case 0xA8, 0xA9:
            end - start >= 3 && bytes[end - 2] == 0x80 && bytes[end - 3] == 0xE2 ? 3 : nil
        default: nil
        }
    }

    private static func fromUTF16(_ bytes: [UInt8]) -> [UInt8] {
        let littleEndian = bytes[0] == 0xFF
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count / 2)
        var index = 2
        while index + 1 < bytes.count {
            let first = UInt16(bytes[index])
            let second = UInt16(bytes[index + 1])
            units.append(littleEndian ? second << 8 | first : first << 8 | second)
            index += 2
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }
}
