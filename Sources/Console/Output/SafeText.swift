// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics

/// A build's output made fit for a line of ours: nothing in it steers the terminal.
enum SafeText {
    /// The visible text of one line of output.
    ///
    /// Escape sequences (ECMA-48) vanish, a carriage return starts the line anew as a progress bar means it, a backspace
    /// takes one character back, tabs become blanks to the next eighth column, and bytes that are not UTF-8 become U+FFFD.
    static func line(_ bytes: some Sequence<UInt8>, unicode: Bool) -> String {
        var kept: [Unicode.Scalar] = []
        // What stands before a carriage return is gone only when something is written over it.
        var isReturned = false
        var escape = EscapeState.none
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            if escape.swallows(scalar) { continue }
            switch scalar {
            case "\r": isReturned = true
            case "\u{8}": _ = kept.popLast()
            case "\t":
                let width = kept.reduce(0) { $0 + DisplayText.width(of: $1) }
                kept += repeatElement(" ", count: 8 - width % 8)
            case "\n": break
            default:
                guard !DisplayText.isUnsafe(scalar) else { continue }
                if isReturned {
                    kept.removeAll(keepingCapacity: true)
                    isReturned = false
                }
                kept.append(unicode || scalar.isASCII ? scalar : "?")
            }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: kept)
        while let last = text.last, last == " " { text.removeLast() }
        return String(text)
    }

    /// A text of ours, on one line: its first line with content, without what steers a terminal.
    static func firstLine(_ text: String, unicode: Bool, ellipsis: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { line($0.utf8, unicode: unicode) }
        let filled = lines.map(trimmed).filter { !$0.isEmpty }
        guard let first = filled.first else { return "" }
        return filled.count > 1 ? "\(first) \(ellipsis)" : first
    }

    private static func trimmed(_ text: String) -> String { String(text.drop { $0 == " " }) }

    /// How many columns a text without escapes fills.
    static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + DisplayText.width(of: $1) }
    }

    /// The text, cut to so many columns; a cut one ends in the ellipsis.
    static func cut(_ text: String, to columns: Int, ellipsis: String) -> String {
        guard width(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var result = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            let next = DisplayText.width(of: scalar)
            if used + next > columns - 1 { break }
            used += next
            result.append(scalar)
        }
        return String(result) + ellipsis
    }

    /// The text, filled with blanks to so many columns.
    static func pad(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - width(text)))
    }

    /// Where in an escape sequence a text is.
    private enum EscapeState {
        case none
        /// After ESC.
        case begun
        /// After ESC and an intermediate byte.
        case intermediate
        /// After `ESC [`: ends with a byte from `@` to `~`.
        case control
        /// After `ESC ]`, `ESC P` and the like: ends with BEL or `ESC \`.
        case string
        case stringEnd

        mutating func swallows(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .none:
                switch scalar.value {
                case 0x1B: self = .begun
                case 0x9B: self = .control
                case 0x90, 0x98, 0x9D, 0x9E, 0x9F: self = .string
                default: return false
                }
            case .begun:
                switch scalar {
                case "[": self = .control
                case "]", "P", "X", "^", "_": self = .string
                case " "..."/": self = .intermediate
                default: self = .none
                }
            case .intermediate:
                if !(" "..."/").contains(scalar) { self = .none }
            case .control:
                if ("@"..."~").contains(scalar) { self = .none }
            case .string:
                if scalar.value == 0x07 || scalar.value == 0x9C { self = .none }
                if scalar.value == 0x1B { self = .stringEnd }
            case .stringEnd:
                self = scalar == "\\" ? .none : .string
            }
            return true
        }
    }
}

/// The end of a command's output: as much as helps, whatever it prints.
struct OutputTail {
    private let byteLimit: Int
    private var bytes: [UInt8] = []
    /// Whether the beginning of the output was let go.
    private(set) var isCut = false

    init(byteLimit: Int = 65_536) { self.byteLimit = byteLimit }

    /// Whether the command printed nothing.
    var isEmpty: Bool { bytes.isEmpty }

    mutating func append(_ chunk: UnsafeRawBufferPointer) {
        if chunk.count >= byteLimit {
            isCut = isCut || !bytes.isEmpty || chunk.count > byteLimit
            bytes.removeAll(keepingCapacity: true)
            bytes.append(contentsOf: chunk.suffix(byteLimit))
            return
        }
        // Trimmed once it is twice as long, so that each byte moves at most once.
        if bytes.count + chunk.count > 2 * byteLimit {
            bytes.removeFirst(bytes.count + chunk.count - byteLimit)
            isCut = true
        }
        bytes.append(contentsOf: chunk)
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        isCut = false
    }

    /// The last lines, without their line ends; an empty one at the end is left out.
    func lines(_ limit: Int) -> [ArraySlice<UInt8>] {
        var rest = bytes.suffix(byteLimit)
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        var result: [ArraySlice<UInt8>] = []
        while result.count < limit, !rest.isEmpty || result.isEmpty {
            if let newline = rest.lastIndex(of: UInt8(ascii: "\n")) {
                result.append(rest[(newline + 1)...])
                rest = rest[..<newline]
            } else {
                result.append(rest)
                break
            }
        }
        return bytes.isEmpty ? [] : result.reversed()
    }
}
