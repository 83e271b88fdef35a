// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
public import BuildModel
public import Buildspec
import Checkout
public import Diagnostics
import Files
import Sandbox
public import SystemPackage
import TextPatterns

/// Turns a request into a plan: fetches sources, reads the buildspec, resolves the environment.
public struct BuildPlanner {
    let request: BuildRequest
    /// Which build of which project this is.
    let identifiers: BuildIdentifiers
    /// Where sources are checked out; made when needed, the caller's to remove.
    let checkouts: FilePath
    /// Where a build without a sandbox has its places; nil for a sandbox.
    public var hostPlaces: HostPlaces?

    public init(request: BuildRequest, identifiers: BuildIdentifiers, checkouts: FilePath) {
        self.request = request
        self.identifiers = identifiers
        self.checkouts = checkouts
    }

    /// Whether planning takes noticeable time, as a checkout does.
    var fetches: Bool {
        // What an earlier build had fetched is used again.
        ([request.source] + request.secondarySources).contains {
            ($0.isFetched || $0.location == .empty) && kept($0) == nil
        }
    }

    /// - Parameter isCancelled: asked while git works; once it says so the plan fails.
    public func plan(isCancelled: @escaping () -> Bool = { false }) throws(EngineError) -> BuildPlan {
        var notices = request.notices
        do {
            return try plan(&notices, isCancelled)
        } catch {
            var error = error
            error.notices = notices
            throw error
        }
    }

    /// Reads the buildspec alone: nothing is fetched and no variable is resolved.
    ///
    /// - Returns: the buildspec, its text, and the findings that are no errors.
    public func readBuildspec() throws(EngineError) -> (Buildspec, SourceText, [Diagnostic]) {
        guard !request.source.isFetched || request.buildspec.isInline else { throw .needsCheckout }
        var root: FilePath = "."
        if case .directory(let directory) = request.source.location { root = directory }
        let displayed = root == "." ? "" : root.displayed
        let locator = BuildspecLocator(root: root, displayedRoot: displayed, inside: displayed)
        let found = try locator.find(request.buildspec)
        let (buildspec, diagnostics) = Buildspec.read(found.text, lint: false)
        guard let buildspec else { throw .buildspecRejected(diagnostics, source: found.text) }
        return (buildspec, found.text, diagnostics)
    }

    private func plan(
        _ notices: inout [String], _ isCancelled: @escaping () -> Bool
    ) throws(EngineError) -> BuildPlan {
        let sources = try planSources(isCancelled)
        let primary = sources[0]
        notices.append("CODEBUILD_SRC_DIR=\(primary.path)")
        let locator = BuildspecLocator(
            root: primary.hostPath, displayedRoot: displayedRoot(of: primary), inside: primary.path)
        let found = try locator.find(request.buildspec)
        notices.append("YAML location is \(found.location)")
        let (read, diagnostics) = Buildspec.read(found.text, lint: false)
        guard let buildspec = read else { throw .buildspecRejected(diagnostics, source: found.text) }
        if let shell = buildspec.environment.shell, Self.isWindowsShell(shell.value) {
            throw .shellUnavailable(shell, source: found.text)
        }
        notices.append("Processing environment variables")
        var advice = request.warnings + found.warnings
        let phases = planPhases(buildspec, advice: &advice)
        var environment = try resolveEnvironment(buildspec, sources: sources, text: found.text, isCancelled)
        if buildspec.environment.gitCredentialHelper {
            advice += try addGitCredentials(to: &environment, sources, isCancelled)
        }
        let runtimes = try runtimes(for: buildspec, environment, source: found.text)
        return BuildPlan(
            identity: identifiers.identity(
                region: request.region, account: request.accountIdentifier, source: primary.displayed,
                buildspecPath: found.text.path),
            buildspec: buildspec, buildspecText: found.text, buildspecLocation: found.location, sources: sources,
            phases: phases, environment: environment, shell: buildspec.environment.shell?.value ?? "sh",
            image: request.image, runtimes: runtimes, network: request.network, limits: limits,
            computeType: request.computeType,
            timeoutMinutes: request.timeoutMinutes, artifactsDirectory: request.artifactsDirectory,
            artifactPlaces: request.upload?.displayPlaces ?? [], packaging: request.packaging,
            warnings: diagnostics + environment.warnings, advice: advice)
    }

    // MARK: Sources

    private func planSources(_ isCancelled: @escaping () -> Bool) throws(EngineError) -> [BuildPlan.PlannedSource] {
        var planned = [try planSource(request.source, isCancelled)]
        var seen: Set<String> = []
        for source in request.secondarySources {
            if let identifier = source.identifier, !seen.insert(identifier).inserted {
                throw .duplicateSource(identifier)
            }
            planned.append(try planSource(source, isCancelled))
        }
        return planned
    }

