// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
internal import HTTP
internal import Secrets

extension AWSSession {
    /// The role of a profile, assumed with what its `source_profile` or `credential_source` gives, or with a token of
    /// another identity provider.
    ///
    /// Source: "Assume role credential provider", AWS SDKs and Tools Reference Guide.
    func assumedRole(
        of name: String, _ profile: SharedFiles.Section, above: [String]
    ) throws(AWSFailure) -> AWSCredentials {
        let values = profile.values
        let role = values["role_arn"] ?? ""
        var fields = ["RoleArn": role, "RoleSessionName": values["role_session_name"] ?? sessionName]
        fields["DurationSeconds"] = values["duration_seconds"]
        let shown = "role `\(DisplayText.escaped(role))` of profile `\(DisplayText.escaped(name))`"
        if let file = values["web_identity_token_file"] {
            fields["WebIdentityToken"] = try fileText(file, shown)
            return try assume(fields, action: "AssumeRoleWithWebIdentity", as: nil, source: shown)
        }
        if values["mfa_serial"] != nil {
            throw .profile(
                name, "asks for a code of a second device, which drydock cannot ask for",
                hints: [
                    "let the AWS CLI ask: `eval \"$(aws configure export-credentials --profile "
                        + "\(DisplayText.escaped(name)) --format env)\"`, and build without `--aws-profile`"
                ])
        }
        fields["ExternalId"] = values["external_id"]
        let base: AWSCredentials
        switch (values["source_profile"], values["credential_source"]) {
        case (let other?, nil): base = try sourceCredentials(other, above: above + [name])
        case (nil, "Environment"): base = try required(try environmentCredentials(), of: name, "the environment")
        case (nil, "EcsContainer"): base = try required(try containerCredentials(), of: name, "a container's role")
        case (nil, "Ec2InstanceMetadata"):
            base = try required(try instanceCredentials(), of: name, "this machine's role")
        case (nil, let other?): throw .invalidSetting("credential_source", other)
        case (nil, nil):
            throw .profile(
                name, "has `role_arn`, and neither `source_profile` nor `credential_source` to assume it with")
        case (_?, _?): throw .profile(name, "has both `source_profile` and `credential_source`")
        }
        return try assume(fields, action: "AssumeRole", as: base, source: shown)
    }

    /// `AWS_ROLE_ARN` and `AWS_WEB_IDENTITY_TOKEN_FILE`, as pods of EKS and some jobs have them.
    func webIdentityCredentials() throws(AWSFailure) -> AWSCredentials? {
        guard let role = settings.variable("AWS_ROLE_ARN"),
            let file = settings.variable("AWS_WEB_IDENTITY_TOKEN_FILE")
        else { return nil }
        let source = "role `\(DisplayText.escaped(role))` of the environment"
        let fields = [
            "RoleArn": role, "RoleSessionName": settings.variable("AWS_ROLE_SESSION_NAME") ?? sessionName,
            "WebIdentityToken": try fileText(file, source),
        ]
        return try assume(fields, action: "AssumeRoleWithWebIdentity", as: nil, source: source)
    }

    private var sessionName: String { "drydock-\(Int(now.seconds))" }

    private func required(
        _ credentials: AWSCredentials?, of profile: String, _ source: String
    ) throws(AWSFailure) -> AWSCredentials {
        guard let credentials else {
            throw .profile(profile, "assumes its role as \(source), which gives no credentials")
        }
        return credentials
    }

    /// - Parameter base: who assumes the role; nil where a token in the fields says so.
    private func assume(
        _ fields: [String: String], action: String, as base: AWSCredentials?, source: String
    ) throws(AWSFailure) -> AWSCredentials {
        let region = try settings.region()
        let all = fields.merging(["Action": action, "Version": "2011-06-15"]) { $1 }
        let form = all.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(CanonicalRequest.encoded($0.value))" }.joined(separator: "&")
        let request = HTTPRequest(
            method: "POST", url: try settings.endpoint(.tokens, region: region) + "/",
            headers: [HTTPHeader("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: .bytes(Array(form.utf8)), timeLimit: 15, responseLimit: 1 << 20,
            certificateAuthorities: settings.certificateAuthorities)
        // The endpoint for the whole world is in this region, as far as signatures go.
        let signer = base.map {
            RequestSigner(credentials: $0, region: region ?? "us-east-1", service: AWSService.tokens.rawValue)
        }
        let outcome = perform([Call(request: request, signer: signer)])[0]
        let subject = AWSSubject(
            region: region,
            credentials: base
                ?? AWSCredentials(
                    accessKeyID: "", secretAccessKey: SecretText(""), source: "a token of another provider"),
            action: "sts:\(action)")
        if var failure = AWSFailure(outcome, subject) {
            failure.message = "\(source) cannot be assumed: \(failure.message)"
            throw failure
        }
        guard let response = try? outcome.result.get(), let id = response.elementText("AccessKeyId"),
            let key = response.elementText("SecretAccessKey"), let token = response.elementText("SessionToken")
        else { throw .credentials(from: source, "the answer of sts is not understood") }
        return AWSCredentials(
            accessKeyID: id, secretAccessKey: SecretText(key), sessionToken: SecretText(token),
            expiration: response.elementText("Expiration").flatMap(AWSTime.internet), source: source)
    }
}
