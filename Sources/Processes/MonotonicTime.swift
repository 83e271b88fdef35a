// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc

/// A moment of the monotonic clock: durations and deadlines stay right when the wall clock is set.
public struct MonotonicTime: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The moment that many seconds later; a duration too long for the clock is the far future.
    public static func + (time: MonotonicTime, seconds: Double) -> MonotonicTime {
        let offset = seconds * 1e9
        guard offset < Double(Int64.max - time.nanoseconds) else { return MonotonicTime(nanoseconds: .max) }
        return MonotonicTime(nanoseconds: time.nanoseconds + Int64(offset))
    }

    /// Milliseconds from another moment to this one.
    public func milliseconds(since other: MonotonicTime) -> Int {
        Int((nanoseconds - other.nanoseconds) / 1_000_000)
    }
}