    private func planSource(
        _ source: SourceRequest, _ isCancelled: @escaping () -> Bool
    ) throws(EngineError) -> BuildPlan.PlannedSource {
        let kept = kept(source)
        let digits = identifiers.digits(for: source.identifier ?? "")
        var path =
            kept?.path ?? hostPlaces?.source(digits: digits) ?? "/codebuild/output/src\(digits)/src"
        let isWritable = request.mountsSource && source.identifier == nil
        if let kept, kept.isCheckout, let resumption = request.resumption {
            return BuildPlan.PlannedSource(
                identifier: source.identifier, hostPath: resumption.hostPath(of: kept), path: path,
                displayed: source.displayed, isCheckout: true, isWritable: false, version: kept.version,
                resolvedVersion: kept.resolvedVersion, repositoryURL: kept.repositoryURL)
        }
        if source.location == .empty { return try planEmpty(source, path: path) }
        guard !source.isFetched, case .directory(let directory) = source.location else {
            return try checkOut(source, path: path, isCancelled)
        }
        let hostPath: FilePath
        do { hostPath = try Self.canonical(directory) } catch { throw .sourceUnavailable(directory, error) }
        if hostPlaces != nil, isWritable { path = hostPath.string }
        let git = GitInformation.read(hostPath)
        return BuildPlan.PlannedSource(
            identifier: source.identifier, hostPath: hostPath, path: path, displayed: directory.displayed,
            isCheckout: false, isWritable: isWritable, version: nil, resolvedVersion: git?.commit,
            repositoryURL: source.repositoryURL ?? git?.remoteURL)
    }

    private func planEmpty(
        _ source: SourceRequest, path: String
    ) throws(EngineError) -> BuildPlan.PlannedSource {
        let destination = checkouts.appending(source.identifier ?? "primary")
        do { _ = try Directory.make(destination) } catch { throw .sourceUnavailable(destination, error) }
        return BuildPlan.PlannedSource(
            identifier: source.identifier, hostPath: destination, path: path, displayed: source.displayed,
            isCheckout: true, isWritable: false, version: nil, resolvedVersion: nil, repositoryURL: nil)
    }

    /// The source of a kept state that this one is: the same inside, so that paths in it stay right.
    private func kept(_ source: SourceRequest) -> KeptRecord.Source? {
        request.resumption?.record.sources.first { kept in
            kept.identifier == source.identifier && kept.isCheckout == (source.isFetched || source.location == .empty)
                && kept.version == source.version
        }
    }

    private func checkOut(
        _ source: SourceRequest, path: String, _ isCancelled: @escaping () -> Bool
    ) throws(EngineError) -> BuildPlan.PlannedSource {
        let destination = checkouts.appending(source.identifier ?? "primary")
        let location: String
        switch source.location {
        case .repository(let url): location = url
        case .empty: preconditionFailure("nothing is fetched for an empty source")
        case .directory(let directory):
            do { location = try Self.canonical(directory).string } catch { throw .sourceUnavailable(directory, error) }
        }
        let result: GitSource.Result
        do {
            var git = GitSource(
                location: try GitLocation(location),
                version: try source.version.map { version throws(CheckoutError) in try GitVersion(version) },
                depth: source.depth)
            git.fetchesSubmodules = source.fetchesSubmodules
            result = try git.checkOut(
                into: destination, environment: request.gitEnvironment, isCancelled: isCancelled)
        } catch {
            throw .checkoutFailed(error, source)
        }
        return BuildPlan.PlannedSource(
            identifier: source.identifier, hostPath: destination, path: path, displayed: source.displayed,
            isCheckout: true, isWritable: false, version: source.version, resolvedVersion: result.commit,
            repositoryURL: result.location)
    }

    /// The directory without links and relative parts, checked to be one that can be read.
    static func canonical(_ path: FilePath) throws(FilesError) -> FilePath {
        let directory = try Directory(path)
        let processes = try Directory("/proc/self/fd")
        return try processes.readLink(FilePath("\(directory.descriptor.rawValue)"))
    }

    private func displayedRoot(of source: BuildPlan.PlannedSource) -> String {
        source.isCheckout || source.displayed == "." ? "" : source.displayed
    }

    // MARK: Phases

    private func planPhases(_ buildspec: Buildspec, advice: inout [Warning]) -> [BuildPlan.PlannedPhase] {
        var planned: [BuildPlan.PlannedPhase] = []
        let first = request.resumption?.phase ?? .install
        for type in PhaseType.commandPhases where request.phases.contains(type) && type >= first {
            let phase = type.buildspecName.flatMap { buildspec.phases[$0] }
            var retryPattern: TextPattern?
            if case .retry(_, let pattern?) = phase?.onFailure {
                do { retryPattern = try TextPattern(pattern) } catch {
                    advice.append(.patternMalformed(pattern, reason: error.reason))
                }
            }
            planned.append(
                BuildPlan.PlannedPhase(
                    type: type, commands: references(phase?.commands ?? [], type, isFinally: false),
                    finally: references(phase?.finally ?? [], type, isFinally: true),
                    runAs: (phase?.runAs ?? buildspec.runAs)?.value, onFailure: phase?.onFailure,
                    retryPattern: retryPattern))
        }
        return planned
    }

