// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Where each key of a buildspec belongs, to say what an unknown one was meant to be.
enum KeyPlaces {
    /// The warning for a key that CodeBuild ignores in its section.
    static func diagnostic(for key: Buildspec.Text, in section: String, known: [String]) -> Diagnostic {
        if section == "artifacts", key.value == "type" { return .artifactType(key) }
        if !known.contains(key.value), let home = home(of: key.value), home != section {
            return .misplacedKey(key, in: section, home: home)
        }
        if projectKeys.contains(key.value) { return .projectKey(key, in: section) }
        var hints: [String] = []
        if let nearest = nearest(to: key.value, in: section, known: known) {
            hints.append("did you mean `\(nearest)`?")
        } else if section.hasPrefix("phases/"), ["steps", "script", "run", "command"].contains(key.value) {
            hints.append("a phase's commands stand below `commands`")
        } else if section.isEmpty, key.value.unicodeScalars.contains("\u{A0}") {
            hints.append("the line begins with U+00A0, a non-breaking space; indent with ordinary spaces")
        } else {
            hints.append("known here: " + known.filter { $0 != "environment_variables" }.joined(separator: ", "))
        }
        return .unknownKey(key, in: section, hints: hints)
    }

    private static func nearest(to key: String, in section: String, known: [String]) -> String? {
        if section.isEmpty, key == "environment" || key == "environment-variables" { return "env" }
        guard let nearest = Suggestion.nearest(to: key, among: known) else { return nil }
        return nearest == "environment_variables" ? "env" : nearest
    }

    /// The section a key belongs to, or nil when it has none, or several.
    private static func home(of key: String) -> String? {
        switch key {
        case "build-list", "build-graph", "build-matrix", "build-fanout", "fast-fail": "batch"
        case "depend-on": "batch/build-graph"
        case "variables", "parameter-store", "secrets-manager", "exported-variables", "git-credential-helper",
            "shell":
            "env"
        case "install", "pre_build", "build", "post_build": "phases"
        case "runtime-versions": "phases/install"
        case "commands", "finally", "on-failure": "phases/<phase>"
        case "files", "discard-paths", "base-directory", "exclude-paths", "enable-symlinks", "s3-prefix",
            "secondary-artifacts":
            "artifacts"
        case "file-format": "reports/<group>"
        case "paths", "fallback-keys": "cache"
        case "upload-artifacts", "logs": "proxy"
        case "version", "env", "phases", "reports", "artifacts", "cache", "proxy", "batch": ""
        default: nil
        }
    }

    /// What is set on the project, never in a buildspec.
    private static let projectKeys = [
        "compute-type", "computeType", "image", "privileged", "privileged-mode", "privilegedMode", "modes", "timeout",
        "timeoutInMinutes", "service-role", "fleet",
    ]
}
