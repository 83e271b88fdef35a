// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import HTTP

extension AWSSettings {
    /// Whether this may be a machine of EC2's: asking costs a second where it is none.
    var asksMachine: Bool { variable("AWS_EC2_METADATA_DISABLED")?.lowercased() != "true" }
}

extension AWSSession {
    /// The role of this machine, where it is one of EC2's; by version 2 of its metadata service alone.
    ///
    /// Source: "Use the Instance Metadata Service to access instance metadata", Amazon EC2 User Guide.
    func instanceCredentials() throws(AWSFailure) -> AWSCredentials? {
        guard settings.asksMachine else { return nil }
        let source = "this machine's role"
        let configured = settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        let isSix = settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.lowercased() == "ipv6"
        var base = configured ?? (isSix ? "http://[fd00:ec2::254]" : "http://169.254.169.254")
        if base.hasSuffix("/") { base.removeLast() }

        func ask(_ method: String, _ path: String, _ header: HTTPHeader, _ policy: RetryPolicy?) -> Outcome {
            let request = HTTPRequest(
                method: method, url: base + path, headers: [header], connectTimeLimit: 1, timeLimit: 2,
                responseLimit: 1 << 20, usesProxy: false)
            return perform([Call(request: request, retryPolicy: policy)])[0]
        }
        // Who is not at EC2 learns so at once.
        var once = RetryPolicy()
        once.mostAttempts = 1
        let greeting = ask(
            "PUT", "/latest/api/token", HTTPHeader("X-aws-ec2-metadata-token-ttl-seconds", "21600"), once)
        guard let answer = try? greeting.result.get(), answer.status == 200 else { return nil }
        let token = HTTPHeader("X-aws-ec2-metadata-token", String(decoding: answer.body, as: UTF8.self))

        let list = "/latest/meta-data/iam/security-credentials/"
        let roles = ask("GET", list, token, nil)
        // A machine without a role.
        if (try? roles.result.get())?.status == 404 { return nil }
        let names = String(decoding: try self.answer(roles, from: source), as: UTF8.self)
        guard let role = names.split(whereSeparator: \.isNewline).first else { return nil }
        let path = list + CanonicalRequest.encoded(String(role))
        guard let root = jsonObject(try self.answer(ask("GET", path, token, nil), from: source)) else {
            throw .credentials(from: source, "the metadata service gives no JSON object")
        }
        return try temporaryCredentials(root, token: "Token", source: source)
    }
}