    private func references(_ texts: [Buildspec.Text], _ type: PhaseType, isFinally: Bool) -> [CommandReference] {
        texts.enumerated().map { index, text in
            CommandReference(
                phase: type, index: index, isFinally: isFinally, text: text.value,
                location: CommandReference.Location(
                    path: text.span.path, line: text.span.start.line, column: text.span.start.column,
                    endLine: text.span.end.line, endColumn: text.span.end.column))
        }
    }

    private static func isWindowsShell(_ shell: String) -> Bool {
        ["powershell.exe", "powershell", "pwsh.exe", "cmd.exe", "cmd"].contains(shell.lowercased())
    }

    // MARK: Environment

    private var limits: SandboxSettings.Limits {
        var limits = request.limits
        if let computeType = request.computeType {
            limits.memoryBytes = limits.memoryBytes ?? computeType.memoryBytes
            limits.cpus = limits.cpus ?? computeType.cpus
        }
        return limits
    }

    private func resolveEnvironment(
        _ buildspec: Buildspec, sources: [BuildPlan.PlannedSource], text: SourceText,
        _ isCancelled: @escaping () -> Bool
    ) throws(EngineError) -> ResolvedEnvironment {
        let facts = sources.map { source in
            BuiltInVariables.Source(
                identifier: source.identifier, directory: source.path, version: source.version,
                resolvedVersion: source.resolvedVersion, repositoryURL: source.repositoryURL)
        }
        var builtIns = BuiltInVariables(
            buildIdentifier: identifiers.buildIdentifier,
            buildARN: identifiers.arn(region: request.region, account: request.accountIdentifier),
            project: identifiers.project, buildNumber: identifiers.number,
            image: request.imageName ?? request.image.words,
            region: request.region, accountIdentifier: request.accountIdentifier, initiator: request.initiator,
            startTimeMilliseconds: Int((identifiers.start.seconds * 1000).rounded()), source: facts[0],
            secondarySources: Array(facts.dropFirst()))
        builtIns.encryptionKey = request.encryptionKey
        var image = imageVariables
        if let hostPlaces {
            builtIns.home = hostPlaces.home
            builtIns.temporaryDirectory = hostPlaces.temporary
            for index in image.indices where image[index].name == "PATH" {
                image[index].value = hostPlaces.searchPath ?? image[index].value
            }
        }
        do {
            var resolver = EnvironmentResolver(image: image, builtIns: builtIns.variables)
            for item in request.variables {
                switch item {
                case .file(let path):
                    resolver.given.append(.file(try .read(path, format: request.environmentFileFormat)))
                case .flag(let flag): resolver.given.append(.flag(flag))
                }
            }
            resolver.project = request.projectVariables
            resolver.hidden = request.hidden
            resolver.stores = request.secretStores
            var environment = try resolver.resolve(buildspec.environment, isCancelled: isCancelled)
            environment.areDisguisesHidden = request.areDisguisesHidden
            return environment
        } catch {
            throw .environment(error, source: text)
        }
    }
}

extension SourceRequest {
    /// Whether git has to be asked for it.
    fileprivate var isFetched: Bool {
        switch location {
        case .repository: true
        case .directory: version != nil
        case .empty: false
        }
    }
}

/// Which build this is.
public struct BuildIdentifiers: Sendable, Equatable {
    public var project: String
    public var uuid: String
    /// Counts a project's builds from 1.
    public var number: Int
    public var start: Timestamp

    public init(project: String, uuid: String, number: Int, start: Timestamp) {
        self.project = project
        self.uuid = uuid
        self.number = number
        self.start = start
    }

    /// `<project>:<uuid>`.
    public var buildIdentifier: String { "\(project):\(uuid)" }

    public func arn(region: String, account: String) -> String {
        "arn:aws:codebuild:\(region):\(account):build/\(buildIdentifier)"
    }

    func identity(region: String, account: String, source: String, buildspecPath: String) -> BuildIdentity {
        BuildIdentity(
            id: buildIdentifier, arn: arn(region: region, account: account), number: number, project: project,
            source: source,
            buildspecPath: buildspecPath)
    }

    /// The digits of a source's directory, another for each source and each build (FNV-1a of both, nine digits).
    func digits(for source: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(uuid)/\(source)".utf8 {
            hash ^= UInt64(byte)
            hash &*= 0x100_0000_01b3
        }
        return String(100_000_000 + hash % 900_000_000)
    }
}
