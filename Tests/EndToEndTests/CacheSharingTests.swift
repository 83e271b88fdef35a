// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `--cache-from` and `--cache-to`: machines that share caches, each a state directory of its own.
@Suite("Caches that machines share")
struct CacheSharingTests {
    private func buildspec(_ cache: String, _ commands: String...) -> String {
        "version: 0.2\ncache:\n" + cache.split(separator: "\n").map { "  \($0)\n" }.joined()
            + "  paths: [n/**/*, ~/.m2/**/*]\nphases:\n  build:\n    commands:\n"
            + commands.map { "      - \($0)\n" }.joined()
    }

    private func with(
        _ user: TestUser, test: String = #function, _ body: (TemporaryTree, Drydock) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with(test) { tree in
            try tree.directory("place")
            try user.own(tree.path("place"))
            try body(tree, try Drydock(in: tree, user: user))
        }
    }

    private func machine(_ name: FilePath, _ drydock: Drydock) throws -> Drydock {
        var other = drydock
        try drydock.tree.directory(name)
        try drydock.user.own(drydock.tree.path(name))
        other.state = drydock.tree.path(name)
        return other
    }

    private func run(_ drydock: Drydock, _ text: String, _ words: String...) throws -> ToolResult {
        try drydock.tree.write("source/buildspec.yml", text)
        try drydock.user.own(drydock.tree.path("source"))
        let result = try drydock.run(["run", "--cache-namespace", "web"] + words)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        return result
    }

    private func says(_ result: ToolResult, _ text: String) -> Bool {
        result.lines.contains { $0.hasPrefix("[Container]") && $0.contains(text) }
    }

    private static let fill = "mkdir -p n ~/.m2; echo one > n/a; echo two > ~/.m2/b"

    @Test("one machine fills a directory, another begins with what is there", arguments: TestUser.all)
    func directory(_ user: TestUser) throws {
        try with(user) { tree, first in
            let text = buildspec("key: k-$(cat lock)\nfallback-keys: [k-]", "cat n/a ~/.m2/b || true", Self.fill)
            try tree.write("source/lock", "1")
            let both = ["--cache-from", "../place", "--cache-to", "../place"]
            let filled = try run(first, text, both[0], both[1], both[2], both[3])
            #expect(says(filled, "Unable to download cache: no entry with the key `k-1`"), "\(filled.output)")
            #expect(says(filled, "Saved cache `k-1`") && says(filled, "Uploading cache..."), "\(filled.output)")
            #expect(says(filled, "Uploaded cache `k-1`: "), "\(filled.output)")

            let second = try machine("second", first)
            let hit = try run(second, text, both[0], both[1], both[2], both[3])
            #expect(says(hit, "Downloading cache...") && says(hit, "Unarchiving cache..."), "\(hit.output)")
            #expect(says(hit, "Restored cache `k-1`: ") && hit.lines.contains("one") && hit.lines.contains("two"))
            #expect(hit.output.contains(", from `\(tree.path("source/../place"))`\n"), "\(hit.output)")
            #expect(!says(hit, "Uploading") && says(hit, "Cache `k-1` is in `"), "\(hit.output)")
            // Here now, so nobody is asked.
            let here = try run(second, text, both[0], both[1])
            #expect(!says(here, "Downloading") && !here.output.contains(", from `"), "\(here.output)")

            try tree.write("source/lock", "2")
            let third = try machine("third", first)
            let fallback = try run(third, text, both[0], both[1])
            #expect(says(fallback, "Restored cache `k-1` by the fallback key `k-`"), "\(fallback.output)")
            #expect(says(fallback, "Saved cache `k-2`") && !says(fallback, "Uploading"), "\(fallback.output)")
            // What was saved before is given away by a build that finds it exactly.
            let late = try run(third, text, both[2], both[3])
            #expect(says(late, "Uploaded cache `k-2`: "), "\(late.output)")
            let sandboxes = try FileManager.default.contentsOfDirectory(atPath: tree.path("second/sandboxes").string)
            #expect(!sandboxes.contains { $0.hasPrefix("cache-") }, "\(sandboxes)")
        }
    }

    @Test("the cache without a key goes from machine to machine, the newer one first")
    func withoutKey() throws {
        try with(TestUser()) { tree, first in
            let text = buildspec("", "mkdir -p n; ls n | wc -l; touch n/$(date +%N)")
            func run(_ drydock: Drydock) throws -> ToolResult {
                try self.run(drydock, text, "--cache-from", "../place", "--cache-to", "../place")
            }
            let second = try machine("second", first)
            for count in 0..<4 {
                let result = try run(count % 2 == 0 ? first : second)
                #expect(result.lines.contains("\(count)"), "\(count): \(result.output)\(result.errors)")
                #expect(says(result, "Uploaded cache (no key): "), "\(result.output)")
            }
            let archives = try tree.listing("place").filter { $0.hasSuffix(".zst") || $0.contains(".tar.zst") }
            #expect(archives.count == 1, "\(archives)")
        }
    }

    @Test("a failed build gives nothing away, and `--no-cache` and words that are no place are heeded")
    func restraint() throws {
        try with(TestUser()) { tree, drydock in
            try tree.write("source/buildspec.yml", buildspec("key: k", Self.fill, "exit 1"))
            #expect(try drydock("run", "--cache-to", "../place").status == 1)
            let off = try run(drydock, buildspec("key: k", Self.fill), "--no-cache", "--cache-to", "../place")
            #expect(!says(off, "Up"))
            #expect(try tree.listing("place").isEmpty)
            for word in ["s3://", "s3:bucket", "arn:aws:s3:::", ""] {
                let result = try drydock("run", "--cache-from", word)
                #expect(result.status == 2 && result.errors.contains("--cache-from"), "\(word): \(result.errors)")
            }
            // Not a directory of that name, which would be one in the source.
            for words in [["--cache-to", "gs://bucket/x"], ["--cache-from", "http://x/y"], ["-a", "gs://bucket/x"]] {
                let result = try drydock.run(["run"] + words)
                let hint = "a directory of such a name is written `./\(words[1].prefix { $0 != "/" })`"
                #expect(result.status == 2 && result.errors.contains(hint), "\(words): \(result.errors)")
            }
            // A checkout does not say what leaves the machine, nor whose files come in.
            try tree.write("source/drydock.yml", "cache-to: ../place\n")
            let result = try drydock("run")
            #expect((result.errors + result.output).contains("cache-to"), "\(result.errors)")
            #expect(try tree.listing("place").isEmpty)
        }
    }

    @Test("warm brings an entry from the shared place instead of running a build, and gives the place what it has")
    func warming() throws {
        try with(TestUser()) { tree, first in
            let text = buildspec("key: k-$(cat lock)\nfallback-keys: [k-]", Self.fill)
            try tree.write("source/lock", "1")
            try tree.write("source/buildspec.yml", text)
            try first.user.own(tree.path("source"))
            let warm = ["warm", "--cache-namespace", "web"]
            let wrong = try first.run(warm + ["nophase"])
            #expect(
                wrong.status == 2
                    && wrong.errors.contains("`nophase` is no phase\nhint: the phases of `drydock warm` are"),
                "\(wrong.errors)")
            let places = ["--cache-from", "../place", "--cache-to", "../place"]
            let filled = try first.run(warm + places)
            #expect(
                filled.status == 0 && filled.output.contains("saved cache `k-1`"), "\(filled.output)\(filled.errors)")
            #expect(try tree.listing("place").filter { $0.hasSuffix(".tar.zst") }.count == 1)

            let second = try machine("second", first)
            let fetched = try second.run(warm + places + ["-q"])
            #expect(fetched.status == 0, "\(fetched.errors)")
            #expect(fetched.lines.count == 1 && fetched.output.contains("fetched cache `k-1`: "), "\(fetched.output)")
            #expect(try second("history", "--numbers").output.isEmpty, "nothing was run")
            #expect(try second.run(warm + places).output.contains("is there already"))
            #expect(says(try run(second, text), "Restored cache `k-1`: "))

            // What is here already is given to a place that lacks it.
            let given = try second.run(warm + ["--cache-to", "../place/other"])
            #expect(given.status == 0 && given.output.contains("is there already"), "\(given.errors)")
            #expect(try tree.listing("place/other").filter { $0.hasSuffix(".tar.zst") }.count == 1)

            let third = try machine("third", first)
            let json = try third.run(warm + places + ["--json"])
            let schema = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
                .appending("docs/schemas/warm.schema.json")
            #expect(try JSONSchema(schema).violations(in: json.standardOutput) == [])
            #expect(json.output.contains("\"result\": \"fetched\""), "\(json.output)")

            // A key that the place does not have is filled over what has the fallback key.
            try tree.write("source/lock", "2")
            let fourth = try machine("fourth", first)
            let further = try fourth.run(warm + places)
            #expect(further.output.contains("saved cache `k-2`"), "\(further.output)\(further.errors)")
            #expect(further.output.contains("from `k-1`"), "\(further.output)")
            #expect(try tree.listing("place").filter { $0.hasSuffix(".json") && !$0.hasPrefix("other") }.count == 2)

            // A place that cannot be used is a warning, and the cache is filled.
            try tree.write("file", "no directory")
            try tree.write("source/lock", "3")
            let none = try first.run(warm + ["--cache-from", "../file", "--cache-to", "../file"])
            #expect(none.status == 0 && none.output.contains("saved cache `k-3`"), "\(none.output)\(none.errors)")
        }
    }

    @Test(
        "what goes to S3 is encrypted with the key that is named, index and archive; elsewhere there is nothing to encrypt"
    )
    func encryption() throws {
        try with(TestUser()) { tree, drydock in
            let missing = ScriptedServer.Step.answer(404, "<Error><Code>NoSuchKey</Code><Message>w</Message></Error>")
            let server = try ScriptedServer(
                [missing.to("GET"), .answer(404).to("HEAD"), .answer(200).to("PUT")], in: tree)
            var drydock = drydock
            drydock.environment.merge([
                "AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)", "AWS_ACCESS_KEY_ID": "AKIATEST",
                "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
            ]) { $1 }
            let text = buildspec("key: k", Self.fill)
            let name = "x-amz-server-side-encryption"
            for (key, told) in [("alias/mine", "alias/mine"), ("aws/s3", nil)] {
                let before = try server.requests().count
                _ = try run(drydock, text, "--cache-to", "s3://bucket/p", "--cache-kms-key", key)
                let puts = try server.requests().dropFirst(before).filter { $0.method == "PUT" }
                #expect(Set(puts.map { $0.path.hasSuffix(".json") }) == [true, false], "\(puts.map(\.path))")
                for put in puts {
                    #expect(put.headers["x-amz-meta-drydock-sha256"]?.count == 64 && put.headers["content-md5"] != nil)
                    #expect(put.headers[name] == "aws:kms" && put.headers["\(name)-aws-kms-key-id"] == told)
                }
            }
            for words in [[], ["--cache-to", "../place"], ["--cache-from", "s3://bucket/p"]] {
                let result = try drydock.run(["run", "--cache-kms-key", "alias/mine"] + words)
                #expect(
                    result.status == 2 && result.errors.contains("`--cache-kms-key` has nothing"), "\(result.errors)")
            }
            try tree.write("source/drydock.yml", "cache-kms-key: alias/theirs\n")
            let refused = try drydock("run", "--cache-to", "s3://bucket/p")
            #expect((refused.errors + refused.output).contains("cache-kms-key"), "\(refused.errors)")
        }
    }

    @Test("what is damaged or cannot be reached is one warning, and the build goes on")
    func trouble() throws {
        try with(TestUser()) { tree, first in
            let text = buildspec("key: k", Self.fill)
            _ = try run(first, text, "--cache-to", "../place")
            let find = try runTool("find", [tree.path("place").string, "-name", "*.tar.zst"])
            let archive = FilePath(find.output.trimmingCharacters(in: .newlines))
            let script = """
                import sys
                data = bytearray(open(sys.argv[1], "rb").read())
                data[len(data) // 2] ^= 1
                open(sys.argv[1], "wb").write(data)
                """
            #expect(try runTool("python3", ["-c", script, archive.string]).status == 0)
            let second = try machine("second", first)
            let damaged = try run(second, text, "--cache-from", "../place")
            #expect(damaged.output.contains("is not what its index says"), "\(damaged.output)\(damaged.errors)")
            #expect(says(damaged, "Unable to download cache") && says(damaged, "Saved cache `k`"))

            // Who was told so puts it right, for the next one.
            let healer = try machine("healer", first)
            let healed = try run(healer, text, "--cache-from", "../place", "--cache-to", "../place")
            #expect(says(healed, "Uploaded cache `k`"), "\(healed.output)")
            let after = try run(try machine("after", first), text, "--cache-from", "../place")
            #expect(says(after, "Restored cache `k`: "), "\(after.output)")

            let breaking = "printf '{' > \"$(find \"$0\" -name '*.json')\""
            #expect(try runTool("sh", ["-c", breaking, tree.path("place").string]).status == 0)
            let broken = try run(
                try machine("broken", first), text, "--cache-from", "../place", "--cache-to", "../place")
            let warnings = broken.lines.filter {
                $0.contains("the index `") && $0.contains("is damaged, and is left out")
            }
            #expect(warnings.count == 1 && says(broken, "Uploaded cache `k`"), "\(broken.output)")

            try tree.write("file", "no directory")
            var third = try machine("third", first)
            third.environment.merge([
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_REGION": "eu-west-1",
                "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
            ]) { $1 }
            for place in ["s3://bucket/prefix", "../file"] {
                let own = text.replacing("key: k", with: "key: k\(place.count)")
                let result = try run(third, own, "--cache-from", place, "--cache-to", place)
                #expect(says(result, "Saved cache `k"), "\(result.output)")
                #expect(result.output.contains("the cache is not stored in `"), "\(place): \(result.output)")
            }
        }
    }

    @Test("machines share through a bucket of S3, and import what lies there")
    func bucket() throws {
        let server: PythonServer
        guard PythonServer.canImport(["boto3", "moto.server"]) else { return }
        let log = FilePath("/tmp/drydock-cache-moto.\(UInt64.random(in: 0 ... .max))")
        defer { unlink(log.string) }
        server = try PythonServer(script: Self.moto, python: PythonServer.python, log: log)
        try with(TestUser()) { tree, drydock in
            var first = drydock
            first.environment.merge([
                "AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)", "AWS_ACCESS_KEY_ID": "AKIATEST",
                "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
            ]) { $1 }
            let text = buildspec("key: k-1", "cat n/a ~/.m2/b || true", Self.fill)
            let words = ["--cache-from", "s3://bucket/some/prefix", "--cache-to", "s3://bucket/some/prefix"]
            let filled = try run(first, text, words[0], words[1], words[2], words[3])
            #expect(says(filled, "Uploading S3 cache...") && says(filled, "Uploaded cache `k-1`"), "\(filled.output)")
            let second = try machine("second", first)
            let hit = try run(second, text, words[0], words[1])
            #expect(says(hit, "Downloading S3 cache...") && says(hit, "Unarchiving cache..."), "\(hit.output)")
            #expect(says(hit, "Restored cache `k-1`: ") && hit.lines.contains("two"))
            let third = try machine("third", first)
            let other = text.replacing("key: k-1", with: "key: k-2\n  fallback-keys: [k-]")
            #expect(says(try run(third, other, words[0], words[1]), "by the fallback key `k-`"))

            // Of the cache without a key there is one, whoever writes it.
            let unkeyed = buildspec("", "mkdir -p n; ls n | wc -l; touch n/$(date +%N)")
            for count in 0..<4 {
                let result = try run(count % 2 == 0 ? first : second, unkeyed, words[0], words[1], words[2], words[3])
                #expect(says(result, "Uploaded cache (no key): "), "\(result.output)")
                #expect(result.lines.contains("\(count)"), "\(count): \(result.output)")
            }
            let listing = """
                import boto3
                s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url="http://127.0.0.1:\(server.port)",
                                  aws_access_key_id="A", aws_secret_access_key="s")
                print(len([o for o in s3.list_objects_v2(Bucket="bucket")["Contents"] if "/no-key." in o["Key"]]))
                """
            #expect(try runTool(PythonServer.python.string, ["-c", listing]).output == "2\n")

            let zip = try third(
                "cache", "import", "s3://bucket/cache.zip", "--project", "web", "--key", "z", "--path", "n/**/*")
            #expect(zip.status == 0 && zip.output.contains("imported the cache `z`"), "\(zip.output)\(zip.errors)")
            let none = try third("cache", "import", "s3://bucket/none.zip")
            #expect(none.status == 3 && none.errors.contains("none.zip"), "\(none.errors)")
        }
    }

    private static let moto = """
        import io, json, os, sys, zipfile
        os.environ.update(AWS_ACCESS_KEY_ID="AKIASEED", AWS_SECRET_ACCESS_KEY="seed", AWS_DEFAULT_REGION="eu-west-1")
        import boto3
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        port = server.get_host_and_port()[1]
        s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url="http://127.0.0.1:%d" % port)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as z:
            z.writestr("codebuild.json", json.dumps({"version": "1.0", "content": {"files": [{"path": "n", "rel": "src"}]}}))
            z.writestr("n/a", "cloud")
        s3.put_object(Bucket="bucket", Key="cache.zip", Body=content.getvalue())
        print("ready", port, flush=True)
        sys.stdin.read()
        os._exit(0)
        """
}
