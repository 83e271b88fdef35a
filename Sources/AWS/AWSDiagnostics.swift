// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
internal import HTTP
internal import Secrets
internal import SystemPackage

/// Why AWS cannot be asked, or refuses.
public struct AWSFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence that names whom was asked, and holds no secret.
    public var message: String
    public var hints: [String] = []
    /// What AWS's SDK for Go would say, and with it CodeBuild; nil where it has no such case.
    public var sdkText: String?
    public var code = Code.refused

    public var description: String { message }

    public enum Code: String, Sendable {
        /// Files, variables or words that say whom to ask, or as whom.
        case configuration
        /// Nobody answers, or nobody who can be trusted.
        case unreachable
        /// AWS, or whoever answers in its place, does not do it.
        case refused
        /// Whoever asks may not.
        case denied
        /// There is no such thing.
        case missing
        /// There is more of it than is wanted.
        case tooLarge
        /// What came is not what was sent, or what there should be.
        case damaged
        /// A file of this machine cannot be read or written.
        case file
        case cancelled
    }

    /// - Parameter kind: decides CodeBuild's status code; nil outside of a build's variables.
    func secretFailure(_ kind: SecretRequest.Kind?) -> SecretFailure {
        SecretFailure(
            message, hints: hints,
            codeBuild: kind.map { CodeBuildVerdict(statusCode: $0.statusCode, message: sdkText) })
    }
}

// MARK: Configuration

extension AWSFailure {
    static func unreadable(_ reason: String) -> AWSFailure { AWSFailure(message: "aws: \(reason)") }

    /// The line itself is not quoted: it may be a piece of a secret.
    static func syntax(_ path: String, _ line: Int, _ reason: String) -> AWSFailure {
        AWSFailure(message: "aws: `\(DisplayText.escaped(path)):\(line)` cannot be read: \(reason)")
    }

    static func noProfile(_ name: String, known: [String], places: [FilePath]) -> AWSFailure {
        let nearest = Suggestion.nearest(to: name, among: known).map { ["did you mean `\(DisplayText.escaped($0))`?"] }
        let files = places.map { "`\(DisplayText.escaped($0.string))`" }.joined(separator: " and ")
        let others =
            known.isEmpty
            ? [] : ["profiles are " + known.map { "`\(DisplayText.escaped($0))`" }.joined(separator: ", ")]
        return AWSFailure(
            message: "aws: there is no profile `\(DisplayText.escaped(name))` in \(files)", hints: nearest ?? others,
            sdkText: "SharedConfigProfileNotExistsError: failed to get profile, \(name)")
    }

    static func invalidSetting(_ name: String, _ value: String) -> AWSFailure {
        AWSFailure(message: "aws: `\(name)` cannot be `\(DisplayText.escaped(String(value.prefix(100))))`")
    }

    static func invalidRegion(_ region: String) -> AWSFailure {
        AWSFailure(
            message: "aws: `\(DisplayText.escaped(String(region.prefix(100))))` is no region",
            hints: ["a region is written like `eu-west-1`"])
    }

    static func noRegion(profile: String) -> AWSFailure {
        AWSFailure(
            message: "aws: no region says whom to ask",
            hints: ["set `AWS_REGION`, or `region` of profile `\(DisplayText.escaped(profile))` in `~/.aws/config`"],
            sdkText: "MissingRegion: could not find region configuration")
    }
}

// MARK: Credentials

extension AWSFailure {
    static func noCredentials(profile: String, isMachineAsked: Bool) -> AWSFailure {
        AWSFailure(
            message: "aws: no credentials in the environment, in profile `\(DisplayText.escaped(profile))`"
                + (isMachineAsked ? ", from a container's or this machine's role" : " or from a container's role"),
            hints: [
                "set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; `aws configure` makes a profile"
            ],
            sdkText: "NoCredentialProviders: no valid providers in chain")
    }

    static func halfCredentials(_ source: String, has present: String, lacks missing: String) -> AWSFailure {
        AWSFailure(message: "aws: \(source) has `\(present)` without `\(missing)`")
    }

    static func expired(_ source: String) -> AWSFailure {
        AWSFailure(
            message: "aws: the credentials from \(source) have expired", hints: [renewal],
            sdkText: "ExpiredTokenException: The security token included in the request is expired")
    }

