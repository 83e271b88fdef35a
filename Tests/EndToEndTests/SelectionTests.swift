// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Which build a number means where several projects have one.
@Suite("Builds of several projects", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct SelectionTests {
    private static let spec = "version: 0.2\nphases:\n  build:\n    commands: ['echo in-$(basename $PROJECT); false']\n"

    /// Two projects, each with one failed build whose state is kept, and a third directory without any.
    private static func prepare(_ tree: TemporaryTree) throws -> [String: Drydock] {
        var found: [String: Drydock] = [:]
        for name in ["one", "two", "three"] {
            try tree.write(FilePath("\(name)/buildspec.yml"), spec.replacing("$PROJECT", with: name))
            var drydock = try Drydock(in: tree)
            drydock.directory = tree.path(FilePath(name))
            if name != "three" { #expect(try drydock("run").status == 1) }
            found[name] = drydock
        }
        return found
    }

    @Test("a number means the current directory's project first, and nothing where several others have it")
    func numbers() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            for name in ["one", "two"] {
                #expect(try drydock[name]?("logs", "1").output.contains("\nin-\(name)\n") == true)
                #expect(try drydock[name]?("show").output.contains("\(name) 1") == true)
                #expect(try drydock["three"]?("logs", "1", "--project", name).output.contains("\nin-\(name)\n") == true)
            }
            for verb in ["show", "logs", "attach"] {
                let several = try #require(try drydock["three"]?(verb, "1"))
                #expect(several.status == 2 && several.errors.contains("several projects have a build 1: "))
                let unknown = try #require(try drydock["one"]?(verb, "--project", "nope", "1"))
                #expect(unknown.status == 2 && unknown.errors.contains("there is no build `1` of `nope`"))
            }
            // What is said to be typed next finds the build that was just made.
            let elsewhere = try #require(try drydock["three"]?("run", "-s", "../one", "--progress", "tty"))
            #expect(elsewhere.output.contains("drydock logs 2 --project one"), "\(elsewhere.output)")
        }
    }

    @Test("gc removes the state of the project at hand alone")
    func collecting() throws {
        try TemporaryTree.with { tree in
            let drydock = try Self.prepare(tree)
            for _ in 0..<250
            where try drydock["one"]?("gc", "--dry-run", "--all").output.split(separator: "\n").count != 3 {
                usleep(20_000)
            }
            let several = try #require(try drydock["three"]?("gc", "1"))
            #expect(several.status == 2 && several.errors.contains("several projects have a build 1"), "\(several)")
            let here = try #require(try drydock["one"]?("gc", "1"))
            #expect(here.output.contains("of `one`") && !here.output.contains("of `two`"), "\(here.output)")
            #expect(try drydock["one"]?("gc", "--all", "--project", "one").output == "freed 0 bytes\n")
            let named = try #require(try drydock["one"]?("gc", "1", "--project", "two"))
            #expect(named.output.contains("removed the state of build 1 of `two`"), "\(named)")
        }
    }

    @Test("a build that went on says so in its record")
    func shown() throws {
        try TemporaryTree.with { tree in
            let drydock = try #require(try Self.prepare(tree)["one"])
            #expect(try drydock("run", "--resume").status == 1)
            #expect(try drydock("show").output.contains("resumes build 1 at BUILD, with its files"))
        }
    }
}
