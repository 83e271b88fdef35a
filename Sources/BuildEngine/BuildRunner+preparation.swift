// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import BuildEnvironment
public import BuildModel
import Buildspec
import Checkout
import Diagnostics
import Files
import ImageStore
import Processes
import Sandbox
import Secrets
import SystemPackage

// PROVISIONING and DOWNLOAD_SOURCE.
//
// CodeBuild starts the container before it reads the buildspec; a sandbox needs to know its sources and its environment
// when it starts. So the plan is made first, and a plan that fails is reported where CodeBuild reports it. Only what git
// has to fetch is left to DOWNLOAD_SOURCE, with the start of the sandbox behind it.
extension BuildRunner {
    /// The record of a build that has not begun.
    public static func newRecord(_ request: BuildRequest, _ surroundings: Surroundings) -> BuildRecord {
        let identifiers = surroundings.identifiers
        var record = BuildRecord(
            id: identifiers.buildIdentifier,
            arn: identifiers.arn(region: request.region, account: request.accountIdentifier),
            buildNumber: identifiers.number, startTime: surroundings.clock.start, projectName: identifiers.project,
            source: request.source.record,
            environment: BuildRecord.EnvironmentRecord(
                image: request.image.words, computeType: request.computeType?.name ?? "LOCAL"),
            timeoutInMinutes: Int(min(max(request.timeoutMinutes.rounded(.up), 1), 1e9)),
            initiator: request.initiator,
            drydock: BuildRecord.Extras(
                version: surroundings.version, buildspecPath: request.displayedBuildspec, sourceDirectory: "",
                logPath: surroundings.logPath, processIdentifier: surroundings.processIdentifier))
        let isolation = surroundings.hostPlaces == nil ? Isolation.namespaces : .none
        record.drydock.isolation = isolation.rawValue
        record.sourceVersion = request.source.version
        record.secondarySources = request.secondarySources.map(\.record)
        return record
    }

    func provision() -> PhaseMachine.End {
        if planned == nil, planner.fetches { return .succeeded }
        makePlan()
        guard let plan else { return .succeeded }
        return startSandbox(plan, in: .provisioning)
    }

    func download() -> PhaseMachine.End {
        makePlan()
        switch planned {
        case .failure(let error):
            if let end = interruption {
                noteInterruption(end, in: .downloadSource)
                return end
            }
            for text in error.notices { notice(text) }
            fail(
                .downloadSource, error.context, meaning: error.meaning, message: error.message, hints: error.hints)
            return .failed
        case .success(let plan):
            if sandbox == nil {
                let end = startSandbox(plan, in: .downloadSource)
                guard end == .succeeded else { return end }
            }
            announce(plan)
            return .succeeded
        case nil: return .fault
        }
    }

    /// Makes the plan, once for all attempts of a build.
    func makePlan() {
        guard planned == nil else { return }
        do {
            let plan = try planner.plan { [unowned self] in interruption != nil }
            planned = .success(plan)
            relay.mask = plan.environment.makeMask()
            machine.replaceScripts(plan.scripts)
            describe(plan)
            surroundings.didPlan(plan)
        } catch {
            planned = .failure(error)
            surroundings.didFailToPlan(error)
        }
    }

    private func describe(_ plan: BuildPlan) {
        let primary = plan.sources[0]
        record.resolvedSourceVersion = primary.resolvedVersion
        record.source.buildspec = plan.buildspecText.path
        record.drydock.buildspecPath = plan.buildspecText.path
        record.drydock.sourceDirectory = primary.path
        record.environment.environmentVariables = plan.environment.variables.compactMap { variable in
            let type: String
            switch variable.origin {
            case .image, .builtIn, .buildspec: return nil
            case .project, .environmentFile, .flag: type = "PLAINTEXT"
            case .store(let request, _):
                type = request.kind == .parameter ? "PARAMETER_STORE" : "SECRETS_MANAGER"
            }
            return .init(name: variable.name, value: masked(variable.value.description), type: type)
        }
    }

