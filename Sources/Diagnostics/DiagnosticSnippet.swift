// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The drawing of a place in a file: where, the line with its number, and carets under the span.
///
///     buildspec.yml:21:9
///     21 │       - ./publish.sh "$BUCKET"
///        │         ^^^^^^^^^^^^^^^^^^^^^^
///
/// Pure text, so that a face colours it as it likes.
public struct DiagnosticSnippet: Sendable, Equatable {
    /// `path:line:column`.
    public var location: String
    /// A line's number right-aligned, its drawn text and its carets (empty where none belong).
    public var lines: [Line]

    /// One drawn source line.
    public struct Line: Sendable, Equatable {
        /// Padded to the width of the widest number.
        public var number: String
        /// Tabs drawn as blanks, unsafe characters as escapes.
        public var text: String
        /// Blanks and carets that stand below `text`; empty when the line is only context.
        public var carets: String
    }

    /// The widest line drawn; longer ones are cut around the span.
    public static let maximumColumns = 160
    /// In a narrower window a cut line would say nothing.
    private static let minimumColumns = 8

    /// Draws at most four lines of a span.
    /// - Parameter columns: how wide a line may be with its number and the gutter of three.
    public init(_ span: SourceSpan, in source: SourceText, columns: Int? = nil) {
        location = "\(DisplayText.escaped(span.path)):\(span.start.line):\(span.start.column)"
        // A span that ends before the first character of a line does not reach that line.
        var last = span.end.line
        if last > span.start.line, span.end.column <= 1 { last -= 1 }
        while last > span.start.line, source.line(last).allSatisfy({ $0 == " " }) { last -= 1 }
        last = min(last, span.start.line + 3)
        let width = String(last).count
        let room = columns.map { min(max($0 - width - 3, Self.minimumColumns), Self.maximumColumns) }
        lines = []
        for number in span.start.line...last {
            let digits = String(number)
            let padded = String(repeating: " ", count: width - digits.count) + digits
            let isFirst = number == span.start.line
            let range =
                isFirst ? span.start.column..<(span.end.line == number ? span.end.column : Int.max) : nil
            let (text, carets) = Self.draw(source.line(number), columns: range, room: room ?? Self.maximumColumns)
            lines.append(Line(number: padded, text: text, carets: carets))
        }
    }

    /// The whole drawing, each line after `indent`, without a final line end.
    public func text(indent: String = "") -> String {
        var result = indent + location
        for line in lines {
            result += "\n\(indent)\(line.number) │" + (line.text.isEmpty ? "" : " \(line.text)")
            if !line.carets.isEmpty {
                result += "\n" + indent + String(repeating: " ", count: line.number.count) + " │ " + line.carets
            }
        }
        return result
    }

    private static func draw(_ line: String, columns: Range<Int>?, room: Int) -> (text: String, carets: String) {
        var cells: [(text: String, width: Int, marked: Bool)] = []
        // Of a line as long as a file only the neighbourhood of the span is looked at.
        let skipped = max(0, (columns?.lowerBound ?? 1) - 2 * maximumColumns)
        var column = 1 + skipped
        var width = 0
        for scalar in line.unicodeScalars.dropFirst(skipped).prefix(4 * maximumColumns) {
            let marked = columns?.contains(column) ?? false
            if scalar == "\t" {
                let stop = 4 - width % 4
                cells.append((String(repeating: " ", count: stop), stop, marked))
            } else if DisplayText.isUnsafe(scalar) {
                let escape = DisplayText.escape(scalar)
                cells.append((escape, escape.count, marked))
            } else {
                cells.append((String(scalar), DisplayText.width(of: scalar), marked))
            }
            width += cells[cells.count - 1].width
            column += 1
        }
        while let last = cells.last, last.text == " " || last.text.isEmpty, !last.marked { cells.removeLast() }
        if let columns, !cells.contains(where: \.marked) {
            // A place after the line's end, or an empty span: one caret shows it.
            let place = columns.lowerBound - 1 - skipped
            while cells.count < place, cells.count < maximumColumns { cells.append((" ", 1, false)) }
            let index = min(place, cells.count)
            if index < cells.count { cells[index].marked = true } else { cells.append((" ", 1, true)) }
        }
        cut(&cells, to: room)
        var text = ""
        var carets = ""
        for cell in cells {
            text += cell.text
            carets += String(repeating: cell.marked ? "^" : " ", count: cell.width)
        }
        return (trimmed(text), trimmed(carets))
    }

    /// Keeps a window of the line that begins shortly before the first marked cell.
    private static func cut(_ cells: inout [(text: String, width: Int, marked: Bool)], to room: Int) {
        guard cells.reduce(0, { $0 + $1.width }) > room else { return }
        let first = cells.firstIndex(where: \.marked) ?? 0
        let start = first > room / 2 ? first - min(20, room / 4) : 0
        var end = start
        var width = 0
        while end < cells.count, width + cells[end].width <= room - 2 {
            width += cells[end].width
            end += 1
        }
        let cutEnd = end < cells.count
        cells = Array(cells[start..<end])
        if start > 0 { cells.insert(("…", 1, false), at: 0) }
        if cutEnd { cells.append(("…", 1, false)) }
    }

    private static func trimmed(_ text: String) -> String {
        var end = text.endIndex
        while end > text.startIndex, text[text.index(before: end)] == " " { end = text.index(before: end) }
        return String(text[..<end])
    }
}
