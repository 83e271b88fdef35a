// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Diagnostics

/// `drydock cache suggest`.
struct CacheSuggestCommand: Action {
    static let name = "suggest"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Print the `cache` that a build could have had",
            discussion: """
                A block to paste into the buildspec, made of what a successful build wrote to the places in which tools \
                cache, with its bytes and the time in which it was written. `drydock run --suggest-cache` looks for other \
                large directories too.
                """,
            operands: Operands(
                "build",
                help: "A build: its number, or the beginning of its id (default: the last that tells).",
                completion: HistoryCommand.numbers),
            groups: [OptionGroup("Options", [BuildSelector.project, OutputOptions.json]), StateOptions.group])
    }

    private let build: String?
    private let selector: BuildSelector
    private let scope: BuildStore.Scope
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        build = words.operands.first
        selector = try BuildSelector(words)
        scope = BuildSelector.scope(words)
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let record = try find()
        if case .first(let here) = scope, build == nil, record.projectName != here {
            terminal.warn(
                "there is no build of `\(DisplayText.escaped(here))`: this is of `\(DisplayText.escaped(record.projectName))`",
                hint: "`--project NAME` asks for another project")
        }
        guard let written = record.drydock.written else { throw CommandFailure.nothingToSuggest(record) }
        let suggestion = CacheSuggestion(written)
        terminal.print(json ? Self.json(suggestion, record) : Array(Self.text(suggestion, record).utf8))
        return terminal.meaning()
    }

    /// The build that was named; else the newest of the project that tells: one that wrote something worth caching, or whose
    /// caches hold all of that. The newest of all where there is none.
    private func find() throws -> BuildRecord {
        let (latest, store) = try selector.find()
        guard build == nil || build == "latest" else { return latest.record }
        let project =
            switch scope {
            case .only(let name), .first(let name): name
            case .any: latest.record.projectName
            }
        let builds = store.recent(limit: 40, project: project).builds
        let telling = builds.first { build in
            let record = build.record
            return record.drydock.written != nil || record.buildStatus == .succeeded && record.drydock.cache != nil
        }
        return telling?.record ?? latest.record
    }

    static func text(_ suggestion: CacheSuggestion, _ record: BuildRecord) -> String {
        suggestion.yaml(
            build: "build \(record.buildNumber) of \(DisplayText.escaped(record.projectName))",
            isAddition: record.drydock.cache != nil)
    }

    private static func json(_ suggestion: CacheSuggestion, _ record: BuildRecord) -> [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("project", record.projectName)
            writer.member("buildNumber", record.buildNumber)
            writer.member("key", ifPresent: suggestion.key)
            writer.array("fallbackKeys") { writer in
                for key in suggestion.fallbackKeys { writer.element(key) }
            }
            writer.member("byteCount", suggestion.byteCount)
            writer.member("milliseconds", suggestion.milliseconds)
            writer.array("places") { writer in
                for place in suggestion.places { writer.object { place.write(to: &$0) } }
            }
            writer.member("yaml", text(suggestion, record))
        }
        writer.newline()
        return writer.bytes
    }
}

/// What `drydock run` says of caches at the end of a build.
enum CacheAdvice {
    /// Less is not worth a line that nobody asked for.
    private static let leastBytes = 100 << 20

    /// The block of `--suggest-cache`; nil where nothing was found.
    static func block(_ record: BuildRecord) -> String? {
        record.drydock.written.map { CacheSuggestCommand.text(CacheSuggestion($0), record) }
    }

    /// One line for a build without caches that wrote much where tools cache. Once a day: who does not want any has read it.
    static func hint(_ record: BuildRecord, hasCache: Bool, in store: BuildStore) -> String? {
        guard !hasCache, let written = record.drydock.written, written.byteCount >= leastBytes else { return nil }
        let earlier = store.recent(limit: 5, project: record.projectName).builds.map(\.record)
        let isKnown = earlier.contains { other in
            other.buildNumber < record.buildNumber && other.startTime.seconds > record.startTime.seconds - 86_400
                && (other.drydock.written?.byteCount ?? 0) >= leastBytes
        }
        if isKnown { return nil }
        return "a cache could hold \(ByteCount.words(UInt64(written.byteCount))) that this build wrote in "
            + "\(CacheSuggestion.time(written.milliseconds)): `drydock cache suggest` prints it"
    }
}

extension CommandFailure {
    static func nothingToSuggest(_ record: BuildRecord) -> CommandFailure {
        let build = "build \(record.buildNumber) of `\(record.projectName)`"
        guard record.buildStatus == .succeeded else {
            return CommandFailure(
                .wrongUse, "\(build) did not succeed, so what it wrote was not looked at",
                hints: ["`drydock cache suggest NUMBER` takes another one"])
        }
        if record.drydock.cache != nil {
            return CommandFailure(
                .wrongUse, "nothing is left to suggest: the caches of \(build) hold all that known tools wrote",
                hints: ["`drydock run --suggest-cache` looks for other large directories too"])
        }
        return CommandFailure(
            .wrongUse, "\(build) wrote nothing worth caching to the places that known tools cache in",
            hints: ["`drydock run --suggest-cache` looks for other large directories too"])
    }
}
