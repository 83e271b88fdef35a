// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import SystemPackage
import TestSupport
import Testing

// What a build may leave in its cache, and what not.
extension CacheInBuildTests {
    @Test("what lies behind a link is told and left out, the other paths are saved", arguments: TestUser.all)
    func behindLinks(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let cache = "paths: ['v/*.x', 'w/sub/**/*', 'l/**/*', 'k/**/*']"
            let result = try run(
                drydock, tree,
                buildspec(
                    cache,
                    "mkdir -p real/sub k; touch real/a.x real/sub/f k/f; ln -s real v; ln -s real w; ln -s k l"))
            let text = result.output + result.errors
            #expect(says(result, "Saved cache (no key): ") && says(result, ", 2 files"), "\(text)")
            #expect(text.contains("`v/*.x` is not cached: `") && text.contains("/v` is a link"), "\(text)")
            #expect(text.contains("`w/sub/**/*` is not cached: `"), "\(text)")
            #expect(text.contains("`l/**/*` is a link, and the cache has the link alone"), "\(text)")
            let next = try run(drydock, tree, buildspec(cache, "ls l/ k; ls v w || true"))
            #expect(next.status == 0 && says(next, "Restored"), "\(next.output)\(next.errors)")
        }
    }

    @Test("a secret in what would be saved is told, and with `--strict-secrets` nothing is saved")
    func secrets() throws {
        try with(TestUser()) { tree, drydock in
            let text = buildspec("paths: [n/**/*]", "mkdir -p n; echo \"key $TOKEN\" > n/leak; echo fine > n/fine")
            let warned = try run(drydock, tree, text, "--secret", "TOKEN=hunter2hunter2")
            #expect(warned.status == 0 && says(warned, "Saved"), "\(warned.output)\(warned.errors)")
            #expect((warned.output + warned.errors).contains("the cache holds the value of `TOKEN` at "))
            let strict = try run(drydock, tree, text, "--secret", "TOKEN=hunter2hunter3", "--strict-secrets")
            #expect(strict.status == 1 && !says(strict, "Saved"), "\(strict.output)")
            for text in [text, text + "      - exit 1\n"] {
                let always = try run(
                    drydock, tree, text, "--secret", "TOKEN=hunter2hunter5", "--strict-secrets", "--cache-save",
                    "always")
                #expect(always.status == 1 && !says(always, "Saved"), "\(always.output)")
            }
            for hidden in [
                "ln -s /x/$TOKEN n/link", "mkdir n/$TOKEN", "mkfifo n/$TOKEN",
                "python3 -c 'import os; os.setxattr(\"n\", \"user.t\", os.environ[\"TOKEN\"].encode())'",
                "touch n/x; python3 -c 'import os; os.setxattr(\"n/x\", \"user.t\", os.environ[\"TOKEN\"].encode())'",
            ] {
                let result = try run(
                    drydock, tree, buildspec("paths: [n/**/*]", "rm -r n; mkdir n; " + hidden), "--secret",
                    "TOKEN=hunter2hunter6", "--strict-secrets")
                #expect(result.status == 1 && !says(result, "Saved"), "\(result.output)")
            }
            // A key is no place for one either.
            let key = buildspec("key: x-$TOKEN\npaths: [m/**/*]", "mkdir m; touch m/m")
            _ = try run(drydock, tree, key, "--secret", "TOKEN=hunter2hunter4")
            let found = try runTool("grep", ["-rl", "hunter2hunter4", tree.path("state").string])
            #expect(found.output.isEmpty, "\(found.output)")
        }
    }

    @Test("a secret is found where only users of the build may look", arguments: TestUser.all.filter { $0.hasRange })
    func hiddenSecrets(_ user: TestUser) throws {
        try with(user) { tree, drydock in
            let text = buildspec(
                "paths: ['/root/priv/.npm/**/*']",
                "mkdir -p ~/priv/.npm; echo $TOKEN > ~/priv/.npm/t; chown -R 1000:1000 ~/priv; chmod 700 ~/priv")
            let result = try run(drydock, tree, text, "--secret", "TOKEN=hunter2hunter2", "--strict-secrets")
            #expect(result.status == 1 && !says(result, "Saved"), "\(result.output)")
        }
    }
}
