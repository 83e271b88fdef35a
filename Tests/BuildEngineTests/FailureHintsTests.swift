// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Testing

@testable import BuildEngine

@Suite("Failure hints")
struct FailureHintsTests {
    private func hints(
        _ output: String, command: String = "x", end: CommandEnd = .exited(1), shell: String = "sh", image: Bool = true,
        network: Bool = true, root: Bool = false, cache: CacheUse.Mode? = nil,
        place: String? = nil
    ) -> [String] {
        FailureHints(
            command: command, end: end, output: output, shell: shell, imageIsHost: image, networkIsHost: network,
            callerIsRoot: root, cacheMode: cache, place: { _ in place }
        ).hints
    }

    @Test("a failure that explains itself has none")
    func none() {
        #expect(hints("3 tests failed\n").isEmpty)
        #expect(hints("").isEmpty)
    }

    @Test(
        "a directory of the cache that a program could not rename is told",
        arguments: [
            "OSError: [Errno 18] Invalid cross-device link: 'data/1' -> 'data/2'",
            "Error: EXDEV: cross-device link not permitted, rename 'a' -> 'b'",
            "rename vendor/a vendor/b: invalid cross-device link",
        ])
    func cachedDirectory(output: String) {
        let told =
            "a directory that lay in the cache cannot be renamed in one step, and this program does not copy it then: "
        #expect(hints(output, cache: .mount) == [told + "`--cache-mode copy` begins with a copy of the cache"])
        #expect(hints(output, cache: .automatic) == [told + "run it again, the next build begins with a copy of it"])
        #expect(hints(output).isEmpty)
    }

    @Test(
        "bash under sh is told",
        arguments: [
            "/codebuild/output/tmp/script.sh: 4: [[: not found", "script.sh: 5: Bad substitution",
            "script.sh: 4: Syntax error: \"(\" unexpected", "set: Illegal option -o pipefail",
            "sh: 4: source: not found",
        ])
    func bash(output: String) {
        let told = "this is bash, and the shell is `sh`: set `shell: bash` below `env:` in the buildspec"
        #expect(hints(output, end: .exited(127)) == [told])
        #expect(hints(output, end: .exited(1), shell: "bash").isEmpty)
    }

    @Test("a missing program is named, as each shell says it")
    func missing() {
        let told = "`terraform` is not installed on this machine, whose programs `--image host` shows"
        #expect(hints("script.sh: 4: terraform: not found\n", end: .exited(127)) == [told])
        #expect(hints("script.sh: line 4: terraform: command not found\n", end: .exited(127), shell: "bash") == [told])
        #expect(
            hints("sh: terraform: not found", end: .exited(127), image: false) == ["`terraform` is not in the image"])
        #expect(hints("terraform: not found", end: .exited(1)).isEmpty)
        #expect(
            hints("sh: sort: not found", end: .exited(127), place: "/usr/bin/sort")
                == ["`sort` is there as `/usr/bin/sort`, in a directory that the build's `PATH` does not name"])
        #expect(
            hints("sh: 4: ./x.sh: not found", end: .exited(127)).first?.hasPrefix("there is no file `./x.sh`") == true)
    }

    @Test("the host's own files cannot be changed without root")
    func hostFiles() {
        let output = "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\n"
        #expect(hints(output, command: "apt-get install -y jq").first?.contains("`drydock doctor`") == true)
        #expect(hints(output, command: "apt-get install -y jq", root: true).isEmpty)
        #expect(hints(output, command: "apt-get install -y jq", image: false).isEmpty)
        #expect(hints("./x: Permission denied", command: "./x").isEmpty)
    }

    @Test("a build without network is told so")
    func network() {
        let output = "curl: (6) Could not resolve host: example.org"
        #expect(hints(output, network: false).first?.contains("--network none") == true)
        #expect(hints(output).isEmpty)
    }

    @Test(
        "a size is written as a person writes it",
        arguments: [(512 << 20, "512 MiB"), (3 << 29, "1.5 GiB"), (7, "7 bytes")])
    func sizes(bytes: Int, text: String) {
        #expect(FailureHints.size(bytes) == text)
    }
}
