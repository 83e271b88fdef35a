// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Processes
internal import Synchronization
public import SystemPackage

/// Asks servers by way of `drydock-http`, a program of its own: drydock is static, and libcurl and TLS are not.
///
/// The program starts with the first request, keeps its connections from call to call and ends with the client. A build
/// that asks nobody does not pay for it. What is sent goes through a socket pair, never in words or variables of a process.
public final class HTTPClient: Sendable {
    /// Where `drydock-http` is.
    public let program: FilePath
    private let variables: [HTTPHeader]
    private let session = Mutex<HTTPSession?>(nil)

    /// - Parameter proxies: variables by which libcurl chooses proxies, such as `https_proxy` and `no_proxy`.
    public init(program: FilePath, proxies: [(name: String, value: String)] = []) {
        self.program = program
        variables = proxies.map { HTTPHeader($0.name, $0.value) }
    }

    deinit { session.withLock { $0?.end() } }

    /// What to make of the end of an attempt.
    public enum Verdict: Sendable {
        case accepted
        /// Send this in its place, so many seconds later.
        case again(HTTPRequest, after: Double)
    }

    /// Sends all requests at once and waits for the end of each.
    /// - Parameters:
    ///   - deadline: for all of them, attempts and pauses included; what is still open then has timed out.
    ///   - atOnce: how many are on their way at the same time; the others wait for their turn.
    ///   - isCancelled: asked ten times a second.
    ///   - judge: given the request's index, the number of attempts so far and their last end. An attempt that could not
    ///     begin before the deadline is not made, and the last end stands.
    /// - Returns: the last end of each request, in order.
    public func perform(
        _ requests: [HTTPRequest], deadline: MonotonicTime, atOnce: Int = .max,
        isCancelled: () -> Bool = { false },
        judge: (_ index: Int, _ attempts: Int, Result<HTTPResponse, HTTPError>) -> Verdict = { _, _, _ in .accepted }
    ) -> [Result<HTTPResponse, HTTPError>] {
        if requests.isEmpty { return [] }
        return session.withLock { session in
            var exchange = HTTPExchange(requests, deadline: deadline, atOnce: atOnce)
            do throws(HTTPError) {
                if session?.hasEnded == true {
                    session?.end()
                    session = nil
                }
                let open: HTTPSession
                if let running = session {
                    open = running
                } else {
                    open = try HTTPSession.start(program, variables: variables)
                    session = open
                }
                try exchange.run(open, isCancelled: isCancelled, judge: judge)
            } catch {
                // Whatever the program still does is for nobody.
                session?.end()
                session = nil
                exchange.end(with: error)
            }
            return exchange.results
        }
    }
}

/// Requests on their way, and how they ended.
private struct HTTPExchange {
    /// The program keeps each request's limit by itself; this is for one that does not.
    private static let graceSeconds = 0.5

    private enum State {
        case due(MonotonicTime, HTTPRequest)
        case sent(number: UInt32)
        case ended(Result<HTTPResponse, HTTPError>)
    }

    private var states: [State]
    private var attempts: [Int]
    private let deadline: MonotonicTime
    private let atOnce: Int

    init(_ requests: [HTTPRequest], deadline: MonotonicTime, atOnce: Int) {
        let now = MonotonicTime.now()
        states = requests.map { .due(now, $0) }
        attempts = requests.map { _ in 0 }
        self.deadline = deadline
        self.atOnce = atOnce
    }

    var results: [Result<HTTPResponse, HTTPError>] {
        states.map { state in
            if case .ended(let result) = state { return result }
            return .failure(.timedOut)
        }
    }

    private var isOver: Bool {
        states.allSatisfy { state in
            if case .ended = state { true } else { false }
        }
    }

    private var sentCount: Int {
        states.count(where: { state in
            if case .sent = state { true } else { false }
        })
    }

    mutating func end(with error: HTTPError) {
        for index in states.indices {
            if case .ended = states[index] { continue }
            states[index] = .ended(.failure(error))
        }
    }

    mutating func run(
        _ session: HTTPSession, isCancelled: () -> Bool,
        judge: (Int, Int, Result<HTTPResponse, HTTPError>) -> HTTPClient.Verdict
    ) throws(HTTPError) {
        while !isOver {
            let now = MonotonicTime.now()
            if isCancelled() { throw .cancelled }
            if now > deadline + Self.graceSeconds { throw .timedOut }
            send(session, now)
            for reply in try session.exchange(milliseconds: pause(now)) {
                let index = states.firstIndex { state in
                    if case .sent(reply.number) = state { true } else { false }
                }
                // An answer to what an earlier call gave up.
                guard let index else { continue }
                switch judge(index, attempts[index], reply.result) {
                case .again(let request, let seconds) where MonotonicTime.now() + seconds < deadline:
                    states[index] = .due(MonotonicTime.now() + seconds, request)
                default: states[index] = .ended(reply.result)
                }
            }
        }
    }

    private mutating func send(_ session: HTTPSession, _ now: MonotonicTime) {
        var count = sentCount
        for index in states.indices {
            guard count < atOnce else { return }
            guard case .due(let moment, var request) = states[index], moment <= now else { continue }
            guard now < deadline else {
                states[index] = .ended(.failure(.timedOut))
                continue
            }
            request.timeLimit = min(request.timeLimit, Double(deadline.nanoseconds - now.nanoseconds) / 1e9)
            attempts[index] += 1
            count += 1
            states[index] = .sent(number: session.send(request))
        }
    }

    /// Until something is due, and never so long that a cancellation would be noticed late.
    private func pause(_ now: MonotonicTime) -> Int {
        var pause = 100
        // Whose turn comes only with the end of another waits for that.
        if sentCount >= atOnce { return pause }
        for case .due(let moment, _) in states { pause = min(pause, max(0, moment.milliseconds(since: now) + 1)) }
        return pause
    }
}
