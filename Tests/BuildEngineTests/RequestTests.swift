// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEngine
import SystemPackage
import Testing

@Suite("Build request")
struct RequestTests {
    @Test(
        "makes a project's name of a directory's",
        arguments: [
            ("my-service", "my-service"), ("My App 2", "My-App-2"), (".hidden", "hidden"), ("é", "project"),
            ("", "project"),
            ("_x", "x"), ("a.b", "a-b"), ("a..", "a"), ("/", "project"),
        ])
    func projectName(raw: String, expected: String) {
        #expect(ProjectName(sanitizing: raw).description == expected)
    }

    @Test(
        "refuses what is no project's name",
        arguments: ["", "-a", "_a", "a b", "a/b", String(repeating: "a", count: 151)])
    func noProjectName(raw: String) {
        #expect(ProjectName(raw) == nil)
    }

    @Test(
        "tells paths, URLs and secondary sources apart",
        arguments: [
            (".", nil, .directory(".")), ("lib:../lib", "lib", .directory("../lib")),
            ("https://github.com/a/b", nil, .repository("https://github.com/a/b")),
            ("git@github.com:a/b.git", nil, .repository("git@github.com:a/b.git")),
            ("lib:https://github.com/a/b", "lib", .repository("https://github.com/a/b")),
            ("lib:git@host:a", "lib", .repository("git@host:a")), ("./a:b", nil, .directory("./a:b")),
            ("/a:b", nil, .directory("/a:b")), ("file:///srv/x.git", nil, .repository("file:///srv/x.git")),
        ] as [(String, String?, SourceRequest.Location)])
    func sources(raw: String, identifier: String?, location: SourceRequest.Location) {
        let source = SourceRequest(raw) { FilePath($0) }
        #expect(source == SourceRequest(identifier: identifier, location: location))
    }

    @Test(
        "tells a document from a path",
        arguments: [
            ("", .standard), ("ci/build.yml", .file("ci/build.yml")), ("version: 0.2", .inline("version: 0.2")),
            ("{\"version\": 0.2}", .inline("{\"version\": 0.2}")), ("a\nb", .inline("a\nb")),
            ("/a: b/build.yml", .file("/a: b/build.yml")), ("/a\nb.yml", .file("/a\nb.yml")),
        ] as [(String, BuildspecChoice)])
    func buildspecs(raw: String, choice: BuildspecChoice) {
        #expect(BuildspecChoice(raw, path: FilePath(raw)) == choice)
    }

    @Test("knows compute types by both names")
    func computeTypes() {
        #expect(ComputeType("BUILD_GENERAL1_SMALL")?.memoryBytes == 4 << 30)
        #expect(ComputeType("large")?.cpus == 8)
        #expect(ComputeType("huge") == nil)
    }
}
