// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Secrets

/// A variable given on the command line, or in a configuration file as if it were.
public struct EnvironmentFlag: Sendable, Equatable {
    public var name: String
    /// Secret where it was given with `--secret`: masked like a value from a store.
    public var value: VariableValue

    /// Where it was written, for people; nil for the command line.
    public var place: String?

    /// For people: `drydock.yml:2`, or the option.
    var words: String { place ?? option }

    /// How the caller wrote it.
    var option: String { Self.option(isSecret) }

    var isSecret: Bool { value.isSecret }

    private static func option(_ isSecret: Bool) -> String { isSecret ? "--secret" : "-e" }

    /// Reads `NAME=VALUE`, or `NAME` for the value that the caller's own environment has.
    ///
    /// The value is everything after the first `=`, as it is.
    /// - Parameter caller: the environment of whoever called; only the value asked for is taken from it.
    public init(
        _ raw: String, caller: [String: String], isSecret: Bool = false
    ) throws(EnvironmentError) {
        let option = Self.option(isSecret)
        let parts = raw.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard !name.isEmpty else { throw EnvironmentError.flagWithoutName(option) }
        // The name is not repeated in the message: what lost its `=` may be a secret.
        guard name.utf8.allSatisfy(VariableName.isAllowed) else { throw EnvironmentError.flagWithInvalidName(option) }
        let value: String
        if parts.count == 2 {
            value = String(parts[1])
        } else if let own = caller[name] {
            value = own
        } else {
            throw EnvironmentError.flagNotSet(name, option)
        }
        guard !value.utf8.contains(0) else { throw EnvironmentError.flagWithNUL(name, option) }
        try self.init(name: name, value: VariableValue(value, isSecret: isSecret), place: nil)
    }

    /// - Parameter place: where it comes from, for people.
    public init(name: String, value: VariableValue, place: String?) throws(EnvironmentError) {
        guard EnvironmentLimits.size(name, value) <= EnvironmentLimits.single else {
            throw EnvironmentError.valueTooLarge(name, size: value.count, span: nil)
        }
        self.name = name
        self.value = value
        self.place = place
    }
}
