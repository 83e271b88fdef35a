// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel

/// One stored build in full, as `drydock show` prints it.
public enum BuildSummary {
    public static func text(_ record: BuildRecord, style: Style) -> String {
        func safe(_ text: String) -> String { SafeText.line(text.utf8, unicode: true) }
        func row(_ name: String, _ value: String) -> String { "\(style.dim(SafeText.pad(name, to: 12))) \(value)\n" }
        var text =
            style.bold("\(safe(record.projectName)) \(record.buildNumber)") + "  "
            + StatusColour.apply(record.buildStatus, record.buildStatus.rawValue, style) + "\n\n"
        text += row("id", safe(record.id))
        text += row("started", record.startTime.rfc3339)
        if let end = record.endTime {
            text += row("ended", "\(end.rfc3339) (after \(HistoryTable.duration(from: record.startTime, to: end)))")
        }
        if let resumed = record.drydock.resumed, let first = resumed.sentences(at: record.startTime).first {
            text += row("went on", safe(first))
        }
        text += row("source", safe(record.source.location))
        if let version = record.resolvedSourceVersion ?? record.sourceVersion { text += row("version", safe(version)) }
        text += row("buildspec", safe(record.drydock.buildspecPath))
        text += row("image", safe(record.environment.image))
        if let isolation = record.drydock.isolation { text += row("isolation", safe(isolation)) }
        if let cache = record.drydock.cache { text += row("cache", safe(cacheWords(cache))) }
        if let failure = record.drydock.failure { text += row("failure", style.red(safe(failure))) }
        text += "\n" + phases(record, style)
        let artifacts = (record.artifacts.map { [$0] } ?? []) + record.secondaryArtifacts
        if !artifacts.isEmpty { text += "\n" }
        for artifact in artifacts {
            let size = SizeText.of(artifact.byteCount)
            text += row(
                artifact.artifactIdentifier.map(safe) ?? "artifact",
                "\(safe(artifact.displayLocation)) (\(artifact.fileCount) files, \(size))")
        }
        if !record.exportedEnvironmentVariables.isEmpty { text += "\n" }
        for variable in record.exportedEnvironmentVariables {
            text += row("exported", safe("\(variable.name)=\(variable.value)"))
        }
        return text
    }

    /// What the build began with, and what it left.
    private static func cacheWords(_ cache: CacheOutcome) -> String {
        func entry(_ entry: CacheOutcome.Entry) -> String {
            let key = entry.key.map { "`\($0)`" } ?? "the one without a key"
            let fallback = entry.fallbackKey.map { " by the fallback key `\($0)`" } ?? ""
            return "\(key)\(fallback) (\(SizeText.of(entry.byteCount)))"
        }
        let saving: String? =
            switch cache.result {
            case .saved: cache.saved.map { "saved \(entry($0))" } ?? "saved"
            case .unchanged: "nothing changed"
            case .nothing: "nothing at its paths to save"
            case .taken: "another build saved that key first"
            case .failed: "saving failed"
            case nil: nil
            }
        let restored = cache.restored.map { "restored \(entry($0))" } ?? "nothing restored"
        return restored + (saving.map { ", \($0)" } ?? "")
    }

    private static func phases(_ record: BuildRecord, _ style: Style) -> String {
        let columns = [
            Table.Column("PHASE", key: "phaseType"), Table.Column("STATUS", key: "phaseStatus"),
            Table.Column("TIME", key: "duration", isRightAligned: true), Table.Column("CONTEXT", key: "context"),
        ]
        let rows = record.phases.map { phase in
            let context = (phase.contexts ?? []).map {
                [$0.statusCode, $0.message].filter { !$0.isEmpty }.joined(separator: ": ")
            }
            return [
                phase.phaseType.rawValue, phase.phaseStatus?.rawValue ?? "",
                phase.endTime.map { HistoryTable.duration(from: phase.startTime, to: $0) } ?? "",
                context.joined(separator: "; "),
            ]
        }
        return Table(columns, rows: rows).text(style) { row, column, text in
            guard column == 1, let status = record.phases[row].phaseStatus else { return text }
            return StatusColour.apply(status, text, style)
        }
    }
}
