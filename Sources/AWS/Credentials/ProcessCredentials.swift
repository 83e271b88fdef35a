// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics
internal import Processes
internal import Secrets
internal import YAML

extension AWSSession {
    /// What a program prints that the profile names, run by `sh` with the caller's environment.
    ///
    /// Source: "Process credential provider", AWS SDKs and Tools Reference Guide.
    func processCredentials(_ command: String, profile: String) throws(AWSFailure) -> AWSCredentials {
        let source = "`credential_process` of profile `\(DisplayText.escaped(profile))`"
        let result: HostProcess.Result
        do {
            result = try HostProcess.run(
                "/bin/sh", arguments: ["-c", command],
                environment: settings.configuration.environment.map { "\($0.key)=\($0.value)" }, outputLimit: 1 << 20,
                isCancelled: { isCancelled() || MonotonicTime.now() > deadline })
        } catch {
            throw .credentials(from: source, error.code == .cancelled ? "no answer in time" : "\(error)")
        }
        guard result.succeeded else {
            // What it complains of is for people; what it prints may be a key.
            let words = String(decoding: result.standardError, as: UTF8.self).split(separator: "\n").last ?? ""
            let reason = words.isEmpty ? "" : ": \(DisplayText.escaped(String(words.prefix(300))))"
            throw .credentials(from: source, "the program failed\(reason)")
        }
        guard let root = jsonObject(result.standardOutput) else {
            throw .credentials(from: source, "the program prints no JSON object")
        }
        guard root["Version"]?.scalar?.text == "1" else {
            throw .credentials(from: source, "the program does not print `\"Version\": 1`")
        }
        return try temporaryCredentials(root, token: "SessionToken", source: source)
    }

    /// Credentials in JSON, as programs and endpoints give them. A key alone may be without a token.
    func temporaryCredentials(_ root: Node, token: String, source: String) throws(AWSFailure) -> AWSCredentials {
        guard let id = root["AccessKeyId"]?.scalar?.text, let key = root["SecretAccessKey"]?.scalar?.text, !id.isEmpty,
            !key.isEmpty
        else { throw .credentials(from: source, "`AccessKeyId` or `SecretAccessKey` is missing in what it gives") }
        var expiration: Timestamp?
        if let text = root["Expiration"].flatMap({ $0.isNull ? nil : $0.scalar?.text }) {
            guard let moment = AWSTime.internet(text) else {
                throw .credentials(
                    from: source, "`\(DisplayText.escaped(String(text.prefix(60))))` is no time of expiry")
            }
            expiration = moment
        }
        let session = root[token].flatMap { $0.isNull ? nil : $0.scalar?.text }.flatMap { $0.isEmpty ? nil : $0 }
        return AWSCredentials(
            accessKeyID: id, secretAccessKey: SecretText(key), sessionToken: session.map { SecretText($0) },
            expiration: expiration, source: source)
    }
}
