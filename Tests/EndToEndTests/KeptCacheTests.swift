// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a failed build leaves lies over the cache that it began with, whoever removes caches meanwhile.
@Suite("Kept state over a cache", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct KeptCacheTests {
    /// Fills its cache where there is none, and fails unless it is told not to. What lies in memory has to be copied when the
    /// state is put aside, which takes a moment.
    private static let spec = """
        version: 0.2
        cache:
          paths: ['n/**/*']
        phases:
          install:
            commands:
              - mkdir -p n; test -e n/a || head -c 2000000 /dev/urandom > n/a
          build:
            commands:
              - test -z "$FAILS" || { mkdir /etc/many; (cd /etc/many; seq 4000 | xargs touch); head -c 20000000 /dev/zero > /x; }
              - stat -c 'cached %s' n/a; test -z "$FAILS"
        """

    private static func fill(_ tree: TemporaryTree, _ user: TestUser) throws -> Drydock {
        try tree.write("source/buildspec.yml", spec)
        let drydock = try Drydock(in: tree, user: user)
        try user.own(tree.path("source"))
        return drydock
    }

    private static func layers(_ tree: TemporaryTree) throws -> [String] { try tree.listing("state/cache/layers") }

    @Test(
        "is whole although caches were removed while it was put aside",
        arguments: TestUser.all,
        [["cache", "rm", "--all"], ["cache", "prune", "--cache-size", "1M"], ["gc", "--cache-size", "1M"]])
    func removal(user: TestUser, words: [String]) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Self.fill(tree, user)
            let filled = try drydock("run")
            #expect(filled.status == 0, "\(filled.output)\(filled.errors)")
            #expect(try drydock("run", "-e", "FAILS=1").status == 1)
            _ = try drydock.run(words)
            let shell = try drydock("shell", "-c", "stat -c 'cached %s' n/a")
            #expect(shell.output == "cached 2000000\n", "\(shell.output)\(shell.errors)")
            // Put aside, its record speaks for the layers.
            let removed = try drydock("cache", "rm", "--all")
            #expect(removed.status == 0, "\(removed.errors)")
            #expect(try !Self.layers(tree).isEmpty)
            let resumed = try drydock("run", "--resume")
            #expect(
                resumed.status == 0 && resumed.output.contains("cached 2000000"),
                "\(resumed.output)\(resumed.errors)")
        }
    }

    @Test("holds no cache any more when it was killed on its way")
    func killed() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.fill(tree, TestUser())
            #expect(try drydock("run").status == 0)
            #expect(try drydock("run", "-e", "FAILS=1").status == 1)
            // Whoever still holds the place of this test's state.
            let script = """
                for p in /proc/[0-9]*; do
                  ls -l $p/fd 2>/dev/null | grep -q '\(tree.path("state/kept").string)/.*lock' && kill -9 ${p#/proc/}
                done
                """
            _ = try runTool("sh", ["-c", script])
            // Where it was in its place before that.
            _ = try drydock("gc", "--all")
            let removed = try drydock("cache", "rm", "--all")
            #expect(removed.status == 0 && removed.output.contains("removed the cache"), "\(removed.errors)")
            // Another may be at it in the background.
            for _ in 0..<100 where try !Self.layers(tree).isEmpty { usleep(20_000) }
            #expect(try Self.layers(tree).isEmpty)
            let next = try drydock("run")
            #expect(next.status == 0, "\(next.output)\(next.errors)")
        }
    }
}
