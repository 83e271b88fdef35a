// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
public import Secrets

/// Who asks AWS. Only the key's id is shown; it is in every request anyway.
public struct AWSCredentials: Sendable, Equatable {
    public var accessKeyID: String
    public var secretAccessKey: SecretText
    /// Of temporary credentials.
    public var sessionToken: SecretText?
    /// Of temporary credentials, where it is told.
    public var expiration: Timestamp?
    /// How they were found, for people: "profile `dev`", "the environment".
    public var source: String

    public init(
        accessKeyID: String, secretAccessKey: SecretText, sessionToken: SecretText? = nil, expiration: Timestamp? = nil,
        source: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
        self.source = source
    }
}
