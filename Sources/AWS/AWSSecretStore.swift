// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import HTTP
internal import Processes
public import Secrets

/// Parameter Store and Secrets Manager themselves: `aws`.
///
/// Everything is asked at once: parameters in batches of ten, as `GetParameters` takes them, and secrets one by one. An
/// ARN's own region decides where it is asked. What AWS does not know is `.unknown`, so that later stores may; a version
/// or label that something known does not have is a failure.
public struct AWSSecretStore: SecretStore {
    public let name = "aws"
    private let configuration: AWSConfiguration
    private let client: HTTPClient
    private let timeLimit: Double

    /// - Parameter timeLimit: seconds for all of it, finding credentials included.
    public init(configuration: AWSConfiguration, client: HTTPClient, timeLimit: Double = 60) {
        self.configuration = configuration
        self.client = client
        self.timeLimit = timeLimit
    }

    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        do throws(AWSFailure) {
            let session = AWSSession(
                settings: try configuration.settings(), client: client, deadline: .now() + timeLimit,
                isCancelled: isCancelled)
            var lookup = try AWSLookup(requests, session)
            try lookup.run()
            return lookup.answers
        } catch {
            return requests.map { .failed(error.secretFailure($0.kind)) }
        }
    }
}

/// One asking of a store: what is still to be asked, and the answers so far.
struct AWSLookup {
    private(set) var answers: [SecretAnswer]
    private let requests: [SecretRequest]
    private let session: AWSSession
    private var open: [AWSJob] = []

    init(_ requests: [SecretRequest], _ session: AWSSession) throws(AWSFailure) {
        self.requests = requests
        self.session = session
        answers = requests.map { _ in .unknown }
        let region = try session.settings.region()
        var parameters: [WantedParameter] = []
        var secrets: [WantedSecret] = []
        for (index, request) in requests.enumerated() {
            do {
                switch request.kind {
                case .parameter:
                    try WantedParameter.add(request.reference, index, region, to: &parameters)
                case .secret: try WantedSecret.add(request.reference, index, region, to: &secrets)
                }
            } catch let error as SecretsError {
                answers[index] = .failed(AWSFailure(message: "aws: \(error.message)").secretFailure(request.kind))
            } catch let error as AWSFailure {
                answers[index] = .failed(error.secretFailure(request.kind))
            } catch WantedRegion.none {
                let failure = AWSFailure.noRegion(profile: session.settings.profileName)
                answers[index] = .failed(failure.secretFailure(request.kind))
            } catch {
                answers[index] = .failed(AWSFailure(message: "aws: \(error)").secretFailure(request.kind))
            }
        }
        open =
            WantedParameter.batches(parameters).map { .parameters($0, purpose: .values) } + secrets.map { .secret($0) }
    }

    mutating func run() throws(AWSFailure) {
        guard !open.isEmpty else { return }
        let credentials = try session.credentials()
        // Twice again at most: a batch that is refused is asked name by name, and a version that is not there without it.
        while !open.isEmpty {
            let jobs = open
            open = []
            var calls: [AWSSession.Call] = []
            for job in jobs { calls.append(try job.call(session, credentials)) }
            for (job, outcome) in zip(jobs, session.perform(calls)) {
                let end = job.end(outcome, credentials)
                open += end.further
                for (index, answer) in end.answers {
                    answers[index] =
                        switch answer {
                        case .answer(let answer): answer
                        case .failure(let failure): .failed(failure.secretFailure(requests[index].kind))
                        }
                }
            }
        }
    }
}

/// Where something is asked.
enum WantedRegion: Error {
    case none

    /// The region of an ARN, or the one that counts for names.
    static func of(_ name: String, _ region: String?) throws -> String {
        let fields = name.split(separator: ":", omittingEmptySubsequences: false)
        if name.hasPrefix("arn:"), fields.count > 3, !fields[3].isEmpty {
            return try AWSSettings.checkedName(String(fields[3]))
        }
        guard let region else { throw Self.none }
        return region
    }
}
