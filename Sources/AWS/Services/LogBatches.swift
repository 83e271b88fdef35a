// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// A line of a log and its time.
public struct LogEvent: Sendable, Equatable {
    public var time: Timestamp
    /// Not empty.
    public var message: String

    public init(time: Timestamp, message: String) {
        self.time = time
        self.message = message
    }
}

/// Cuts a stream of events into what one call of `PutLogEvents` takes.
///
/// Source: `PutLogEvents`, Amazon CloudWatch Logs API Reference: 1,048,576 bytes with 26 more for each event, 10,000
/// events, 24 hours from the first to the last, in the order of their times.
struct LogBatches {
    static let mostBytes = 1_048_576
    static let bytesBeside = 26
    static let mostEvents = 10_000
    static let mostMilliseconds = 24 * 3600 * 1000
    /// Of one message; a longer one becomes several. The service's own limit was so low for years, and others' is yet.
    static let mostMessageBytes = 256 * 1024 - bytesBeside

    private(set) var open: [LogEvent] = []
    private var byteCount = 0
    private var latest: Timestamp?

    /// Takes an event.
    /// - Returns: the batches that became full by it.
    mutating func add(_ event: LogEvent) -> [[LogEvent]] {
        var full: [[LogEvent]] = []
        // Clocks are set back.
        let time = max(event.time, latest ?? event.time)
        latest = time
        for piece in Self.pieces(event.message) {
            let count = piece.utf8.count + Self.bytesBeside
            let span = open.first.map { time.milliseconds - $0.time.milliseconds } ?? 0
            if byteCount + count > Self.mostBytes || open.count == Self.mostEvents || span >= Self.mostMilliseconds {
                full.append(takeOpen())
            }
            open.append(LogEvent(time: time, message: piece))
            byteCount += count
        }
        return full
    }

    mutating func takeOpen() -> [LogEvent] {
        defer { (open, byteCount) = ([], 0) }
        return open
    }

    private static func pieces(_ message: String) -> [String] {
        guard message.utf8.count > mostMessageBytes else { return message.isEmpty ? [] : [message] }
        var pieces: [String] = []
        var rest = message[...]
        while !rest.isEmpty {
            var end =
                rest.utf8.index(rest.startIndex, offsetBy: mostMessageBytes, limitedBy: rest.endIndex) ?? rest.endIndex
            // Not within a character's bytes.
            while end < rest.endIndex, rest.utf8[end] & 0xC0 == 0x80 { end = rest.utf8.index(before: end) }
            pieces.append(String(rest[..<end]))
            rest = rest[end...]
        }
        return pieces
    }
}
