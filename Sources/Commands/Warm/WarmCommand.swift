// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import SystemPackage
internal import Watch

/// `drydock warm`.
struct WarmCommand: Action {
    static let name = "warm"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Fill the caches of a build",
            discussion: """
                Runs the phases up to PHASE and saves what `cache` of the buildspec names; artifacts are not made. A cache \
                whose key is there already is not filled again: then nothing is run. docs/caching.md says more, and how cron \
                runs it.
                """,
            operands: Operands(
                "phase", help: "The last phase to run (default: build).", count: 0...1,
                words: PhaseType.commandPhases.compactMap(\.buildspecName)),
            groups: [
                SourceOptions.group, SandboxOptions.group, CacheOptions.warmingGroup,
                OptionGroup("Warming", [all, strictSecrets]), ProgressOptions.warmingGroup, StateOptions.group,
            ])
    }

    private static let all = ValueOption(
        "all", placeholder: "directory", completion: .directories,
        help: "Fill the caches of every buildspec below a directory, one after another, but for what git ignores.")
    static let strictSecrets = Flag(
        "strict-secrets", help: "Save no cache that holds a secret, and fail; otherwise a warning names the file.")

    /// Where to look for buildspecs; nil for the one at hand.
    private let directory: FilePath?
    private let build: WarmBuild?
    private let phase: String?
    private let typed: [ParsedWords.TypedOption]
    private let json: Bool
    private let isQuiet: Bool

    init(_ words: ParsedWords) throws {
        typed = words.typed
        json = words[OutputOptions.json]
        isQuiet = ProgressOptions.isQuiet(words)
        directory = words[Self.all].map(Arguments.path)
        phase = words.operands.first
        guard directory != nil else {
            build = try WarmBuild(words, phase: phase)
            return
        }
        build = nil
        if directory?.isEmpty == true { throw CommandFailure.emptyOption("--all") }
        _ = try phase.map { try RunCommand.phase($0, of: Self.name) }
        // Each buildspec that is found has a place of its own.
        for name in ["source", "source-version", "buildspec", "project"]
        where words.typed.contains(where: { $0.name == name }) {
            throw CommandFailure.conflict("--all", "--\(name)")
        }
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        if let directory { return try warmAll(below: directory, terminal) }
        guard let report = try build?.run(terminal) else { return .internalFault }
        if report.result == .none { throw CommandFailure.nothingToWarm(report) }
        if json {
            terminal.print(WarmReport.json([report]))
        } else {
            tell(report, terminal)
        }
        return terminal.meaning(report.meaning)
    }

    private func tell(_ report: WarmReport, _ terminal: Terminal) {
        let words = "\(report.project.isEmpty ? report.buildspec : report.project): \(report.words)"
        if report.result == .nothing { return terminal.warn(words) }
        if !isQuiet || report.isNews { terminal.print(words + "\n") }
    }

    // MARK: --all

    private func warmAll(below directory: FilePath, _ terminal: Terminal) throws -> ExitMeaning {
        let buildspecs = try Self.buildspecs(below: directory)
        guard !buildspecs.isEmpty else { throw CommandFailure.noBuildspecs(directory) }
        var reports: [WarmReport] = []
        for (number, buildspec) in buildspecs.enumerated() {
            let displayed = (directory == "." ? buildspec : directory.pushing(buildspec)).displayed
            if !json, !isQuiet { terminal.print("\(displayed) (\(number + 1) of \(buildspecs.count))\n") }
            let report = warm(buildspec, in: directory, displayed: displayed, terminal)
            if !json { tell(report, terminal) }
            reports.append(report)
            if case .interrupted = report.meaning { break }
        }
        if json {
            terminal.print(WarmReport.json(reports))
        } else if !isQuiet || reports.contains(where: \.isNews) {
            terminal.print("\n" + WarmReport.table(reports, terminal.outputStyle))
        }
        let worst = reports.map(\.meaning).max { $0.code < $1.code }
        return terminal.meaning(worst ?? .succeeded)
    }

    /// As if it were called for each by itself, in its own directory: with what configuration says there.
    private func warm(
        _ buildspec: FilePath, in directory: FilePath, displayed: String, _ terminal: Terminal
    ) -> WarmReport {
        let place = directory.pushing(buildspec).removingLastComponent()
        let source = place.isEmpty ? "." : Arguments.encode(place.bytes)
        let name = buildspec.lastComponent.map { Arguments.encode(FilePath(root: nil, [$0]).bytes) } ?? ""
        let failure: CommandFailure
        do {
            let own = typed.filter { $0.name != "all" }.flatMap(\.words)
            let line = own + ["--source", source, "--buildspec", name]
            let layered = try Settings.layered(try Self.syntax.read(line), Self.syntax)
            return try WarmBuild(layered, phase: phase).run(terminal, displayed: displayed)
        } catch let error as CommandFailure {
            failure = error
        } catch {
            failure = CommandFailure(.internalFault, "\(error)")
        }
        terminal.show(failure)
        let reason = failure.message.isEmpty ? failure.diagnostics.first?.message ?? "" : failure.message
        return WarmReport(
            buildspec: displayed, project: "", result: .failed, reason: reason, meaning: failure.meaning)
    }

    /// `buildspec.yml`, `buildspec.yaml`, and those with more between name and ending, as `buildspec-test.yml`.
    static func isBuildspec(_ name: [UInt8]) -> Bool {
        let text = String(decoding: name, as: UTF8.self).lowercased()
        return text.hasPrefix("buildspec") && (text.hasSuffix(".yml") || text.hasSuffix(".yaml"))
    }

    private static func buildspecs(below directory: FilePath) throws -> [FilePath] {
        do {
            let open = try Directory(directory)
            let place = try Directory("/proc/self/fd").readLink(FilePath("\(open.descriptor.rawValue)"))
            let environment = Caller.gitEnvironment.map { "\($0.key)=\($0.value)" }
            let search = FileSearch(
                root: place, ignores: IgnoreSources(git: place, environment: environment), skipping: ["node_modules"])
            return try search.files(where: isBuildspec)
        } catch let error as WatchError {
            throw CommandFailure(error)
        } catch let error as FilesError {
            throw CommandFailure(.inputUnavailable, "\(error)")
        }
    }
}

extension CommandFailure {
    static func nothingToWarm(_ report: WarmReport) -> CommandFailure {
        CommandFailure(
            .wrongUse, "there is no cache to fill: \(report.words)",
            hints: report.reason?.contains("no `cache`") == true
                ? ["`drydock cache suggest` prints one, made of what the last build's tools wrote"] : [])
    }

    static func noBuildspecs(_ directory: FilePath) -> CommandFailure {
        CommandFailure(
            .inputUnavailable, "there is no buildspec below `\(directory.displayed)`",
            hints: ["files are looked for whose names begin with `buildspec` and end with `.yml` or `.yaml`"])
    }
}
