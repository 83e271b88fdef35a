// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Writes a document in its new layout, line by line, each beside the line of the old text that it comes from.
struct LayoutWriter {
    private let text: LayoutText
    /// Lines that are done.
    private var lines: [String] = []
    /// The line that is being written, and the old line that its last words come from (from 0).
    private var current = ""
    private var currentLine = 0
    /// The last old line that is written, blank lines apart; -1 at the beginning.
    private var lastLine = -1
    /// Comments that stand alone, the next one first; a line's other comment by its line.
    private var pending: ArraySlice<LayoutText.Comment>
    private var trailing: [Int: LayoutText.Comment] = [:]
    /// The lists and maps that are open, outermost first; what was open when the last line was written.
    private var levels: [Level] = []
    private var lastLevels: [Level] = []
    /// Whether the text ends inside a block scalar that a line feed would change.
    private var endsWithoutLineFeed = false

    /// A list or map: where its items stood, and where they stand now.
    private struct Level {
        var old: Int
        var new: Int
    }

    static let step = 2

    init(text: LayoutText) {
        self.text = text
        pending = text.comments.filter(\.isAlone)[...]
        for comment in text.comments where !comment.isAlone { trailing[comment.line] = comment }
    }

    mutating func write(_ document: LayoutTree.Document) throws(YAMLError) -> String {
        if let line = document.startLine {
            startLine(indent: 0, from: line)
            current += "---"
            endLine()
        }
        if let root = document.root {
            switch root.content {
            case .list, .map:
                if let properties = root.properties {
                    startLine(indent: 0, from: text.line(of: properties.lowerBound))
                    current += text.string(properties)
                    endLine()
                }
                try writeCollection(root, indent: 0, isInline: false)
            case .verbatim, .block, .empty:
                if !root.range.isEmpty {
                    startLine(indent: 0, from: text.line(of: root.range.lowerBound))
                    try writeScalar(root, oldIndent: -Self.step, indent: -Self.step)
                }
            }
        }
        if let line = document.endLine {
            lastLevels = []
            startLine(indent: 0, from: line)
            current += "..."
            endLine()
        }
        flushComments(before: .max, indent: nil)
        if lines.isEmpty { return "" }
        return lines.joined(separator: "\n") + (endsWithoutLineFeed ? "" : "\n")
    }

    // MARK: Collections

    /// - Parameter isInline: the first item stands on the line that is being written.
    private mutating func writeCollection(_ node: LayoutTree.Node, indent: Int, isInline: Bool) throws(YAMLError) {
        var isInline = isInline
        switch node.content {
        case .list(let items):
            guard let first = items.first else { return }
            levels.append(Level(old: text.column(of: first.dash), new: indent))
            for item in items {
                if !isInline { startLine(indent: indent, from: text.line(of: item.dash)) }
                isInline = false
                current += "-"
                try writeValue(item.value, behind: item.dash, indent: indent, isItem: true)
            }
        case .map(let entries):
            guard let first = entries.first else { return }
            levels.append(Level(old: text.column(of: first.key.range.lowerBound), new: indent))
            for entry in entries {
                if !isInline { startLine(indent: indent, from: text.line(of: entry.key.range.lowerBound)) }
                isInline = false
                let key = text.string(entry.key.range)
                // The name of an alias may hold a colon.
                current += key + (key.hasPrefix("*") ? " :" : ":")
                try writeValue(entry.value, behind: entry.key.range.lowerBound, indent: indent, isItem: false)
            }
        default: return
        }
        levels.removeLast()
    }

