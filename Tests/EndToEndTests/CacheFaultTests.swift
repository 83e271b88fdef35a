// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// What kills, full disks and damage do to caches.
@Suite("Caches that something happens to")
struct CacheFaultTests {
    /// Every build finds all files of one generation, and leaves all of the next: half an entry would show.
    private static let generations = """
        version: 0.2
        cache:
          paths: [n/**/*]
        phases:
          build:
            commands:
              - mkdir -p n; last=$(cat n/generation 2>/dev/null || echo 0)
              - for i in $(seq 40); do test ! -e n/generation || test "$(cat n/$i)" = "$last" || { echo torn $i; exit 9; }; done
              - next=$((last + 1)); for i in $(seq 40); do echo $next > n/$i || exit 8; done; echo $next > n/generation
              - echo generation $next

        """

    private func generation(_ result: ToolResult) -> Int? {
        result.lines.compactMap { line in
            line.hasPrefix("generation ") ? Int(line.dropFirst("generation ".count)) : nil
        }.last
    }

    @Test("drydock killed at 200 points of restoring and saving damages nothing", arguments: TestUser.all.prefix(2))
    func kills(_ user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            try tree.write("source/buildspec.yml", Self.generations)
            try user.own(tree.path("source"))
            let first = try drydock("run")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            var last = try #require(generation(first))
            let (program, words) = user.command(
                Drydock.program, ["run", "--no-keep", "--state-dir", drydock.state.string])
            // Each kills the program at another moment: the whole of a short build lasts two or three tenths of a second.
            let script = """
                for n in $(seq 20); do
                  "$0" "$@" >/dev/null 2>&1 & p=$!
                  sleep 0.$(printf %03d $(( (n * 17 + $OFFSET) % 300 )))
                  kill -9 $p 2>/dev/null; wait $p 2>/dev/null
                done; true
                """
            for round in 0..<10 {
                var environment = drydock.environment
                environment["OFFSET"] = "\(round * 29)"
                _ = try runTool(
                    "bash", ["-c", script, program] + words, environment: environment, in: drydock.directory)
                let whole = try drydock("run")
                #expect(whole.status == 0, "\(whole.output)\(whole.errors)")
                let now = try #require(generation(whole))
                #expect(now > last)
                last = now
            }
            #expect(try drydock("gc").status == 0)
            let layers = try FileManager.default.contentsOfDirectory(
                atPath: drydock.state.appending("cache/incoming").string)
            #expect(layers.isEmpty, "\(layers)")
            #expect(generation(try drydock("run")) == last + 1)
        }
    }

    @Test("on a disk that fills up nothing is lost, and room can be made again")
    func fullDisk() throws {
        guard getuid() == 0, Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.generations)
            let script = """
                set -e
                mount -t tmpfs -o size=24M none "$STATE"
                run() { "$PROGRAM" run --no-keep --state-dir "$STATE" 2>&1; }
                run | grep '^generation 1$'
                for left in 0 8 64 256 1024; do
                  rm -f "$STATE/ballast"
                  free=$(df -k --output=avail "$STATE" | tail -1)
                  head -c $(( (free - left) * 1024 )) /dev/zero >"$STATE/ballast" 2>/dev/null || true
                  run >"/tmp/full-$$" || true
                  ! grep -q '^torn' "/tmp/full-$$" || { cat "/tmp/full-$$"; exit 9; }
                done
                rm "/tmp/full-$$"
                head -c 100M /dev/zero >>"$STATE/ballast" 2>/dev/null || true
                "$PROGRAM" gc --state-dir "$STATE"
                rm "$STATE/ballast"
                run | tee /dev/stderr | grep '^generation '
                """
            let result = try drydock.inOwnMounts(script)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
        }
    }

    @Test("a save that there was no room for takes none")
    func noRoom() throws {
        guard getuid() == 0, Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                cache:
                  paths: [d]
                phases:
                  build:
                    commands:
                      - mkdir -p d; head -c 18M /dev/urandom > d/f
                      - i=0; while mkdir d/$i && echo x > d/$i/x; do i=$((i+1)); done; true

                """)
            let script = """
                mount -t tmpfs -o size=20m none "$STATE"
                for n in 1 2; do "$PROGRAM" run --no-keep --state-dir "$STATE" >out 2>&1 || cat out; done
                grep 'not saved' out; ls "$STATE"/cache/{trash,incoming,layers}
                """
            let result = try drydock.inOwnMounts(script)
            let refusals = result.lines.filter { $0.contains("the cache is not saved") }
            #expect(refusals.count == 1, "\(result.output)")
            #expect(!result.output.contains("FAILED") && !result.output.contains("FAULT"), "\(result.output)")
            let left = result.lines.filter { $0.hasPrefix("/") || $0.count == 32 }
            #expect(left.count == 3, "\(left)")
        }
    }

    @Test("a store that cannot be written is read, and a damaged entry is told and made anew", arguments: TestUser.all)
    func readOnlyAndDamaged(_ user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            try tree.write("source/buildspec.yml", Self.generations)
            try user.own(tree.path("source"))
            #expect(generation(try drydock("run")) == 1)
            let cache = drydock.state.appending("cache").string
            // The process that looks after caches writes the record anew, as one that the disk has.
            let settle = "for i in $(seq 600); do grep -q '\"boot\"' \"$0\"/entries/*.json || break; sleep 0.05; done"
            _ = try runTool("sh", ["-c", settle, cache])
            if user.name != nil {
                _ = try runTool("chmod", ["a-w", cache, cache + "/entries", cache + "/incoming", cache + "/layers"])
                let result = try drydock("run")
                #expect(result.status == 0 && generation(result) == 2, "\(result.output)\(result.errors)")
                #expect((result.output + result.errors).contains("the cache is not saved"))
                _ = try runTool("chmod", ["u+w", cache, cache + "/entries", cache + "/incoming", cache + "/layers"])
            }
            let flip = "f=$(ls \"$0\"/entries/*.json); printf X | dd of=\"$f\" bs=1 seek=150 conv=notrunc 2>/dev/null"
            #expect(try runTool("sh", ["-c", flip, cache]).status == 0)
            let damaged = try drydock("run")
            #expect(damaged.status == 0 && generation(damaged) == 1, "\(damaged.output)\(damaged.errors)")
            #expect((damaged.output + damaged.errors).contains("is left out"), "\(damaged.output)")
            #expect(generation(try drydock("run")) == 2)
        }
    }
    @Test("what cannot be read for a moment is a miss that is told, and is there again", arguments: TestUser.all)
    func unreadable(_ user: TestUser) throws {
        guard Drydock.requireSandbox(user), user.name != nil else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            let keyed = Self.generations.replacingOccurrences(of: "cache:\n", with: "cache:\n  key: k\n")
            try tree.write("source/buildspec.yml", keyed)
            try user.own(tree.path("source"))
            #expect(generation(try drydock("run")) == 1)
            let cache = drydock.state.appending("cache").string
            func allow(_ mode: String, _ place: String) throws {
                _ = try runTool("sh", ["-c", "chmod \(mode) \(place)"])
            }
            try allow("000", "\(cache)/layers/*")
            let without = try drydock("run")
            #expect(without.status == 0 && generation(without) == 1, "\(without.output)\(without.errors)")
            let told = without.output + without.errors
            #expect(told.contains("files of it cannot be read: permission denied"), "\(told)")
            #expect(!told.contains("its record was removed"), "\(told)")
            try allow("700", "\(cache)/layers/*")
            #expect(generation(try drydock("run")) == 2)

            try allow("000", cache)
            let list = try drydock("cache", "ls")
            #expect(list.status == 1 || list.status == 4, "\(list.status)")
            #expect(list.errors.contains("the cache cannot be read: could not open `"), "\(list.errors)")
            let build = try drydock("run")
            #expect(build.status == 0 && generation(build) == 1, "\(build.output)\(build.errors)")
            #expect((build.output + build.errors).contains("the cache cannot be read: "), "\(build.output)")
            try allow("700", cache)
            #expect(generation(try drydock("run")) == 2)
        }
    }
}
