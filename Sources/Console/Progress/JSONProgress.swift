// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// Every event, and the output of commands, as JSON Lines: for programs. docs/events.md describes the lines.
public final class JSONProgress: BuildObserver {
    private let writer: DescriptorWriter
    private let now: () -> Timestamp
    /// The beginning of a character whose rest has not come yet; at most three bytes.
    private var partial: [UInt8] = []

    /// - Parameter now: the time of a piece of output, which has none of its own.
    public init(writer: DescriptorWriter, now: @escaping () -> Timestamp) {
        self.writer = writer
        self.now = now
    }

    public func handle(_ event: TimedEvent) {
        if !partial.isEmpty {
            let rest = partial
            partial = []
            rest.withUnsafeBytes { write($0) }
        }
        writer.write(event.jsonLine)
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        guard partial.isEmpty else {
            let joined = partial + bytes
            partial = []
            joined.withUnsafeBytes { split($0) }
            return
        }
        split(bytes)
    }

    private func split(_ bytes: UnsafeRawBufferPointer) {
        let whole = bytes.count - Self.unfinished(bytes)
        partial = Array(bytes[whole...])
        if whole > 0 { write(UnsafeRawBufferPointer(rebasing: bytes[..<whole])) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        writer.write(TimedEvent.outputLine(bytes, at: now()))
    }

    /// How many bytes at the end begin a UTF-8 character that is not complete.
    private static func unfinished(_ bytes: UnsafeRawBufferPointer) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }

    public var blockedDescriptor: Int32? { writer.blockedDescriptor }
    public func resume() { writer.resume() }
}
