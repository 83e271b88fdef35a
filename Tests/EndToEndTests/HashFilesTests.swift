// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("codebuild-hash-files in a build") struct HashFilesInBuildTests {
    private static let buildspec = """
        version: 0.2
        phases:
          build:
            commands:
              - mkdir -p made/sub && cd made && echo "of the build" >sub/new.lock
              - echo "[$(codebuild-hash-files package-lock.json)]" "[$(codebuild-hash-files '**/*.lock')]"
              - codebuild-hash-files nothing && exit 9 || echo "status $?"
              - DRYDOCK_HASH_FILES_LOG=1 codebuild-hash-files 'odd*'
              - case $(command -v codebuild-hash-files) in /codebuild/user/bin/*|*/bin/codebuild-hash-files) ;; *) exit 8;; esac
              - echo x >>"$(command -v codebuild-hash-files)" || echo "not mine"

        """

    /// What several files give, by other tools.
    private func digest(_ texts: [String]) throws -> String {
        let script = "for text; do printf %s \"$text\" | sha256sum | cut -c1-64 | xxd -r -p; done | sha256sum"
        return String(try runTool("sh", ["-c", script, "sh"] + texts).output.prefix(64))
    }

    private func project(_ tree: TemporaryTree, _ user: TestUser) throws -> Drydock {
        try tree.write("source/buildspec.yml", Self.buildspec)
        try tree.write("source/package-lock.json", "{}")
        try tree.write("source/a/one.lock", "one")
        try tree.write("source/odd\\name", "odd")
        try user.own(tree.path("source"))
        return try Drydock(in: tree, user: user)
    }

    private func check(_ result: ToolResult) throws {
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        let lines = result.lines
        let locks = try digest(["one", "of the build\n"])
        #expect(lines.contains("[\(try digest(["{}"]))] [\(locks)]"), "\(result.output)")
        #expect(lines.contains("status 1"))
        #expect(lines.contains { $0.hasPrefix("\\") && $0.hasSuffix("  odd\\\\name") })
    }

    @Test("hashes what lies below the source, wherever a command stands", arguments: TestUser.all)
    func inSandbox(_ user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try project(tree, user)
            let result = try drydock("run")
            try check(result)
            #expect(result.lines.contains("not mine"))
            #expect(try drydock("run", "--print-sandbox").output.contains("/codebuild/user/bin/codebuild-hash-files"))
            let shell = try drydock("shell", "-c", "codebuild-hash-files package-lock.json")
            #expect(shell.output == (try digest(["{}"])) + "\n")
        }
    }

    @Test("is there for whoever a command runs as, and in a state that was kept")
    func everywhere() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/a", "text")
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  build:
                    run-as: nobody
                    commands: [codebuild-hash-files a, test -e /tmp/go-on]
                """)
            let drydock = try Drydock(in: tree)
            let expected = try digest(["text"])
            let failed = try drydock("run")
            #expect(failed.status == 1 && failed.lines.contains(expected), "\(failed.output)")
            let resumed = try drydock("shell", "-c", "codebuild-hash-files a")
            #expect(resumed.output == expected + "\n", "\(resumed.errors)")
        }
    }

    @Test("is there without a sandbox", arguments: TestUser.all)
    func withoutSandbox(_ user: TestUser) throws {
        try TemporaryTree.with { tree in
            var words = Self.buildspec.split(separator: "\n", omittingEmptySubsequences: false)
            // There the program is the caller's own.
            words.removeAll { $0.contains("not mine") }
            let drydock = try project(tree, user)
            try tree.write("source/buildspec.yml", words.joined(separator: "\n"))
            try check(try drydock("run", "--isolation", "none"))
        }
    }
}
