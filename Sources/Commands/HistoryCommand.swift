// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import Console

/// `drydock history`.
struct HistoryCommand: ParsableCommand, Action {
    static let configuration = CommandConfiguration(commandName: "history", abstract: "List builds, the newest first")

    @Option(name: [.short, .long], help: ArgumentHelp("At most so many; 0 for all.", valueName: "number"))
    var limit = 20

    @Option(help: ArgumentHelp("Only builds of this project.", valueName: "name"))
    var project: String?

    @Flag(help: "Write JSON: the records, in an array.")
    var json = false

    @OptionGroup var state: StateOptions

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        guard limit >= 0 else {
            throw CommandFailure.wrongNumber("--limit", String(limit), expected: "a number from 0")
        }
        let listing = try state.store().recent(limit: limit == 0 ? nil : limit, project: project)
        for warning in listing.warnings { terminal.warn(warning) }
        let records = listing.builds.map(\.record)
        if json {
            terminal.print(HistoryTable.json(records))
        } else {
            terminal.print(HistoryTable.text(records, now: Caller.now, style: terminal.outputStyle))
        }
        return terminal.meaning()
    }
}

/// Which stored build is meant.
struct BuildSelector: ParsableArguments {
    @Argument(
        help: ArgumentHelp("A build: its number, the beginning of its id, or `latest`.", valueName: "build"))
    var build = "latest"

    @Option(help: ArgumentHelp("The project whose build number is meant.", valueName: "name"))
    var project: String?

    @OptionGroup var state: StateOptions

    func find() throws -> (StoredBuild, BuildStore) {
        let store = try state.store()
        do throws(BuildStoreError) { return (try store.find(build, project: project), store) } catch {
            throw CommandFailure(error)
        }
    }
}

/// `drydock show`.
struct ShowCommand: ParsableCommand, Action {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the record of a build")

    @OptionGroup var selector: BuildSelector

    @Flag(help: "Write JSON: the record as it is stored.")
    var json = false

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
struct LogsCommand: ParsableCommand, Action {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print the log of a build")

    @OptionGroup var selector: BuildSelector

    @Flag(help: "Write the build's events instead, as JSON Lines.")
    var json = false

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
