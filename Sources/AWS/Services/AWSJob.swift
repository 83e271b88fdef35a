// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
internal import HTTP
internal import Secrets
internal import YAML

/// One call of a lookup, and what its end says.
enum AWSJob {
    enum Purpose { case values, names }

    /// - Parameter purpose: the names alone are asked for to tell a parameter that is not there from a version.
    case parameters([WantedParameter], purpose: Purpose)
    case secret(WantedSecret)

    struct End {
        /// By the request's index.
        var answers: [(Int, Answer)] = []
        var further: [AWSJob] = []
    }

    enum Answer {
        case answer(SecretAnswer)
        case failure(AWSFailure)
    }

    private var region: String {
        switch self {
        case .parameters(let wanted, _): wanted.first?.region ?? ""
        case .secret(let wanted): wanted.region
        }
    }

    private var service: AWSService {
        switch self {
        case .parameters: .parameters
        case .secret: .secrets
        }
    }

    func call(_ session: AWSSession, _ credentials: AWSCredentials) throws(AWSFailure) -> AWSSession.Call {
        let target: String
        var writer = JSONWriter()
        switch self {
        case .parameters(let wanted, let purpose):
            target = "AmazonSSM.GetParameters"
            writer.object {
                $0.array("Names", of: wanted.map { purpose == .values ? $0.text : $0.reference.name })
                $0.member("WithDecryption", purpose == .values)
            }
        case .secret(let wanted):
            target = "secretsmanager.GetSecretValue"
            writer.object {
                $0.member("SecretId", wanted.reference.secretID)
                $0.member("VersionId", ifPresent: wanted.reference.versionID)
                $0.member("VersionStage", ifPresent: wanted.reference.versionStage)
            }
        }
        let request = HTTPRequest(
            method: "POST", url: try session.settings.endpoint(service, region: region) + "/",
            headers: [
                HTTPHeader("Content-Type", "application/x-amz-json-1.1"), HTTPHeader("X-Amz-Target", target),
                HTTPHeader("User-Agent", "drydock"),
            ], body: .bytes(writer.bytes), timeLimit: 15, responseLimit: 1 << 20,
            certificateAuthorities: session.settings.certificateAuthorities)
        return AWSSession.Call(
            request: request,
            signer: RequestSigner(credentials: credentials, region: region, service: service.rawValue))
    }

    func end(_ outcome: AWSSession.Outcome, _ credentials: AWSCredentials) -> End {
        switch self {
        case .parameters(let wanted, let purpose):
            let subject = AWSSubject(region: region, credentials: credentials, action: "ssm:GetParameters")
            return Self.end(wanted, purpose, outcome, subject)
        case .secret(let wanted):
            let subject = AWSSubject(region: region, credentials: credentials, action: "secretsmanager:GetSecretValue")
            let answer = Self.answer(wanted, outcome, subject)
            return End(answers: wanted.indices.map { ($0, answer) })
        }
    }

    // MARK: Parameters

    private static func end(
        _ wanted: [WantedParameter], _ purpose: Purpose, _ outcome: AWSSession.Outcome, _ subject: AWSSubject
    ) -> End {
        func all(_ answer: Answer) -> End {
            End(answers: wanted.flatMap { parameter in parameter.indices.map { ($0, answer) } })
        }
        if let failure = AWSFailure(outcome, subject) {
            // That the version is not there is all that is known then.
            if purpose == .names { return all(.answer(.unknown)) }
            // One name that may not be read, or cannot be one, makes AWS refuse all ten.
            let isAboutOne = (try? outcome.result.get()).flatMap(ServiceError.init)?.isAboutItsSubject ?? false
            if isAboutOne, wanted.count > 1 { return End(further: wanted.map { .parameters([$0], purpose: purpose) }) }
            return all(.failure(failure))
        }
        guard let response = try? outcome.result.get(), let items = response.json?["Parameters"]?.items else {
            return all(.failure(.foreign(outcome, subject)))
        }
        var found: [String: Node] = [:]
        for item in items {
            for name in [item["Name"], item["ARN"]] {
                if let text = name?.scalar?.text { found[WantedParameter.key(text)] = item }
            }
        }
        var end = End()
        for parameter in wanted {
            let answer: Answer
            switch (found[parameter.key], purpose) {
            case (let item?, .values):
                if let value = item["Value"]?.scalar?.text {
                    answer = .answer(.value(SecretText(value), from: "aws:\(parameter.region)"))
                } else {
                    answer = .failure(.noValue("parameter", subject))
                }
            case (let item?, .names):
                answer = .failure(.noVersion(of: parameter, newest: item["Version"]?.scalar?.text, subject))
            case (nil, .values) where parameter.reference.selector != nil:
                end.further.append(.parameters([parameter], purpose: .names))
                continue
            case (nil, _): answer = .answer(.unknown)
            }
            end.answers += parameter.indices.map { ($0, answer) }
        }
        return end
    }

