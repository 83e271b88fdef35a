// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
public import HTTP
internal import Processes
internal import YAML

/// A stream of CloudWatch Logs: made with its group where they are missing, and added to.
public struct LogStream {
    private let group: String
    private let name: String
    private let configuration: AWSConfiguration
    private let client: HTTPClient
    private let timeLimit: Double
    private let isCancelled: () -> Bool

    /// - Parameter timeLimit: seconds for all that is sent in one go.
    public init(
        group: String, name: String, configuration: AWSConfiguration, client: HTTPClient, timeLimit: Double = 120,
        isCancelled: @escaping () -> Bool = { false }
    ) {
        self.group = group
        self.name = name
        self.configuration = configuration
        self.client = client
        self.timeLimit = timeLimit
        self.isCancelled = isCancelled
    }

    /// Sends events until there are no more, in as many calls as the service wants.
    /// - Parameter next: the next event, in the order of time; nil after the last.
    public func send(_ next: () -> LogEvent?) throws(AWSFailure) {
        let session = AWSSession(
            settings: try configuration.settings(), client: client, deadline: .now() + timeLimit,
            isCancelled: isCancelled)
        guard let region = try session.settings.region() else { throw .noRegion(profile: session.settings.profileName) }
        let caller = Caller(session: session, credentials: try session.credentials(), region: region)
        try make(caller)
        var batches = LogBatches()
        while let event = next() {
            for batch in batches.add(event) { try put(batch, caller) }
        }
        let last = batches.takeOpen()
        if !last.isEmpty { try put(last, caller) }
    }

    // MARK: Calls

    private struct Caller {
        var session: AWSSession
        var credentials: AWSCredentials
        var region: String

        func subject(_ action: String) -> AWSSubject {
            AWSSubject(region: region, credentials: credentials, action: "logs:\(action)")
        }

        func perform(
            _ action: String, _ members: (inout JSONWriter) -> Void
        ) throws(AWSFailure) -> AWSSession.Outcome {
            var writer = JSONWriter()
            writer.object(members)
            let request = HTTPRequest(
                method: "POST", url: try session.settings.endpoint(.logs, region: region) + "/",
                headers: [
                    HTTPHeader("Content-Type", "application/x-amz-json-1.1"),
                    HTTPHeader("X-Amz-Target", "Logs_20140328.\(action)"), HTTPHeader("User-Agent", "drydock"),
                ], body: .bytes(writer.bytes), responseLimit: 1 << 20,
                certificateAuthorities: session.settings.certificateAuthorities)
            let signer = RequestSigner(
                credentials: credentials, region: region, service: AWSService.logs.rawValue)
            return session.perform([AWSSession.Call(request: request, signer: signer)])[0]
        }
    }

    /// The stream, and the group where there is none: who may write may not always make groups.
    private func make(_ caller: Caller) throws(AWSFailure) {
        func makeStream() throws(AWSFailure) -> AWSSession.Outcome {
            try caller.perform("CreateLogStream") {
                $0.member("logGroupName", group)
                $0.member("logStreamName", name)
            }
        }
        var outcome = try makeStream()
        if outcome.refusal?.code == "ResourceNotFoundException" {
            let made = try caller.perform("CreateLogGroup") { $0.member("logGroupName", group) }
            if made.refusal?.code != "ResourceAlreadyExistsException",
                let failure = AWSFailure(made, caller.subject("CreateLogGroup"))
            {
                throw failure
            }
            outcome = try makeStream()
        }
        if outcome.refusal?.code == "ResourceAlreadyExistsException" { return }
        if let failure = AWSFailure(outcome, caller.subject("CreateLogStream")) { throw failure }
    }

    private func put(_ batch: [LogEvent], _ caller: Caller) throws(AWSFailure) {
        let outcome = try caller.perform("PutLogEvents") { writer in
            writer.member("logGroupName", group)
            writer.member("logStreamName", name)
            writer.array("logEvents") { events in
                for event in batch {
                    events.object {
                        $0.member("timestamp", event.time.milliseconds)
                        $0.member("message", event.message)
                    }
                }
            }
        }
        if let failure = AWSFailure(outcome, caller.subject("PutLogEvents")) { throw failure }
        let rejected = (try? outcome.result.get())?.json?["rejectedLogEventsInfo"]
        if let rejected, rejected.entries?.isEmpty == false {
            let names = rejected.entries?.compactMap(\.key.scalar?.text).map(DisplayText.escaped) ?? []
            throw AWSFailure(
                message: "\(caller.subject("PutLogEvents").store) does not take all lines: "
                    + names.joined(separator: ", "))
        }
    }
}
