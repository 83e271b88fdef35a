// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import HTTP
internal import Processes
public import Secrets

/// Finds out as whom AWS is asked: the first of the environment, a profile's role, the environment's role, what else the
/// profile has, a container's role, this machine's role.
///
/// Source: "Credential provider chain", AWS SDKs and Tools Reference Guide; `create_credential_resolver` of botocore.
public struct AWSCredentialChain: Sendable {
    private let configuration: AWSConfiguration
    private let client: HTTPClient
    private let timeLimit: Double
    private let isCancelled: @Sendable () -> Bool

    /// - Parameter timeLimit: seconds for all of it.
    public init(
        configuration: AWSConfiguration, client: HTTPClient, timeLimit: Double = 60,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.configuration = configuration
        self.client = client
        self.timeLimit = timeLimit
        self.isCancelled = isCancelled
    }

    /// Asks whom it has to. The credentials are good at this moment.
    public func resolve() -> Result<AWSCredentials, SecretFailure> {
        do throws(AWSFailure) {
            let session = AWSSession(
                settings: try configuration.settings(), client: client, deadline: .now() + timeLimit,
                isCancelled: isCancelled)
            return .success(try session.credentials())
        } catch {
            return .failure(error.secretFailure(nil))
        }
    }
}

extension AWSSession {
    func credentials() throws(AWSFailure) -> AWSCredentials {
        let isProfileGiven = settings.configuration.profile != nil
        let found: AWSCredentials?
        if !isProfileGiven, let credentials = try environmentCredentials() {
            found = credentials
        } else if let credentials = try profileRole(settings.profileName) {
            found = credentials
        } else if !isProfileGiven, let credentials = try webIdentityCredentials() {
            found = credentials
        } else if let credentials = try profileCredentials(settings.profileName) {
            found = credentials
        } else if let credentials = try containerCredentials() {
            found = credentials
        } else {
            found = try instanceCredentials()
        }
        guard let found else {
            throw .noCredentials(profile: settings.profileName, isMachineAsked: settings.asksMachine)
        }
        if let end = found.expiration, end <= now { throw .expired(found.source) }
        return found
    }
}
