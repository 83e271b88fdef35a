// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
import YAML

/// What StartBuild can override, under the name of the AWS command line's option.
///
/// Source: `StartBuild`, AWS CodeBuild API Reference. What drydock has an option of its own for is an alias of that one
/// and is not listed here: `projectName`, `sourceVersion`, `buildspecOverride`, `computeTypeOverride` and
/// `timeoutInMinutesOverride`.
public struct StartBuildOverride: Sendable, Equatable {
    /// Without dashes.
    public var name: String
    public var form: Form

    public enum Form: Sendable, Equatable {
        /// `--NAME` and `--no-NAME`.
        case flag
        case word
        /// A structure, in JSON or in shorthand.
        case structure
        /// Several of them; the option may be repeated.
        case structures
    }

    private enum Target: Sendable, Equatable {
        case project(String)
        case source(String)
        case environment(String)
        case nothing(String)
    }

    private var target: Target

    private init(_ name: String, _ form: Form, _ target: Target) {
        self.name = name
        self.form = form
        self.target = target
    }

    public static let all: [StartBuildOverride] = [
        .init("environment-variables-override", .structures, .environment("environmentVariables")),
        .init("image-override", .word, .environment("image")),
        .init("environment-type-override", .word, .environment("type")),
        .init("source-type-override", .word, .source("type")),
        .init("source-location-override", .word, .source("location")),
        .init("secondary-sources-override", .structures, .project("secondarySources")),
        .init("secondary-sources-version-override", .structures, .project("secondarySourceVersions")),
        .init("artifacts-override", .structure, .project("artifacts")),
        .init("secondary-artifacts-override", .structures, .project("secondaryArtifacts")),
        .init("encryption-key-override", .word, .project("encryptionKey")),
        .init("source-auth-override", .structure, .source("auth")),
        .init("git-clone-depth-override", .word, .source("gitCloneDepth")),
        .init("git-submodules-config-override", .structure, .source("gitSubmodulesConfig")),
        .init("insecure-ssl-override", .flag, .source("insecureSsl")),
        .init("report-build-status-override", .flag, .source("reportBuildStatus")),
        .init("build-status-config-override", .structure, .source("buildStatusConfig")),
        .init("certificate-override", .word, .environment("certificate")),
        .init("cache-override", .structure, .project("cache")),
        .init("service-role-override", .word, .project("serviceRole")),
        .init("privileged-mode-override", .flag, .environment("privilegedMode")),
        .init("queued-timeout-in-minutes-override", .word, .project("queuedTimeoutInMinutes")),
        .init("idempotency-token", .word, .nothing("each call starts a build")),
        .init("logs-config-override", .structure, .project("logsConfig")),
        .init("registry-credential-override", .structure, .environment("registryCredential")),
        .init("image-pull-credentials-type-override", .word, .environment("imagePullCredentialsType")),
        .init("debug-session-enabled", .flag, .nothing("there is no session manager on this machine")),
        .init("fleet-override", .structure, .environment("fleet")),
        .init("auto-retry-limit-override", .word, .project("autoRetryLimit")),
    ]

    /// Changes a project by this override.
    ///
    /// - Parameters:
    ///   - words: the option's values; of a flag `true` or `false`.
    ///   - fetchesSources: whether sources are fetched as the project says, rather than a checkout built.
    ///   - uploads: what goes to AWS as the project says.
    /// - Returns: warnings, without places.
    public func apply(
        _ words: [String], to definition: inout ProjectDefinition, fetchesSources: Bool = false,
        uploads: ProjectUploads = []
    ) throws(ProjectsError) -> [Diagnostic] {
        let findings = Findings()
        let reader = ProjectReader(
            path: "--\(name)", spelling: .api, evaluator: nil, findings: findings, option: "--\(name)",
            fetchesSources: fetchesSources, uploads: uploads)
        guard let value = try node(words) else { return [] }
        let key: String
        switch target {
        case .project(let name), .source(let name), .environment(let name): key = name
        case .nothing(let reason):
            if words.last != "false" { findings.add(.noLocalMeaning("--\(name)", reason, at: nil)) }
            return findings.all
        }
        let member = ProjectReader.Member(name: key, key: Shorthand.text(key), value: value)
        switch target {
        case .source: reader.take(member, into: &definition.source, isSecondary: false)
        case .environment where key == "environmentVariables":
            let added = reader.variables(member)
            definition.environment.variables.removeAll { old in added.contains { $0.name.value == old.name.value } }
            definition.environment.variables += added
        case .environment: reader.take(member, into: &definition.environment)
        default: reader.take(member, into: &definition)
        }
        if let failure = findings.all.first(where: { $0.severity == .error }) {
            throw .override(name, failure.message, hints: failure.hints)
        }
        return findings.all.map { finding in
            var finding = finding
            finding.span = nil
            return finding
        }
    }

    private func node(_ words: [String]) throws(ProjectsError) -> Node? {
        guard let last = words.last else { return nil }
        if form == .flag || form == .word { return Shorthand.text(last) }
        var items: [Node] = []
        for word in words {
            switch Shorthand.read(word, of: "--\(name)") {
            case .success(let node): items += node.items ?? [node]
            case .failure(let fault): throw .override(name, fault.message)
            }
        }
        if form == .structure { return items.last }
        let start = SourcePosition(line: 1, column: 1)
        return Node(content: .list(items), start: start, end: start)
    }
}
