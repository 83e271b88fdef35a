// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import Diagnostics

/// What a build adds to the summary of its step, in GitHub's Markdown.
struct GitHubSummary {
    var outcome: BuildOutcome
    /// `build 12 failed after 3.2s`.
    var title: String
    var project: String
    var phases: [PhaseRecord]
    var artifacts: [ArtifactRecord]
    /// What the build went without, and whoever relies on it must know.
    var warnings: [String]
    /// The last lines of the failing command.
    var tail: [ArraySlice<UInt8>]

    var markdown: String {
        let sign = outcome.status == .succeeded ? "✅" : "❌"
        var text = "### \(sign) \(Self.text(project)) \(Self.text(title))\n\n"
        text += "| phase | status | time |\n|---|---|---:|\n"
        for phase in phases {
            let end = phase.endTime ?? phase.startTime
            let time = CodeBuildLog.durationText(max(0, end.milliseconds - phase.startTime.milliseconds))
            text += "| \(Self.text(phase.phaseType.rawValue)) | \(phase.phaseStatus?.rawValue ?? "") | \(time) |\n"
        }
        if let failure = outcome.failure { text += describe(failure) }
        for warning in warnings { text += "\n⚠️ \(Self.text(warning))\n" }
        for artifact in artifacts {
            let size = SizeText.of(artifact.byteCount)
            text += "\nartifact \(Self.code(artifact.displayLocation)) (\(artifact.fileCount) files, \(size))\n"
        }
        return text + "\n"
    }

    private func describe(_ failure: BuildOutcome.Failure) -> String {
        var text = ""
        if let command = failure.command {
            let place = command.location.map { " \(Self.text("\($0.path):\($0.line)"))" } ?? ""
            text += "\n\(Self.code(command.text))\(place): \(Self.text(failure.end?.words ?? "failed"))\n"
        }
        let message = failure.message ?? (failure.command == nil ? failure.context.message : "")
        if !message.isEmpty { text += "\n\(Self.text(message))\n" }
        if failure.command != nil, !tail.isEmpty {
            // A block that begins with <pre> ends at </pre> alone, and Markdown means nothing in it (CommonMark, 4.6).
            let lines = tail.map { Self.html(SafeText.line($0, unicode: true)) }
            text += "\n<pre>\n" + lines.joined(separator: "\n") + "\n</pre>\n"
        }
        for hint in failure.hints { text += "\n- hint: \(Self.text(hint))\n" }
        return text
    }

    private static func code(_ text: String) -> String { "<code>\(self.text(text))</code>" }

    /// A text on one line that Markdown leaves as it is: everything that could mean something is a character reference.
    static func text(_ text: String) -> String {
        var result = ""
        for scalar in DisplayText.escaped(text).unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", " ", ",", ";", "%", "=", "\"": result.unicodeScalars.append(scalar)
            case _ where scalar.isASCII: result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func html(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
