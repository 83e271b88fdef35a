// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import ImageStore

@Suite("Recipes of images")
struct RecipeTests {
    private func parse(_ text: String) -> (recipe: ImageRecipe?, findings: [String]) {
        let (recipe, diagnostics, _) = ImageRecipe.parse(SourceText(path: "image.yml", text: text))
        return (
            recipe,
            diagnostics.map { finding in
                let place = finding.span.map { "\($0.start.line):\($0.start.column): " } ?? ""
                return place + finding.message
            }
        )
    }

    @Test("every key is read")
    func everyKey() {
        let (recipe, findings) = parse(
            """
            suite: trixie
            mirror: https://archive.example/debian
            components: [main, contrib]
            packages:
              - git
              - g++
              - libc6:i386
            users:
              one:
              two: { id: 1500, home: /srv/two, shell: /bin/sh, groups: [sudo, one] }
            environment:
              STAGE: test
              EMPTY:
              NUMBER: 3.10
            runtimes:
              python: 3.11
              java: [corretto8, corretto17]
            commands:
              - echo one
              - |
                echo two
                echo three
            """)
        #expect(findings.isEmpty)
        #expect(recipe?.suite == "trixie")
        #expect(recipe?.mirror == "https://archive.example/debian")
        #expect(recipe?.components == ["main", "contrib"])
        #expect(recipe?.packages == ["git", "g++", "libc6:i386"])
        #expect(recipe?.users.map(\.name) == ["one", "two"])
        #expect(recipe?.users.last?.identifier == 1500)
        #expect(recipe?.users.last?.groups == ["sudo", "one"])
        #expect(recipe?.environment.map { "\($0.name)=\($0.value)" } == ["STAGE=test", "EMPTY=", "NUMBER=3.10"])
        #expect(recipe?.runtimes.map(\.versions) == [["3.11"], ["corretto8", "corretto17"]])
        #expect(recipe?.commands == ["echo one", "echo two\necho three"])
    }

    @Test(
        "what is wrong is told with its place",
        arguments: [
            ("", "a recipe is a map that names at least a `suite`"),
            ("[suite]", "1:1: a recipe is a map that names at least a `suite`"),
            ("packages: [git]", "1:1: the recipe names no `suite`"),
            ("suite: bookworm\npackage: [git]", "2:1: a recipe has no `package` here"),
            ("suite: --help", "1:8: `--help` cannot be a suite"),
            (
                "suite: bookworm\npackages: [git, --allow-unauthenticated]",
                "2:17: `--allow-unauthenticated` cannot be a package"
            ),
            ("suite: bookworm\npackages: [[git]]", "2:12: here must be text, and this is a list"),
            (
                "suite: bookworm\nmirror: \"http://a/ [trusted=yes]\"",
                "2:9: `http://a/ [trusted=yes]` cannot be a mirror"
            ),
            ("suite: bookworm\nusers: { root: }", "2:10: `root` cannot be a user"),
            ("suite: bookworm\nusers: { a: { uid: 5 } }", "2:15: a recipe has no `uid` here"),
            ("suite: bookworm\nusers: { a: { id: 0 } }", "2:19: `0` cannot be a user's id"),
            ("suite: bookworm\nusers: [a]", "2:8: `users` must be a map, and this is a list"),
            ("suite: bookworm\nenvironment: { HOME: /x }", "2:16: `HOME` cannot be a variable"),
            ("suite: bookworm\nenvironment: { CODEBUILD_CI: x }", "2:16: `CODEBUILD_CI` cannot be a variable"),
            ("suite: bookworm\nenvironment: { A: [1] }", "2:19: here must be text, and this is a list"),
        ])
    func findings(text: String, expected: String) {
        #expect(parse(text).findings == [expected])
    }

    @Test("the digest follows what decides the image, and nothing else")
    func digests() {
        func digest(_ text: String, architecture: String = "amd64") -> String? {
            parse(text).recipe?.digest(architecture: architecture)
        }
        let base = digest("suite: bookworm\npackages: [git, make]")
        #expect(base?.count == 64)
        #expect(digest("# Another comment.\npackages:\n  - make\n  - git\nsuite: 'bookworm'\n") == base)
        for other in [
            "suite: trixie\npackages: [git, make]", "suite: bookworm\npackages: [git]",
            "suite: bookworm\npackages: [git, make]\ncommands: [ls]",
            "suite: bookworm\npackages: [git, make]\nenvironment: { A: b }",
            "suite: bookworm\npackages: [git, make]\nusers: { a: }",
        ] {
            #expect(digest(other) != base, "\(other)")
        }
        #expect(digest("suite: bookworm\npackages: [git, make]", architecture: "arm64") != base)
    }

