// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import Console
internal import Diagnostics

/// What became of filling the caches of one buildspec.
struct WarmReport {
    var buildspec: String
    var project: String
    var result: Result
    /// Nil for the cache without a key.
    var key: String?
    var restored: CacheOutcome.Entry?
    /// The entry that is there now.
    var entry: CacheOutcome.Entry?
    var milliseconds = 0
    /// The build that was run for it.
    var build: Int?
    /// Why it is as it is, where the result does not say it.
    var reason: String?
    var meaning = ExitMeaning.succeeded

    enum Result: String {
        case saved, unchanged
        /// The entry of its key was there already.
        case present
        /// It came from a place that several machines share.
        case fetched
        /// Another one is filling it.
        case busy
        /// Nothing was at the paths.
        case nothing
        /// There is nothing that could be filled.
        case none
        case failed
    }

    /// Whether whoever wants to hear of the result alone is told.
    var isNews: Bool {
        switch result {
        case .present, .busy, .none, .unchanged: false
        case .saved, .fetched, .nothing, .failed: true
        }
    }

    /// In a sentence.
    var words: String {
        let name = "cache \(key.map { "`\($0)`" } ?? "(no key)")"
        let seconds = "in \(Self.seconds(milliseconds))"
        switch result {
        case .saved: return "saved \(name): \(size), \(seconds)" + (restored == nil ? "" : ", from \(origin)")
        case .unchanged: return "\(name) is unchanged, \(seconds)"
        case .present: return "\(name) is there already: \(size)"
        case .fetched: return "fetched \(name): \(size), \(seconds), from `\(reason ?? "")`"
        case .busy: return "\(name) is left to \(reason ?? "another process"), which is filling it"
        case .nothing: return "nothing was at the paths of \(name), so nothing is saved"
        case .none: return reason ?? "there is nothing to fill"
        case .failed: return "not filled: \(reason ?? "the build failed")"
        }
    }

    private var origin: String {
        restored?.key.map { "`\($0)`" } ?? "what was there"
    }

    private var size: String {
        guard let entry else { return "" }
        return
            "\(ByteCount.words(UInt64(max(0, entry.byteCount)))), \(entry.fileCount) file\(entry.fileCount == 1 ? "" : "s")"
    }

    /// `12 s`, `0.4 s`.
    static func seconds(_ milliseconds: Int) -> String {
        milliseconds >= 10_000
            ? "\((milliseconds + 500) / 1000) s" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }

    // MARK: Several

    static func table(_ reports: [WarmReport], _ style: Style) -> String {
        let columns = [
            Table.Column("BUILDSPEC", key: "buildspec"), Table.Column("RESULT", key: "result"),
            Table.Column("CACHE", key: "key"), Table.Column("SIZE", key: "byteCount", isRightAligned: true),
            Table.Column("FILES", key: "fileCount", isRightAligned: true),
            Table.Column("TIME", key: "milliseconds", isRightAligned: true),
        ]
        let rows = reports.map { report in
            [
                report.buildspec, report.result.rawValue, report.key ?? "",
                report.entry.map { ByteCount.words(UInt64(max(0, $0.byteCount))) } ?? "",
                report.entry.map { "\($0.fileCount)" } ?? "", seconds(report.milliseconds),
            ]
        }
        return Table(columns, rows: rows).text(style) { row, column, text in
            guard column == 1 else { return text }
            return switch reports[row].result {
            case .failed: style.red(text)
            case .saved, .fetched: style.green(text)
            default: text
            }
        }
    }

    static func json(_ reports: [WarmReport]) -> [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            writer.member("v", 1)
            writer.array("builds") { writer in
                for report in reports { writer.object { report.write(to: &$0) } }
            }
        }
        writer.newline()
        return writer.bytes
    }

    private func write(to writer: inout JSONWriter) {
        writer.member("buildspec", buildspec)
        writer.member("project", project)
        writer.member("result", result.rawValue)
        writer.member("key", ifPresent: key)
        if let restored { writer.object("restored") { restored.write(to: &$0) } }
        if let entry { writer.object("entry") { entry.write(to: &$0) } }
        writer.member("milliseconds", milliseconds)
        if let build { writer.member("buildNumber", build) }
        writer.member("reason", ifPresent: reason)
        writer.member("exitCode", Int(meaning.code))
    }
}
