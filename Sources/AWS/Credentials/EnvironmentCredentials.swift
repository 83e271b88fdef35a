// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Secrets

extension AWSSession {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    func environmentCredentials() throws(AWSFailure) -> AWSCredentials? {
        try staticCredentials(
            from: "the environment", names: ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
            value: settings.variable)
    }

    /// A pair of an id and a key that stands somewhere; nil where neither does.
    func staticCredentials(
        from source: String, names: (id: String, key: String, token: String), value: (String) -> String?
    ) throws(AWSFailure) -> AWSCredentials? {
        switch (value(names.id), value(names.key)) {
        case (nil, nil): return nil
        case (_?, nil): throw .halfCredentials(source, has: names.id, lacks: names.key)
        case (nil, _?): throw .halfCredentials(source, has: names.key, lacks: names.id)
        case (let id?, let key?):
            return AWSCredentials(
                accessKeyID: id, secretAccessKey: SecretText(key),
                sessionToken: value(names.token).map { SecretText($0) },
                source: source)
        }
    }
}
