// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import HTTP
public import SystemPackage

/// What of the caller's world decides whom is asked, as whom, where. Nothing is read before it is needed.
///
/// Source: "Settings reference", AWS SDKs and Tools Reference Guide.
public struct AWSConfiguration: Sendable {
    /// Variables of the caller's; `AWS_…` and what a `credential_process` wants.
    public var environment: [String: String]
    /// Where `.aws` is looked for.
    public var home: FilePath?
    /// Asked for by name; then credentials in the environment do not count, as with the AWS CLI.
    public var profile: String?
    /// Counts before every other place that a region can come from.
    public var region: String?
    /// The wall clock: signatures have a date.
    public var now: @Sendable () -> Timestamp
    public var retryPolicy: RetryPolicy

    public init(
        environment: [String: String], home: FilePath?, profile: String? = nil, region: String? = nil,
        retryPolicy: RetryPolicy = RetryPolicy(), now: @escaping @Sendable () -> Timestamp
    ) {
        self.environment = environment
        self.home = home
        self.profile = profile
        self.region = region
        self.now = now
        self.retryPolicy = retryPolicy
    }

    /// The region that requests would go to; nil where nobody says one, or the files cannot be read.
    public var knownRegion: String? { try? settings().region() }

    /// Reads the shared files.
    func settings() throws(AWSFailure) -> AWSSettings { try AWSSettings(self) }
}

/// The configuration with the shared files read.
struct AWSSettings {
    let configuration: AWSConfiguration
    let files: SharedFiles
    /// The profile that counts, and whether somebody named it.
    let profileName: String
    let isProfileNamed: Bool
    let retryPolicy: RetryPolicy

    init(_ configuration: AWSConfiguration) throws(AWSFailure) {
        self.configuration = configuration
        func variable(_ name: String) -> String? { configuration.environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func place(_ name: String, _ file: String) -> FilePath? {
            guard let path = variable(name) else { return configuration.home?.appending(".aws").appending(file) }
            guard path.hasPrefix("~/"), let home = configuration.home else { return FilePath(path) }
            return home.appending(String(path.dropFirst(2)))
        }
        files = try SharedFiles(
            configuration: place("AWS_CONFIG_FILE", "config"),
            credentials: place("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
        let named = configuration.profile ?? variable("AWS_PROFILE") ?? variable("AWS_DEFAULT_PROFILE")
        profileName = named ?? "default"
        isProfileNamed = named != nil
        if isProfileNamed, profileName != "default", files.profiles[profileName] == nil {
            throw .noProfile(profileName, known: files.profiles.keys.sorted(), places: files.places)
        }
        var policy = configuration.retryPolicy
        if let text = variable("AWS_MAX_ATTEMPTS") ?? files.profiles[profileName]?.values["max_attempts"] {
            guard let number = Int(text), number > 0 else { throw .invalidSetting("AWS_MAX_ATTEMPTS", text) }
            policy.mostAttempts = number
        }
        retryPolicy = policy
    }

    /// The value of a variable of the caller's; an empty one counts as none.
    func variable(_ name: String) -> String? { configuration.environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    var profile: SharedFiles.Section? { files.profiles[profileName] }

    /// Nil where nobody says one.
    func region() throws(AWSFailure) -> String? {
        let region =
            configuration.region ?? variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION")
            ?? profile?.values["region"]
        guard let region else { return nil }
        return try Self.checked(region)
    }

    /// A region becomes a part of the host's name, so nothing else may be in it.
    static func checked(_ region: String) throws(AWSFailure) -> String {
        let isLabel = region.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard isLabel, !region.isEmpty, region.utf8.count <= 63, !region.hasPrefix("-"), !region.hasSuffix("-") else {
            throw .invalidRegion(region)
        }
        return region
    }

    /// A region of a buildspec's author's: it has to be written as AWS writes them, since `ssm.s3.amazonaws.com` would be
    /// somebody's bucket.
    static func checkedName(_ region: String) throws(AWSFailure) -> String {
        let region = try checked(region)
        let words = region.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 3, let number = words.last, !number.isEmpty, number.allSatisfy(\.isNumber),
            words.dropLast().allSatisfy({ $0.count >= 2 && $0.allSatisfy(\.isLetter) })
        else { throw .invalidRegion(region) }
        return region
    }

    /// Where a service is asked, without a path.
    func endpoint(_ service: AWSService, region: String?) throws(AWSFailure) -> String {
        if let (address, setting) = configuredEndpoint(service) {
            let parts = AddressParts(address)
            guard ["http", "https"].contains(parts.scheme), !parts.host.isEmpty, parts.query.isEmpty else {
                throw .invalidSetting(
                    setting, HTTPRequest.displayed(address) + (parts.query.isEmpty ? "" : "?…"))
            }
            return address.hasSuffix("/") ? String(address.dropLast()) : address
        }
        guard let region else { return "https://\(service.rawValue).amazonaws.com" }
        return AWSPartition(region).endpoint(
            service, region: region, isFIPS: flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            isDualStack: flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"))
    }

    func configuredEndpoint(_ service: AWSService) -> (address: String, setting: String)? {
        if flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls") { return nil }
        for name in ["AWS_ENDPOINT_URL_\(service.configurationName.uppercased())", "AWS_ENDPOINT_URL"] {
            if let address = variable(name) { return (address, name) }
        }
        if let name = profile?.values["services"],
            let address = files.services[name]?.nested[service.configurationName]?["endpoint_url"]
        {
            return (address, "endpoint_url")
        }
        return profile?.values["endpoint_url"].map { ($0, "endpoint_url") }
    }

    func flag(_ name: String, _ key: String) -> Bool {
        (variable(name) ?? profile?.values[key])?.lowercased() == "true"
    }

    var certificateAuthorities: String? { variable("AWS_CA_BUNDLE") ?? profile?.values["ca_bundle"] }
}

/// The services that are asked; the word is in their hosts' names and in signatures.
enum AWSService: String {
    case parameters = "ssm"
    case secrets = "secretsmanager"
    case tokens = "sts"
    case storage = "s3"
    case logs

    /// In `AWS_ENDPOINT_URL_…` and under `services`.
    var configurationName: String {
        switch self {
        case .secrets: "secrets_manager"
        case .logs: "cloudwatch_logs"
        default: rawValue
        }
    }
}
