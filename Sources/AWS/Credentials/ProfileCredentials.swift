// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics

extension AWSSession {
    /// The role of a profile of the shared files; nil where it has none.
    func profileRole(_ name: String) throws(AWSFailure) -> AWSCredentials? {
        guard let profile = settings.files.profiles[name], profile.values["role_arn"] != nil else { return nil }
        return try assumedRole(of: name, profile, above: [])
    }

    /// What else a profile gives: a key, or a program that prints one. Nil where it has neither.
    func profileCredentials(_ name: String) throws(AWSFailure) -> AWSCredentials? {
        guard let profile = settings.files.profiles[name] else { return nil }
        return try ownCredentials(of: name, profile)
    }

    /// Who assumes a role for others: a profile's own key counts before its role.
    /// - Parameter above: the profiles whose roles are to be assumed with it.
    func sourceCredentials(_ name: String, above: [String]) throws(AWSFailure) -> AWSCredentials {
        guard let profile = settings.files.profiles[name] else {
            throw .noProfile(name, known: settings.files.profiles.keys.sorted(), places: settings.files.places)
        }
        if let credentials = try ownKey(of: name, profile) { return credentials }
        if profile.values["role_arn"] != nil {
            guard !above.contains(name) else {
                throw .profile(name, "assumes its role with itself: \((above + [name]).joined(separator: " → "))")
            }
            return try assumedRole(of: name, profile, above: above)
        }
        guard let credentials = try ownCredentials(of: name, profile) else {
            throw .profile(name, "is the source of another, and has no credentials")
        }
        return credentials
    }

    private func ownKey(of name: String, _ profile: SharedFiles.Section) throws(AWSFailure) -> AWSCredentials? {
        try staticCredentials(
            from: "profile `\(DisplayText.escaped(name))`",
            names: ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
            value: { key in profile.values[key].flatMap { $0.isEmpty ? nil : $0 } })
    }

    private func ownCredentials(of name: String, _ profile: SharedFiles.Section) throws(AWSFailure) -> AWSCredentials? {
        if let credentials = try ownKey(of: name, profile) { return credentials }
        if let command = profile.values["credential_process"] { return try processCredentials(command, profile: name) }
        for (keys, way) in [(["sso_session", "sso_start_url"], "sso login"), (["login_session"], "login")]
        where keys.contains(where: { profile.values[$0] != nil }) {
            let shown = DisplayText.escaped(name)
            throw .profile(
                name, "signs in with `aws \(way)`, whose sessions drydock does not read",
                hints: [
                    "sign in with `aws \(way)`, and let the AWS CLI give the credentials: a profile with "
                        + "`credential_process = aws configure export-credentials --profile \(shown)`"
                ])
        }
        return nil
    }
}