    /// - Parameter place: of the `-` or the key.
    private mutating func writeValue(
        _ value: LayoutTree.Node, behind place: Int, indent: Int, isItem: Bool
    ) throws(YAMLError) {
        let line = text.line(of: place)
        let level = levels[levels.count - 1]
        switch value.content {
        case .empty:
            currentLine = line
            endLine()
            // What is commented out below an empty key stays below it.
            if !isItem { lastLevels.append(Level(old: level.old + 1, new: level.new + Self.step)) }
        case .verbatim, .block:
            if text.line(of: value.range.lowerBound) == line {
                current += " "
            } else {
                currentLine = line
                endLine()
                startLine(indent: indent + Self.step, from: text.line(of: value.range.lowerBound))
            }
            try writeScalar(value, oldIndent: level.old, indent: indent)
        case .list, .map:
            if let properties = value.properties {
                guard text.line(of: properties.lowerBound) == line else {
                    throw text.noLayout("an anchor or a tag on a line of its own", at: properties)
                }
                current += " " + text.string(properties)
            }
            let isInline = isItem && value.properties == nil && text.line(of: firstPlace(value)) == line
            if isInline {
                current += " "
            } else {
                currentLine = line
                endLine()
            }
            try writeCollection(value, indent: indent + Self.step, isInline: isInline)
        }
    }

    private func firstPlace(_ node: LayoutTree.Node) -> Int {
        switch node.content {
        case .list(let items): items.first?.dash ?? node.range.lowerBound
        case .map(let entries): entries.first?.key.range.lowerBound ?? node.range.lowerBound
        default: node.range.lowerBound
        }
    }

    // MARK: Scalars

    /// Writes a scalar, alias or flow collection behind what the line holds, and ends the line.
    /// - Parameters:
    ///   - oldIndent: where the list or map around it stood.
    ///   - indent: where it stands now.
    private mutating func writeScalar(_ node: LayoutTree.Node, oldIndent: Int, indent: Int) throws(YAMLError) {
        let first = text.line(of: node.range.lowerBound)
        if case .block(let headerEnd, _) = node.content {
            current += text.string(node.range.lowerBound..<headerEnd)
            currentLine = first
            endLine()
            let indicators = text.scalars[node.range.lowerBound..<headerEnd].suffix(2)
            let isExplicit = indicators.contains { ("1"..."9").contains($0) }
            writeBlock(
                node, below: first, shift: isExplicit ? indent - oldIndent : nil, indent: indent + Self.step,
                indicators: indicators)
            return
        }
        let last = text.line(of: max(node.range.lowerBound, node.range.upperBound - 1))
        guard last > first else {
            current += text.string(node.range)
            currentLine = first
            endLine()
            return
        }
        current += text.string(node.range.lowerBound..<text.lineEnd(node.range.lowerBound))
        lines.append(trimmed(current))
        writeContinuation(node, lines: (first + 1)...last, shift: indent - oldIndent, least: indent + Self.step)
        currentLine = last
        endLine()
    }

    /// The further lines of a scalar or flow collection: as they stand to each other, moved with what they belong to, and
    /// never so far left that they would leave it.
    private mutating func writeContinuation(
        _ node: LayoutTree.Node, lines range: ClosedRange<Int>, shift: Int, least: Int
    ) {
        let isFlow = text.scalars[node.range.upperBound - 1] == "]" || text.scalars[node.range.upperBound - 1] == "}"
        let closesAlone =
            isFlow && text.line(range.upperBound).first { $0 != " " } == text.scalars[node.range.upperBound - 1]
        var nearest = Int.max
        for number in range where !isBlank(number) && !(closesAlone && number == range.upperBound) {
            nearest = min(nearest, blanks(number) + shift)
        }
        let correction = nearest == .max ? 0 : max(0, max(least, 0) - nearest)
        for number in range {
            let isLast = number == range.upperBound
            let content = text.line(number)
            let end = isLast ? node.range.upperBound : content.endIndex
            if isBlank(number), !isLast {
                lines.append("")
                continue
            }
            let start = content.startIndex + blanks(number)
            // The bracket that ends a collection stands under the key that began it, or deeper.
            let indent =
                closesAlone && isLast
                ? max(blanks(number) + shift, least - Self.step, 0) : blanks(number) + shift + correction
            let line = String(repeating: " ", count: max(0, indent)) + text.string(start..<max(start, end))
            if isLast { current = line } else { lines.append(trimmed(line)) }
        }
    }

    /// Without blanks at its end; a quoted scalar's may be escaped.
    private func trimmed(_ line: String) -> String {
        var kept = line.unicodeScalars[...]
        while let last = kept.last, LayoutText.isBlank(last) { kept.removeLast() }
        return kept.last == "\\" ? line : String(kept)
    }

