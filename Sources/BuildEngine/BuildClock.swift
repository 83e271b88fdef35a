// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Processes

/// The time of one build.
///
/// The wall clock is read once, at the start; from then on the monotonic clock carries it forward. So a clock that is set
/// during a build makes neither a negative duration nor a timeout that is early or late.
public struct BuildClock: Sendable {
    public let start: Timestamp
    public let monotonicStart: MonotonicTime
    private let read: @Sendable () -> MonotonicTime

    /// - Parameters:
    ///   - start: the wall clock's time now.
    ///   - read: the monotonic clock.
    public init(start: Timestamp, read: @escaping @Sendable () -> MonotonicTime = MonotonicTime.now) {
        self.start = start
        self.read = read
        monotonicStart = read()
    }

    public var monotonic: MonotonicTime { read() }

    public var now: Timestamp { timestamp(at: read()) }

    func timestamp(at time: MonotonicTime) -> Timestamp {
        Timestamp(seconds: start.seconds + Double(time.nanoseconds - monotonicStart.nanoseconds) / 1e9)
    }
}
