// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CommandSyntax
internal import Projects

/// What StartBuild of the AWS API overrides, under the names of the AWS command line.
struct OverrideOptions {
    static var group: OptionGroup {
        OptionGroup("Overrides of the project, as in `aws codebuild start-build`", keys)
    }

    private static var keys: [any OptionKey] {
        StartBuildOverride.all.map { override in
            let help = Self.help[override.name] ?? "Accepted, and changes nothing here."
            return switch override.form {
            case .flag: Flag(override.name, help: help)
            case .word: ValueOption(override.name, placeholder: "value", help: help)
            case .structure: ValueOption(override.name, placeholder: "structure", help: help)
            case .structures: ListOption(override.name, placeholder: "structure", help: help)
            }
        }
    }

    private static let help = [
        "environment-variables-override":
            "Set a variable: `name=N,value=V,type=PLAINTEXT|PARAMETER_STORE|SECRETS_MANAGER`, or JSON (repeatable).",
        "image-override": "The project's image; see `--image` for what the build runs in.",
        "environment-type-override": "The project's environment type.",
        "source-type-override": "The type of the project's source.",
        "source-location-override": "The location of the project's source.",
        "secondary-sources-override": "The project's secondary sources (repeatable).",
        "secondary-sources-version-override": "The versions of the project's secondary sources (repeatable).",
        "artifacts-override": "The project's artifacts.",
        "secondary-artifacts-override": "The project's secondary artifacts (repeatable).",
        "encryption-key-override": "The project's key, for `CODEBUILD_KMS_KEY_ID`.",
    ]

    /// The overrides that were given, with their values.
    static func given(_ words: ParsedWords) -> [(StartBuildOverride, [String])] {
        StartBuildOverride.all.compactMap { override in words.values[override.name].map { (override, $0) } }
    }
}
