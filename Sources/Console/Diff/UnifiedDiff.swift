// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// How one text becomes another, in the form that `diff -u` prints and `patch` reads.
public struct UnifiedDiff {
    private enum Line: Equatable {
        case same(String), removed(String), added(String)

        var isChange: Bool {
            if case .same = self { false } else { true }
        }
    }

    private let lines: [Line]
    private static let context = 3
    /// Beyond it the search for the fewest changes takes too long, and everything between the first and the last
    /// difference counts as changed.
    private static let searchedLines = 4000

    public init(from old: String, to new: String) {
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

    /// A last line without a line feed is told apart from one with it.
    private static func split(_ text: String) -> [String] {
        guard !text.isEmpty else { return [] }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" {
            lines.removeLast()
        } else {
            lines[lines.count - 1] += "\n\\ No newline at end of file"
        }
        return lines
    }

    private static func compare(_ old: [String], _ new: [String]) -> [Line] {
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
    public func text(name: String, style: Style) -> String {
        let changes = lines.indices.filter { lines[$0].isChange }
        guard let first = changes.first else { return "" }
        var text = style.bold("--- \(name)") + "\n" + style.bold("+++ \(name)") + "\n"
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

    private func text(of hunk: Range<Int>, _ style: Style) -> String {
        let (oldStart, newStart) = counts(lines[..<hunk.lowerBound])
        let (oldCount, newCount) = counts(lines[hunk])
        // A side without lines is told by the line before it.
        let old = "\(oldCount == 0 ? oldStart : oldStart + 1),\(oldCount)"
        let new = "\(newCount == 0 ? newStart : newStart + 1),\(newCount)"
        return lines[hunk].reduce(style.cyan("@@ -\(old) +\(new) @@") + "\n") { text, line in
            switch line {
            case .same(let words): text + " \(words)\n"
            case .removed(let words): text + style.red("-\(words)") + "\n"
            case .added(let words): text + style.green("+\(words)") + "\n"
            }
        }
    }

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
