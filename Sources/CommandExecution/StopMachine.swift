// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Processes

/// How long a command that is asked to end may take before it is killed.
public struct StopTiming: Sendable {
    /// Seconds after SIGTERM.
    public var grace: Double

    public init(grace: Double = 5) { self.grace = grace }
}

/// How a command that has to end is made to end: SIGTERM, a grace period, SIGKILL.
public struct StopMachine {
    private let deadline: MonotonicTime?
    private let grace: Double
    private var patience: MonotonicTime?
    /// Why the command had to end; nil as long as it need not.
    public private(set) var reason: CommandOutcome?

    public init(deadline: MonotonicTime?, grace: Double) {
        self.deadline = deadline
        self.grace = grace
    }

    public enum Action: Sendable, Equatable { case none, terminate, kill }

    public mutating func advance(at now: MonotonicTime, request: StopRequest?) -> Action {
        if request == .atOnce {
            reason = reason ?? .stopped
            return .kill
        }
        if let patience { return now >= patience ? .kill : .none }
        if request == .politely {
            reason = .stopped
        } else if let deadline, now >= deadline {
            reason = .timedOut
        } else {
            return .none
        }
        patience = now + grace
        return .terminate
    }

    /// Milliseconds to wait at most: a tick, or less when something is due.
    public func timeout(at now: MonotonicTime) -> Int32 {
        guard let due = patience ?? deadline else { return 100 }
        return Int32(max(0, min(100, due.milliseconds(since: now) + 1)))
    }
}
