// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import Buildspec
import Diagnostics
import Files
import SystemPackage
import TestSupport
import Testing

/// A tree with `sandbox/`, whose `src` is the source directory, and `out/`, where artifacts go.
struct Collection {
    let tree: TemporaryTree
    var packaging = ArtifactRequest.Packaging.zip
    var files = ["**/*"]
    var base: String?
    var excluded: [String] = []
    var discardsPaths = false
    var keepsLinks = false
    var name: String?
    var identifier: String?
    var variables: [String: String] = [:]
    var epoch: Int? = 1_700_000_000
    var maximumBytes: Int?
    var destination: FilePath?
    var opened: ArtifactDestination?

    struct Outcome {
        var result: Result<ArtifactResult, ArtifactsError>
        var log: [String]
        var warnings: [String]

        var message: String? {
            if case .failure(let error) = result { error.message } else { nil }
        }
    }

    func request() throws -> ArtifactRequest {
        try tree.directory("sandbox/src")
        let span = SourceSpan(
            path: "buildspec.yml", start: SourcePosition(line: 1, column: 1), end: SourcePosition(line: 1, column: 2))
        let text = { (value: String) in Buildspec.Text(value, span: span) }
        var request = ArtifactRequest(
            definition: Buildspec.Artifact(
                files: files.map(text), name: name.map(text), baseDirectory: base.map(text),
                excludePaths: excluded.map(text), discardPaths: discardsPaths, enableSymlinks: keepsLinks, span: span),
            identifier: identifier, sourceDirectory: "/src", evaluatedName: name, variables: variables,
            packaging: packaging, destination: destination ?? tree.path("out"), sourceDateEpoch: epoch)
        request.openedDestination = opened
        if let maximumBytes { request.maximumBytes = maximumBytes }
        return request
    }

    func run(isCancelled: () -> Bool = { false }) throws -> Outcome {
        let request = try request()
        let root = try tree.root.directory("sandbox")
        var log: [String] = []
        var warnings: [String] = []
        let collector = ArtifactCollector(tree: DirectoryTree(root: root.descriptor))
        let result: Result<ArtifactResult, ArtifactsError>
        do throws(ArtifactsError) {
            result = .success(
                try collector.collect(
                    request, log: { log.append($0) }, warn: { warnings.append($0) }, isCancelled: isCancelled))
        } catch { result = .failure(error) }
        return Outcome(result: result, log: log, warnings: warnings)
    }

    /// Collects, expects success and returns what is in the artifact; links with ` -> target`.
    func contents() throws -> [String] {
        let outcome = try run()
        let result = try outcome.result.get()
        if packaging == .directory {
            return try tree.listing(FilePath("out").pushing(FilePath(name ?? "artifacts"))).filter {
                !$0.hasSuffix("/")
            }
        }
        let script = """
            import sys,zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None
            for i in z.infolist():
                link = i.external_attr >> 28 == 0xA
                print(i.filename + (' -> ' + z.read(i).decode() if link else ''))
            """
        let listed = try runTool("python3", ["-c", script, result.location.string])
        #expect(listed.status == 0, "\(listed.errors)")
        #expect(listed.lines.count == result.fileCount)
        return listed.lines
    }

    /// The content of one member of the ZIP file.
    func text(_ member: String) throws -> String {
        try runTool("unzip", ["-p", tree.path("out/artifacts.zip").string, member]).output
    }
}
