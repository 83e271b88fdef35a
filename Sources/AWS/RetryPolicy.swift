// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import HTTP

/// Whether an attempt that failed is made again, and after which pause. Without a clock or a die of its own.
///
/// Source: "Retry behavior", AWS SDKs and Tools Reference Guide: exponential, with full jitter, capped at 20 seconds.
public struct RetryPolicy: Sendable, Equatable {
    /// The first one included.
    public var mostAttempts = 5
    /// Seconds before the second attempt, at most.
    public var firstPause = 0.25
    /// The same where the service says that it is asked too much.
    public var firstPauseWhenThrottled = 1.0
    public var longestPause = 20.0

    public init() {}

    /// How an attempt ended.
    public enum End: Sendable, Equatable {
        /// - Parameters:
        ///   - code: AWS's word, such as `ThrottlingException`.
        ///   - retryAfter: the header's value in seconds.
        case answer(status: Int, code: String?, retryAfter: Double?)
        case noAnswer(HTTPError.Code)
    }

    /// Seconds to wait before the next attempt; nil to give up, or because there is nothing to repeat.
    /// - Parameters:
    ///   - attempts: how many were made.
    ///   - random: from 0 to 1.
    public func pause(after attempts: Int, _ end: End, random: Double) -> Double? {
        guard attempts < mostAttempts, let first = firstPause(end) else { return nil }
        let pause = random * min(longestPause, first * Double(1 << min(attempts - 1, 30)))
        if case .answer(_, _, let wanted?) = end { return max(pause, wanted) }
        return pause
    }

    private func firstPause(_ end: End) -> Double? {
        switch end {
        case .noAnswer(.interrupted), .noAnswer(.timedOut), .noAnswer(.cannotConnect): return firstPause
        case .noAnswer: return nil
        case .answer(let status, let code, _):
            if status == 429 || Self.throttling.contains(code ?? "") { return firstPauseWhenThrottled }
            return [500, 502, 503, 504].contains(status) || Self.transient.contains(code ?? "") ? firstPause : nil
        }
    }

    static let throttling: Set = [
        "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException",
    ]

    private static let transient: Set = [
        "InternalError", "InternalFailure", "InternalServerError", "InternalServiceError",
        "InternalServiceErrorException",
        "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "ServiceUnavailableException",
    ]
}