    private func startSandbox(_ plan: BuildPlan, in phase: PhaseType) -> PhaseMachine.End {
        if let destination = plan.artifactsDirectory, artifactsDirectory == nil {
            // Before the first command: a long build must not find out at its end, nor lead us elsewhere by then.
            guard open(destination, in: phase) else { return .fault }
            let end = checkPlaces(plan, in: phase)
            guard end == .succeeded else { return end }
        }
        let scratch = newScratch()
        var settings = plan.sandboxSettings(scratch: scratch, launcher: surroundings.launcher)
        request.resumption?.reopen(for: plan, in: &settings)
        let begin = surroundings.clock.monotonic
        do {
            try planCache(plan, settings)
            if request.resumption == nil, let plannedCache {
                settings.caches = plannedCache.settings
            }
            let started = try start(settings)
            sandbox = started.runner
            if request.resumption == nil { noteCopies() }
            cacheMilliseconds = surroundings.clock.monotonic.milliseconds(since: begin)
            debugBegins(started.runner)
            for notice in started.notices {
                warn(Warning(message: notice.message, hint: notice.hint, isGrave: notice.isGrave))
            }
            return .succeeded
        } catch {
            if error.code == .stopped, let end = interruption {
                noteInterruption(end, in: phase)
                return end
            }
            noteFault(error, in: phase)
            return .fault
        }
    }

    /// Each has a directory of its own: that of the last may still be on its way out.
    private func newScratch() -> FilePath {
        sandboxCount += 1
        let name = surroundings.scratch.lastComponent?.string ?? "build"
        let scratch =
            request.resumption?.place.directory
            ?? surroundings.scratch.removingLastComponent()
            .appending(name + (sandboxCount > 1 ? "-\(sandboxCount)" : ""))
        self.scratch = scratch
        return scratch
    }

    /// Starts it, without its cache where only that cannot be had: a cache is never worth a build.
    private func start(
        _ settings: SandboxSettings
    ) throws(SandboxError) -> (runner: any CommandRunning, notices: [SandboxNotice]) {
        do throws(SandboxError) { return try surroundings.sandboxes.start(settings) } catch {
            guard error.code == .cache, request.resumption == nil, plannedCache?.hit != nil else { throw error }
            forgoCache(error)
            var settings = settings
            settings.caches = plannedCache?.settings
            settings.scratchDirectory = newScratch()
            return try surroundings.sandboxes.start(settings)
        }
    }

    private func open(_ destination: FilePath, in phase: PhaseType) -> Bool {
        do {
            artifactsDirectory =
                if let source = request.artifactsSource {
                    try ArtifactDestination.openOwn(destination, in: source)
                } else {
                    try ArtifactDestination.open(destination)
                }
            return true
        } catch let error as ArtifactsError {
            fail(
                phase, PhaseContext(statusCode: error.statusCode, message: error.message),
                meaning: error.code == .output ? .machineUnable : .wrongUse, message: error.message, hints: error.hints)
        } catch {
            fail(
                phase, PhaseContext(statusCode: "CLIENT_ERROR", message: "\(error)"), meaning: .machineUnable,
                message: "cannot write artifacts to `\(destination.displayed)`: \(error)")
        }
        return false
    }

    func noteFault(_ error: SandboxError, in phase: PhaseType, command: CommandReference? = nil) {
        let error = EngineError(error)
        fail(
            phase, error.context, meaning: error.meaning, command: command, message: error.message, hints: error.hints)
    }

    // MARK: CodeBuild's lines

    /// What CodeBuild's agent logs of a source that is there, in its order.
    private func announce(_ plan: BuildPlan) {
        announceResumption(plan)
        for text in request.notices { notice(text) }
        notice("CODEBUILD_SRC_DIR=\(plan.sources[0].path)")
        notice("YAML location is \(plan.buildspecLocation)")
        if let block = Self.unknownKeys(plan.buildspec.unknownKeys) { notice(block) }
        notice("Processing environment variables")
        announceRuntimes(plan)
        notice("Moving to directory \(plan.sources[0].path)")
        announceCache(plan)
        notice("Registering with agent")
        let counts = plan.buildspec.phases.entries.compactMap { entry in
            PhaseType.commandPhases.first { $0.buildspecName == entry.name.rawValue }
                .map { (phase: $0, commandCount: entry.phase.commands.count) }
        }
        for line in CodeBuildLog.phasesFound(counts) { notice(line) }
        for warning in plan.advice + Self.warnings(plan.warnings) { warn(warning) }
        adviseOnCache(plan)
        if !plan.buildspec.reports.isEmpty { warn(.reportsNotCollected) }
    }