    // MARK: Secrets

    private static func answer(
        _ wanted: WantedSecret, _ outcome: AWSSession.Outcome, _ subject: AWSSubject
    ) -> Answer {
        if var failure = AWSFailure(outcome, subject) {
            guard let error = (try? outcome.result.get()).flatMap(ServiceError.init) else { return .failure(failure) }
            let message = error.message.lowercased()
            if error.code == "ResourceNotFoundException" {
                // `…can't find the specified secret.`, or `…secret value for staging label: …`: known, but not that version.
                return message.contains("secret value for") ? .failure(failure) : .answer(.unknown)
            }
            if error.code == "InvalidRequestException", message.contains("deletion") || message.contains("deleted") {
                failure.hints = [
                    "`aws secretsmanager restore-secret --secret-id \(DisplayText.escaped(wanted.reference.secretID))` "
                        + "takes that back"
                ]
            }
            return .failure(failure)
        }
        guard let response = try? outcome.result.get(), let root = response.json else {
            return .failure(.foreign(outcome, subject))
        }
        if let text = root["SecretString"].flatMap({ $0.isJSONNull ? nil : $0.scalar?.text }) {
            return .answer(.value(SecretText(text), from: "aws:\(wanted.region)"))
        }
        if root["SecretBinary"] != nil { return .failure(.binary(subject)) }
        return .failure(.noValue("secret", subject))
    }
}

extension Node {
    /// `null` itself, and not text that reads so.
    fileprivate var isJSONNull: Bool { scalar.map { $0.style == .plain && $0.text == "null" } ?? false }
}

/// A parameter, and for which requests.
struct WantedParameter: Equatable {
    var reference: ParameterReference
    var region: String
    var indices: [Int]

    static func add(_ text: String, _ index: Int, _ region: String?, to wanted: inout [WantedParameter]) throws {
        let reference = try ParameterReference(text)
        let region = try WantedRegion.of(reference.name, region)
        if let same = wanted.firstIndex(where: { $0.reference == reference && $0.region == region }) {
            wanted[same].indices.append(index)
        } else {
            wanted.append(WantedParameter(reference: reference, region: region, indices: [index]))
        }
    }

    /// As AWS is asked for it.
    var text: String { reference.name + (reference.selector.map { ":\($0)" } ?? "") }

    var key: String { Self.key(reference.name) }

    /// What a name and an ARN of the same parameter have in common.
    static func key(_ name: String) -> String {
        var key = Substring(name)
        if name.hasPrefix("arn:"), let start = name.firstRange(of: ":parameter/") { key = name[start.upperBound...] }
        return String(key.drop { $0 == "/" })
    }

    /// At most ten in a batch, of one region, and no parameter twice: AWS answers with the name alone.
    static func batches(_ wanted: [WantedParameter]) -> [[WantedParameter]] {
        var batches: [[WantedParameter]] = []
        for parameter in wanted {
            let batch = batches.firstIndex { batch in
                batch.count < 10 && batch[0].region == parameter.region && !batch.contains { $0.key == parameter.key }
            }
            if let batch { batches[batch].append(parameter) } else { batches.append([parameter]) }
        }
        return batches
    }
}

/// A secret in one of its versions, and for which requests: several may want different keys of it.
struct WantedSecret {
    var reference: SecretReference
    var region: String
    var indices: [Int]

    static func add(_ text: String, _ index: Int, _ region: String?, to wanted: inout [WantedSecret]) throws {
        var reference = try SecretReference(text)
        // Taken from the whole by whoever asks.
        reference.jsonKey = nil
        let region = try WantedRegion.of(reference.secretID, region)
        if let same = wanted.firstIndex(where: { $0.reference == reference && $0.region == region }) {
            wanted[same].indices.append(index)
        } else {
            wanted.append(WantedSecret(reference: reference, region: region, indices: [index]))
        }
    }
}
