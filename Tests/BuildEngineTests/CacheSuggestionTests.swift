// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Sandbox
import Testing

@testable import BuildEngine

@Suite("Suggested caches")
struct CacheSuggestionTests {
    private func place(
        _ path: String, _ tool: String?, _ locks: String..., isChanging: Bool = false, isWhole: Bool = true
    ) -> WrittenPlace {
        WrittenPlace(
            path: path, tool: tool, byteCount: 3 << 20, fileCount: 12, milliseconds: 2600, isWhole: isWhole,
            lockFiles: locks, isChanging: isChanging)
    }

    private func suggestion(_ places: WrittenPlace...) -> CacheSuggestion {
        CacheSuggestion(WrittenPlaces(places: places, milliseconds: 4400))
    }

    @Test("the block has its figures as comments")
    func yaml() {
        let text = suggestion(
            place("/root/.npm", "npm", "package-lock.json"), place("node_modules", "npm", "package-lock.json"),
            place("/root/.cache/pip", "pip", "requirements.txt", isWhole: false)
        ).yaml(build: "build 7 of web", isAddition: false)
        #expect(
            text == """
                # build 7 of web wrote more than 9 MiB that a cache could hold; about 4 s of it went there.
                cache:
                  key: npm-pip-$(codebuild-hash-files package-lock.json requirements.txt)
                  fallback-keys:
                    - npm-pip-
                  paths:
                    - /root/.npm/**/*        # npm: 3 MiB, 12 files, about 3 s
                    - node_modules/**/*      # npm: 3 MiB, 12 files, about 3 s
                    - /root/.cache/pip/**/*  # pip: more than 3 MiB, 12 files, about 3 s

                """)
    }

    @Test("a key is proposed where lock files alone decide what is cached")
    func keys() {
        #expect(
            suggestion(place("/root/.m2/repository", "maven", "pom.xml")).key == "maven-$(codebuild-hash-files pom.xml)"
        )
        #expect(suggestion(place("/root/.m2/repository", "maven")).key == nil)
        #expect(suggestion(place("big", nil)).key == nil)
        #expect(
            suggestion(place("/root/go/pkg/mod", "go", "go.sum"), place("x", "go", "go.sum", isChanging: true)).key
                == nil)
        let many = suggestion(
            place("a", "npm", "a.lock"), place("b", "pip", "b.lock"), place("c", "go", "a.lock"),
            place("/var/cache/apt", "apt"))
        #expect(many.key == "packages-$(codebuild-hash-files a.lock b.lock)" && many.fallbackKeys == ["packages-"])
    }

    @Test("variables move a tool's directory as they do for the tool")
    func places() throws {
        let modules = try #require(CachePlace.known.first { $0.path == "~/go/pkg/mod" })
        #expect(modules.place(home: "/root", variables: [:]) == "/root/go/pkg/mod")
        #expect(modules.place(home: "/root", variables: ["GOPATH": "/go"]) == "/go/pkg/mod")
        #expect(modules.place(home: "/root", variables: ["GOPATH": "/go", "GOMODCACHE": "/m"]) == "/m")
        #expect(modules.place(home: "/home/a", variables: ["GOPATH": "relative"]) == "/home/a/go/pkg/mod")
        #expect(CachePlace.known.first { $0.path == "node_modules" }?.place(home: "/root", variables: [:]) == nil)
    }

    @Test("time is that of the writing, without the pauses")
    func time() {
        #expect(WrittenFiles.milliseconds([]) == 0)
        #expect(WrittenFiles.milliseconds([5]) == 100)
        #expect(WrittenFiles.milliseconds([5, 6, 7, 15]) == 1100)
        #expect(WrittenFiles.milliseconds([5, 6, 1000, 1001]) == 400)
        #expect(CacheSuggestion.time(300) == "less than a second" && CacheSuggestion.time(1500) == "about 2 s")
    }
}
