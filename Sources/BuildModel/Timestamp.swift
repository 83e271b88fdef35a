// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A moment of the wall clock: seconds since 1970-01-01T00:00:00Z, with millisecond precision in JSON as CodeBuild has it.
public struct Timestamp: Sendable, Hashable, Comparable, Codable {
    public var seconds: Double

    public init(seconds: Double) { self.seconds = seconds }

    /// Whole milliseconds since 1970, for comparing and for JSON; 0 for a number that is none.
    public var milliseconds: Int {
        let rounded = (seconds * 1000).rounded()
        return Int(exactly: rounded) ?? 0
    }

    public init(from decoder: any Decoder) throws {
        seconds = try decoder.singleValueContainer().decode(Double.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode((seconds * 1000).rounded() / 1000)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.seconds < right.seconds }

    /// The civil date and time in UTC, worked out by hand because `strftime` reads the locale and the time zone.
    ///
    /// The calendar arithmetic is Howard Hinnant's `civil_from_days`
    /// (https://howardhinnant.github.io/date_algorithms.html).
    public var civil: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, microsecond: Int) {
        let bounded = seconds.isNaN ? 0 : min(max(seconds, -62_135_596_800), 253_402_300_799)
        // Rounded, since a binary fraction is mostly a little below the decimal one that it stands for.
        let microseconds = Int((bounded * 1_000_000).rounded())
        let whole = (microseconds >= 0 ? microseconds : microseconds - 999_999) / 1_000_000
        let microsecond = microseconds - whole * 1_000_000
        let days = (whole >= 0 ? whole : whole - 86_399) / 86_400
        let secondOfDay = whole - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, day, secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60, microsecond)
    }

    /// The moment of a date and time in UTC; nil where there is no such.
    ///
    /// The calendar arithmetic is Howard Hinnant's `days_from_civil`
    /// (https://howardhinnant.github.io/date_algorithms.html).
    public init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second < 61
        else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        seconds = Double(days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// Reads what ``logText`` writes.
    public init?(logText: some StringProtocol) {
        let bytes = Array(logText.utf8)
        let marks: [Int: UInt8] = [4: 0x2F, 7: 0x2F, 10: 0x20, 13: 0x3A, 16: 0x3A, 19: 0x2E]
        guard bytes.count == 26 else { return nil }
        for (index, byte) in bytes.enumerated() {
            guard marks[index].map({ $0 == byte }) ?? (0x30...0x39).contains(byte) else { return nil }
        }
        func number(_ range: Range<Int>) -> Int { bytes[range].reduce(0) { $0 * 10 + Int($1) - 0x30 } }
        self.init(
            year: number(0..<4), month: number(5..<7), day: number(8..<10), hour: number(11..<13),
            minute: number(14..<16), second: number(17..<19))
        seconds += Double(number(20..<26)) / 1e6
    }

    /// `2025/06/28 13:10:52.671738`, the form of CodeBuild's log lines.
    public var logText: String {
        let (year, month, day, hour, minute, second, microsecond) = civil
        return pad(year, 4) + "/" + pad(month, 2) + "/" + pad(day, 2) + " " + pad(hour, 2) + ":" + pad(minute, 2) + ":"
            + pad(second, 2) + "." + pad(microsecond, 6)
    }

    /// `2025-06-28T13:10:52.671Z` (RFC 3339).
    public var rfc3339: String {
        let (year, month, day, hour, minute, second, microsecond) = civil
        return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T" + pad(hour, 2) + ":" + pad(minute, 2) + ":"
            + pad(second, 2) + "." + pad(microsecond / 1000, 3) + "Z"
    }
}

private func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
