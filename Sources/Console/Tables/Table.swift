// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// Rows under titles: aligned text for people, an array of objects for programs.
public struct Table: Sendable {
    /// What stands in a column, and its name in JSON.
    public struct Column: Sendable {
        public var title: String
        public var key: StaticString
        public var isRightAligned: Bool

        public init(_ title: String, key: StaticString, isRightAligned: Bool = false) {
            self.title = title
            self.key = key
            self.isRightAligned = isRightAligned
        }
    }

    public var columns: [Column]
    /// Each as long as `columns`.
    public var rows: [[String]]

    public init(_ columns: [Column], rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows
    }

    /// The table as text. Cells are made safe for a terminal; nothing is cut, so that a program that reads columns loses
    /// nothing.
    /// - Parameter colour: colours a cell by row and column, after it was padded.
    public func text(_ style: Style, colour: (_ row: Int, _ column: Int, String) -> String = { $2 }) -> String {
        let cells = rows.map { row in row.map { SafeText.line($0.utf8, unicode: true) } }
        var widths = columns.map { SafeText.width($0.title) }
        for row in cells {
            for (column, cell) in row.enumerated() where column < widths.count {
                widths[column] = max(widths[column], SafeText.width(cell))
            }
        }
        func aligned(_ text: String, _ column: Int) -> String {
            let blanks = String(repeating: " ", count: max(0, widths[column] - SafeText.width(text)))
            if columns[column].isRightAligned { return blanks + text }
            return column == columns.count - 1 ? text : text + blanks
        }
        var result = columns.indices.map { style.bold(aligned(columns[$0].title, $0)) }.joined(separator: "  ") + "\n"
        for (index, row) in cells.enumerated() {
            let line = columns.indices.map { column in
                colour(index, column, aligned(column < row.count ? row[column] : "", column))
            }.joined(separator: "  ")
            result += line + "\n"
        }
        return result
    }

    /// The table as a JSON document: an array with an object for each row.
    public var json: [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.array { writer in
            for row in rows {
                writer.object { writer in
                    for (column, cell) in zip(columns, row) { writer.member(column.key, cell) }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}

/// Builds as a table, newest first.
public enum HistoryTable {
    /// - Parameter now: to say how long ago a build began.
    public static func text(_ records: [BuildRecord], now: Timestamp, style: Style) -> String {
        let columns = [
            Table.Column("NUMBER", key: "buildNumber", isRightAligned: true),
            Table.Column("STATUS", key: "buildStatus"),
            Table.Column("STARTED", key: "startTime"),
            Table.Column("TIME", key: "duration", isRightAligned: true), Table.Column("PROJECT", key: "projectName"),
            Table.Column("ID", key: "id"),
        ]
        let rows = records.map { record in
            [
                String(record.buildNumber), record.buildStatus.rawValue, ago(record.startTime, now),
                record.endTime.map { duration(from: record.startTime, to: $0) } ?? "", record.projectName,
                String((record.id.split(separator: ":").last ?? "").prefix(8)),
            ]
        }
        return Table(columns, rows: rows).text(style) { row, column, text in
            column == 1 ? StatusColour.apply(records[row].buildStatus, text, style) : text
        }
    }

    /// The records as a JSON array, each as it is stored.
    public static func json(_ records: [BuildRecord]) -> [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 4096)
        writer.array { writer in
            for record in records { record.write(to: &writer) }
        }
        writer.newline()
        return writer.bytes
    }

    static func duration(from start: Timestamp, to end: Timestamp) -> String {
        CodeBuildLog.durationText(max(0, end.milliseconds - start.milliseconds))
    }

    /// How long ago a time was: `3 minutes ago`.
    public static func ago(_ time: Timestamp, _ now: Timestamp) -> String {
        // A time may be any number that somebody wrote.
        let (elapsed, isOver) = now.milliseconds.subtractingReportingOverflow(time.milliseconds)
        let seconds = (isOver ? .max : max(0, elapsed)) / 1000
        func words(_ count: Int, _ unit: String) -> String { "\(count) \(unit)\(count == 1 ? "" : "s") ago" }
        switch seconds {
        case ..<60: return words(seconds, "second")
        case ..<3600: return words(seconds / 60, "minute")
        case ..<86_400: return words(seconds / 3600, "hour")
        default: return words(seconds / 86_400, "day")
        }
    }
}

/// The colour of a status.
enum StatusColour {
    static func apply(_ status: BuildStatus, _ text: String, _ style: Style) -> String {
        switch status {
        case .succeeded: style.green(text)
        case .failed, .fault, .timedOut: style.red(text)
        case .stopped: style.yellow(text)
        case .inProgress: style.cyan(text)
        }
    }
}
