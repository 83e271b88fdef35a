// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
import Diagnostics
import Secrets
import Testing

@Suite("buildspec decoding")
struct DecodingTests {
    private func read(_ text: String) -> Buildspec? {
        Buildspec.read(SourceText(path: "buildspec.yml", text: text), lint: false).buildspec
    }

    @Test("every section is read, and scalars keep their source text")
    func everySection() throws {
        let (read, diagnostics) = Buildspec.read(try Corpus.source("full", in: "valid"), lint: false)
        let buildspec = try #require(read)
        #expect(diagnostics == [])
        #expect(buildspec.version == .v0_2)
        #expect(buildspec.runAs?.value == "root")
        #expect(buildspec.environment.shell?.value == "bash")
        #expect(
            buildspec.environment.variables.map { "\($0.name.value)=\($0.value.value)" }
                == ["STAGE=test", "RATIO=0.10", "OFFLINE=yes", "OCTAL=010", "TIME=12:30:45"])
        #expect(buildspec.environment.parameterStore.map(\.value.value) == ["/ci/login"])
        #expect(buildspec.environment.secretsManager.count == 2)
        #expect(buildspec.environment.exportedVariables.map(\.value) == ["STAGE"])
        #expect(buildspec.environment.gitCredentialHelper)
        #expect(!buildspec.proxy.uploadsArtifacts && buildspec.proxy.logs)
        #expect(buildspec.phases.entries.map(\.name) == [.install, .preBuild, .build, .postBuild])
        #expect(
            buildspec.phases[.install]?.runtimeVersions.map { "\($0.name.value) \($0.version.value)" }
                == ["python 3.10", "nodejs 20"])
        #expect(buildspec.phases["pre_build"]?.runAs?.value == "codebuild-user")
        #expect(buildspec.phases[.preBuild]?.onFailure == .abort)
        #expect(buildspec.phases[.build]?.onFailure == .retry(count: 3, pattern: ".*connection timed out.*"))
        #expect(
            buildspec.phases[.build]?.commands.map(\.value)
                == ["if [[ -f x ]]; then\n  make\nfi\n", "echo folded text\n"])
        #expect(buildspec.phases[.build]?.finally.map(\.value) == ["echo end"])
        #expect(buildspec.reports.map(\.name.value) == ["tests"])
        #expect(buildspec.artifacts?.name?.value == "app-$(date +%Y-%m-%d)")
        #expect(buildspec.artifacts?.enableSymlinks == true)
        #expect(buildspec.secondaryArtifacts.map(\.identifier.value) == ["logs"])
        #expect(buildspec.cache?.action == .restore)
        guard case .graph(let tasks) = buildspec.batch?.kind else {
            Issue.record("the batch is no graph")
            return
        }
        #expect(tasks.map(\.identifier.value) == ["compile", "check"])
        #expect(tasks[1].dependOn.map(\.value) == ["compile"] && tasks[1].ignoreFailure)
    }

    @Test("a command's span covers its text")
    func spans() throws {
        let buildspec = try #require(read("version: 0.2\nphases:\n  build:\n    commands:\n      - echo 漢字\n"))
        let span = try #require(buildspec.phases[.build]?.commands.first?.span)
        #expect(span.start == SourcePosition(line: 5, column: 9))
        #expect(span.end == SourcePosition(line: 5, column: 16))
    }

    @Test("version 0.1 and its spellings are read")
    func oldVersion() throws {
        let buildspec = try #require(
            Buildspec.read(try Corpus.source("version-0.1", in: "valid"), lint: false).buildspec)
        #expect(buildspec.version == .v0_1)
        #expect(buildspec.environment.variables.map(\.name.value) == ["A"])
        #expect(buildspec.environment.parameterStore.map(\.value.value) == ["/d"])
    }

    @Test("anchors, aliases and merge keys are resolved; a map's own key wins over a merged one")
    func anchors() throws {
        let buildspec = try #require(Buildspec.read(try Corpus.source("anchors", in: "valid"), lint: false).buildspec)
        for name in [Buildspec.Phases.Name.preBuild, .build, .postBuild] {
            #expect(buildspec.phases[name]?.commands.map(\.value) == ["make"])
            #expect(buildspec.phases[name]?.onFailure == .abort)
        }
    }

    @Test("of equal keys the last wins")
    func duplicates() throws {
        let buildspec = try #require(
            Buildspec.read(try Corpus.source("duplicate-key", in: "valid"), lint: false).buildspec)
        #expect(buildspec.phases[.build]?.commands.map(\.value) == ["make test"])
        #expect(buildspec.environment.variables.map(\.value.value) == ["c"])
        let many = try #require(Buildspec.read(try Corpus.source("many-keys", in: "valid"), lint: false).buildspec)
        #expect(many.environment.variables.count == 20)
        #expect(many.environment.variables.first { $0.name.value == "V3" }?.value.value == "again")
    }

    @Test("empty items are skipped, a scalar is a list of one, empty variables are empty text")
    func tolerance() throws {
        let items = try #require(Buildspec.read(try Corpus.source("null-item", in: "valid"), lint: false).buildspec)
        #expect(items.phases[.build]?.commands.map(\.value) == ["make"])
        let scalar = try #require(
            Buildspec.read(try Corpus.source("scalar-for-list", in: "valid"), lint: false).buildspec)
        #expect(scalar.phases[.build]?.commands.map(\.value) == ["make\nmake test\n"])
        #expect(scalar.artifacts?.files.map(\.value) == ["dist.zip"])
        let empty = try #require(Buildspec.read(try Corpus.source("null-value", in: "valid"), lint: false).buildspec)
        #expect(empty.environment.variables.map(\.value.value) == [""])
        #expect(empty.phases.count == 2)
    }

    @Test("no carriage return of CRLF reaches a command")
    func lineEnds() throws {
        for name in ["crlf", "byte-order-mark", "utf-16", "document-start"] {
            let buildspec = try #require(Buildspec.read(try Corpus.source(name, in: "valid"), lint: false).buildspec)
            #expect(buildspec.phases[.build]?.commands.map(\.value) == ["make"], "\(name)")
        }
    }

    @Test("booleans are read as YAML 1.1 spells them, quoted or not")
    func booleans() {
        for (text, value) in [
            ("yes", true), ("no", false), ("true", true), ("FALSE", false), ("On", true), ("off", false),
            ("'yes'", true), ("\"no\"", false),
        ] {
            let buildspec = read(
                "version: 0.2\nenv:\n  git-credential-helper: \(text)\nphases:\n  build:\n    commands: [make]\n")
            #expect(buildspec?.environment.gitCredentialHelper == value, "\(text)")
        }
    }

    @Test("an error in a batch leaves what a single build runs")
    func batchErrors() throws {
        let (buildspec, diagnostics) = Buildspec.read(try Corpus.source("batch-cycle", in: "invalid"), lint: false)
        #expect(diagnostics.map(\.rule) == ["dependency-cycle"])
        #expect(buildspec?.phases.count == 1)
    }

    @Test("keys that CodeBuild's log names are listed with their section")
    func unknownKeys() throws {
        let buildspec = try #require(
            Buildspec.read(try Corpus.source("unknown-key", in: "valid"), lint: false).buildspec)
        #expect(
            buildspec.unknownKeys.map { "\($0.section):\($0.key.value)" } == [
                "phases/build:comands", "phases/build:steps", ":artefacts", ":environment_variabls", ":foo",
            ])
    }
}

@Suite("grammars of values")
struct GrammarTests {
    @Test("on-failure is read in all its forms")
    func onFailure() throws {
        for (text, expected) in [
            ("ABORT", Buildspec.OnFailure.abort), ("continue", .continue), ("RETRY", .retry(count: 3, pattern: nil)),
            ("RETRY-8", .retry(count: 8, pattern: nil)), ("RETRY-0", .retry(count: 0, pattern: nil)),
            ("Retry-.*Error: a-b", .retry(count: 3, pattern: ".*Error: a-b")),
            ("RETRY-8-invalid+", .retry(count: 8, pattern: "invalid+")),
            ("RETRY-3x", .retry(count: 3, pattern: "3x")),
        ] {
            #expect(try Buildspec.OnFailure(text) == expected, "\(text)")
        }
        for text in ["", "STOP", "RETRY-", "RETRY-101", "RETRY-99999999999999999999", "RETRYX"] {
            #expect(throws: BuildspecError.self, "\(text)") { try Buildspec.OnFailure(text) }
        }
    }
}
