// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Foundation
import Projects
import Testing

@Suite("Overrides of StartBuild")
struct OverrideTests {
    private func apply(
        _ name: String, _ words: String..., to definition: inout ProjectDefinition
    ) throws(ProjectsError) -> [String] {
        guard let override = StartBuildOverride.all.first(where: { $0.name == name }) else { return ["no \(name)"] }
        return try override.apply(words, to: &definition).map(\.message)
    }

    private func failure(_ name: String, _ word: String) -> String {
        var definition = ProjectDefinition()
        do {
            return try apply(name, word, to: &definition).joined()
        } catch { return error.message }
    }

    /// The members of StartBuild's input. Source: AWS CodeBuild API Reference.
    private static let members = [
        "projectName", "secondarySourcesOverride", "secondarySourcesVersionOverride", "sourceVersion",
        "artifactsOverride", "secondaryArtifactsOverride", "environmentVariablesOverride", "sourceTypeOverride",
        "sourceLocationOverride", "sourceAuthOverride", "gitCloneDepthOverride", "gitSubmodulesConfigOverride",
        "buildspecOverride", "insecureSslOverride", "reportBuildStatusOverride", "buildStatusConfigOverride",
        "environmentTypeOverride", "imageOverride", "computeTypeOverride", "certificateOverride", "cacheOverride",
        "serviceRoleOverride", "privilegedModeOverride", "timeoutInMinutesOverride",
        "queuedTimeoutInMinutesOverride", "encryptionKeyOverride", "idempotencyToken", "logsConfigOverride",
        "registryCredentialOverride", "imagePullCredentialsTypeOverride", "debugSessionEnabled", "fleetOverride",
        "autoRetryLimitOverride",
    ]

    @Test("every override has its option, and its line in docs/projects.md")
    func complete() throws {
        let options = Self.members.map { member in
            member.map { $0.isUppercase ? "-\($0.lowercased())" : "\($0)" }.joined()
        }
        #expect(options.count == 33)
        let elsewhere: Set = [
            "project-name", "source-version", "buildspec-override", "compute-type-override",
            "timeout-in-minutes-override",
        ]
        #expect(Set(options).subtracting(elsewhere) == Set(StartBuildOverride.all.map(\.name)))
        let page = URL(filePath: #filePath).appending(path: "../../../docs/projects.md").standardized
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `--") }
        #expect(
            rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) } == options.map { "--\($0)" }
        )
    }

    @Test("variables are added, or replaced by name")
    func variables() throws {
        var definition = try Reading.select(
            #"{"name": "ok", "source": {}, "environment": {"environmentVariables": [{"name": "A", "value": "1"}]}}"#
        ).definition
        let warnings = try apply(
            "environment-variables-override", "name=A,value=2", "name=B,value='a,b',type=SECRETS_MANAGER",
            #"[{"name": "C", "value": "x=y"}]"#, to: &definition)
        #expect(warnings == [])
        #expect(
            definition.environment.variables.map { "\($0.name.value)=\($0.value.value) \($0.kind.rawValue)" }
                == ["A=2 PLAINTEXT", "B=a,b SECRETS_MANAGER", "C=x=y PLAINTEXT"])
    }

    @Test("structures in shorthand and in JSON take the project's place")
    func structures() throws {
        var definition = ProjectDefinition()
        #expect(try apply("artifacts-override", "type=S3,packaging=ZIP,name=a.zip", to: &definition) == [])
        #expect(definition.artifacts.isZip?.value == true && definition.artifacts.name?.value == "a.zip")
        #expect(try apply("source-type-override", "NO_SOURCE", to: &definition) == [])
        #expect(definition.source.type?.value == ProjectDefinition.SourceType.none)
        #expect(
            try apply(
                "secondary-sources-override", "type=GITHUB,location=https://h/a,sourceIdentifier=a",
                "type=S3,location=b/k,sourceIdentifier=b", to: &definition) == [])
        #expect(definition.secondarySources.map { $0.identifier?.value } == ["a", "b"])
        #expect(try apply("image-override", "img:1", to: &definition) == [])
        #expect(definition.environment.image?.value == "img:1")
    }

    @Test("what has no meaning here is one warning, under the option's name")
    func withoutMeaning() throws {
        var definition = ProjectDefinition()
        for (name, word) in [
            ("privileged-mode-override", "true"), ("service-role-override", "arn:aws:iam::1:role/r"),
            ("logs-config-override", "s3Logs={status=ENABLED,location=b/p}"), ("git-clone-depth-override", "1"),
            ("source-auth-override", "type=OAUTH"), ("git-submodules-config-override", "fetchSubmodules=true"),
            ("insecure-ssl-override", "true"), ("report-build-status-override", "true"),
            ("build-status-config-override", "context=c"), ("certificate-override", "b/c.pem"),
            ("queued-timeout-in-minutes-override", "5"), ("idempotency-token", "t"),
            ("registry-credential-override", "credential=c,credentialProvider=SECRETS_MANAGER"),
            ("image-pull-credentials-type-override", "SERVICE_ROLE"), ("debug-session-enabled", "true"),
            ("fleet-override", "fleetArn=a"), ("auto-retry-limit-override", "2"),
            ("environment-type-override", "WINDOWS_CONTAINER"),
        ] {
            let warnings = try apply(name, word, to: &definition)
            #expect(warnings.count == 1 && warnings[0].hasPrefix("`--\(name)` changes nothing here: "), "\(warnings)")
        }
        #expect(try apply("privileged-mode-override", "false", to: &definition) == [])
    }

    @Test("history and submodules mean something where sources are fetched")
    func fetching() throws {
        var definition = ProjectDefinition()
        for (name, word) in [
            ("git-clone-depth-override", "1"), ("git-submodules-config-override", "fetchSubmodules=true"),
        ] {
            let override = StartBuildOverride.all.first { $0.name == name }
            #expect(try override?.apply([word], to: &definition, fetchesSources: true) == [])
        }
        #expect(definition.source.cloneDepth == 1 && definition.source.fetchesSubmodules)
    }

    @Test(
        "values that are wrong are refused under the option's name",
        arguments: [
            ("artifacts-override", "packaging=TAR", "`packaging` cannot be `TAR`"),
            ("artifacts-override", "S3", "`S3` is no KEY=VALUE"),
            ("artifacts-override", "type=S3}", "`type` cannot be `S3}`"),
            ("artifacts-override", "{", "the file ends where a key in double quotes is due"),
            ("logs-config-override", "s3Logs={status=ENABLED", "`}` is missing at its end"),
            ("cache-override", "modes=[a", "`]` is missing"),
            ("environment-variables-override", "name='A", "text in quotes does not end"),
            ("environment-variables-override", "value=1", "a variable needs a `name`, which holds no `=`"),
            ("environment-variables-override", "name=A", "a variable needs a `value`"),
            ("image-pull-credentials-type-override", "FOO", "`imagePullCredentialsType` cannot be `FOO`"),
            ("auto-retry-limit-override", "11", "`autoRetryLimit` is 11, but must be from 0 to 10"),
            ("git-clone-depth-override", "deep", "`gitCloneDepth` is `deep`, but must be a whole number"),
            ("queued-timeout-in-minutes-override", "1", "`queuedTimeoutInMinutes` is 1, but must be from 5 to 480"),
            ("cache-override", "a=" + String(repeating: "[", count: 5000), "it nests too deeply"),
        ])
    func refused(name: String, word: String, expected: String) {
        #expect(failure(name, word) == "the value of `--\(name)` is not right: \(expected)")
    }
}
