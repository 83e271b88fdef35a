// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import SystemPackage

/// `drydock history`.
struct HistoryCommand: Action {
    static let name = "history"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List builds, the newest first",
            groups: [OptionGroup("Options", [limit, project, onlyNumbers, OutputOptions.json]), StateOptions.group])
    }

    private static let limit = ValueOption(
        "limit", short: "l", placeholder: "number", help: "At most so many; 0 for all (default: 20).")
    private static let project = ValueOption("project", placeholder: "name", help: "Only builds of this project.")

    private static let onlyNumbers = Flag("numbers", help: "Show only the numbers.")

    /// What a shell offers where a build is named.
    static let numbers = Completion.answers(to: "history --numbers", beside: ["latest"])

    private let limit: Int
    private let onlyNumbers: Bool
    private let project: String?
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        let word = words[Self.limit] ?? "20"
        guard let number = Int(word), number >= 0 else {
            throw CommandFailure.wrongNumber("--limit", word, expected: "a number from 0")
        }
        limit = number
        project = words[Self.project]
        onlyNumbers = words[Self.onlyNumbers]
        json = words[OutputOptions.json]
        if onlyNumbers, json { throw CommandFailure.conflict("--numbers", "--json") }
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let listing = try state.store().recent(limit: limit == 0 ? nil : limit, project: project)
        for warning in listing.warnings { terminal.warn(warning) }
        let records = listing.builds.map(\.record)
        if onlyNumbers {
            terminal.print(records.map { "\($0.buildNumber)\n" }.joined())
        } else if json {
            terminal.print(HistoryTable.json(records))
        } else {
            terminal.print(HistoryTable.text(records, now: Caller.now, style: terminal.outputStyle))
        }
        return terminal.meaning()
    }
}

/// Which stored build is meant.
struct BuildSelector {
    static let operands = Operands(
        "build", help: "A build: its number, the beginning of its id, or `latest` (the default).",
        completion: HistoryCommand.numbers)
    static let project = ValueOption(
        "project", placeholder: "name",
        help: "The project whose build is meant (default: the current directory's, then any).")

    private let build: String
    private let scope: BuildStore.Scope
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        build = words.operands.first ?? "latest"
        if build.isEmpty { throw CommandFailure.emptyOption("BUILD") }
        scope = Self.scope(words)
        state = StateOptions(words)
    }

    /// The project that is named on the line, and no other; else first the one that a build here would be of.
    static func scope(_ words: ParsedWords) -> BuildStore.Scope {
        let given = words[Self.project]
        if let given, words.typed.contains(where: { $0.name == "project" }) { return .only(given) }
        let here = BuildRequest(source: SourceRequest(location: .directory(".")))
        guard let name = given ?? (try? here.projectName().description) else { return .any }
        return .first(name)
    }

    func find() throws -> (StoredBuild, BuildStore) {
        let store = try state.store()
        do throws(BuildStoreError) { return (try store.find(build, in: scope), store) } catch {
            throw CommandFailure(error)
        }
    }
}

/// `drydock show`.
struct ShowCommand: Action {
    static let name = "show"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Show the record of a build", operands: BuildSelector.operands,
            groups: [OptionGroup("Options", [BuildSelector.project, OutputOptions.json]), StateOptions.group])
    }

    private let selector: BuildSelector
    private let json: Bool

    init(_ words: ParsedWords) throws {
        selector = try BuildSelector(words)
        json = words[OutputOptions.json]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let (build, _) = try selector.find()
        if json {
            terminal.print(build.record.json)
        } else {
            terminal.print(BuildSummary.text(build.record, style: terminal.outputStyle))
        }
        return terminal.meaning()
    }
}

/// `drydock logs`.
struct LogsCommand: Action {
    static let name = "logs"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Print the log of a build", operands: BuildSelector.operands,
            groups: [OptionGroup("Options", [BuildSelector.project, json]), StateOptions.group])
    }

    private static let json = Flag("json", help: "Write the build's events instead, as JSON Lines.")

    private let selector: BuildSelector
    private let json: Bool

    init(_ words: ParsedWords) throws {
        selector = try BuildSelector(words)
        json = words[Self.json]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let (build, store) = try selector.find()
        do throws(BuildStoreError) {
            let take: (UnsafeRawBufferPointer) -> Bool = { bytes in
                terminal.output.write(bytes)
                terminal.output.finish()
                return terminal.output.failure == nil
            }
            if json { try store.readEvents(of: build, take) } else { try store.readLog(of: build, take) }
        } catch {
            throw CommandFailure(error)
        }
        return terminal.meaning()
    }
}