    /// The text of a block scalar, moved as one.
    /// - Parameters:
    ///   - shift: how far; nil moves it to `indent`.
    ///   - indicators: the end of the first line's own words.
    private mutating func writeBlock(
        _ node: LayoutTree.Node, below header: Int, shift: Int?, indent: Int, indicators: ArraySlice<Unicode.Scalar>
    ) {
        // The scalar reaches over the blank lines behind it, and over the blanks before what follows.
        let end = node.range.upperBound
        var last = text.line(of: end)
        if text.scalars[text.lineStarts[last]..<end].allSatisfy({ LayoutText.isBlank($0) }),
            end < text.scalars.count || text.column(of: end) == 0
        {
            last -= 1
        }
        let content = header + 1 <= last ? Array((header + 1)...last) : []
        let firstText = content.first { !isBlank($0) }
        let old = firstText.map(blanks) ?? indent
        let distance = shift ?? indent - old
        let keepsEnd = indicators.contains("+")
        var kept = content
        if !keepsEnd {
            while let line = kept.last, isBlank(line), text.line(line).count <= max(old, 0) { kept.removeLast() }
        }
        for number in kept {
            let line = text.line(number)
            let lead = blanks(number)
            if lead == line.count, lead <= old {
                lines.append("")
            } else {
                lines.append(
                    String(repeating: " ", count: max(0, lead + distance)) + LayoutText.string(line.dropFirst(lead)))
            }
            lastLine = number
        }
        if keepsEnd, let last = content.last { lastLine = last }
        let reachesEnd = kept.last.map { $0 == text.lineStarts.count - 1 } ?? false
        endsWithoutLineFeed = reachesEnd && !indicators.contains("-")
    }

    private func blanks(_ number: Int) -> Int { text.line(number).prefix { $0 == " " }.count }

    private func isBlank(_ number: Int) -> Bool { text.line(number).allSatisfy { LayoutText.isBlank($0) } }

    // MARK: Lines

    /// Begins a line with what stood in an old line, behind the comments and a blank line that stood before it.
    private mutating func startLine(indent: Int, from line: Int) {
        flushComments(before: line, indent: indent)
        separate(from: line)
        current = String(repeating: " ", count: indent)
        currentLine = line
    }

    /// Ends the line, with the comment that stood behind its last words.
    private mutating func endLine() {
        if let comment = trailing.removeValue(forKey: currentLine) {
            let gap = text.line(currentLine).dropFirst(comment.column - comment.gap).prefix(comment.gap)
            current += gap.contains("\t") ? "  " : LayoutText.string(gap)
            current += comment.words
        }
        lines.append(current)
        current = ""
        lastLine = currentLine
        lastLevels = levels
    }

    /// One blank line for any number of them, and none at the top.
    private mutating func separate(from line: Int) {
        if line > lastLine + 1, !lines.isEmpty { lines.append("") }
    }

    /// Writes the comments that stood alone above an old line.
    ///
    /// One that was written under a deeper list or map that has ended stays with it; else it goes with what follows.
    /// - Parameter indent: of what follows; nil at the end.
    private mutating func flushComments(before line: Int, indent: Int?) {
        // What is deeper than the list or map that goes on, or that one itself.
        let open = indent == nil ? 0 : max(0, levels.count - 1)
        while let comment = pending.first, comment.line < line {
            pending.removeFirst()
            // Comments inside what is kept as written were written with it.
            if comment.line <= lastLine, !lines.isEmpty { continue }
            let candidates = lastLevels.count > open ? lastLevels[open...] : []
            let level = candidates.last { $0.old <= comment.column }
            // A list may stand as far left as its key: an item that is commented out is the list's, others are the key's.
            let isItem = comment.words.drop { $0 == "#" || $0 == " " }.first == "-"
            let column =
                (isItem ? level : candidates.first { $0.old == level?.old })?.new ?? indent ?? candidates.first?.new
                ?? 0
            separate(from: comment.line)
            lines.append(String(repeating: " ", count: column) + comment.words)
            lastLine = comment.line
        }
    }
}
