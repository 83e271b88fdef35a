// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import SystemPackage
import TestSupport
import Testing

/// Caches, or parts of them, that are copied because a mount would not do.
@Suite("Caches that are copied")
struct CacheCopyTests {
    private func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in
            try body(tree, try Drydock(in: tree, user: user))
        }
    }

    private func run(
        _ drydock: Drydock, _ paths: String, _ command: String, _ words: String..., keeps: Bool = false
    ) throws -> ToolResult {
        try drydock.tree.write(
            "source/buildspec.yml",
            "version: 0.2\ncache:\n  paths: [\(paths)]\nphases:\n  build:\n    commands:\n      - |\n        \(command)\n"
        )
        try drydock.user.own(drydock.tree.path("source"))
        return try drydock.run(["run"] + (keeps ? [] : ["--no-keep"]) + words)
    }

    @Test("a build that could not rename a cached directory begins with a copy the next time", arguments: TestUser.all)
    func renaming(_ user: TestUser) throws {
        try with(user) { _, drydock in
            let paths = "d/**/*, e/**/*, ~/.other/**/*"
            let rename = "python3 -c 'import os; os.rename(\"d/x\", \"d/y\"); os.rename(\"d/y\", \"d/x\")'"
            #expect(try run(drydock, paths, "mkdir -p d/x e ~/.other; touch d/x/f e/f ~/.other/f").status == 0)
            let refused = try run(drydock, paths, rename)
            #expect(refused.status == 1 && refused.output.contains("files, mounted"), "\(refused.output)")
            #expect((refused.output + refused.errors).contains("run it again, the next build begins with a copy of it"))
            let copied = try run(drydock, paths, rename)
            #expect(copied.status == 0, "\(copied.output)\(copied.errors)")
            let way = "files, mounted, `d/**/*` copied: a program could not rename a directory in it"
            #expect(copied.output.contains(way), "\(copied.output)")
            #expect(copied.output.contains(", `e/**/*` copied: it is in the same view\n"), "\(copied.output)")
            // The user's word counts for more, and is as good as never having seen it.
            let mounted = try run(drydock, paths, rename, "--cache-mode", "mount")
            #expect(mounted.status == 1)
            #expect((mounted.output + mounted.errors).contains("`--cache-mode copy` begins with a copy of the cache"))
            #expect(try run(drydock, paths, "ls d/x").output.contains("files, 2 layers, mounted\n"))
        }
    }

    @Test("what the source has got since shows beside what is restored", arguments: TestUser.all)
    func overSource(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let paths = "target/**/*"
            #expect(try run(drydock, paths, "mkdir -p target/sub; touch target/sub/old").status == 0)
            let anew = try run(drydock, paths, "rm -r target; mkdir -p target/sub; touch target/sub/new")
            #expect(anew.output.contains("changed"), "\(anew.output)")
            try tree.write("source/target/sub/kept", "of the source")
            let seen = try run(drydock, paths, "ls -x target/sub; cat target/sub/kept")
            #expect(seen.lines.contains("kept  new"), "\(seen.output)\(seen.errors)")
            #expect(seen.output.contains("2 layers, `target/**/*` copied: the source has it too"), "\(seen.output)")
        }
    }

    @Test("what is mounted below a copied directory is so for a build that goes on, too")
    func mountedBelow() throws {
        try with(TestUser()) { tree, drydock in
            let paths = "/data/conf.json, /data/deps/**/*"
            #expect(try run(drydock, paths, "mkdir -p /data/deps; touch /data/conf.json /data/deps/a").status == 0)
            let failed = try run(drydock, paths, "ls /data/deps; touch /data/deps/new; test -e fixed", keeps: true)
            #expect(failed.status == 1)
            let way = "mounted, `/data/conf.json` copied: it is in no view that it could be mounted in\n"
            #expect(failed.output.contains(way), "\(failed.output)")
            try tree.write("source/fixed")
            let resumed = try drydock("run", "--resume")
            #expect(resumed.status == 0 && resumed.lines.contains("a"), "\(resumed.output)\(resumed.errors)")
            #expect(try run(drydock, paths, "ls -x /data/deps").lines.contains("a  new"))
        }
    }

    @Test("a file that builds removed from the cache is there when the source has it", arguments: TestUser.all)
    func removedFile(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let paths = "foo.lock, deps/**/*"
            #expect(try run(drydock, paths, "mkdir deps; touch deps/d; echo 1 > foo.lock").status == 0)
            #expect(try run(drydock, paths, "rm foo.lock").output.contains("changed"))
            try tree.write("source/foo.lock", "of the source\n")
            for _ in 1...2 {
                let seen = try run(drydock, paths, "cat foo.lock; ls deps")
                #expect(seen.lines.contains("of the source") && seen.lines.contains("d"), "\(seen.output)")
            }
        }
    }

    @Test("where there is no room for a copy, the build goes on without its cache")
    func noRoom() throws {
        guard getuid() == 0 else { return }
        try with(TestUser()) { tree, drydock in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                cache:
                  paths: [d/**/*]
                phases:
                  build:
                    commands:
                      - test -e d || echo began without
                      - test -e d || { mkdir d; head -c 10M /dev/urandom >d/f; }

                """)
            let script = """
                set -e
                mount -t tmpfs -o size=64M none "$STATE"
                run() { "$PROGRAM" run --no-keep --state-dir "$STATE" "$@" 2>&1; }
                run | grep '^began without$'
                head -c $(( $(df -k --output=avail "$STATE" | tail -1) - 4096 ))K /dev/zero >"$STATE/ballast"
                # What it makes anew has no room either.
                run --cache-mode copy && exit 9
                test -z "$(ls "$STATE/cache/trash")"
                rm "$STATE/ballast"
                run | grep ' mounted$'
                """
            let result = try drydock.inOwnMounts(script)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.lines.filter { $0 == "began without" }.count == 2)
            let warning = "the cache is not restored: cannot copy the cache into "
            #expect(result.output.contains(warning), "\(result.output)")
        }
    }
}
