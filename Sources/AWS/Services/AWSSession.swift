// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
internal import HTTP
internal import Processes
internal import YAML

/// What a run of calls shares: settings, the way to servers, and one deadline for all.
struct AWSSession {
    let settings: AWSSettings
    let client: HTTPClient
    let deadline: MonotonicTime
    let isCancelled: () -> Bool

    var now: Timestamp { settings.configuration.now() }

    /// A request as it is made anew for each attempt, since a signature holds the time.
    struct Call {
        var request: HTTPRequest
        /// Nil for what is not signed.
        var signer: RequestSigner?
        /// Nil for the settings'.
        var retryPolicy: RetryPolicy?
        /// What of an answer is a refusal.
        var refusal: (HTTPResponse) -> ServiceError? = { ServiceError($0) }
        /// Makes the request of a further attempt, which may go on where the last one broke off.
        var further: (HTTPRequest) -> HTTPRequest = { $0 }
    }

    /// How a call ended, after all its attempts.
    struct Outcome {
        var result: Result<HTTPResponse, HTTPError>
        var attempts: Int
        /// What was refused, with whatever status.
        var refusal: ServiceError?
        var method: String
        /// The address, without a query.
        var address: String
        /// When it ended, by this machine's clock.
        var time: Timestamp
    }

    /// Makes all calls, each with its repetitions, so many at the same time.
    func perform(_ calls: [Call], atOnce: Int = .max) -> [Outcome] {
        var attempts = calls.map { _ in 1 }
        let results = client.perform(
            calls.map(request), deadline: deadline, atOnce: atOnce, isCancelled: isCancelled,
            judge: { index, made, result in
                attempts[index] = made
                var call = calls[index]
                let policy = call.retryPolicy ?? settings.retryPolicy
                let end = RetryPolicy.End(result, refusal: call.refusal)
                guard let pause = policy.pause(after: made, end, random: Double.random(in: 0...1)) else {
                    return .accepted
                }
                call.request = call.further(call.request)
                // The signature is of now; the pause is shorter than what AWS lets pass.
                return .again(request(call), after: pause)
            })
        return results.indices.map {
            Outcome(
                result: results[$0], attempts: attempts[$0],
                refusal: (try? results[$0].get()).flatMap(calls[$0].refusal),
                method: calls[$0].request.method, address: calls[$0].request.displayAddress, time: now)
        }
    }

    private func request(_ call: Call) -> HTTPRequest {
        call.signer?.signed(call.request, at: now) ?? call.request
    }
}

extension RetryPolicy.End {
    init(_ result: Result<HTTPResponse, HTTPError>, refusal: (HTTPResponse) -> ServiceError? = { ServiceError($0) }) {
        switch result {
        case .failure(let error): self = .noAnswer(error.code)
        case .success(let response):
            // Also as a date, says RFC 9110; AWS gives seconds.
            let pause = response.header("Retry-After").flatMap(Double.init).flatMap { $0 >= 0 && $0 < 1e6 ? $0 : nil }
            self = .answer(status: response.status, code: refusal(response)?.code, retryAfter: pause)
        }
    }
}

/// What a service says when it refuses: AWS JSON, or the XML of STS.
struct ServiceError: Equatable {
    var status: Int
    /// Such as `AccessDeniedException`; empty where the answer is not AWS's.
    var code: String
    var message: String
    var requestID: String?
    /// S3's second number of a request.
    var hostID: String?

    /// Nil for an answer that is no refusal.
    init?(_ response: HTTPResponse) {
        guard response.status >= 300 else { return nil }
        self.init(refusing: response)
    }

    /// Of an answer that is known to be a refusal.
    init(refusing response: HTTPResponse) {
        status = response.status
        requestID = response.header("x-amzn-RequestId") ?? response.header("x-amz-request-id")
        hostID = response.header("x-amz-id-2")
        code = ""
        message = ""
        if let root = response.json {
            // `com.amazonaws.ssm#ParameterNotFound:http://…`: the namespace and the address say nothing.
            let type =
                root["__type"]?.scalar?.text ?? root["code"]?.scalar?.text ?? response.header("x-amzn-ErrorType") ?? ""
            code = String((type.split(separator: "#").last ?? "").prefix { $0 != ":" })
            message = root["message"]?.scalar?.text ?? root["Message"]?.scalar?.text ?? ""
        } else if let text = response.elementText("Code") {
            code = text
            message = response.elementText("Message") ?? ""
            requestID = requestID ?? response.elementText("RequestId")
        }
    }

    /// Whether another name might have been answered.
    var isAboutItsSubject: Bool {
        status == 400
            && (["AccessDeniedException", "ValidationException", "InvalidKeyId"].contains(code)
                || code.hasPrefix("KMS"))
    }

    /// As AWS's SDK for Go writes it, and with it CodeBuild.
    var text: String {
        let subject = code.isEmpty ? "UnknownError" : code
        return "\(subject): \(message) status code: \(status), request id: \(requestID ?? "")"
            + (hostID.map { ", host id: \($0)" } ?? "")
    }
}

/// The root of a JSON object; nil for anything else.
func jsonObject(_ bytes: [UInt8]) -> Node? {
    guard let root = (try? YAMLDocument(json: SourceText(path: "answer", bytes: bytes)))?.root, root.entries != nil
    else {
        return nil
    }
    return root
}

extension HTTPResponse {
    var json: Node? { jsonObject(body) }

    /// The text of the first XML element of that name. The answers of STS are flat enough.
    func elementText(_ name: String) -> String? { XMLText(body).text(name) }
}
