// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("An archive cannot") struct HostileArchiveTests {
    @Test("leave its directory, make devices, become somebody else, or break the program")
    func stays() throws {
        guard ArchiveProgram.require("python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("canary/canary", "CANARY", mode: 0o640)
            try tree.directory("archives")
            let maker = FilePath(#filePath).removingLastComponent().appending("hostile_archives.py").string
            let made = try runTool("python3", [maker, tree.path("archives").string, tree.path("canary").string])
            #expect(made.status == 0, "\(made.errors)")
            let look = "stat -c '%a %s %Y %Z %h %i %u' canary canary/canary; ls -A canary; cat canary/canary"
            let before = try program.shell(look).output
            var count = 0
            for line in made.lines {
                let fields = line.split(separator: "\t").map(String.init)
                let (name, expected) = (fields[0], fields[1])
                let comment = Comment(rawValue: line)
                let result = try program.shell(
                    "mkdir u && cd u && ulimit -v 2000000 && timeout 60 \"$A\" unpack . --below . --limit 200000000 <../archives/\(name)"
                )
                let special = try program.shell("find u -type b -o -type c -o -type f -perm /6000")
                #expect(special.output.isEmpty, comment)
                let attributes = try program.shell(
                    "python3 -c 'import os; print([os.listxattr(\"u/\" + n, follow_symlinks=False) for n in os.listdir(\"u\") if n == \"f\"])'"
                )
                #expect(["[]\n", "[[]]\n"].contains(attributes.output), comment)
                #expect(try program.shell(look).output == before, comment)
                #expect(result.output.isEmpty, comment)
                if [3, 4].contains(result.status) {
                    #expect(expected != "inside", "\(line): \(result.errors)")
                    #expect(try tree.listing("u") == [], comment)
                    #expect(result.errors.hasPrefix("drydock-archive: ") && result.lines.isEmpty, comment)
                    #expect(result.errors.utf8.dropLast().allSatisfy { $0 >= 0x20 }, comment)
                } else {
                    #expect(result.status == 0 && expected != "refused", "\(line): \(result.status) \(result.errors)")
                    #expect(result.errors.isEmpty, comment)
                }
                _ = try program.shell("rm -rf u")
                count += 1
            }
            #expect(count > 70)
        }
    }

    @Test("use what an earlier one left: only into an empty directory is unpacked")
    func secondArchive() throws {
        guard ArchiveProgram.require("tar") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.directory("canary")
            let result = try program.shell(
                """
                mkdir u d && echo no >d/new && tar -cf second.tar d/new && rm -r d
                ln -s ../canary d && tar -cf first.tar d
                "$A" unpack u --below . <first.tar && "$A" unpack u --below . <second.tar
                """)
            #expect(result.status == 3 && result.errors.contains("is not empty"))
            #expect(try tree.listing("canary") == [])
        }
    }
}
