// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Glibc
internal import SystemPackage

/// How a build is shown.
struct ProgressOptions {
    static var group: OptionGroup { OptionGroup("Output", [progress, quiet, verbose, events]) }

    /// For a verb that runs builds on the way to something else.
    static var warmingGroup: OptionGroup { OptionGroup("Output", [quiet, verbose, OutputOptions.json]) }

    private static let progress = ValueOption(
        "progress", placeholder: "form", words: ProgressForm.allCases.map(\.rawValue),
        help:
            "How to show the build: `auto` (the default), `tty`, `plain` (CodeBuild's log lines), `json` (JSON Lines), `github` or `gitlab` (a step of a job)."
    )
    private static let quiet = Flag(
        "quiet", short: "q", help: "Show only the result, what failed, and what the build went without.")
    private static let verbose = Flag(
        "verbose", short: "v", help: "Show all output on a terminal too, and how long commands took.")
    private static let events = ValueOption(
        "events", placeholder: "file", completion: .files,
        help: "Also write the build's events to a file, as JSON Lines.")

    private let form: ProgressForm
    /// Whether `drydock.yml` of a checkout has chosen the form.
    private let isCheckoutsChoice: Bool
    let quiet: Bool
    private let verbose: Bool
    private let events: String?
    /// Whether nothing of the build is shown.
    private var isSilent = false

    /// Shows nothing: whoever runs the build tells of it.
    static var silent: ProgressOptions {
        var options = ProgressOptions()
        options.isSilent = true
        return options
    }

    private init() { (form, isCheckoutsChoice, quiet, verbose, events) = (.auto, false, true, false, nil) }

    static func isQuiet(_ words: ParsedWords) -> Bool { words[quiet] }

    init(_ words: ParsedWords) throws {
        form = words[Self.progress].flatMap(ProgressForm.init) ?? .auto
        let origins = (words.companion as? Settings)?.origins["progress"] ?? []
        isCheckoutsChoice = origins.contains { if case .checkout = $0 { true } else { false } }
        quiet = words[Self.quiet]
        verbose = words[Self.verbose]
        events = words[Self.events]
        if quiet, verbose { throw CommandFailure.conflict("--quiet", "--verbose") }
    }

    /// The observer of a build, and what to tell it on the way.
    func view(
        _ terminal: Terminal, nextCommands: @escaping (BuildOutcome) -> [NextCommand],
        lastTimes: @escaping (BuildIdentity) -> BuildDurations?
    ) throws -> BuildView {
        if isSilent { return BuildView(observer: SilentProgress(), hasShownFailure: true) }
        let form = resolvedForm(terminal)
        let verbosity: Verbosity = quiet ? .quiet : verbose ? .verbose : .normal
        let style = terminal.outputStyle
        switch form {
        case .json:
            return BuildView(observer: JSONProgress(writer: terminal.output) { Caller.now })
        case .github: return try GitHubStep(terminal).view(nextCommands, verbosity: verbosity)
        case .gitlab where !quiet:
            let progress = GitLabProgress(writer: terminal.output, style: terminal.logStyle)
            progress.nextCommands = nextCommands
            return BuildView(
                observer: progress, hasShownFailure: true, take: { progress.source = $0 },
                leaveReason: { progress.isExplainedElsewhere = true })
        case .auto, .plain, .tty, .gitlab:
            if quiet {
                let isTerminal = terminal.outputIsTerminal
                let quiet = QuietProgress(
                    writer: terminal.output, style: style, errors: terminal.errors,
                    errorStyle: terminal.style(isTerminal: terminal.errorsAreTerminal)
                ) {
                    isTerminal ? TerminalSize.of(1) : TerminalSize(columns: TerminalSize.widest, rows: 24)
                }
                quiet.nextCommands = nextCommands
                return BuildView(
                    observer: quiet, hasShownFailure: true, take: { quiet.source = $0 },
                    leaveReason: { quiet.isExplainedElsewhere = true })
            }
            guard form == .tty else { return plainView(terminal, verbosity) }
            let surface = TerminalSurface(
                size: { TerminalSize.of(1) }, wasLeft: Suspension().hasPassed,
                isForeground: { Terminal.isForeground(1) }, reflows: TerminalSurface.reflows(Caller.variable))
            let progress = TerminalProgress(
                writer: terminal.output, style: style, verbosity: verbosity, surface: surface)
            progress.nextCommands = nextCommands
            progress.lastTimes = lastTimes
            return BuildView(
                observer: progress, hasShownFailure: true, take: { progress.source = $0 },
                leaveReason: { progress.isExplainedElsewhere = true })
        }
    }

