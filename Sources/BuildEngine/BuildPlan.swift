// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Artifacts
public import BuildEnvironment
public import BuildModel
public import Buildspec
public import Diagnostics
import Files
import ImageStore
public import Sandbox
public import SystemPackage
import TextPatterns

/// What will run: everything looked up and decided, nothing started.
///
/// Printed, it shows no secret.
public struct BuildPlan: Sendable {
    public var identity: BuildIdentity
    public var buildspec: Buildspec
    /// The buildspec's text, for drawing places in it.
    public var buildspecText: SourceText
    /// Where the build sees the buildspec.
    public var buildspecLocation: String
    /// The primary source first.
    public var sources: [PlannedSource]
    /// The phases to enter, in order.
    public var phases: [PlannedPhase]
    public var environment: ResolvedEnvironment
    public var shell: String
    public var image: SandboxSettings.Image
    /// Runtimes of the image that the buildspec chose, by name and version.
    var runtimes: [ImageRuntime] = []
    public var network: SandboxSettings.Network
    public var limits: SandboxSettings.Limits
    public var computeType: ComputeType?
    public var timeoutMinutes: Double
    public var artifactsDirectory: FilePath?
    /// Where they go from there, for display.
    public var artifactPlaces: [String] = []
    public var packaging: ArtifactRequest.Packaging
    /// Findings that did not stop the plan.
    public var warnings: [Diagnostic]
    /// What else the user should know before it runs.
    public var advice: [Warning]

    /// A source that is on this machine.
    public struct PlannedSource: Sendable, Equatable {
        /// Nil for the primary source.
        public var identifier: String?
        /// The directory that holds it, absolute and without links.
        public var hostPath: FilePath
        /// Inside the sandbox, as `/codebuild/output/src123/src`.
        public var path: String
        /// As the user named it.
        public var displayed: String
        public var isCheckout: Bool
        public var isWritable: Bool
        public var version: String?
        /// The commit.
        public var resolvedVersion: String?
        public var repositoryURL: String?
    }

    /// A phase with its commands.
    public struct PlannedPhase: Sendable {
        public var type: PhaseType
        public var commands: [CommandReference]
        public var finally: [CommandReference]
        /// The user of its commands; nil is root.
        public var runAs: String?
        public var onFailure: Buildspec.OnFailure?
        var retryPattern: TextPattern?

        var script: PhaseMachine.Script {
            let rule: PhaseMachine.FailureRule? =
                switch onFailure {
                case nil: nil
                case .abort: .abort
                case .continue: .proceed
                case .retry(let count, let pattern):
                    // A pattern that cannot be read never matches.
                    .retry(limit: pattern == nil || retryPattern != nil ? count : 0)
                }
            return PhaseMachine.Script(commands: commands.count, finally: finally.count, onFailure: rule)
        }
    }

    /// What the sandbox of this plan is to be.
    public func sandboxSettings(scratch: FilePath, launcher: FilePath) -> SandboxSettings {
        SandboxSettings(
            image: image, network: network,
            sources: sources.map {
                SandboxSettings.SourceMount(
                    hostPath: $0.hostPath, path: FilePath($0.path), isWritable: $0.isWritable)
            },
            limits: limits, environment: environment.pairs, scratchDirectory: scratch, launcher: launcher)
    }

    /// What the phase machine has to know of the buildspec.
    var scripts: [PhaseType: PhaseMachine.Script] {
        Dictionary(phases.map { ($0.type, $0.script) }) { first, _ in first }
    }

    subscript(type: PhaseType) -> PlannedPhase? { phases.first { $0.type == type } }
}

extension BuildPlan: CustomStringConvertible {
    /// The plan as text, a fact a line, for `--dry-run`.
    public var description: String {
        var lines: [String] = []
        func fact(_ name: String, _ value: String) {
            lines.append(name + String(repeating: " ", count: max(1, 13 - name.utf8.count)) + value)
        }
        fact("project", identity.project)
        for source in sources {
            let way = source.isWritable ? "writable" : "copy-on-write"
            let commit = source.isCheckout ? source.resolvedVersion.map { " at \($0)" } ?? "" : ""
            fact(source.identifier.map { "source \($0)" } ?? "source", "\(source.displayed)\(commit)")
            lines.append("             → \(source.path) (\(way))")
        }
        fact("buildspec", "\(identity.buildspecPath) (version \(buildspec.version.rawValue), shell \(shell))")
        fact("image", image.words)
        fact("network", network.rawValue)
        fact("limits", limitWords)
        fact("timeout", "\(Self.number(timeoutMinutes)) min")
        fact("environment", "")
        lines.removeLast()
        lines.append("environment")
        for variable in environment.variables {
            lines.append("  \(DisplayText.escaped(variable.description))")
        }
        for phase in phases { lines += Self.lines(of: phase) }
        lines += artifactLines
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(of phase: PlannedPhase) -> [String] {
        var title = "phase \(phase.type.rawValue)"
        if let user = phase.runAs { title += ", as \(user)" }
        if let rule = phase.onFailure { title += ", on failure \(rule.words)" }
        var lines = [title]
        for command in phase.commands { lines += indented(command.text) }
        if !phase.finally.isEmpty {
            lines.append("  finally")
            for command in phase.finally { lines += indented(command.text).map { "  " + $0 } }
        }
        return lines
    }

    /// A command's lines, the first marked so that commands can be told apart.
    private static func indented(_ text: String) -> [String] {
        // A block scalar ends in a line break, which is no line of its own.
        var text = Substring(text)
        while text.last == "\n" { text.removeLast() }
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
            (index == 0 ? "  $ " : "    ") + DisplayText.escaped(String(line))
        }
    }

    private var limitWords: String {
        var words: [String] = []
        if let computeType { words.append(computeType.name) }
        if let memory = limits.memoryBytes { words.append("memory \(FailureHints.size(memory))") }
        if let cpus = limits.cpus { words.append("\(Self.number(cpus)) cpus") }
        if let processes = limits.processes { words.append("\(processes) processes") }
        return words.isEmpty ? "none" : words.joined(separator: ", ")
    }

    private var artifactLines: [String] {
        let places = [artifactsDirectory?.displayed].compactMap { $0 } + artifactPlaces.map(DisplayText.escaped)
        if places.isEmpty { return ["artifacts    not kept"] }
        let form = packaging == .zip ? "zip" : "directory"
        var lines = ["artifacts    \(places.joined(separator: ", ")) (\(form))"]
        if let primary = buildspec.artifacts {
            lines += primary.files.map { "  \(DisplayText.escaped($0.value))" }
        }
        for secondary in buildspec.secondaryArtifacts {
            lines.append("  \(secondary.identifier.value)")
            lines += secondary.artifact.files.map { "    \(DisplayText.escaped($0.value))" }
        }
        return lines
    }

    /// `60`, `0.5`.
    static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
}

extension SandboxSettings.Image {
    /// As the user writes it.
    public var words: String {
        switch self {
        case .host: "host"
        case .directory(let path), .unfinished(let path): "dir:\(path.displayed)"
        case .named(let name, _): name
        }
    }
}

extension Buildspec.OnFailure {
    /// As a buildspec writes it.
    var words: String {
        switch self {
        case .abort: "ABORT"
        case .continue: "CONTINUE"
        case .retry(let count, let pattern): "RETRY-\(count)" + (pattern.map { "-\($0)" } ?? "")
        }
    }
}
