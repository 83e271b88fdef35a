// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import Sandbox
import SystemPackage
import TestSupport
import Testing

@Suite("a kept state", .sandboxed)
struct KeptStateTests {
    private static func place(_ tree: TemporaryTree) -> FilePath { tree.path("state/kept/one") }

    /// Runs commands in a sandbox and keeps what they leave.
    private static func keep(_ tree: TemporaryTree, _ commands: String...) throws {
        let fixture = try SandboxFixture(tree: tree)
        for command in commands { try #expect(fixture.run(command) == .exited(0), "\(fixture.output)") }
        _ = try tree.directory("state")
        let place = try #require(try KeptPlace.take(Self.place(tree), as: .build))
        try fixture.sandbox.keep(in: place, files: [("note", Array("hello".utf8))])
        try fixture.close()
    }

    /// Begins where the kept state ended.
    private static func reopen(
        _ tree: TemporaryTree, directory: FilePath? = nil, _ body: (SandboxFixture) throws -> Void
    ) throws {
        let place = try #require(try KeptPlace.take(Self.place(tree), as: .build, waiting: true))
        #expect(place.isOccupied)
        let fixture = try SandboxFixture(
            tree: tree, reopening: .init(place: place, environment: Array("export A=1\n".utf8), directory: directory))
        defer { try? fixture.close() }
        try body(fixture)
    }

    @Test("is what the build left on the disk and in memory")
    func everythingIsThere() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/file", "old")
            try Self.keep(
                tree, "echo new > file; mkdir sub; echo x > sub/x; echo r > /root/r; echo t > /tmp/t; mkdir /deep",
                "echo e > /etc/made; rm /etc/hostname; mv /etc/issue /etc/issue2 || true; echo root > /srv/s; ln /srv/s /deep/s"
            )
            #expect(!tree.exists("sandboxes/one"))
            #expect(try tree.text("state/kept/one/note") == "hello")
            for _ in 0..<2 {
                try Self.reopen(tree, directory: "/codebuild/output/src1/src/sub") { fixture in
                    try #expect(
                        fixture.run(
                            "pwd; cat ../file x /root/r /tmp/t /etc/made /srv/s /deep/s; echo $A; "
                                + "test -e /etc/hostname || echo gone; test /srv/s -ef /deep/s && echo same")
                            == .exited(0))
                    #expect(
                        fixture.output
                            == "/codebuild/output/src1/src/sub\nnew\nx\nr\nt\ne\nroot\nroot\n1\ngone\nsame\n")
                }
                #expect(tree.exists("state/kept/one"))
            }
        }
    }

    @Test("grows with what a shell in it does, and goes when it is dropped")
    func dropping() throws {
        try TemporaryTree.with { tree in
            try Self.keep(tree, "echo 1 > /etc/one")
            try Self.reopen(tree) { _ = try $0.run("echo 2 > /etc/two; echo 3 > /three") }
            try Self.reopen(tree) { fixture in
                try #expect(fixture.run("cat /etc/one /etc/two /three") == .exited(0))
                fixture.sandbox.drop()
            }
            #expect(!tree.exists("state/kept/one"))
            let place = try #require(try KeptPlace.take(Self.place(tree), as: .build))
            #expect(!place.isOccupied)
        }
    }

    @Test("takes over the user's later changes and keeps everything else")
    func sourceChanges() throws {
        try TemporaryTree.with { tree in
            for name in ["edited", "deleted", "untouched", "removed", "moved", "readded", "quiet"] {
                try tree.write(FilePath("source/\(name)"), "old \(name)")
            }
            try tree.write("source/dir/a", "a")
            try Self.keep(
                tree,
                "for f in edited deleted untouched; do echo build >> $f; done; rm removed readded; mv moved target",
                "rm -r dir; echo made > made")
            try tree.write("source/edited", "user")
            try tree.root.remove("source/deleted")
            try tree.write("source/readded", "user")
            try tree.write("source/made", "user")
            try tree.write("source/quiet", "user")
            try tree.write("source/dir/b", "b")
            try Self.reopen(tree) { fixture in
                let changes = fixture.sandbox.sourceChanges
                #expect(
                    changes.taken.map(\.string).sorted()
                        == ["deleted", "edited", "made", "readded"].map { "/codebuild/output/src1/src/" + $0 })
                #expect(changes.refused.map(\.string) == ["/codebuild/output/src1/src/dir/b"])
                _ = try fixture.run("for f in *; do echo $f: $(cat $f); done")
                #expect(
                    fixture.output == """
                        edited: user
                        made: user
                        quiet: user
                        readded: user
                        target: old moved
                        untouched: old untouchedbuild

                        """)
            }
        }
    }

    @Test("survives a hostile build")
    func hostile() throws {
        try TemporaryTree.with { tree in
            try Self.keep(
                tree,
                """
                mkdir /etc/h && cd /etc/h && mkfifo fifo && ln -s /etc/shadow link && ln -s ../../../../../.. up
                cp /bin/sh suid && chown 5:7 suid && chmod 6755 suid
                perl -e 'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("/etc/h/sock"))' || true
                truncate -s 4T sparse || truncate -s 1G sparse
                mkdir closed && touch closed/x && chmod 0 closed
                """,
                "cd /etc/h; perl -e 'for (1..1500) { mkdir \"ddddd\"; chdir \"ddddd\" }'; cd /",
                "mkdir /etc/many; cd /etc/many; seq 1 5000 | xargs touch",
                // What will be mounted again must not lead outside.
                "rm -rf /srv /mnt; ln -s /codebuild/../../../../tmp /srv; ln -s / /mnt; mv /codebuild/user /codebuild/user2; cd /"
            )
            try Self.reopen(tree) { fixture in
                _ = try fixture.run(
                    """
                    cd /etc/h; stat -c '%F %a %u %g' fifo suid link closed; ls /etc/many | wc -l; readlink /srv
                    find . -name ddddd | wc -l; stat -c %F /codebuild/output/tmp
                    """)
                let expected = "fifo 644 0 0\nregular file 6755 5 7\nsymbolic link 777 0 0\ndirectory 0 0 0\n5000\n"
                #expect(
                    fixture.output
                        == expected + "/codebuild/../../../../tmp\n1500\ndirectory\n")
            }
        }
    }

    @Test("is not what the disk has no room for")
    func unknownPlace() throws {
        try TemporaryTree.with { tree in
            _ = try tree.directory("state/kept/one")
            let place = try #require(try KeptPlace.take(Self.place(tree), as: .build))
            #expect(!place.isOccupied)
            #expect(throws: SandboxError.self) {
                _ = try SandboxFixture(tree: tree, reopening: .init(place: place))
            }
        }
    }

    @Test("holds what it lies over until it is in its place")
    func holding() throws {
        try TemporaryTree.with { tree in
            let fixture = try SandboxFixture(tree: tree)
            // In memory, so that it has to be copied.
            try #expect(fixture.run("mkdir /many; cd /many; seq 2000 | xargs touch") == .exited(0))
            _ = try tree.directory("state")
            let below = tree.path("below")
            do {
                let place = try #require(try KeptPlace.take(Self.place(tree), as: .build))
                let lock = try #require(try FileLock.acquire(below, waiting: false))
                try fixture.sandbox.keep(in: place, files: [("note", [])], holding: [lock.descriptor])
                try fixture.sandbox.close()
                withExtendedLifetime(lock) {}
            }
            let lock = try FileLock.acquire(below, waiting: true)
            #expect(tree.exists("state/kept/one/note"))
            withExtendedLifetime(lock) {}
            fixture.sandbox.waitUntilRemoved()
        }
    }

    @Test("is held by one at a time, and removed with what it says it takes")
    func locking() throws {
        try TemporaryTree.with { tree in
            try Self.keep(tree, "head -c 3000000 /dev/zero > /etc/big")
            let launcher = BuiltProgram.path("drydock-init")
            let place = try #require(try KeptPlace.take(Self.place(tree), as: .build))
            #expect(try KeptPlace.take(Self.place(tree), as: .build) == nil)
            let size = try #require(place.size(launcher: launcher))
            #expect(size > 3_000_000 && size < 10_000_000)
            #expect(place.remove(launcher: launcher, waiting: true) == nil)
            #expect(try tree.listing("state/kept") == ["one.lock"])
        }
    }
}
