// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Images made from the recipe in images/debian, and builds in them.
@Suite("Images", .serialized, .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ImageTests {
    private static let recipe = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("images/debian")

    /// Whose images are of this run already.
    private static let prepared = Locked<Set<String>>([])

    /// A drydock whose state holds the image, built now unless an earlier test or, outside continuous integration, an
    /// earlier run has done it: there an image that was left over would prove nothing.
    private func withImage(_ tree: TemporaryTree, user: TestUser = TestUser()) throws -> Drydock {
        var drydock = try Drydock(in: tree, user: user)
        _ = try copyRecipe(tree, for: user)
        drydock.state = try Self.cache(of: user)
        let isFirst = Self.prepared.withLock { $0.insert(user.name ?? "").inserted }
        let force = isFirst && ProcessInfo.processInfo.environment["CI"] != nil ? ["--force"] : []
        let built = try drydock.run(["image", "build", "debian"] + force)
        try #require(built.status == 0, "\(built.output)\(built.errors)")
        return drydock
    }

    /// What a build may do in an image and may not on the host's files without root.
    private static let buildspec = """
        version: 0.2
        phases:
          install:
            runtime-versions:
              python: 3.x
            commands:
              - apt-get update -q && apt-get install -q -y --no-install-recommends ed
              - ed --version | head -n 1
              - useradd --create-home builder
              - mkdir /srv/app && touch /srv/app/file && chown -R builder:www-data /srv/app
              - stat -c 'owner %U:%G' /srv/app/file
          build:
            commands:
              - su builder -c 'echo "su $(id -un)"'
              - sudo -u builder sh -c 'echo "sudo $(id -un)"'
              - python --version
              - echo "locale $LC_CTYPE image $CODEBUILD_BUILD_IMAGE"
              - mv /usr/share/doc /usr/share/moved && mkdir /usr/share/doc
              - stat -c '%n %U:%G %a' /etc/shadow /usr/bin/sudo /etc/ssh/ssh_config.d/*
              - printf 'int main(void) { return 0; }' >main.c && make -s main CFLAGS=-O1 && ./main && echo compiled
          post_build:
            run-as: codebuild-user
            commands:
              - echo "run-as $(id -un)"
        artifacts:
          files: main.c

        """

    /// The state directory that keeps a user's images from one run of the tests to the next.
    private static func cache(of user: TestUser) throws -> FilePath {
        let environment = ProcessInfo.processInfo.environment
        if user.name == nil, let cache = environment["DRYDOCK_TEST_CACHE"] {
            return FilePath(cache).appending("images")
        }
        let name = user.name ?? NSUserName()
        let home = try runTool("getent", ["passwd", name]).output.split(
            separator: ":", omittingEmptySubsequences: false)
        return FilePath(home.count > 5 ? String(home[5]) : "/tmp").appending(".cache/drydock-tests/images")
    }

    /// Whether images can be made here: said loudly when not, and a failure where nothing may be skipped.
    private static func requireBootstrap() -> Bool {
        if (try? runTool("mmdebstrap", ["--version"]).status) == 0 { return true }
        if Drydock.sandboxIsRequired {
            Issue.record("mmdebstrap is not installed")
        } else {
            _ = try? FileDescriptor.standardError.writeAll("SKIPPED: mmdebstrap is not installed\n".utf8)
        }
        return false
    }

    private func copyRecipe(_ tree: TemporaryTree, for user: TestUser = TestUser()) throws -> FilePath {
        let copy = tree.path("source/debian")
        #expect(try runTool("cp", ["-R", Self.recipe.string, copy.string]).status == 0)
        try user.own(copy)
        return copy
    }

    @Test(
        "a build in an image installs packages, adds users and gives files away",
        .timeLimit(.minutes(15)), arguments: TestUser.all.filter(\.hasRange))
    func buildsInAnImage(user: TestUser) throws {
        guard Drydock.requireSandbox(user), Self.requireBootstrap() else { return }
        try TemporaryTree.with("image") { tree in
            try tree.write("source/buildspec.yml", Self.buildspec)
            let drydock = try withImage(tree, user: user)
            let again = try drydock("image", "build", "debian")
            #expect(again.output == "image `debian` is up to date\n")

            let run = try drydock("run", "--image", "debian", "-a", tree.path("artifacts").string)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            for line in [
                "Selecting 'python' runtime version '3.11' based on manual selections...", "GNU ed",
                "owner builder:www-data", "su builder", "sudo builder", "Python 3.11", "locale C.UTF-8 image debian",
                "/etc/shadow root:shadow 640", "/usr/bin/sudo root:root 4755",
                "/etc/ssh/ssh_config.d/50-patience.conf root:root 644",
                "compiled", "run-as codebuild-user",
            ] {
                #expect(
                    run.output.contains("\n\(line)") || run.output.contains(" \(line)\n"), "no `\(line)`: \(run.output)"
                )
            }
            #expect(try tree.listing("artifacts") == ["artifacts.zip"])

            // What a build did is its own: the next one finds the image as it was.
            try tree.write(
                "source/buildspec.yml", Self.command("! command -v ed && ! id builder && ls /usr/share/doc/bash"))
            let next = try drydock("run", "--image", "debian")
            #expect(next.status == 0, "\(next.output)\(next.errors)")

            let shown = try drydock("image", "inspect", "debian", "--json")
            let facts = try JSONSerialization.jsonObject(with: Data(shown.standardOutput)) as? [String: Any]
            let packages = (facts?["packages"] as? [[String: String]] ?? []).compactMap { $0["name"] }
            #expect(Set(packages).isSuperset(of: ["apt", "git", "make", "gcc", "python3", "curl", "zip"]))
            #expect((facts?["size"] as? Int ?? 0) > 100 << 20)
            #expect(try drydock("image", "ls").output.contains("\ndebian  bookworm"))
        }
    }

    private static func command(_ text: String) -> String {
        "version: 0.2\nphases:\n  build:\n    commands:\n      - '\(text)'\n"
    }

    @Test("a runtime that the image has not ends the build before its first command", .timeLimit(.minutes(15)))
    func unknownRuntime() throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            let drydock = try withImage(tree)
            let text =
                "version: 0.2\nphases:\n  install:\n    runtime-versions:\n      python: 2.7\n    commands: [ls]\n"
            try tree.write("source/buildspec.yml", text)
            let result = try drydock("run", "--image", "debian")
            #expect(result.status == 2)
            #expect(result.errors.contains("buildspec.yml:5:15"), "\(result.errors)")
            #expect(result.errors.contains("the image has no version `2.7` of `python`"), "\(result.errors)")
            let message =
                "YAML_FILE_ERROR Message: Unknown runtime version named '2.7' of python. "
                + "This build image has the following versions: 3.11"
            #expect(result.output.contains(message), "\(result.output)")

            try tree.write("source/buildspec.yml", text.replacingOccurrences(of: "python: 2.7", with: "pyhton: 3.11"))
            #expect(try drydock("run", "--image", "debian").errors.contains("did you mean `python`?"))
        }
    }

    @Test("a project's image is taken when it has been built, and missed once when not", .timeLimit(.minutes(15)))
    func projectImage() throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            let drydock = try withImage(tree)
            try tree.write("source/buildspec.yml", Self.command("id codebuild-user; echo $CODEBUILD_BUILD_IMAGE"))
            func project(_ image: String) -> String {
                #"{"name": "own", "source": {}, "environment": {"image": "\#(image)"}}"#
            }
            try tree.write("source/p.json", project("debian"))
            let run = try drydock("run", "--project", "p.json")
            #expect(run.status == 0 && run.output.contains("\ndebian\n"), "\(run.output)\(run.errors)")
            try tree.write("source/p.json", project("aws/codebuild/standard:7.0"))
            for words in [["run", "--dry-run"], ["env"], ["config"]] {
                let result = try drydock.run(words + ["--project", "p.json"])
                let count = result.errors.components(separatedBy: "is not on this machine").count - 1
                #expect(result.status == 0 && count == 1, "\(words): \(result.errors)")
            }
        }
    }

    @Test("an image that a build uses stays, and a recipe that fails leaves it as it was", .timeLimit(.minutes(15)))
    func keepsImages() throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            let drydock = try withImage(tree)
            let before = try runTool("ls", [drydock.state.appending("images/debian").string]).output

            try tree.write("source/buildspec.yml", Self.command("echo started; sleep 600"))
            let running = try RunningDrydock(drydock, ["run", "--image", "debian"])
            #expect(running.wait(for: "\nstarted\n"), "\(running.text)\(running.errors)")
            let removal = try drydock("image", "rm", "debian")
            #expect(removal.status == 2)
            #expect(removal.errors.hasPrefix("error: the image `debian` is used by a running build\n"))
            running.signal(SIGINT)
            #expect(running.end() == -Int(SIGINT))

            // Another suite is another recipe, and there is none of that name.
            try tree.write("source/debian/image.yml", "suite: nosuchsuite\n")
            let failed = try drydock("image", "build", "debian")
            #expect(failed.status == 3, "\(failed.output)\(failed.errors)")
            #expect(failed.errors.contains("the archive has no suite `nosuchsuite` ["), "\(failed.errors)")
            #expect(failed.errors.contains("debian/image.yml:1:8"), "\(failed.errors)")
            #expect(failed.errors.contains("  │ E: "), "the words of mmdebstrap are shown: \(failed.errors)")
            #expect(try runTool("ls", [drydock.state.appending("images/debian").string]).output == before)
            try tree.write("source/buildspec.yml", Self.command("git --version"))
            #expect(try drydock("run", "--image", "debian").status == 0)
        }
    }

    @Test("a step that fails is shown in the recipe", .timeLimit(.minutes(15)))
    func failingStep() throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/small/image.yml", "suite: bookworm\ncommands:\n  - echo hi\n  - echo told; exit 3\n")
            let failed = try Drydock(in: tree)("image", "build", "small")
            #expect(failed.status == 3, "\(failed.output)\(failed.errors)")
            for text in ["the command exited with 3 [", "small/image.yml:4:5", "  │ told\n"] {
                #expect(failed.errors.contains(text), "\(text): \(failed.errors)")
            }
            #expect(!failed.errors.contains("│ hi\n"), "what another step wrote is no news: \(failed.errors)")
        }
    }

    @Test("a directory without a recipe hides none that is installed", .timeLimit(.minutes(15)))
    func directoryOfTheName() throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/nosuch/control", "Source: x\n")
            let result = try Drydock(in: tree)("image", "build", "nosuch")
            let hint = "`drydock image build DIR` takes a directory that holds an image.yml"
            #expect(result.status == 2 && result.errors.contains(hint), "\(result.errors)")
            // Beside the program of a build directory there are no recipes.
            let installed = Drydock.program.removingLastComponent().removingLastComponent()
                .appending("share/drydock/images/debian/image.yml")
            guard access(installed.string, F_OK) == 0 else { return }
            let drydock = try withImage(tree)
            #expect(try runTool("rm", ["-r", tree.path("source/debian").string]).status == 0)
            try tree.write("source/debian/control", "Source: x\n")
            let found = try drydock("image", "build", "debian")
            #expect(found.output == "image `debian` is up to date\n", "\(found.output)\(found.errors)")
        }
    }

    @Test("an image's build that is interrupted leaves nothing", .timeLimit(.minutes(5)), arguments: [SIGINT, SIGKILL])
    func interruption(number: Int32) throws {
        guard Drydock.requireSandbox(TestUser()), Self.requireBootstrap() else { return }
        try TemporaryTree.with { tree in
            try tree.write("source/small/image.yml", "suite: bookworm\n")
            let drydock = try Drydock(in: tree)
            let running = try RunningDrydock(drydock, ["image", "build", "small"])
            #expect(running.wait(for: "making a small Debian"), "\(running.text)\(running.errors)")
            let deadline = Date().addingTimeInterval(60)
            let directory = tree.path("state/images/small").string
            while try runTool("find", [directory, "-path", "*/root/usr/bin/*"]).output.isEmpty {
                guard Date() < deadline else { break }
                usleep(50_000)
            }
            running.signal(number)
            #expect(running.end() == -Int(number), "\(running.text)\(running.errors)")
            // The launcher of a drydock that was killed takes a moment to see it, and the next command clears the rest.
            while number == SIGKILL, try !processes(in: tree).isEmpty, Date() < deadline { usleep(50_000) }
            #expect(try processes(in: tree).isEmpty)
            if number == SIGKILL { #expect(try drydock("image", "ls").status == 0) }
            #expect(try tree.listing("state/images") == ["lock"])
        }
    }

    /// Processes, in whatever sandbox, that see something of the tree.
    private func processes(in tree: TemporaryTree) throws -> [String] {
        try runTool("sh", ["-c", "grep -ls \"$1\" /proc/[0-9]*/mountinfo", "sh", tree.path.string]).lines
    }

    @Test("with a single id one message says why there is no image and how to get a range")
    func singleIdentifier() throws {
        for user in TestUser.all where !user.hasRange {
            guard Drydock.requireSandbox(user) else { continue }
            try TemporaryTree.with("single") { tree in
                try tree.write("source/buildspec.yml", Self.command("true"))
                _ = try copyRecipe(tree, for: user)
                let drydock = try Drydock(in: tree, user: user)
                for words in [["image", "build", "debian"], ["run", "--image", "debian"]] {
                    let result = try drydock.run(words)
                    #expect(result.status == 4)
                    #expect(result.errors.hasPrefix("error: an image needs a range of user ids"), "\(result.errors)")
                    #expect(result.errors.components(separatedBy: "error:").count == 2)
                    let name = user.name ?? NSUserName()
                    let command = try #require(
                        result.errors.firstMatch(
                            of: /sudo usermod --add-subuids ([0-9]+)-[0-9]+ --add-subgids \S+ (\S+)`/))
                    #expect(String(command.2) == name)
                    // The range that is offered belongs to nobody yet.
                    let start = try #require(Int(command.1))
                    let ranges = try String(contentsOfFile: "/etc/subuid", encoding: .utf8).split(separator: "\n")
                    for range in ranges.map({ $0.split(separator: ":").compactMap { Int($0) } }) where range.count == 2
                    {
                        #expect(start >= range[0] + range[1] || range[0] > start + 65_536)
                    }
                }
                #expect(try tree.listing("state").filter { $0.hasPrefix("images") }.isEmpty)
            }
        }
    }
}
