// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock-archive unpacks") struct UnpackingTests {
    @Test("what others have packed", arguments: ["pax", "gnu", "ustar", "bsdtar", "zip", "piped zip"])
    func peers(form: String) throws {
        guard ArchiveProgram.require("zstd", "bsdtar", "zip", "python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for file in ["t/source/a", "t/source/sub/b", "t/root/root/ü"] { try tree.write(FilePath(file), file) }
            try tree.link("t/source/link", to: "sub/b")
            try tree.setMode("t/source/a", 0o751)
            let zip = "(cd t && zip -qry ../a.zip .) && cat a.zip >a"
            let script =
                switch form {
                case "bsdtar": "bsdtar -C t --zstd -cf a root source"
                case "zip", "piped zip": zip
                default: "tar --format=\(form) -C t -cf - . | zstd -q >a"
                }
            if !form.hasSuffix("zip"), form != "bsdtar" { _ = try program.shell("printf x >t/source/$'no\\xff'") }
            // The times of a ZIP file are of two seconds.
            let touch = "find t -exec touch -h -d 2020-01-02T03:04:06Z {} +"
            #expect(try program.shell("\(touch); \(script) && \(touch)").status == 0)
            try tree.directory("u")
            let input = form == "piped zip" ? ("cat a |", "") : ("", "<a")
            let result = try program.shell("\(input.0) \"$A\" unpack u --below source root \(input.1)")
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            // Its links, and directories that have been listed before what is in them, have no times.
            if form.hasSuffix("zip") { _ = try program.shell("find u -exec touch -h -d 2020-01-02T03:04:06Z {} +") }
            #expect(try program.listing(of: "u") == program.listing(of: "t"))
        }
    }

    @Test("a cache that CodeBuild has saved, by its index")
    func codeBuildLayout() throws {
        guard ArchiveProgram.require("python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            let script = """
                import json, sys, zipfile
                listed = [("test_folder/test_file", "home"), ("node_modules/a/index.js", "source"), (".m2", "home"),
                          ("/opt/tool/x", "root")]
                with zipfile.ZipFile("a", "w") as archive:
                    index = {"version": "1.0", "content": {"files": [{"path": p, "rel": r} for p, r in listed]}}
                    archive.writestr(sys.argv[1], json.dumps(index))
                    for name in ["test_folder/", "test_folder/test_file", "node_modules/a/index.js", ".m2/r/é.jar",
                                 "opt/tool/x", "other/file"]:
                        archive.writestr(name, name)
                """
            try tree.write("make.py", script)
            for name in ["codebuild.json", "index"] {
                #expect(try program.shell("rm -rf u; python3 make.py \(name)").status == 0)
                let paths = "--below root/root/test_folder root/root/.m2 source/node_modules root/opt"
                let result = try program.unpack("a", into: "u", paths)
                #expect(result.status == 0)
                #expect(result.errors == "drydock-archive: `other/file` is not in the archive's index, and left out\n")
                let files = try tree.listing("u").filter { !$0.hasSuffix("/") }
                #expect(
                    files == [
                        "root/opt/tool/x", "root/root/.m2/r/é.jar", "root/root/test_folder/test_file",
                        "source/node_modules/a/index.js",
                    ])
                #expect(try tree.text("u/root/opt/tool/x") == "opt/tool/x")
            }
            let elsewhere = try program.unpack("a", into: "v", "--home root/home/me --below root/home source root")
            #expect(elsewhere.status == 0 && tree.exists("v/root/home/me/.m2/r/é.jar"))
            // The index is as little believed as the members.
            for (path, relation, reason) in [
                ("../x", "home", "leads upwards"), ("x", "moon", "is relative to `moon`, which is not known"),
                ("etc/passwd", "root", "lies outside the declared paths"),
            ] {
                let index =
                    "{\"version\":\"1.0\",\"content\":{\"files\":[{\"path\":\"\(path)\",\"rel\":\"\(relation)\"}]}}"
                try tree.write("index.json", index)
                _ = try program.shell(
                    "python3 -c 'import zipfile; z = zipfile.ZipFile(\"b\", \"w\"); z.write(\"index.json\"); z.writestr(\"etc/passwd\", \"x\")'"
                )
                let refused = try program.unpack("b", into: "w", "--below root/root source")
                #expect(refused.status == 3 && refused.errors.contains(reason), "\(refused.errors)")
                #expect(try tree.listing("w") == [])
            }
        }
    }

    @Test("only below the declared paths, and nothing at all of an archive that has something elsewhere")
    func declaredPaths() throws {
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for file in ["t/source/node_modules/a", "t/source/node_modules.more/b", "t/root/root/.npm/c"] {
                try tree.write(FilePath(file))
            }
            try tree.link("t/source/alias", to: "node_modules")
            #expect(try program.shell("\"$A\" pack t >a").status == 0)
            for (paths, outside) in [
                ("source/node_modules root/root/.npm", "source/alias"), ("root source/node_modules", "source/alias"),
                ("root/root/.npm/c", "source"), ("source", "root"), ("source root/root/.npm/c/d", "root/root/.npm/c"),
            ] {
                let result = try program.unpack("a", into: "u", "--below \(paths)")
                #expect(result.status == 3)
                #expect(
                    result.errors.hasPrefix("drydock-archive: the archive is refused: `\(outside)"), "\(result.errors)")
                #expect(result.errors.hasSuffix("lies outside the declared paths\n"))
                #expect(try tree.listing("u") == [])
            }
            for paths in [".", "source root/root", "./source/ root//root/.npm", "source root/root/.npm/c"] {
                let result = try program.unpack("a", into: "u", "--below \(paths)")
                #expect(result.status == 0, "\(result.errors)")
                #expect(try program.shell("diff -r --no-dereference t u && rm -r u").status == 0)
            }
            try tree.write("full/file")
            let full = try program.unpack("a", into: "full")
            #expect(full.status == 3 && tree.exists("full/file"))
            #expect(
                full.errors
                    == "drydock-archive: `full` is not empty, and only into an empty directory is unpacked\n")
        }
    }

    @Test("closed directories too, also for an ordinary user")
    func closedDirectories() throws {
        guard ArchiveProgram.require("tar") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("t/source/a/b/file")
            let script = """
                chmod 500 t/source/a/b; tar -cf a t/source; chmod 0 t/source; tar -rf a --no-recursion t/source; chmod 755 t/source
                cp "$A" program; mkdir -m 777 u; chmod 755 . program
                [ "$(id -u)" != 0 ] || user='setpriv --reuid 65534 --regid 65534 --clear-groups --'
                $user ./program unpack u --below t <a && stat -c '%a %n' u/t/source && chmod 755 u/t/source && stat -c '%a %n' u/t/source/a/b
                chmod 0 t/source/a/b; tar -cf b t; printf x >extra; tar -rf b extra; mkdir -m 777 v; $user ./program unpack v --below t <b
                ls v
                """
            let result = try program.shell(script)
            #expect(result.output == "0 u/t/source\n500 u/t/source/a/b\n", "\(result.errors)")
            #expect(
                result.errors == "drydock-archive: the archive is refused: `extra` lies outside the declared paths\n")
            _ = try program.shell("chmod -R u+rwx u v t")
        }
    }

    @Test("no more than the limit")
    func limit() throws {
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("t/source/file", String(repeating: "x", count: 10_000))
            try tree.sparse("t/source/hole", size: 1 << 30)
            #expect(try program.shell("\"$A\" pack t >a").status == 0)
            let small = try program.unpack("a", into: "u", "--limit 5000")
            #expect(small.status == 3 && small.errors.contains("`source/file` passes the limit of 5000 bytes"))
            #expect(try tree.listing("u") == [])
            // A hole takes no room.
            #expect(try program.unpack("a", into: "v", "--limit 20000").status == 0)
        }
    }

    @Test("set-id bits and owners as far as the user namespace has them")
    func setIdentity() throws {
        guard getuid() == 0, try runTool("unshare", ["-Ur", "true"]).status == 0 else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for name in ["mine", "other"] { try tree.write(FilePath("t/source/" + name), mode: 0o6755) }
            _ = try program.shell("chown 1234:1234 t/source/other; chmod 6755 t/source/other")
            #expect(try program.shell("\"$A\" pack t >a && mkdir u v").status == 0)
            let modes = "find . -type f -printf '%f %m %U\\n' | sort"
            #expect(
                try program.shell("unshare -Ur \"$A\" unpack u --below . <a && cd u && \(modes)").output
                    == "mine 6755 0\nother 755 0\n")
            #expect(
                try program.shell("\"$A\" unpack v --below . <a && cd v && \(modes)").output
                    == "mine 755 0\nother 755 1234\n")
        }
    }

    @Test("no archive with a flipped bit or without its end")
    func damage() throws {
        guard ArchiveProgram.require("python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for number in 0..<20 {
                let noise = (0..<400).map { _ in UInt8.random(in: 0...255) }
                try tree.write(
                    FilePath("t/source/\(number)"), bytes: noise + Array(String(repeating: "text ", count: 99).utf8))
            }
            try tree.write("record", "{}")
            let script = """
                import os, random, shutil, subprocess, sys
                program = os.environ["A"]
                good = subprocess.run([program, "pack", "t", "--record", "record"], capture_output=True).stdout
                os.mkdir("u")
                def check(data, what):
                    words = [program, "unpack", "u", "--below", "source"]
                    result = subprocess.run(words, input=data, capture_output=True)
                    left = os.listdir("u")
                    # A bit that decoders pass over (RFC 8878, 3.1.1.1.1): what comes out is what went in.
                    if result.returncode == 0:
                        again = subprocess.run([program, "pack", "u", "--record", "record"], capture_output=True).stdout
                        if again == good:
                            shutil.rmtree("u/source")
                            return
                    if result.returncode not in (3, 4) or left or not result.stderr.startswith(b"drydock-archive: "):
                        print(what, result.returncode, left, result.stderr)
                for number in range(150):
                    data = bytearray(good)
                    place = random.randrange(len(data))
                    data[place] ^= 1 << random.randrange(8)
                    check(bytes(data), "bit at %d of %d" % (place, len(data)))
                for end in [*range(0, len(good), len(good) // 60), *range(len(good) - 8, len(good))]:
                    check(good[:end], "end at %d of %d" % (end, len(good)))
                check(good + b"more", "more behind the end")
                print(len(good) > 1000)
                """
            let result = try program.shell("python3 - <<'END'\n\(script)\nEND")
            #expect(result.output == "True\n", "\(result.output)\(result.errors)")
        }
    }

    @Test("in little memory, whatever the size")
    func memory() throws {
        guard ArchiveProgram.require("python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for number in 0..<200 {
                for name in 0..<50 { try tree.write(FilePath("t/source/\(number)/\(name)"), "\(name)") }
            }
            _ = try program.shell("head -c 200000000 /dev/zero | tr '\\0' x >t/source/large; mkdir u")
            let script = """
                import os, resource, subprocess
                program = os.environ["A"]
                with open("a", "wb") as archive:
                    subprocess.run([program, "pack", "t", "--threads", "2"], stdout=archive, check=True)
                with open("a", "rb") as archive:
                    subprocess.run([program, "unpack", "u", "--below", "source"], stdin=archive, check=True)
                print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                """
            let result = try program.shell("python3 -c '\(script)'")
            let kilobytes = try #require(Int(result.output.dropLast()), "\(result.errors)")
            #expect(kilobytes < 60_000)
            #expect(try program.shell("diff -r t u").status == 0)
        }
    }
}
