// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// How one text becomes another, in the form that `diff -u` prints and `patch` reads.
///
/// Lines are bytes up to a line feed, as patch has them: a text may end its lines with CR LF, which Swift takes for one
/// character, and need not be UTF-8.
public struct UnifiedDiff {
    private typealias Bytes = ArraySlice<UInt8>

    private enum Line: Equatable {
        case same(Bytes), removed(Bytes), added(Bytes)

        var isChange: Bool {
            if case .same = self { false } else { true }
        }

        var lacksLineFeed: Bool {
            switch self {
            case .same(let bytes), .removed(let bytes), .added(let bytes): bytes.last != UInt8(ascii: "\n")
            }
        }
    }

    private let lines: [Line]
    private static let context = 3
    /// Beyond it the search for the fewest changes takes too long, and everything between the first and the last
    /// difference counts as changed.
    private static let searchedLines = 4000

    public init(from old: [UInt8], to new: [UInt8]) {
        let (oldLines, newLines) = (Self.split(old), Self.split(new))
        let shorter = min(oldLines.count, newLines.count)
        var head = 0
        while head < shorter, oldLines[head] == newLines[head] { head += 1 }
        var tail = 0
        while tail < shorter - head, oldLines[oldLines.count - 1 - tail] == newLines[newLines.count - 1 - tail] {
            tail += 1
        }
        let oldMiddle = Array(oldLines[head..<(oldLines.count - tail)])
        let newMiddle = Array(newLines[head..<(newLines.count - tail)])
        lines =
            oldLines[..<head].map(Line.same) + Self.compare(oldMiddle, newMiddle)
            + oldLines[(oldLines.count - tail)...].map(Line.same)
    }

    /// Each line with its line feed; a last one without it is told apart by that.
    private static func split(_ text: [UInt8]) -> [Bytes] {
        var lines: [Bytes] = []
        var start = 0
        for (index, byte) in text.enumerated() where byte == UInt8(ascii: "\n") {
            lines.append(text[start...index])
            start = index + 1
        }
        if start < text.count { lines.append(text[start...]) }
        return lines
    }

    private static func compare(_ old: [Bytes], _ new: [Bytes]) -> [Line] {
        guard old.count + new.count <= searchedLines else { return old.map(Line.removed) + new.map(Line.added) }
        let difference = new.difference(from: old)
        let removed = Set(
            difference.removals.map { change -> Int in
                if case .remove(let offset, _, _) = change { return offset }
                return -1
            })
        let added = Set(
            difference.insertions.map { change -> Int in
                if case .insert(let offset, _, _) = change { return offset }
                return -1
            })
        var lines: [Line] = []
        var (oldIndex, newIndex) = (0, 0)
        while oldIndex < old.count || newIndex < new.count {
            if removed.contains(oldIndex), oldIndex < old.count {
                lines.append(.removed(old[oldIndex]))
                oldIndex += 1
            } else if added.contains(newIndex), newIndex < new.count {
                lines.append(.added(new[newIndex]))
                newIndex += 1
            } else {
                lines.append(.same(old[oldIndex]))
                (oldIndex, newIndex) = (oldIndex + 1, newIndex + 1)
            }
        }
        return lines
    }

    /// The text; empty when nothing differs.
    /// - Parameter name: of the file, on both sides.
    public func text(name: String, style: Style) -> [UInt8] {
        let changes = lines.indices.filter { lines[$0].isChange }
        guard let first = changes.first else { return [] }
        // What follows a name with a blank in it would be taken for its end: GNU diff marks that with a tab.
        let label = name.contains(" ") ? name + "\t" : name
        var text = Array("\(style.bold("--- \(label)"))\n\(style.bold("+++ \(label)"))\n".utf8)
        var hunk = max(0, first - Self.context)..<min(lines.count, first + Self.context + 1)
        for change in changes.dropFirst() {
            if change - Self.context > hunk.upperBound {
                text += self.text(of: hunk, style)
                hunk = (change - Self.context)..<change
            }
            hunk = hunk.lowerBound..<min(lines.count, change + Self.context + 1)
        }
        return text + self.text(of: hunk, style)
    }

    private func text(of hunk: Range<Int>, _ style: Style) -> [UInt8] {
        let (oldStart, newStart) = counts(lines[..<hunk.lowerBound])
        let (oldCount, newCount) = counts(lines[hunk])
        // A side without lines is told by the line before it.
        let old = "\(oldCount == 0 ? oldStart : oldStart + 1),\(oldCount)"
        let new = "\(newCount == 0 ? newStart : newStart + 1),\(newCount)"
        return lines[hunk].reduce(into: Array((style.cyan("@@ -\(old) +\(new) @@") + "\n").utf8)) { text, line in
            let bytes =
                switch line {
                case .same(let bytes): [UInt8(ascii: " ")] + bytes
                case .removed(let bytes): style.red([UInt8(ascii: "-")] + Self.words(bytes))
                case .added(let bytes): style.green([UInt8(ascii: "+")] + Self.words(bytes))
                }
            text += bytes
            if bytes.last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
            if line.lacksLineFeed { text += Array("\\ No newline at end of file\n".utf8) }
        }
    }

    /// A line without its line feed, which no colour may enclose.
    private static func words(_ line: Bytes) -> Bytes { line.last == UInt8(ascii: "\n") ? line.dropLast() : line }

    private func counts(_ lines: ArraySlice<Line>) -> (old: Int, new: Int) {
        lines.reduce(into: (0, 0)) { counts, line in
            switch line {
            case .same: counts = (counts.0 + 1, counts.1 + 1)
            case .removed: counts.0 += 1
            case .added: counts.1 += 1
            }
        }
    }
}
