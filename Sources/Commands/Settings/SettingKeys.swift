// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax

/// The keys of a configuration file: the long names of `drydock run`'s options, but for those that mean one run.
enum SettingKeys {
    /// What is asked for once, and would be in the way ever after.
    private static let onceOnly: Set = ["dry-run", "print-sandbox", "from", "resume", "watch"]

    static var options: [OptionSpecification] {
        let overrides = Set(OverrideOptions.group.options.map(\.name))
        return RunCommand.syntax.options.filter { !onceOnly.contains($0.name) && !overrides.contains($0.name) }
    }

    /// Whether `NAME: value` may stand for `NAME=value`.
    static func isMap(_ option: OptionSpecification) -> Bool {
        option.isRepeatable && option.placeholder == "name=value"
    }

    static func expected(_ option: OptionSpecification) -> String {
        if !option.takesValue { return "`true` or `false`" }
        if !option.isRepeatable { return "text" }
        return isMap(option) ? "text, a list or a map" : "text or a list"
    }

    /// The form of values that are more than text, as a regular expression of JSON Schema.
    static let patterns = [
        "timeout": "^[0-9]+(\\.[0-9]+)?$", "cpus": "^[0-9]+(\\.[0-9]+)?$", "pids": "^[0-9]+$",
        "memory": "^[0-9]+(\\.[0-9]+)?([bB]|[kKmMgGtT]([iI]?[bB])?)?$",
    ]

    /// What a value should be, when it is something else; what the command itself checks is left to it.
    static func problem(_ option: OptionSpecification, _ word: String) -> String? {
        if word.isEmpty { return "text that is not empty" }
        if !option.words.isEmpty, option.takesValue, !option.words.contains(word) {
            return option.words.map { "`\($0)`" }.joined(separator: ", ")
        }
        switch option.name {
        case "timeout", "cpus": return Self.isNumber(word, fractions: true) ? nil : "a number"
        case "pids": return Self.isNumber(word, fractions: false) ? nil : "a whole number"
        case "memory":
            let digits = word.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let units = ["", "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib"]
            let isSize =
                Self.isNumber(String(digits), fractions: true)
                && units.contains(word.dropFirst(digits.count).lowercased())
            return isSize ? nil : "a size such as `512M` or `4G`"
        case "compute":
            return ComputeType(word) == nil ? ComputeType.all.map { "`\($0.name)`" }.joined(separator: ", ") : nil
        default: return nil
        }
    }

    private static func isNumber(_ word: String, fractions: Bool) -> Bool {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= (fractions ? 2 : 1)
            && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }
    }
}
