// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock fmt")
struct FormatTests {
    private static let loose = "version: 0.2\n\n\n# why\nphases:\n  build:\n    commands:\n    - make   # all\n"
    private static let tidy = "version: 0.2\n\n# why\nphases:\n  build:\n    commands:\n      - make   # all\n"

    @Test("formats the buildspec of the directory, keeps its mode, and has nothing to do the second time")
    func inPlace() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.loose, mode: 0o640)
            let result = try drydock("fmt")
            #expect((result.status, result.output, result.errors) == (0, "formatted buildspec.yml\n", ""))
            #expect(try tree.text("source/buildspec.yml") == Self.tidy)
            #expect(try tree.root.status("source/buildspec.yml").mode == 0o640)
            #expect(try tree.listing("source") == ["buildspec.yml"])
            #expect(try drydock("fmt").output == "")
        }
    }

    @Test("behind a link the file itself is written, and the link stays")
    func throughLink() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("elsewhere/real.yml", Self.loose)
            try tree.link("source/buildspec.yml", to: "../elsewhere/real.yml")
            #expect(try drydock("fmt").status == 0)
            #expect(try tree.text("elsewhere/real.yml") == Self.tidy)
            #expect(try tree.listing("source") == ["buildspec.yml -> ../elsewhere/real.yml"])
        }
    }

    @Test("--check names what is not formatted, ends with 1 and writes nothing")
    func check() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/a.yml", Self.loose)
            try tree.write("source/b.yml", Self.tidy)
            let result = try drydock("fmt", "--check", "a.yml", "b.yml")
            #expect((result.status, result.output) == (1, "a.yml\n"))
            #expect(try tree.text("source/a.yml") == Self.loose)
            #expect(try drydock("fmt", "--check", "b.yml").status == 0)
        }
    }

    @Test("--diff shows what patch can apply, and writes nothing")
    func diff() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/a.yml", Self.loose)
            let result = try drydock("fmt", "--diff", "a.yml")
            #expect(result.status == 0)
            #expect(
                result.output == """
                    --- a.yml
                    +++ a.yml
                    @@ -1,8 +1,7 @@
                     version: 0.2
                     
                    -
                     # why
                     phases:
                       build:
                         commands:
                    -    - make   # all
                    +      - make   # all

                    """)
            #expect(try tree.text("source/a.yml") == Self.loose)
        }
    }

    @Test("standard input goes to standard output")
    func standardInput() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/a.yml", Self.loose)
            let line = "'\(Drydock.program)' fmt - < a.yml"
            let result = try runTool("sh", ["-c", line], environment: drydock.environment, in: drydock.directory)
            #expect((result.status, result.output) == (0, Self.tidy))
        }
    }

    @Test("a file that is not YAML is shown with its place, and the others are formatted all the same")
    func invalid() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/bad.yml", "phases:\n\tbuild:\n")
            try tree.write("source/a.yml", Self.loose)
            let result = try drydock("fmt", "bad.yml", "missing.yml", "a.yml")
            #expect(result.status == 2)
            #expect(result.errors.contains("bad.yml:2:1"))
            #expect(result.errors.contains("could not open `missing.yml`: no such file or directory"))
            #expect(try tree.text("source/a.yml") == Self.tidy)
            #expect(try tree.text("source/bad.yml") == "phases:\n\tbuild:\n")
        }
    }

    @Test("a file that may not be written stays as it is")
    func readOnly() throws {
        guard let user = TestUser.all.first(where: { $0.name != nil }) ?? (getuid() == 0 ? nil : TestUser()) else {
            return
        }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            try tree.write("source/buildspec.yml", Self.loose, mode: 0o444)
            let result = try drydock("fmt")
            #expect((result.status, result.errors) == (2, "error: cannot write `buildspec.yml`: permission denied\n"))
            #expect(try tree.text("source/buildspec.yml") == Self.loose)
        }
    }
}
