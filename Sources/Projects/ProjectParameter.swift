// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A value for a template's parameter, or for what only a deployed stack knows.
public struct ProjectParameter: Sendable, Equatable {
    /// A parameter's name, a pseudo parameter's (`AWS::Region`), a resource's logical id, `Resource.Attribute`, or the name
    /// of an export.
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// Reads `NAME=VALUE`; the value is everything after the first `=`.
    public init(_ raw: String) throws(ProjectsError) {
        let parts = raw.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { throw .parameterWithoutValue(raw) }
        self.init(name: String(parts[0]), value: String(parts[1]))
    }
}
