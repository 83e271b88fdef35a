// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import SystemPackage
import TestSupport
import Testing

@Suite("drydock-archive takes names for bytes") struct NameTests {
    /// Of each name a file, a directory with a file in it, a link to it, one that leads elsewhere, and a second name of the file.
    private static let fill = """
        import os, sys
        names = [
            "\\u00fc", "u\\u0308", "\\u00c5", "\\u212b", "A\\u030a", "\\ud55c", "\\u1112\\u1161\\u11ab", "\\u304c", "\\u304b\\u3099",
            "\\u1e9b\\u0323", "\\u017f\\u0323\\u0307", "q\\u0307\\u0323", "q\\u0323\\u0307", "\\u2126", "\\u03a9", "\\u212a", "K",
            "\\uf900", "\\u8c48", "\\ufb01", "\\u0958", "\\U0001d15e", "\\U0001f600", "\\ufffe", "a" * 98 + "u\\u0308" * 40,
        ]
        names = [name.encode() for name in names]
        # No UTF-8: single bytes, half a character, one too long, surrogates alone and in pairs, beyond the last character.
        foreign = [b"\\xff", b"u\\xcc", b"\\xc0\\xaf", b"\\xed\\xa0\\xbd", b"\\xed\\xa0\\xbd\\xed\\xb8\\x80", b"\\xf4\\x90\\x80\\x80", b"?"]
        if sys.argv[2] == "short": names.pop()
        if sys.argv[2] != "text": names += foreign + [name + b"u\\xcc\\x88" for name in foreign]
        for kind in ["file", "directory", "link", "away", "second"]:
            os.makedirs(sys.argv[1] + "/" + kind)
        os.chdir(sys.argv[1])
        for name in names:
            with open(b"file/" + name, "wb") as file: file.write(name)
            os.mkdir(b"directory/" + name)
            with open(b"directory/" + name + b"/" + name, "wb") as file: file.write(name)
            os.symlink(b"../file/" + name, b"link/" + name)
            os.symlink(b"/x/" + name, b"away/" + str(names.index(name)).encode())
            if sys.argv[3] == "linked": os.link(b"file/" + name, b"second/" + name)
        """

    private static let touch = "find t -exec touch -h -d 2020-01-02T03:04:06Z {} +"

    @Test("packed and unpacked, and in whatever locale", arguments: ["C.UTF-8", "C", "nowhere"])
    func roundTrip(locale: String) throws {
        guard ArchiveProgram.require("python3") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("fill.py", Self.fill)
            let script = """
                locale="env LC_ALL=\(locale)"
                python3 fill.py t/source any linked && $locale "$A" pack t >a && mkdir u && $locale "$A" unpack u --below . <a
                """
            let result = try program.shell(script)
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            let ours = try program.listing(of: "t")
            #expect(ours.utf8.count > 10_000)
            #expect(Array(try program.listing(of: "u").utf8) == Array(ours.utf8))
        }
    }

    @Test("of what others have packed", arguments: ["pax", "gnu", "ustar", "bsdtar", "python", "zip", "python's zip"])
    func peers(form: String) throws {
        guard ArchiveProgram.require("python3", "zstd", "bsdtar", "zip") else { return }
        try TemporaryTree.with { tree in
            let program = ArchiveProgram(tree: tree)
            try tree.write("fill.py", Self.fill)
            let isZip = form.hasSuffix("zip")
            // What is no UTF-8 they write as it is, but those that say in the archive that all of it is.
            let names = ["gnu", "pax", "zip"].contains(form) ? "any" : form == "ustar" ? "short" : "text"
            let zip = """
                import os, zipfile
                with zipfile.ZipFile("a", "w") as archive:
                    for place, directories, files in os.walk("t"):
                        for name in directories + files:
                            path = os.path.join(place, name)
                            if not os.path.islink(path):
                                archive.write(path, path[2:])
                                continue
                            info = zipfile.ZipInfo(path[2:])
                            info.create_system, info.external_attr = 3, 0o120777 << 16
                            archive.writestr(info, os.readlink(path))
                """
            try tree.write("zip.py", zip)
            let script =
                switch form {
                case "bsdtar": "bsdtar -C t --zstd -cf a source"
                case "python":
                    "python3 -c 'import tarfile; t = tarfile.open(\"a\", \"w\", format=tarfile.PAX_FORMAT); t.add(\"t/source\", \"source\"); t.close()'"
                case "zip": "(cd t && zip -qry ../a.zip .) && mv a.zip a"
                case "python's zip": "python3 zip.py"
                default: "tar --format=\(form) -C t -cf a source"
                }
            let fill = "python3 fill.py t/source \(names) \(isZip ? "once" : "linked")"
            let packed = try program.shell("\(fill) && \(Self.touch) && \(script)")
            #expect(packed.status == 0, "\(packed.errors)")
            let result = try program.unpack("a", into: "u")
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            // Its links, and directories that have been listed before what is in them, have no times.
            if isZip { _ = try program.shell("find u t -exec touch -h -d 2020-01-02T03:04:06Z {} +") }
            let theirs = try program.listing(of: "u")
            #expect(theirs.utf8.count > 5_000)
            #expect(Array(theirs.utf8) == Array(try program.listing(of: "t").utf8))
        }
    }
}
