// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock warm")
struct WarmTests {
    private func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in try body(tree, try Drydock(in: tree, user: user)) }
    }

    /// Three phases that leave a trace each in what is cached.
    private func buildspec(_ cache: String, build: String = "touch n/build") -> String {
        """
        version: 0.2
        cache:
          \(cache.split(separator: "\n").joined(separator: "\n  "))
        phases:
          install:
            commands: ['mkdir -p n; test -e n/install || touch n/install']
          build:
            commands: ['\(build)']
          post_build:
            commands: ['touch n/post; ls n']
        artifacts:
          files: ['**/*']

        """
    }

    private static let keyed = "key: npm-$(codebuild-hash-files lock)\npaths: ['n/**/*']"

    private func write(_ tree: TemporaryTree, _ drydock: Drydock, _ path: FilePath, _ text: String) throws {
        try tree.write(path, text)
        try drydock.user.own(tree.path("source"))
    }

    private func reports(_ result: ToolResult) throws -> [[String: Any]] {
        let schema = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("docs/schemas/warm.schema.json")
        #expect(try JSONSchema(schema).violations(in: result.standardOutput) == [])
        let document = try JSONSerialization.jsonObject(with: Data(result.standardOutput)) as? [String: Any]
        return document?["builds"] as? [[String: Any]] ?? []
    }

    @Test("runs as far as BUILD, saves, and leaves an entry alone that is there", arguments: TestUser.all)
    func fills(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            try tree.write("source/lock", "one")
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed))
            let first = try drydock("warm")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            #expect(first.lines.contains { $0.hasPrefix("source: saved cache `npm-") && $0.contains("2 files") })
            // It is for caches alone.
            #expect(!first.output.contains("artifact") && !first.errors.contains("artifact"), "\(first.output)")

            let second = try drydock("warm")
            #expect(second.status == 0 && second.lines.count == 1, "\(second.output)")
            #expect(second.lines.first?.contains("is there already: ") == true, "\(second.output)")
            let quiet = try drydock("warm", "-q")
            #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.errors.isEmpty, "\(quiet.output)\(quiet.errors)")
            // What was not run is in no history.
            #expect(try drydock("history", "--numbers").lines == ["1"])

            let build = try drydock("run", "post_build")
            #expect(build.lines.contains("install") && build.lines.contains("build"), "\(build.output)")

            try write(tree, drydock, "source/lock", "two")
            let json = try drydock("warm", "--json", "install")
            let report = try #require(try reports(json).first)
            #expect(report["result"] as? String == "saved" && report["buildNumber"] as? Int == 3, "\(json.output)")
            #expect((report["entry"] as? [String: Any])?["fileCount"] as? Int == 1, "\(json.output)")
            #expect(try reports(drydock("warm", "--json")).first?["result"] as? String == "present")
        }
    }

    @Test("a cache without a key is filled anew from what is there, and says when nothing changed")
    func withoutKey() throws {
        try with(TestUser()) { tree, drydock in
            try write(tree, drydock, "source/buildspec.yml", buildspec("paths: ['n/**/*']", build: "date +%N > n/time"))
            #expect(try drydock("warm", "-q").lines.contains { $0.contains("saved cache (no key): ") })
            let second = try drydock("warm")
            #expect(second.lines.contains { $0.contains("saved cache (no key)") && $0.contains("from what was there") })
            let third = try drydock("warm", "install", "-q")
            #expect(third.status == 0 && !third.output.contains("cache"), "\(third.output)")
        }
    }

    @Test("cron: no terminal, no HOME, no PATH to speak of", arguments: TestUser.all)
    func cron(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            var drydock = drydock
            drydock.environment = ["PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"]
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed))
            #expect(try drydock("warm", "-q").status == 0)
            let again = try drydock("warm", "-q")
            #expect(again.status == 0 && again.output.isEmpty && again.errors.isEmpty, "\(again.output)\(again.errors)")
        }
    }

    @Test("a build that fails saves nothing, says why, and ends as `run` would")
    func failures() throws {
        try with(TestUser()) { tree, drydock in
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed, build: "echo oh no; exit 3"))
            let failed = try drydock("warm", "-q")
            #expect(failed.status == 1 && failed.output.contains("oh no"), "\(failed.output)")
            #expect(failed.lines.contains { $0.hasPrefix("source: not filled: build 1: ") }, "\(failed.output)")
            let json = try drydock("warm", "--json")
            let report = try #require(try reports(json).first)
            #expect(json.status == 1 && report["exitCode"] as? Int == 1 && report["result"] as? String == "failed")
            // No state is kept of it.
            #expect(try drydock("gc", "--all", "--dry-run").output.contains("would free 0 bytes"))
            #expect(!tree.exists("state/cache/layers"))

            try write(tree, drydock, "source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [true]\n")
            let none = try drydock("warm")
            #expect(none.status == 2 && none.errors.contains("no `cache`") && none.errors.contains("cache suggest"))
            try write(tree, drydock, "source/buildspec.yml", buildspec("paths: ['elsewhere/**/*']"))
            let nothing = try drydock("warm", "-q")
            #expect(nothing.status == 0 && nothing.errors.contains("nothing was at the paths"), "\(nothing.errors)")
        }
    }

    @Test("two at once: one fills, the other leaves it to that one, and a killed one is in nobody's way")
    func concurrent() throws {
        try with(TestUser()) { tree, drydock in
            try write(
                tree, drydock, "source/buildspec.yml",
                buildspec(Self.keyed, build: "echo filling; for i in $(seq 600); do test -e n/go || sleep 0.1; done"))
            let filling = try RunningDrydock(drydock, ["warm", "--timeout", "1"])
            #expect(filling.wait(for: "filling"))
            let other = try drydock("warm")
            #expect(other.status == 0 && other.lines.count == 1, "\(other.output)\(other.errors)")
            #expect(other.lines.first?.contains("is left to process ") == true, "\(other.output)")
            filling.signal(SIGTERM)
            #expect(filling.end() != 0)
            #expect(try tree.listing("state/warming").isEmpty)
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed))
            let next = try drydock("warm", "-q")
            #expect(next.lines.contains { $0.contains("saved cache `npm-") }, "\(next.output)\(next.errors)")
        }
    }

    @Test("`--all` fills every buildspec below a directory that git does not ignore, and ends as the worst")
    func all() throws {
        try with(TestUser()) { tree, drydock in
            for (path, text) in [
                ("web/buildspec.yml", buildspec(Self.keyed)),
                ("web/buildspec-test.yaml", buildspec("key: $FLAVOUR\npaths: ['n/**/*']")),
                ("api/buildspec.yml", buildspec("paths: ['n/**/*']", build: "exit 9")),
                ("plain/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: ['true']\n"),
                ("web/node_modules/x/buildspec.yml", "none"), ("old/buildspec.yml", "none"),
                ("web/.git/buildspec.yml", "none"), (".gitignore", "old/\n"),
                ("web/drydock.yml", "env:\n  FLAVOUR: mild\n"),
            ] { try tree.write(FilePath("source/repositories/\(path)"), text) }
            try drydock.user.own(tree.path("source"))
            let first = try drydock("warm", "--all", "repositories")
            #expect(first.status == 1, "\(first.output)\(first.errors)")
            let table = first.lines.drop { !$0.hasPrefix("BUILDSPEC") }.map { $0.split(separator: " ").prefix(2) }
            #expect(
                table == [
                    ["BUILDSPEC", "RESULT"], ["repositories/api/buildspec.yml", "failed"],
                    ["repositories/plain/buildspec.yml", "none"], ["repositories/web/buildspec-test.yaml", "saved"],
                    ["repositories/web/buildspec.yml", "saved"],
                ], "\(first.output)")
            let second = try drydock("warm", "--all", "repositories", "--json")
            let results = try reports(second).map { $0["result"] as? String }
            #expect(second.status == 1 && results == ["failed", "none", "present", "present"], "\(second.output)")
            // Each is filled as it is built in its own directory.
            do {
                var inside = drydock
                inside.directory = tree.path("source/repositories/web")
                #expect(try inside("warm").lines.first?.contains("is there already") == true)
                #expect(try inside("run").output.contains("Restored cache `npm-"))
            }
            #expect(second.output.contains(#""key": "mild""#), "\(second.output)")
            #expect(try drydock("warm", "--all", ".", "--source", "x").status == 2)
            #expect(try drydock("warm", "--all", "missing").status == 3)
        }
    }

    @Test("an image that is not there is built first, where its recipe is")
    func image() throws {
        try with(TestUser()) { tree, drydock in
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed))
            let none = try drydock("warm", "--image", "mini")
            #expect(none.status == 3 && !none.errors.contains("building it"), "\(none.errors)")
            // The recipe is taken, and read.
            try write(tree, drydock, "source/images/mini/image.yml", "suite: [a]\n")
            let built = try drydock("warm", "--image", "mini")
            #expect(built.errors.contains("image `mini` is not built yet: building it from `"), "\(built.errors)")
            #expect(built.errors.contains("image.yml:1:8"), "\(built.errors)")
            #expect(built.status == 2 || built.status == 3, "\(built.status)")
        }
    }

    @Test("a build beside it is not disturbed, and its cache is taken up by the next")
    func besideBuilds() throws {
        try with(TestUser()) { tree, drydock in
            try write(tree, drydock, "source/buildspec.yml", buildspec(Self.keyed))
            let slow = try RunningDrydock(drydock, ["run", "--no-cache", "-e", "X=1", "install"])
            let warm = try drydock("warm", "-q")
            #expect(warm.status == 0 && slow.end() == 0, "\(warm.output)\(warm.errors)")
            #expect(try drydock("run").output.contains("Restored cache `npm-"))
        }
    }
}
