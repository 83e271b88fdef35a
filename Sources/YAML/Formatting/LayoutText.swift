// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// A text as its layout is looked at: characters by their number, lines, and the comments.
struct LayoutText {
    let path: String
    let scalars: [Unicode.Scalar]
    /// The first character of each line.
    let lineStarts: [Int]
    private(set) var comments: [Comment] = []

    struct Comment {
        /// From 0.
        var line: Int
        /// From 0.
        var column: Int
        /// From the `#` on, without blanks at the end.
        var words: String
        /// Nothing but blanks stands before it.
        var isAlone: Bool
        /// The blanks before it.
        var gap: Int
    }

    /// Ends every line with LF: what YAML makes of CR LF inside a scalar too.
    static func normalizedLines(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(0x0D) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for (index, byte) in bytes.enumerated() {
            if byte != 0x0D {
                result.append(byte)
            } else if index + 1 == bytes.count || bytes[index + 1] != 0x0A {
                result.append(0x0A)
            }
        }
        return result
    }

    /// - Parameter events: what libyaml found in the text, to tell comments from scalars.
    init(_ source: SourceText, events: [EventStream.Event]) throws(YAMLError) {
        path = source.path
        let bytes = Self.normalizedLines(source.bytes)
        scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        var starts = [0]
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\n" { starts.append(index + 1) }
        }
        lineStarts = starts
        // They end lines in YAML 1.1 and nowhere else.
        if let index = scalars.firstIndex(where: { $0 == "\u{85}" || $0 == "\u{2028}" || $0 == "\u{2029}" }) {
            throw noLayout("a line end of YAML 1.1's alone", at: index..<(index + 1))
        }
        comments = findComments(events)
    }

    func index(_ position: SourcePosition) -> Int {
        guard position.line <= lineStarts.count else { return scalars.count }
        return min(lineStarts[position.line - 1] + position.column - 1, scalars.count)
    }

    /// From 0.
    func line(of index: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= index { low = middle } else { high = middle }
        }
        return low
    }

    /// From 0.
    func column(of index: Int) -> Int { index - lineStarts[line(of: index)] }

    /// The characters of a line, without its end.
    func line(_ number: Int) -> ArraySlice<Unicode.Scalar> {
        let end = number + 1 < lineStarts.count ? lineStarts[number + 1] - 1 : scalars.count
        return scalars[lineStarts[number]..<max(end, lineStarts[number])]
    }

    func string(_ range: Range<Int>) -> String { Self.string(scalars[range]) }

    static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(scalars)) }

    static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

    /// The first character at or behind `start` that is neither blank, line end nor comment.
    func skipBlanksAndComments(from start: Int) -> Int {
        var index = start
        while index < scalars.count {
            if Self.isBlank(scalars[index]) || scalars[index] == "\n" {
                index += 1
            } else if scalars[index] == "#", startsComment(index) {
                while index < scalars.count, scalars[index] != "\n" { index += 1 }
            } else {
                break
            }
        }
        return index
    }

    private func startsComment(_ index: Int) -> Bool {
        index == 0 || Self.isBlank(scalars[index - 1]) || scalars[index - 1] == "\n"
    }

    /// A `#` behind a blank, outside of scalars.
    private func findComments(_ events: [EventStream.Event]) -> [Comment] {
        var found: [Comment] = []
        var index = 0
        func search(upTo end: Int) {
            while index < end {
                guard scalars[index] == "#", startsComment(index) else {
                    index += 1
                    continue
                }
                let start = index
                while index < scalars.count, scalars[index] != "\n" { index += 1 }
                var last = index
                while Self.isBlank(scalars[last - 1]) { last -= 1 }
                let line = line(of: start)
                let before = scalars[lineStarts[line]..<start]
                let gap = before.reversed().prefix { Self.isBlank($0) }.count
                found.append(
                    Comment(
                        line: line, column: start - lineStarts[line], words: string(start..<last),
                        isAlone: gap == before.count, gap: gap))
            }
        }
        for event in events {
            guard case .scalar(let scalar, _, _) = event.kind else { continue }
            let start = self.index(event.start)
            search(upTo: start)
            var end = self.index(event.end)
            if scalar.style == .literal || scalar.style == .folded {
                // A block scalar's own line may hold a comment.
                let firstEnd = lineEnd(start)
                index = max(index, start)
                search(upTo: firstEnd)
                end = max(end, firstEnd)
            }
            index = max(index, end)
        }
        search(upTo: scalars.count)
        return found
    }

    /// Where the line of a character ends.
    func lineEnd(_ index: Int) -> Int {
        let line = line(of: index)
        return line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : scalars.count
    }

    func noLayout(_ what: String, at range: Range<Int>) -> YAMLError {
        YAMLError(
            .noLayout(
                what, at: SourceSpan(path: path, start: position(range.lowerBound), end: position(range.upperBound))))
    }

    private func position(_ index: Int) -> SourcePosition {
        let line = line(of: index)
        return SourcePosition(line: line + 1, column: index - lineStarts[line] + 1)
    }
}
