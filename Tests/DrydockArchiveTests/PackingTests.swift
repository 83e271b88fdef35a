// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("drydock-archive packs") struct PackingTests {
    /// A tree of everything that a cache may hold.
    private func fill(_ program: ArchiveProgram) throws {
        let script = """
            set -e
            mkdir -p t/root/root/.npm/x t/source/node_modules/a && cd t
            echo text >root/root/.npm/x/file; ln root/root/.npm/x/file source/'other name'
            ln -s /usr/bin/python3 source/link; ln -s "$(printf 'to\\376')" "source/$(printf 'link\\375')"
            mkfifo source/pipe
            printf x >"source/$(printf 'bad\\377')"; ln "source/$(printf 'bad\\377')" "source/$(printf 'bad too\\377')"
            printf y >source/ü; printf z >source/$'new\\nline'; : >source/empty
            truncate -s 30M source/sparse; printf data | dd of=source/sparse bs=1 seek=15000000 conv=notrunc status=none
            truncate -s 5M source/hole; printf end >>source/hole
            truncate -s 5M source/nothing
            head -c 3000000 /dev/urandom >source/noise
            python3 - <<'END'
            import os, socket
            os.setxattr('source/noise', 'user.note', b'a\\0\\xff')
            os.setxattr('source/node_modules', 'user.kept', b'1')
            os.setxattr('source/node_modules', 'user.overlay.opaque', b'y')
            for place in ['source', 'root/root/.npm/x']: socket.socket(socket.AF_UNIX).bind(place + '/socket')
            END
            touch -h -d '2001-02-03 04:05:06.123456789' source/link source/noise source/empty
            chmod 1751 source/node_modules/a; chmod 4755 source/noise
            [ "$(id -u)" != 0 ] || { chmod 0 source/empty; mknod source/removed c 0 0; mknod source/null c 1 3; chown 1234:70000 source/ü; chown -h 7:8 source/link; }
            """
        let result = try program.shell(script)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("and unpacks what it has packed: owners, modes, times, links, holes, attributes, any name")
    func roundTrip() throws {
        guard ArchiveProgram.require("python3", "zstd") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try fill(program)
            try tree.write("record", "{\"key\":\"\u{1}\"}\n")
            let packed = try program.shell("\"$A\" pack t --record record >a")
            #expect(packed.status == 0)
            let isRoot = getuid() == 0
            let device = isRoot ? "drydock-archive: `null` is a device, and left out\n" : ""
            let sockets = ["/root/.npm/x/socket", "socket"].map {
                "drydock-archive: `\($0)` is a socket, and left out\n"
            }
            #expect(packed.errors == sockets[0] + device + sockets[1])
            let unpacked = try program.unpack("a", into: "u", "--record", "1")
            #expect(unpacked.status == 0, "\(unpacked.errors)")
            #expect(unpacked.output == "{\"key\":\"\u{1}\"}\n")
            #expect(try program.shell("\"$A\" record <a").output == unpacked.output)
            // Set-id bits are for the root of a user namespace.
            _ = try program.shell("rm -f t/source/removed t/source/null; chmod u-s t/source/noise")
            _ = try program.shell(
                "touch -h -d '2001-02-03 04:05:06.123456789' t/source/noise; touch -r u/source t/source")
            #expect(try program.listing(of: "u") == program.listing(of: "t"))
            let attributes = try program.shell(
                """
                python3 -c 'import os
                for path in ["noise", "node_modules"]:
                    path = "u/source/" + path
                    print([(name, os.getxattr(path, name)) for name in os.listxattr(path)])'
                """)
            #expect(attributes.output == "[('user.note', b'a\\x00\\xff')]\n[('user.kept', b'1')]\n")
            let blocks = try program.shell("stat -c %b u/source/sparse u/source/nothing u/source/hole").lines
            #expect(blocks.compactMap { Int($0) }.allSatisfy { $0 < 64 }, "\(blocks)")
        }
    }

    @Test("what GNU tar, bsdtar and Python read as it is", arguments: ["tar", "bsdtar", "python3"])
    func peers(peer: String) throws {
        guard ArchiveProgram.require("python3", "zstd", "tar", "bsdtar") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try fill(program)
            // Its name is no UTF-8, which bsdtar and Python would write in another form.
            _ = try program.shell(
                "rm -f t/source/socket t/root/root/.npm/x/socket t/source/null t/source/removed t/source/*$'\\xff' t/source/*$'\\xfd'"
            )
            try tree.write("record", "{}")
            #expect(
                try program.shell("\"$A\" pack t --record record >a && mkdir u && \"$A\" unpack u --below . <a").status
                    == 0)
            let script =
                switch peer {
                case "tar": "zstd -dcq a | tar -C p --xattrs --xattrs-include='*' -xpf -"
                case "bsdtar": "bsdtar -C p -xpf a"
                default:
                    "zstd -dcq a >a.tar; python3 -c 'import tarfile; tarfile.open(\"a.tar\").extractall(\"p\", numeric_owner=True)'"
                }
            let result = try program.shell(
                "umask 0; mkdir p && \(script) && cat p/drydock-cache.json && rm p/drydock-cache.json")
            #expect(result.status == 0 && result.output == "{}", "\(result.errors)")
            _ = try program.shell(
                "chmod u-s p/source/noise; touch -d '2001-02-03 04:05:06.123456789' p/source/noise u/source/noise")
            // Python sets no times of links.
            if peer == "python3" { _ = try program.shell("touch -h -d @0 p/source/link u/source/link") }
            var (theirs, ours) = (try program.listing(of: "p"), try program.listing(of: "u"))
            if peer == "python3" {
                // Its times are of floating point.
                let whole = #/\.\d{10} /#
                (theirs, ours) = (theirs.replacing(whole, with: " "), ours.replacing(whole, with: " "))
            }
            #expect(theirs == ours)
        }
    }

    @Test("several layers as overlayfs shows them: what was removed, replaced, hidden, renamed and made anew")
    func layers() throws {
        guard ArchiveProgram.require("python3", "unshare") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            // Deeper than the directories that a walk keeps open, in both layers down to the last but one.
            let deep = Array(repeating: "d", count: 150).joined(separator: "/")
            let layers = try program.shell(
                """
                set -e
                mkdir -p l0 l1 l2 w1 w2 m; cd l0; mkdir -p source/{gone,anew,emptied,stays,kept/inner} root '\(deep)'
                for name in source/{gone,anew,emptied,stays,kept,kept/inner}/x source/{file,tree,'  '} '\(deep)'/{a,z} d/d/z; do
                    echo "$name" >"$name"; done
                mkdir source/dir; ln source/file source/stays/file; touch -d 2001-02-03 source/kept/inner; cd ..
                change() {
                    unshare -Urm bash -ec "mount -t overlay -o userxattr,lowerdir=$1,upperdir=$2,workdir=w$3 o m; cd m; $4"
                }
                change l0 l1 1 "rm -r source/gone source/anew source/emptied/x; mkdir source/anew; echo new >source/anew/y
                    rm source/tree; mkdir source/tree; echo in >source/tree/in; rmdir source/dir; echo file >source/dir
                    echo more >source/kept/inner/more; mv source/file source/stays/moved; echo b >'\(deep)'/b; rm d/d/z"
                change l1:l0 l2 2 "mkdir source/gone; echo again >source/gone/again; rm source/anew/y; rm source/dir
                    chmod 700 source/kept; echo top >>source/kept/x; rm '\(deep)'/a; echo z >d/d/z; echo 0 >d/0"
                """)
            #expect(layers.status == 0, "\(layers.errors)")
            let packed = try program.shell("\"$A\" pack l2 l1 l0 >a && mkdir u && \"$A\" unpack u --below . <a")
            #expect(packed.status == 0 && packed.errors.isEmpty, "\(packed.errors)")
            // An overlay counts the names that a file has in its layer, and none of directories.
            let list = "find . -mindepth 1 -printf '%p %y %m %T@ %l\\n' -type f -printf '%s ' -exec cat {} \\;"
            try tree.write("list", list + " | LC_ALL=C sort")
            let mount = "mount -t overlay -o userxattr,lowerdir=l2:l1:l0 o m; cd m; bash ../list"
            let seen = try program.shell("unshare -Urm bash -ec '\(mount)'")
            let ours = try program.shell("cd u && bash ../list")
            #expect(seen.lines.count > 170)
            #expect(seen.lines.difference(from: ours.lines).map { "\($0)" } == [])
        }
    }

    @Test("the same bytes whenever it packs the same files, in however many threads")
    func reproducible() throws {
        guard ArchiveProgram.require("zstd") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            for number in (0..<40).reversed() { try tree.write(FilePath("t/source/\(number)"), "\(number)") }
            let script = """
                mkdir o && cp -a t/. o/ && touch -r t o
                "$A" pack t >a && "$A" pack o >b && cmp a b && "$A" pack t --threads 1 | zstd -dcq | cmp - <(zstd -dcq a)
                "$A" pack t --level 12 --threads 3 | zstd -dcq | cmp - <(zstd -dcq a)
                zstd -dcq a | tar -tf - | LC_ALL=C sort -c; zstd -lv a 2>/dev/null | grep -c XXH64
                """
            let result = try program.shell(script)
            #expect(
                result.status == 0 && result.output == "1\n" && result.errors.isEmpty,
                "\(result.output)\(result.errors)")
        }
    }

    @Test("nothing of a file system below, and nothing that has the record's name")
    func refusals() throws {
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("t/drydock-cache.json")
            let reserved = try program.shell("\"$A\" pack t >a")
            #expect(reserved.status == 3)
            #expect(
                reserved.errors
                    == "drydock-archive: `drydock-cache.json` is the name of the record, and no file may have it\n")
            try tree.write("m/source/file")
            try tree.directory("m/source/below")
            let script = "mount -t tmpfs none m/source/below && exec \"$A\" pack m >a"
            let mounted = try program.shell("unshare -Urm bash -c '\(script)'")
            guard !mounted.errors.contains("unshare") else { return }
            #expect(mounted.status == 3)
            #expect(
                mounted.errors
                    == "drydock-archive: `source/below` is another file system, and would be missing\n")
            // At the top it is what it is packed for: each a view of its own.
            let view =
                "mount -t tmpfs none m/source && echo text >m/source/inside && \"$A\" pack m | zstd -dcq | tar -t"
            #expect(try program.shell("unshare -Urm bash -c '\(view)'").output == "source/\nsource/inside\n")
        }
    }

    @Test("words, a reader that goes away and a full disk end it in one sentence")
    func failures() throws {
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("t/source/file", String(repeating: "text ", count: 100_000))
            let usage = "drydock-archive: usage: pack DIRECTORY… | unpack DIRECTORY --below PATH… | record\n"
            for (words, message) in [
                ("", "a verb is wanted first"), ("open", "a verb is wanted first"), ("pack", "a directory is wanted"),
                ("unpack t u", "one directory is enough"),
                ("record t", "one directory is enough"), ("pack t --below x", "`--below` is not known here"),
                ("pack t --level 99", "`--level` wants a number from 1 to 19"),
                ("pack t --level", "`--level` wants a value"),
                ("unpack t", "`--below` is wanted: the paths that may be written"),
                ("unpack t --below ../x", "`--below` takes paths of members, and `../x` can be none"),
            ] {
                let result = try program.shell("\"$A\" \(words)")
                #expect(result.status == 2 && result.errors == "drydock-archive: \(message)\n" + usage)
            }
            let missing = try program.shell("\"$A\" pack none")
            #expect(missing.status == 3)
            #expect(missing.errors == "drydock-archive: could not open `none`: no such file or directory\n")
            let full = try program.shell("\"$A\" pack t >/dev/full")
            #expect(full.status == 3)
            #expect(full.errors == "drydock-archive: could not write the archive: no space left on device\n")
            let gone = try program.shell("set -o pipefail; \"$A\" pack t | true; echo ${PIPESTATUS[0]}")
            #expect(gone.output == "3\n" || gone.output == "0\n", "\(gone.output)")
        }
    }
}
