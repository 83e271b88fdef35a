// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
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

    @Test("--diff is a patch of any file that can be formatted", arguments: ["a.yml", "two words.yml", "wide.yml"])
    func patch(name: String) throws {
        guard requireTool("patch", for: "fmt --diff") else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let text = "a:   1\r\nb: x\r\nc: é"
            var bytes = Array(text.utf8)
            if name == "wide.yml" { bytes = [0xFF, 0xFE] + text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }
            try tree.write(FilePath("source/\(name)"), bytes: bytes)
            let diff = try drydock("fmt", "--diff", name)
            try tree.write("patch", bytes: diff.standardOutput)
            let patched = try runTool(
                "patch", ["--binary", "--no-backup-if-mismatch", "-p0", "-i", tree.path("patch").string],
                environment: drydock.environment, in: drydock.directory)
            #expect(patched.status == 0, "\(patched.output)\(patched.errors)")
            #expect(try tree.text(FilePath("source/\(name)")) == "a: 1\nb: x\nc: é\n")
            #expect(try tree.listing("source") == [name])
        }
    }

    @Test("a file over the limit is refused with the limit")
    func tooLarge() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/a.yml", String(repeating: "#", count: (1 << 20) + 1))
            let result = try drydock("fmt", "a.yml")
            #expect(result.status == 2 && result.errors.contains("it is larger than 1 MiB"), "\(result.errors)")
        }
    }

    @Test("a file of somebody else, and one with several names, are written where they are")
    func keepsAllElse() throws {
        guard getuid() == 0, let user = TestUser.all.first(where: { $0.name != nil }) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree, user: user)
            try tree.write("source/buildspec.yml", Self.loose, mode: 0o666)
            let before = try tree.root.status("source/buildspec.yml")
            #expect(chmod(tree.path("source").string, 0o777) == 0)
            #expect(link(tree.path("source/buildspec.yml").string, tree.path("source/other").string) == 0)
            let result = try drydock("fmt")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try tree.text("source/other") == Self.tidy)
            let after = try tree.root.status("source/buildspec.yml")
            #expect((after.owner, after.mode, after.inode) == (before.owner, 0o666, before.inode))
        }
    }

    @Test("attributes of a file stay")
    func attributes() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let path = try tree.write("source/buildspec.yml", Self.loose)
            let file = try FileDescriptor.open(path, .readWrite)
            defer { try? file.close() }
            // Not every file system has them.
            guard linux_set_attribute(file.rawValue, "user.note", "x", 1) == 0 else { return }
            #expect(try drydock("fmt").status == 0)
            #expect(try tree.text("source/buildspec.yml") == Self.tidy)
            let again = try FileDescriptor.open(path, .readOnly)
            defer { try? again.close() }
            #expect(linux_get_attribute(again.rawValue, "user.note", nil, 0) == 1)
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
