// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import CommandSyntax

/// The keys of a configuration file: the long names of `drydock run`'s options, but for those that mean one run.
enum SettingKeys {
    /// What is asked for once, and would be in the way ever after.
    private static let onceOnly: Set = [
        "dry-run", "print-sandbox", "from", "resume", "suggest-cache", "watch",
        // A project may be anyone's; that its places are trusted is said each time.
        "upload-artifacts", "upload-logs",
    ]

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
        "timeout": "^(?=.*[1-9])[0-9]+(\\.[0-9]+)?$", "cpus": "^(?=.*[1-9])[0-9]+(\\.[0-9]+)?$",
        "pids": "^0*[1-9][0-9]*$",
        "memory": "^(?=.*[1-9])[0-9]+(\\.[0-9]+)?([bB]|[kKmMgGtT]([iI]?[bB])?)?$",
    ]

    /// What a value should be, when it is something else; what the command itself checks is left to it.
    static func problem(_ option: OptionSpecification, _ word: String) -> String? {
        if word.isEmpty { return "text that is not empty" }
        if !option.words.isEmpty, option.takesValue, !option.words.contains(word) {
            return option.words.map { "`\($0)`" }.joined(separator: ", ")
        }
        switch option.name {
        case "timeout", "cpus", "pids", "memory": return SandboxOptions.expected(option.name, word)
        case "env", "secret":
            let name = String(word.prefix { $0 != "=" })
            // The value is not looked at, and not repeated.
            return (try? EnvironmentFlag(name + "=", caller: [:])) == nil
                ? "NAME=VALUE, a name of letters, digits, `_`, `.` and `-`" : nil
        case "compute":
            return ComputeType(word) == nil ? ComputeType.all.map { "`\($0.name)`" }.joined(separator: ", ") : nil
        default: return nil
        }
    }
}