    private static let renewal =
        "get new ones as you got these: `aws sso login`, `aws sts get-session-token` or the like"

    static func profile(_ name: String, _ reason: String, hints: [String] = []) -> AWSFailure {
        AWSFailure(message: "aws: profile `\(DisplayText.escaped(name))` \(reason)", hints: hints)
    }

    static func credentials(from source: String, _ reason: String, hints: [String] = []) -> AWSFailure {
        AWSFailure(message: "aws: no credentials from \(source): \(reason)", hints: hints)
    }
}

// MARK: Answers

/// Who was asked for what, for messages.
struct AWSSubject {
    /// Such as `aws (eu-west-1, profile `dev`)`.
    var store: String
    /// As a policy names it: `ssm:GetParameters`.
    var action: String
    /// What is asked of the key that a thing is encrypted with.
    var keyAction: String
    var source: String

    static let decryption = "kms:Decrypt"

    init(region: String?, credentials: AWSCredentials, action: String, keyAction: String = decryption) {
        store = "aws (\(region.map { "\($0), " } ?? "")\(credentials.source))"
        self.action = action
        self.keyAction = keyAction
        source = credentials.source
    }
}

extension AWSFailure {
    /// What a call's end means; nil for success.
    init?(_ outcome: AWSSession.Outcome, _ subject: AWSSubject) {
        switch outcome.result {
        case .failure(let error): self = .unreachable(outcome, error, subject)
        case .success(let response):
            guard let error = outcome.refusal else { return nil }
            self = .refused(outcome, response, error, subject)
        }
    }

    private static func unreachable(
        _ outcome: AWSSession.Outcome, _ error: HTTPError, _ subject: AWSSubject
    ) -> AWSFailure {
        let address = DisplayText.escaped(outcome.address)
        let hints: [String]
        if error.code == .file { return AWSFailure(message: error.message, code: .file) }
        switch error.code {
        case .unknownHost, .cannotConnect, .timedOut:
            hints = ["check the region, `AWS_ENDPOINT_URL`, the network, and `https_proxy`"]
        case .insecure: hints = ["name the authority's certificate with `AWS_CA_BUNDLE`"]
        default: hints = error.hints
        }
        return AWSFailure(
            message: "\(subject.store) cannot be reached at `\(address)`: \(DisplayText.escaped(error.message))"
                + after(outcome.attempts), hints: hints,
            sdkText: "RequestError: send request failed caused by: \(outcome.method.capitalizedWord) "
                + "\"\(outcome.address)\": \(error.message)",
            code: error.code == .cancelled ? .cancelled : .unreachable)
    }

    private static func refused(
        _ outcome: AWSSession.Outcome, _ response: HTTPResponse, _ error: ServiceError, _ subject: AWSSubject
    ) -> AWSFailure {
        func failure(_ message: String, _ hints: [String] = [], code: Code = .refused) -> AWSFailure {
            AWSFailure(message: message, hints: hints, sdkText: error.text, code: code)
        }
        let words = DisplayText.escaped(error.code.isEmpty ? "status \(error.status)" : error.code)
        let said = error.message.isEmpty ? words : "\(words): \(DisplayText.escaped(error.message))"
        if signatureCodes.contains(error.code), let skew = skew(response, outcome) {
            return failure(
                "\(subject.store) does not accept a request of this time: \(skew)",
                ["set this machine's clock, for example with `timedatectl set-ntp true`"])
        }
        if expiryCodes.contains(error.code) {
            return failure("\(subject.store): these credentials have expired", [renewal])
        }
        if signatureCodes.contains(error.code) || identityCodes.contains(error.code) {
            return failure("\(subject.store) does not accept these credentials: \(said)")
        }
        if deniedCodes.contains(error.code) {
            let isKey = error.message.lowercased().contains("kms")
            let policy =
                isKey
                ? "`\(subject.keyAction)` on the key that it is encrypted with"
                : "`\(subject.action)` on it"
                    // Source: `GetObject`, Amazon S3 API Reference: "If you don't have the s3:ListBucket permission".
                    + (subject.action == "s3:GetObject"
                        ? ", and `s3:ListBucket` on the bucket, or what is not there is denied as well" : "")
            return failure("\(subject.store) denies it: \(said)", ["a policy has to allow \(policy)"], code: .denied)
        }
        if error.code == "DecryptionFailure" || error.code.hasPrefix("KMS") || error.code == "InvalidKeyId" {
            let verb = subject.keyAction == AWSSubject.decryption ? "decrypt" : "encrypt"
            return failure(
                "\(subject.store) cannot \(verb) it: \(said)",
                [
                    "a policy has to allow `\(subject.keyAction)` on the key that it is encrypted with, and the key be "
                        + "enabled"
                ])
        }
        if RetryPolicy.throttling.contains(error.code) || error.status == 429 {
            return failure("\(subject.store) is asked too much: \(said)\(after(outcome.attempts))")
        }
        if error.code.isEmpty {
            return .foreign(outcome, subject)
        }
        if missingCodes.contains(error.code) {
            return failure("\(subject.store) says \(said)", code: .missing)
        }
        return failure("\(subject.store) says \(said)\(after(outcome.attempts))")
    }