    private func announceRuntimes(_ plan: BuildPlan) {
        let versions = plan.buildspec.phases[.install]?.runtimeVersions ?? []
        guard !versions.isEmpty else {
            notice("No runtime version selected in buildspec.")
            return
        }
        guard plan.runtimes.isEmpty else {
            for runtime in plan.runtimes {
                let version = runtime.versions.first ?? ""
                notice("Selecting '\(runtime.name)' runtime version '\(version)' based on manual selections...")
            }
            return
        }
        let table: FilePath = "/codebuild/image/config/runtimes.yml"
        guard let tree = try? sandbox?.tree(), let file = try? tree.open(table, directory: false) else {
            notice("Skipping install of runtimes. Runtime version selection is not supported by this build image")
            return
        }
        try? file.close()
        warn(.runtimesNotInstalled)
    }

    /// The block that names keys which CodeBuild ignores, or nil when there are none.
    static func unknownKeys(_ keys: [Buildspec.UnknownKey]) -> String? {
        guard !keys.isEmpty else { return nil }
        var sections: [(name: String, keys: [String])] = []
        for key in keys {
            if let index = sections.firstIndex(where: { $0.name == key.section }) {
                sections[index].keys.append(key.key.value)
            } else {
                sections.append((key.section, [key.key.value]))
            }
        }
        var lines = ["Found possible syntax errors in buildspec: "]
        for section in sections {
            lines.append(section.name.isEmpty ? "In the buildspec" : "In the section \(section.name)")
            lines.append("    The following keys cannot be identified:")
            lines += section.keys.map { "        " + DisplayText.escaped($0) }
        }
        return lines.joined(separator: "\n")
    }

    /// Findings as warnings of the build; keys that CodeBuild ignores have their own block.
    private static func warnings(_ diagnostics: [Diagnostic]) -> [Warning] {
        diagnostics.filter { $0.severity == .warning && $0.rule != "unknown-key" }.map { diagnostic in
            let place = diagnostic.span.map {
                "\(DisplayText.escaped($0.path)):\($0.start.line):\($0.start.column): "
            }
            return Warning(message: (place ?? "") + diagnostic.message, hint: diagnostic.hints.first)
        }
    }
}

extension SourceRequest {
    fileprivate var record: BuildRecord.SourceRecord {
        switch location {
        case .directory(let path):
            BuildRecord.SourceRecord(type: "LOCAL", location: path.displayed, sourceIdentifier: identifier)
        case .repository:
            BuildRecord.SourceRecord(type: "GIT", location: displayed, sourceIdentifier: identifier)
        case .empty:
            BuildRecord.SourceRecord(type: "NO_SOURCE", location: displayed, sourceIdentifier: identifier)
        }
    }

    /// For display, as the user named it.
    var displayed: String {
        switch location {
        case .directory(let path): path.displayed
        // A password in a URL is nobody's to read.
        case .repository(let url):
            (try? GitLocation(url)).map { DisplayText.escaped($0.withoutCredentials) } ?? "(not a location)"
        case .empty: "(none)"
        }
    }
}

extension BuildRequest {
    /// The buildspec as the user would name it, before it is looked for.
    public var displayedBuildspec: String {
        switch buildspec {
        case .standard: "buildspec.yml"
        case .file(let path): path.displayed
        case .inline: "<inline>"
        }
    }
}

extension BuildPlanner {
    /// Who the build is, as far as it is known before the plan.
    var provisionalIdentity: BuildIdentity {
        identifiers.identity(
            region: request.region, account: request.accountIdentifier, source: request.source.displayed,
            buildspecPath: request.displayedBuildspec)
    }
}