    /// The form to show; never `auto`.
    ///
    /// In a job it is the runner that reads: what its form keeps from it (a build's own workflow commands) and tells it
    /// (secrets to hide) is not a checkout's to turn off.
    private func resolvedForm(_ terminal: Terminal) -> ProgressForm {
        func resolved(_ form: ProgressForm) -> ProgressForm {
            form.resolved(
                isTerminal: terminal.outputIsTerminal, isFile: terminal.outputIsFile, environment: Caller.variable)
        }
        let usual = resolved(.auto)
        return isCheckoutsChoice && usual.isOfJob ? usual : resolved(form)
    }

    /// Whether what is printed is read by a program, so that nothing may stand between.
    func isForPrograms(_ terminal: Terminal) -> Bool { isSilent || resolvedForm(terminal) == .json }

    /// A log that goes where messages go too says everything once.
    private func plainView(_ terminal: Terminal, _ verbosity: Verbosity) -> BuildView {
        let progress = PlainProgress(writer: terminal.output, verbosity: verbosity)
        guard terminal.outputsAreOne else { return BuildView(observer: progress) }
        return BuildView(
            observer: progress, hasShownFailure: true, leaveReason: { progress.isExplainedElsewhere = true })
    }

    /// The file of `--events`.
    var eventsPath: FilePath? { events.map(Arguments.path) }

    /// The file of `--events`, opened; nil when there is none.
    /// - Parameter inputs: files that the build is made of, which it must not replace.
    func eventsFile(besides inputs: [FilePath]) throws -> EventsFile? {
        try eventsPath.map { path in
            if path == "-" { throw CommandFailure.eventsToOutput }
            return try EventsFile(path, besides: inputs)
        }
    }
}

/// A build as one face shows it.
struct BuildView {
    var observer: any BuildObserver
    /// Whether the user has seen, when the build is over, what failed, and need not be told again.
    var hasShownFailure = false
    /// Takes the buildspec's text, to draw places in it.
    var take: (SourceText) -> Void = { _ in }
    /// Told that the reason of a failure will be drawn with its place, and need not be said.
    var leaveReason: () -> Void = {}
    /// Takes the values of secrets, for a face that has others hide them.
    var hide: (([String]) -> Void)?
    /// Takes findings that are drawn for people, for a face that has a form of its own for them.
    var annotate: ([Diagnostic]) -> Void = { _ in }
    /// Told the record when the build is over; gives what went wrong in telling others.
    var finish: (BuildRecord) -> [String] = { _ in [] }
}

/// A face that says nothing.
private final class SilentProgress: BuildObserver {
    func handle(_ event: TimedEvent) {}
    func output(_ bytes: UnsafeRawBufferPointer) {}
}

/// A file of events.
final class EventsFile {
    let observer: JSONProgress
    private let writer: DescriptorWriter
    private let descriptor: FileDescriptor

    init(_ path: FilePath, besides inputs: [FilePath]) throws {
        do {
            // Nothing is cut off before it is known what the file is.
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec, .nonBlocking],
                permissions: .ownerReadWrite)
        } catch let error as Errno {
            throw CommandFailure.cannotOpen(path, error)
        }
        if let status = try? FileStatus(of: descriptor, path: path), status.kind == .regular {
            for input in inputs where (try? Self.status(input))?.isSameFile(as: status) == true {
                try? descriptor.close()
                throw CommandFailure.eventsOverInput(path)
            }
            _ = ftruncate(descriptor.rawValue, 0)
        }
        writer = DescriptorWriter(descriptor: descriptor.rawValue, name: "`\(path.displayed)`")
        observer = JSONProgress(writer: writer) { Caller.now }
    }

    private static func status(_ path: FilePath) throws -> FileStatus {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        defer { try? file.close() }
        return try FileStatus(of: file, path: path)
    }

    /// Why the file is not whole, if it is not.
    func finish() -> CommandFailure? {
        writer.finish()
        return writer.failure.map { failure in
            CommandFailure(
                failure.isBrokenPipe ? .interrupted(signal: SIGPIPE) : .machineUnable, "\(failure)")
        }
    }

    deinit { try? descriptor.close() }
}

extension CommandFailure {
    static let eventsToOutput = CommandFailure(
        .wrongUse, "`--events` takes a file, and `-` is none",
        hints: ["`--progress json` writes the events to standard output"])

    static func eventsOverInput(_ path: FilePath) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`--events \(path.displayed)` would write over a file that the build is made of",
            hints: ["give another file"])
    }
}