    @Test("files beside the recipe are part of it, their owner and time are not")
    func files() throws {
        try TemporaryTree.with { tree in
            try tree.write("one/image.yml", "suite: bookworm\n")
            try tree.write("two/image.yml", "suite: bookworm\n", mode: 0o600)
            let empty = try ImageRecipe.read(tree.path("one"), displayed: "one").recipe
            for place in ["one", "two"] {
                let mode: UInt32 = place == "one" ? 0o644 : 0o600
                try tree.write(FilePath(place + "/files/etc/motd"), "hello\n", mode: mode)
                try tree.link(FilePath(place + "/files/etc/other"), to: "motd")
            }
            func digest(_ place: String) throws -> String {
                try ImageRecipe.read(tree.path(FilePath(place)), displayed: place).recipe.digest(architecture: "amd64")
            }
            let one = try digest("one")
            #expect(one != empty.digest(architecture: "amd64"))
            #expect(try digest("two") == one)
            try tree.setMode("two/files/etc/motd", 0o755)
            #expect(try digest("two") != one)
        }
    }

    @Test("a recipe that is not there is told by the file that is missing")
    func missing() throws {
        try TemporaryTree.with { tree in
            try tree.directory("empty")
            let error = try #require(throws: ImageStoreError.self) {
                try ImageRecipe.read(tree.path("empty"), displayed: "empty")
            }
            #expect(error.message == "there is no recipe `empty/image.yml`")
            #expect(error.code == .recipe)
        }
    }

    @Test("the schema and the reader know the same keys, and the project's own recipe has no finding")
    func schema() throws {
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let text = try Data(contentsOf: URL(fileURLWithPath: root.appending("docs/image.schema.json").string))
        let schema = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        let properties = try #require(schema["properties"] as? [String: [String: Any]])
        #expect(Set(properties.keys) == Set(RecipeDecoder.keys))
        let user = try #require(properties["users"]?["additionalProperties"] as? [String: Any])
        #expect(Set((user["properties"] as? [String: Any] ?? [:]).keys) == Set(RecipeDecoder.userKeys))

        let read = try ImageRecipe.read(root.appending("images/debian"), displayed: "images/debian")
        #expect(read.warnings.isEmpty)
        #expect(read.recipe.packages.count == Set(read.recipe.packages).count)
    }

    @Test(
        "a buildspec's word means a version of the image as in CodeBuild",
        arguments: [
            ("3.9", "3.9"), ("3.10", "3.10"), ("3.x", "3.11"), ("latest", "3.11"), ("3", nil), ("4.x", nil),
            ("3.1", nil), ("", nil),
        ] as [(String, String?)])
    func versions(word: String, expected: String?) {
        #expect(ImageRuntime(name: "python", versions: ["3.9", "3.11", "3.10"]).version(for: word) == expected)
    }

    @Test("the highest of named versions counts their numbers")
    func namedVersions() {
        let java = ImageRuntime(name: "java", versions: ["corretto8", "corretto21", "corretto11"])
        #expect(java.version(for: "latest") == "corretto21")
    }

    @Test("words of a recipe reach the scripts quoted")
    func quoting() {
        var recipe = ImageRecipe(suite: "bookworm")
        recipe.commands = ["echo 'it'\\''s'; rm -rf \"$x\""]
        let script = ImageScripts(recipe, sources: AptSources(suite: "bookworm", components: ["main"])).furnish()
            .map(\.script).joined()
        #expect(script.contains(#"sh -ec 'echo '\''it'\''\'\'''\''s'\''; rm -rf "$x"'"#))
    }
}

@Suite("Where this machine has packages from")
struct AptSourcesTests {
    @Test("the machine's own archives serve a suite, third parties' do not")
    func sources() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "etc/apt/sources.list",
                """
                # deb http://commented.example/debian bookworm main
                deb http://one.example/debian bookworm main contrib
                deb-src http://one.example/debian bookworm main
                deb [arch=amd64 signed-by=/usr/share/keyrings/one.gpg] http://sec.example/debian bookworm-security main # why
                deb http://one.example/debian bookworm-backports main
                deb http://other.example/tool stable main
                """)
            try tree.write(
                "etc/apt/sources.list.d/more.sources",
                """
                Types: deb deb-src
                URIs: http://two.example/debian
                Suites: bookworm bookworm-updates
                Components: main
                Signed-By: /usr/share/keyrings/two.gpg

                Types: deb
                Enabled: no
                URIs: http://three.example/debian
                Suites: bookworm
                Components: main
                """)
            func lines(_ suite: String, codename: String? = "bookworm") -> [String] {
                AptSources(suite: suite, components: ["main"], root: tree.path, codename: codename).lines
            }
            #expect(
                lines("bookworm") == [
                    "deb http://one.example/debian bookworm main",
                    "deb [signed-by=/usr/share/keyrings/one.gpg] http://sec.example/debian bookworm-security main",
                    "deb [signed-by=/usr/share/keyrings/two.gpg] http://two.example/debian bookworm main",
                    "deb [signed-by=/usr/share/keyrings/two.gpg] http://two.example/debian bookworm-updates main",
                ])
            #expect(lines("trixie")[0] == "deb http://one.example/debian trixie main")
            #expect(lines("sid").allSatisfy { $0.hasSuffix(" sid main") })
            #expect(lines("stable", codename: "none") == ["deb http://other.example/tool stable main"])
            #expect(lines("jammy", codename: "noble").isEmpty)
        }
    }
}
