// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import HTTP
internal import SystemPackage

extension AWSSession {
    /// The role of a container, from the endpoint that its environment names: ECS, EKS Pod Identity, CodeBuild itself.
    ///
    /// Source: "Container credential provider", AWS SDKs and Tools Reference Guide.
    func containerCredentials() throws(AWSFailure) -> AWSCredentials? {
        let source = "the container's role"
        let (address, setting): (String, String)
        if let path = settings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            (address, setting) = ("http://169.254.170.2" + path, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        } else if let whole = settings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            (address, setting) = (whole, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
        } else {
            return nil
        }
        guard Self.mayHaveCredentials(AddressParts(address)) else {
            throw .invalidSetting(setting, HTTPRequest.displayed(address))
        }
        var request = HTTPRequest(
            method: "GET", url: address, headers: [HTTPHeader("Accept", "application/json")], connectTimeLimit: 2,
            timeLimit: 5, responseLimit: 1 << 20, certificateAuthorities: settings.certificateAuthorities,
            usesProxy: false)
        if let token = try containerToken(source) { request.headers.append(HTTPHeader("Authorization", token)) }
        let outcome = perform([Call(request: request)])[0]
        let bytes = try answer(outcome, from: source)
        guard let root = jsonObject(bytes) else {
            throw .credentials(from: source, "the endpoint gives no JSON object")
        }
        return try temporaryCredentials(root, token: "Token", source: source)
    }

    /// Over plain HTTP only from this machine, or from the addresses that AWS has for it.
    private static func mayHaveCredentials(_ parts: AddressParts) -> Bool {
        if parts.scheme == "https" { return true }
        let hosts = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]"]
        return parts.scheme == "http" && (hosts.contains(parts.hostName) || isLoopback(parts.hostName))
    }

    /// A name such as `127.evil.example` is no address.
    private static func isLoopback(_ host: String) -> Bool {
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }

    private func containerToken(_ source: String) throws(AWSFailure) -> String? {
        guard let path = settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
            return settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        }
        return try fileText(path, source)
    }

    /// A token that lies in a file, without the line end behind it.
    func fileText(_ path: String, _ source: String) throws(AWSFailure) -> String {
        do {
            let text = String(decoding: try FileContents.read(FilePath(path), limit: 1 << 20), as: UTF8.self)
            return String(text.reversed().drop(while: \.isWhitespace).reversed())
        } catch {
            throw .credentials(from: source, error.description)
        }
    }

    /// The body of a good answer; of any other why not.
    func answer(_ outcome: Outcome, from source: String) throws(AWSFailure) -> [UInt8] {
        switch outcome.result {
        case .failure(let error): throw .credentials(from: source, "`\(outcome.address)`: \(error.message)")
        case .success(let response):
            guard response.status == 200 else {
                throw .credentials(from: source, "`\(outcome.address)` answers \(response.status)")
            }
            return response.body
        }
    }
}
