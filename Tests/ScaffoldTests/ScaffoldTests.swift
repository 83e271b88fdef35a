// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
import Diagnostics
import Files
import Foundation
import Scaffold
import SystemPackage
import TestSupport
import Testing
import YAML

/// A directory by the files in it.
struct SmallTree: Sendable, CustomTestStringConvertible {
    var name: String
    var files: [String: String]
    var testDescription: String { name }

    init(_ name: String, _ files: [String: String]) {
        self.name = name
        self.files = files
    }
}

@Suite("drafting a buildspec")
struct ScaffoldTests {
    private static let presets = """
        {"version": 3, "configurePresets": [{"name": "base", "hidden": true}, {"name": "ci"}],
         "buildPresets": [{"name": "ci", "configurePreset": "ci"}], "testPresets": [{"name": "ci"}]}
        """

    static let trees = [
        SmallTree("empty", [:]),
        SmallTree(
            "npm",
            [
                "package.json":
                    #"{"name": "\ud83d\ude00", "scripts": {"build": "vite build", "test": "vitest run", "lint": "eslint ."}, "devDependencies": {"vite": "5"}}"#,
                "package-lock.json": "{}", ".nvmrc": "v20.11.1\n",
            ]),
        SmallTree(
            "npm-without-lock",
            ["package.json": #"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#]),
        SmallTree(
            "yarn", ["package.json": "{\n\t\"scripts\": {\"test\": \"jest\", \"build\": \"tsc\"}}", "yarn.lock": ""]),
        SmallTree(
            "yarn-berry",
            ["package.json": #"{"packageManager": "yarn@4.1.0", "scripts": {"test": "jest"}}"#, "yarn.lock": ""]),
        SmallTree(
            "pnpm", ["package.json": #"{"scripts": {"test": "x"}, "engines": {"node": ">=18"}}"#, "pnpm-lock.yaml": ""]),
        SmallTree("bun", ["package.json": #"{"scripts": {"test": "x"}}"#, "bun.lock": ""]),
        SmallTree(
            "pip", ["requirements.txt": "requests\n", "requirements-dev.txt": "pytest\n", "tests/test_a.py": ""]),
        SmallTree("pip-unittest", ["requirements.txt": "", "tests/test_a.py": ""]),
        SmallTree(
            "pyproject",
            [
                "pyproject.toml": """
                [build-system]
                requires = ["setuptools"]
                [project]
                name = "x"
                requires-python = ">=3.10"
                [project.optional-dependencies]
                docs = ["sphinx"]
                dev = ["pytest"]
                """, "tests/conftest.py": "",
            ]),
        SmallTree("poetry", ["pyproject.toml": "[tool.poetry]\nname = 'x'\n", "poetry.lock": ""]),
        SmallTree("uv", ["pyproject.toml": "[project]\nname = 'x'\n", "uv.lock": "", "conftest.py": ""]),
        SmallTree("pipenv", ["Pipfile": "[packages]\n", "Pipfile.lock": "{}"]),
        SmallTree("setup-py", ["setup.py": "", "test_x.py": ""]),
        SmallTree("maven", ["pom.xml": "<project><packaging>war</packaging></project>"]),
        SmallTree(
            "maven-modules", ["pom.xml": "<project><modules><module>a</module></modules></project>", "mvnw": ""]),
        SmallTree("gradle", ["build.gradle.kts": "", "gradlew": "", "settings.gradle.kts": "include(\"a\")\n"]),
        SmallTree("go", ["go.mod": "module x\n\ngo 1.22.1\n", "main.go": ""]),
        SmallTree("go-commands", ["go.mod": "module x\n", "cmd/x/main.go": ""]),
        SmallTree("cargo", ["Cargo.toml": "[package]\nname = \"tool\"\n", "Cargo.lock": "", "src/main.rs": ""]),
        SmallTree("cargo-library", ["Cargo.toml": "[package]\nname = \"lib\"\n", "src/lib.rs": ""]),
        SmallTree(
            "cargo-programs",
            [
                "Cargo.toml":
                    "[ package ] # ours\nname = \"foo\"\n[[bin]]\nname = 'other'\n[[bin]]\n"
                    + "name = \"extra\"\nrequired-features = [\"x\"]\n", "src/main.rs": "",
            ]),
        SmallTree("cargo-workspace", ["Cargo.toml": "[workspace]\nmembers = [\"a\"]\n"]),
        SmallTree(
            "swift", ["Package.swift": "products: [.executable(name: \"tool\", targets: [])]", "Tests/a/a.swift": ""]),
        SmallTree(
            "composer",
            [
                "composer.json": #"{"require": {"php": "^8.2"}, "require-dev": {"phpunit/phpunit": "^11"}}"#,
                "composer.lock": "{}",
            ]),
        SmallTree("composer-script", ["composer.json": #"{"scripts": {"test": "pest"}}"#]),
        SmallTree(
            "bundler",
            ["Gemfile": "gem 'rspec'\n", "Gemfile.lock": "rspec_junit_formatter (0.6)\n", ".ruby-version": "3.2.1\n"]),
        SmallTree("bundler-rake", ["Gemfile": "", "Rakefile": ""]),
        SmallTree("cmake", ["CMakeLists.txt": "project(x C)\nenable_testing()\n"]),
        SmallTree("cmake-capitals", ["CMakeLists.txt": "PROJECT(x C)\n# include(x)\nENABLE_TESTING ( )\n"]),
        SmallTree("cmake-presets", ["CMakeLists.txt": "", "CMakePresets.json": presets]),
        SmallTree("make", ["Makefile": ".PHONY: all check\nCC := gcc\nall:\n\ttrue\ncheck: all\n\ttrue\n"]),
        SmallTree("make-configure", ["GNUmakefile": "all:\n", "configure": "#!/bin/sh\n"]),
        SmallTree("autotools", ["configure.ac": "AC_INIT\n", "Makefile.am": ""]),
        SmallTree("autotools-bootstrap", ["configure.ac": "AC_INIT\n", "autogen.sh": "#!/bin/sh\n"]),
        SmallTree("configure", ["configure": "#!/bin/sh\n", "Makefile.in": "all:\ntest: all\n"]),
        SmallTree(
            "npm-and-pip",
            [
                "package.json": #"{"scripts": {"build": "x"}, "dependencies": {"react-scripts": "5"}}"#,
                "package-lock.json": "",
                "requirements.txt": "", "Makefile": "all:\n", "pytest.ini": "",
            ]),
    ]

    private func scan(_ tree: TemporaryTree, _ files: [String: String]) throws -> ProjectScan {
        try tree.directory("source")
        for (name, text) in files { try tree.write(FilePath("source/\(name)"), text) }
        return try ProjectScan(try Directory(tree.path("source")))
    }

    @Test("gives the file that it should, without a finding and formatted", arguments: trees)
    func drafts(_ tree: SmallTree) throws {
        try TemporaryTree.with { temporary in
            let text = BuildspecDraft(try scan(temporary, tree.files)).text
            try expectSnapshot(text, "\(tree.name).yml")
            let source = SourceText(path: "buildspec.yml", text: text)
            let (buildspec, findings) = Buildspec.read(source, lint: true)
            #expect(buildspec != nil)
            #expect(findings.isEmpty, "\(findings.map(\.message))")
            #expect(try YAMLFormatter.format(source) == source.bytes)
        }
    }

    @Test("a package.json that is broken, or no object, is said with its place")
    func broken() throws {
        try TemporaryTree.with { tree in
            let error = #expect(throws: ScaffoldError.self) { try scan(tree, ["package.json": "{\"a\": [}"]) }
            #expect(error?.diagnostic?.span?.start.line == 1)
            #expect(error?.message.hasPrefix("`package.json` is not JSON: ") == true)
            let other = #expect(throws: ScaffoldError.self) { try scan(tree, ["package.json": "[]"]) }
            #expect(other?.message == "`package.json` does not hold a JSON object")
        }
    }

    @Test(
        "JSON is read as JSON",
        arguments: [
            ("{\"name\":", "`package.json` is not JSON: the file ends where a value is due"),
            ("{name: x}", "`package.json` is not JSON: "),
        ])
    func brokenJSON(text: String, message: String) throws {
        try TemporaryTree.with { tree in
            let error = #expect(throws: ScaffoldError.self) { try scan(tree, ["package.json": text]) }
            #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
            #expect(error?.diagnostic?.rule == "json-syntax")
        }
        try TemporaryTree.with { tree in
            let long = String(repeating: "k", count: 2000)
            let found = try scan(tree, ["package.json": "{\"\(long)\": 1}"])
            #expect(found.recipes.map(\.tool) == ["npm"])
        }
    }

    @Test("links are followed in the directory, and one that leaves it is said")
    func links() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/parts/real.json", "{}")
            try tree.link("source/package.json", to: "parts/real.json")
            let found = try scan(tree, [:])
            #expect(found.recipes.map(\.tool) == ["npm"])
        }
        for name in ["package.json", "go.mod", "Makefile", "Cargo.toml", "pyproject.toml"] {
            try TemporaryTree.with { tree in
                try tree.write("outside", "{}")
                try tree.directory("source")
                try tree.link(FilePath("source/\(name)"), to: "../outside")
                let error = #expect(throws: ScaffoldError.self) { try scan(tree, [:]) }
                #expect(error?.message == "`\(name)` is a symbolic link that leaves the directory")
            }
        }
    }

    @Test(
        "node's version is that of the line that a name stands for",
        arguments: [("lts/iron\n", "20"), ("lts/*", "22"), ("lts/-1", "22"), ("v18.3", "18"), ("node", "22")])
    func nodeVersion(text: String, version: String) throws {
        try TemporaryTree.with { tree in
            let draft = BuildspecDraft(try scan(tree, ["package.json": "{}", ".nvmrc": text])).text
            #expect(draft.contains("nodejs: \(version)\n"), "\(draft)")
        }
    }

    @Test("what lies one directory below is named")
    func below() throws {
        try TemporaryTree.with { tree in
            let found = try scan(
                tree, ["backend/pom.xml": "", "web/package.json": "{}", ".x/go.mod": "", "docs/a": ""])
            #expect(found.recipes.isEmpty)
            #expect(found.directoriesBelow == ["backend", "web"])
        }
    }
}