    /// An answer that AWS would not give; what it holds is not told, since nobody knows what that is.
    static func foreign(_ outcome: AWSSession.Outcome, _ subject: AWSSubject) -> AWSFailure {
        guard let response = try? outcome.result.get() else {
            return AWSFailure(message: "\(subject.store) does not answer")
        }
        let type = response.header("Content-Type").map { " of `\(DisplayText.escaped($0))`" } ?? ""
        return AWSFailure(
            message: "\(subject.store): `\(DisplayText.escaped(outcome.address))` answers \(response.status) with "
                + "\(response.body.count) bytes\(type) that are not AWS's\(after(outcome.attempts))",
            hints: ["check `AWS_ENDPOINT_URL`, `endpoint_url` and proxies"],
            sdkText: "SerializationError: failed to decode response status code: \(response.status), request id: ")
    }

    static func binary(_ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): the secret is binary, and a variable holds text",
            hints: ["keep it as text in the secret, for example in base64"])
    }

    static func noValue(_ what: String, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(message: "\(subject.store): the \(what) has no value")
    }

    static func noVersion(of wanted: WantedParameter, newest: String?, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): the parameter has no version or label "
                + "`\(DisplayText.escaped(wanted.reference.selector ?? ""))`",
            hints: newest.map { ["its newest version is \(DisplayText.escaped($0))"] } ?? [],
            sdkText: "parameter does not exist: \(wanted.text)")
    }

    private static func after(_ attempts: Int) -> String { attempts > 1 ? " (after \(attempts) attempts)" : "" }

    /// How far apart the clocks are, where that explains a refusal: AWS lets five minutes pass.
    private static func skew(_ response: HTTPResponse, _ outcome: AWSSession.Outcome) -> String? {
        guard let theirs = response.header("Date").flatMap(AWSTime.web) else { return nil }
        let seconds = Int((outcome.time.seconds - theirs.seconds).rounded())
        guard abs(seconds) >= 240 else { return nil }
        return "this machine's clock is \(duration(abs(seconds))) \(seconds < 0 ? "behind" : "ahead"); it says "
            + "\(shown(outcome.time)), and AWS \(shown(theirs))"
    }

    private static func shown(_ time: Timestamp) -> String { time.rfc3339.prefix { $0 != "." } + "Z" }

    private static func duration(_ seconds: Int) -> String {
        if seconds < 3600 { return "\(seconds / 60) min" }
        return seconds < 86_400 * 2 ? "\(seconds / 3600) h \(seconds / 60 % 60) min" : "\(seconds / 86_400) days"
    }

    private static let signatureCodes: Set = [
        "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired",
        "RequestInTheFuture", "AuthFailure",
    ]
    private static let expiryCodes: Set = ["ExpiredToken", "ExpiredTokenException"]
    private static let identityCodes: Set = [
        "UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException", "NotAuthorized",
        "InvalidIdentityToken", "IDPRejectedClaim",
    ]
    private static let deniedCodes: Set = ["AccessDenied", "AccessDeniedException"]
    private static let missingCodes: Set = ["NoSuchBucket", "NoSuchKey", "NoSuchUpload", "ResourceNotFoundException"]
}

extension String {
    /// `Post` of `POST`, as Go writes methods.
    fileprivate var capitalizedWord: String { prefix(1) + dropFirst().lowercased() }
}
