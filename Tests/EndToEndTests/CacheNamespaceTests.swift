// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Whose caches a checkout reaches")
struct CacheNamespaceTests {
    /// The namespace that `--dry-run` shows.
    private func namespace(_ drydock: Drydock, _ words: String...) throws -> String {
        let result = try drydock.run(["run", "--dry-run"] + words)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        let row = result.lines.first { $0.contains("namespace ") }
        return row?.split(separator: " ").last.map(String.init) ?? result.output
    }

    @Test("a name that a checkout chose neither reads nor replaces another project's caches")
    func foreign() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            func build(_ content: String, _ words: String...) throws -> [String] {
                try tree.write(
                    "source/buildspec.yml",
                    """
                    version: 0.2
                    cache: {paths: [n/**/*]}
                    phases: {build: {commands: ['cat n/n || echo none; mkdir -p n; echo \(content) > n/n']}}

                    """)
                let result = try drydock.run(["run"] + words)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                return result.lines.filter { ["none", "theirs", "hostile"].contains($0) }
            }
            #expect(try build("theirs", "--project", "payments") == ["none"])
            try tree.write("source/drydock.yml", "project: payments\n")
            #expect(try build("hostile") == ["none"])
            try tree.write(
                "source/project.json",
                #"{"name": "payments", "source": {"type": "GITHUB"}, "cache": {"type": "S3", "cacheNamespace": "payments"}}"#
            )
            try tree.write("source/drydock.yml", "project: project.json\n")
            #expect(try build("hostile") == ["hostile"])
            #expect(try build("theirs", "--project", "payments") == ["theirs"])
        }
    }

    @Test("what the user names counts as it is, what a checkout names below the directory's name")
    func names() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\ncache: {paths: [n]}\nphases: {build: {commands: ['true']}}\n")
            let named = #"{"name": "web", "source": {"type": "GITHUB"}}"#
            let shared =
                #"{"name": "web", "source": {"type": "GITHUB"}, "cache": {"type": "S3", "cacheNamespace": "all"}}"#
            for place in ["source", "elsewhere"] {
                try tree.write(FilePath("\(place)/named.json"), named)
                try tree.write(FilePath("\(place)/shared.json"), shared)
            }
            try tree.link("source/link.json", to: tree.path("elsewhere/shared.json"))
            #expect(try namespace(drydock) == "source")
            #expect(try namespace(drydock, "--project", "web") == "web")
            #expect(try namespace(drydock, "--project", "named.json") == "source/web")
            #expect(try namespace(drydock, "--project", "shared.json") == "source/all")
            #expect(try namespace(drydock, "--project", "link.json") == "source/all")
            #expect(try namespace(drydock, "--project", "../elsewhere/named.json") == "web")
            #expect(try namespace(drydock, "--project", "../elsewhere/shared.json") == "all")
            #expect(try namespace(drydock, "--project", "shared.json", "--cache-namespace", "mine") == "mine")
            #expect(
                try namespace(
                    drydock, "--project", "shared.json", "--cache-override", "type=S3,cacheNamespace=mine") == "mine")
            try tree.write("source/drydock.yml", "project: web\n")
            #expect(try namespace(drydock) == "source/web")
            #expect(try namespace(drydock, "--project", "other") == "other")
            try tree.write("source/drydock.yml", "project: source\n")
            #expect(try namespace(drydock) == "source")
            try tree.write("source/drydock.yml", "project: shared.json\n")
            #expect(try namespace(drydock) == "source/all")
            try FileManager.default.removeItem(atPath: tree.path("source/drydock.yml").string)
            try tree.write("home/.config/drydock/config.yml", "project: web\n")
            #expect(try namespace(drydock) == "web")
        }
    }
}
