// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Testing

@Suite("What code may not do")
struct CodeRuleTests {
    @Test("only the console prints")
    func onlyTheConsolePrints() throws {
        for target in try House.current.get().targets where !target.isTest && target.name != "Console" {
            for file in target.files where file.isSwift {
                #expect(file.calls(of: ["print", "debugPrint", "dump"]).isEmpty)
            }
        }
    }

    @Test("only drydock-init makes processes by fork, namespaces and mounts")
    func onlyTheLauncherEntersNamespaces() throws {
        let calls: Set = [
            "fork", "vfork", "clone", "clone3", "unshare", "setns", "pivot_root", "chroot", "mount", "umount",
            "umount2", "move_mount", "open_tree", "fsmount", "mount_setattr",
        ]
        let wrapped = calls.union(calls.map { "linux_" + $0 })
        for target in try House.current.get().targets where !["drydock-init", "CLinux"].contains(target.name) {
            // A function of the target's own that happens to be called `mount` is not the system's.
            let own = wrapped.filter { name in
                target.files.contains { file in file.code.contains { $0.contains("func \(name)(") } }
            }
            for file in target.files { #expect(file.calls(of: wrapped.subtracting(own)).isEmpty) }
        }
    }

    @Test("host programs start by posix_spawn alone")
    func noFoundationProcess() throws {
        for target in try House.current.get().targets {
            for file in target.files where file.isSwift {
                #expect(file.calls(of: ["Process", "NSTask", "popen"]).isEmpty)
            }
        }
    }

    @Test("the program is synchronous: no tasks, no queues, and no threads but those that compress")
    func theProgramIsSynchronous() throws {
        for file in try House.current.get().shippedFiles where file.isSwift {
            #expect(file.uses(of: ["async", "await", "actor", "DispatchQueue", "Thread"]).isEmpty)
            #expect(file.calls(of: ["withTaskGroup"]).isEmpty)
            if file.path == "Sources/Archives/CompressionThreads.swift" { continue }
            #expect(file.calls(of: ["pthread_create"]).isEmpty)
        }
    }

    @Test("nothing traps on purpose")
    func nothingTraps() throws {
        for file in try House.current.get().shippedFiles where file.isSwift {
            #expect(file.calls(of: ["fatalError", "assertionFailure"]).isEmpty)
            #expect(file.places { $0.contains("try!") || $0.contains("as!") }.isEmpty)
        }
    }

    @Test("what the compiler is told to trust is explained in the line above")
    func uncheckedPromisesAreExplained() throws {
        for file in try House.current.get().shippedFiles where file.isSwift {
            let promises = file.code.indices.filter { index in
                file.code[index].contains("@unchecked Sendable") || file.code[index].contains("nonisolated(unsafe)")
            }
            for index in promises {
                let above = index > 0 ? file.lines[index - 1] : ""
                #expect(above.contains("//"), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test("a file has at most 500 lines and begins with its licence")
    func filesAreShortAndLicensed() throws {
        let header = [
            "// SPDX-License-Identifier: Apache-2.0", "// SPDX-FileCopyrightText: The drydock authors",
        ]
        for file in try House.current.get().targets.flatMap(\.files) {
            #expect(file.lines.count <= 501, "\(file.path)")
            #expect(Array(file.lines.prefix(2)) == header, "\(file.path)")
        }
    }

    @Test("folders are named by nouns of the domain")
    func foldersAreNouns() throws {
        for file in try House.current.get().targets.flatMap(\.files) {
            let folders = Set(file.path.split(separator: "/").dropLast().map(String.init))
            #expect(
                folders.isDisjoint(with: ["Utils", "Utilities", "Helpers", "Extensions", "Common"]), "\(file.path)")
        }
    }
}

/// The rules above pass for a house without offences only if they see an offence; here are some.
@Suite("How code is read")
struct SourceFileTests {
    @Test(
        "comments and literals are no code",
        arguments: [
            ("a // print(1)", "a            "),
            (#"x("print(1)") // \"#, #"x("        ")     "#),
            (#"x("say \"print(1)\"")"#, #"x("                ")"#),
            ("a /* b\n/* c */ d */ e", "a     \n             e"),
            ("\"\"\"\nfork()\n\"\"\" + y", "\"\"\"\n      \n\"\"\" + y"),
            (##"#"fork("\")"# + z"##, ##"#"         "# + z"##),
            (#"("", "b", c)"#, #"("", " ", c)"#),
        ])
    func blanksWhatIsNotCode(_ text: String, _ code: String) {
        #expect(SourceFile.code(of: text) == code)
    }

    @Test("a call is a name before a parenthesis, and not a method or a part of a longer name")
    func findsCalls() {
        let file = SourceFile(
            path: "f", text: "fork()\nself.fork()\nmyfork()\nif Glibc.fork () {}\nlet x = fork(\nfunc fork(a: Int)")
        #expect(file.calls(of: ["fork"]) == ["f:1", "f:5"])
    }

    @Test("imports are read with their attributes, levels and kinds")
    func readsImports() {
        let text = """
            public import A
            @testable internal import B
            import struct C.D
            // import E
            let important = "import F"
            @_exported import G
            """
        #expect(SourceFile(path: "f.swift", text: text).imports == ["A", "B", "C", "G"])
    }
}
