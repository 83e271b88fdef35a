// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What of a build goes to AWS as its project says. Nothing does where the user has not asked for it: then what the project
/// says of it is not even worked out, and warned of as everything without a meaning here.
public struct ProjectUploads: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// To the places of `artifacts` and `secondaryArtifacts` of type `S3`.
    public static let artifacts = ProjectUploads(rawValue: 1)
    /// To those of `logsConfig`.
    public static let logs = ProjectUploads(rawValue: 2)
}
