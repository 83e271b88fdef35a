// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Lines at the bottom of a terminal that are drawn over again.
struct LiveArea {
    /// A line and how many columns it fills.
    struct Line: Equatable {
        var text: String
        var width: Int

        init(_ text: String, width: Int) {
            self.text = text
            self.width = width
        }
    }

    private var lines: [Line] = []
    /// How wide the window was when the lines were drawn.
    private var drawnColumns = 0

    /// What takes the lines away and leaves the cursor where the first began.
    /// - Parameter reflows: whether the terminal breaks lines anew when it becomes narrower, rather than cutting them.
    mutating func erased(_ size: TerminalSize, reflows: Bool) -> String {
        let rows = rows(size, reflows)
        lines = []
        // Some terminals keep in their history what is erased from the first row to the last, so the first row is erased
        // by itself. What was pushed out of the window cannot be reached; the cursor stops at the first row.
        return rows == 0 ? "" : "\r\u{1B}[\(rows)A\u{1B}[K\u{1B}[B\u{1B}[J\u{1B}[A"
    }

    /// Leaves the lines where they are: others wrote below them.
    mutating func abandon() { lines = [] }

    /// What draws the lines in place of those before; empty when nothing changed.
    mutating func redrawn(_ new: [Line], _ size: TerminalSize, reflows: Bool) -> String {
        guard new != lines || size.columns != drawnColumns else { return "" }
        if new.isEmpty { return erased(size, reflows: reflows) }
        let rows = rows(size, reflows)
        lines = new
        drawnColumns = size.columns
        // Without automatic wrapping (DECAWM) a line stays one row, however wide the terminal thinks a character is.
        return (rows == 0 ? "" : "\r\u{1B}[\(rows)A") + "\u{1B}[?7l" + new.map { $0.text + "\u{1B}[K\n" }.joined()
            + "\u{1B}[?7h" + (rows > new.count ? "\u{1B}[J" : "")
    }

    /// How many rows the lines fill in a window of that size.
    private func rows(_ size: TerminalSize, _ reflows: Bool) -> Int {
        guard reflows, size.columns < drawnColumns else { return lines.count }
        return lines.reduce(0) { $0 + max(1, ($1.width + size.columns - 1) / max(size.columns, 1)) }
    }
}
