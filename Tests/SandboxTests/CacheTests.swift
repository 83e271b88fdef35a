// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import Sandbox
import SystemPackage
import TestSupport
import Testing

@Suite("caches in a sandbox", .sandboxed)
struct CacheTests {
    /// A cache as a store has it: layers on top of one another.
    private final class Cache {
        let tree: TemporaryTree
        var paths: [SandboxSettings.Caches.Path]
        var layers: [SandboxSettings.Caches.Layer] = []
        var isCopied = false
        var count = 0

        convenience init(_ tree: TemporaryTree, _ paths: String...) throws {
            try self.init(tree, paths.map { ($0, true) })
        }

        /// - Parameter paths: with whether they are known to be directories.
        init(_ tree: TemporaryTree, _ paths: [(String, Bool)]) throws {
            self.tree = tree
            self.paths = paths.map { .init(FilePath($0.0), isDirectory: $0.1) }
            _ = try tree.directory("source")
            _ = try tree.directory("layers")
        }

        var caches: SandboxSettings.Caches {
            .init(
                layers: layers,
                paths: paths.map {
                    .init($0.path, isDirectory: $0.isDirectory, isCopied: isCopied || $0.isCopied)
                })
        }

        /// One build: runs a command with the cache restored, and saves what became of it.
        @discardableResult
        func build(_ command: String, saving: Bool = true, files: [FilePath]? = nil) throws -> (SavedLayer?, String) {
            count += 1
            let fixture = try SandboxFixture(tree: tree, caches: caches, name: "build\(count)")
            let outcome = try fixture.run(command)
            #expect(outcome == .exited(0), "\(command)\n\(fixture.output)")
            guard saving else {
                try fixture.close()
                return (nil, fixture.output)
            }
            try fixture.sandbox.quiesce()
            let destination = tree.path("layers").appending("\(count)")
            let selection = CacheSelection(trees: paths.map(\.path), files: files)
            let layer = try fixture.sandbox.save(selection, to: destination)
            try fixture.close()
            guard let saved = layer else { return (nil, fixture.output) }
            if !saved.isUnchanged {
                let layer = SandboxSettings.Caches.Layer(
                    directory: destination.appending("files"), rootUser: saved.rootUser, rootGroup: saved.rootGroup)
                layers = saved.isWhole ? [layer] : [layer] + layers
            }
            return (saved, fixture.output)
        }
    }

    private static let source = "/codebuild/output/src1/src"

    @Test("what a build leaves is there for the next, and what that one changes is saved alone")
    func layers() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/.m2", Self.source + "/node_modules", "/opt/tool", "/data/cache")
            let paths = "/root/.m2 node_modules /opt/tool /data/cache"
            let (first, _) = try cache.build(
                "for d in \(paths); do mkdir -p $d/sub; echo one > $d/a; echo two > $d/sub/b; done; echo no > /root/other"
            )
            #expect(first?.isWhole == true && first?.fileCount == 8)
            let (second, text) = try cache.build(
                "test ! -e /root/other; for d in \(paths); do cat $d/a $d/sub/b; echo three > $d/sub/b; rm $d/a; "
                    + "echo new > $d/c; done")
            #expect(text == String(repeating: "one\ntwo\n", count: 4))
            #expect(second?.isWhole == false && second?.fileCount == 8)
            let (third, _) = try cache.build("for d in \(paths); do cat $d/sub/b $d/c; test ! -e $d/a || exit 1; done")
            #expect(third?.isUnchanged == true)
            #expect(cache.layers.count == 2)
            // A source that has none of it is as it was.
            #expect(!tree.exists("source/node_modules"))
        }
    }

    @Test("what lies in memory comes back too, directory or file", arguments: [false, true])
    func inMemory(isCopied: Bool) throws {
        try TemporaryTree.with { tree in
            let places = [
                "/srv/q", "/srv/one", "/run/x/y", "/data", "/var/lib/z", "/var/log/w", "/codebuild/c", "/mnt/m",
            ]
            let cache = try Cache(tree, places.map { ($0, false) })
            cache.isCopied = isCopied
            try cache.build(
                "for d in \(places.joined(separator: " ")); do mkdir -p $(dirname $d); "
                    + "case $d in */one) echo file > $d;; *) mkdir -p $d; echo in $d > $d/f;; esac; done")
            for _ in 1...2 {
                let (saved, text) = try cache.build(
                    "for d in \(places.joined(separator: " ")); do cat $d/f 2>/dev/null || cat $d; done; ls -d /var/lib/dpkg"
                )
                #expect(
                    text == places.map { $0.hasSuffix("one") ? "file\n" : "in \($0)\n" }.joined() + "/var/lib/dpkg\n")
                #expect(saved?.isWhole == true)
            }
        }
    }

    @Test("a cached directory that has become a link shows nothing of the host")
    func links() throws {
        try TemporaryTree.with { tree in
            try tree.write("secrets/key", "the host's")
            try tree.setMode("secrets", 0o755)
            for isCopied in [false, true] {
                let cache = try Cache(tree, [("/data/x", true), ("/other", false), ("/root/c", true)])
                cache.isCopied = isCopied
                cache.count = isCopied ? 50 : 0
                // Where a mount keeps a directory from being replaced, the one above is moved away.
                try cache.build(
                    "mv /data /gone 2>/dev/null; mkdir -p /data /other; ln -s \(tree.path("secrets")) /data/x; rm -rf /root/c; "
                        + "ln -s \(tree.path("secrets")) /root/c; touch /other/f")
                let (_, text) = try cache.build("cat /data/x/key /root/c/key 2>/dev/null || true", saving: false)
                #expect(text == "", "\(isCopied)")
            }
        }
    }

    @Test("a path below one of the system's links is cached where it leads")
    func systemLinks() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/lib/cached", "/var/run/cached", "/bin/cached")
            for number in 1...3 {
                try cache.build(
                    "for d in /usr/lib/cached /run/cached /bin/cached; do mkdir -p $d; "
                        + "test $(ls $d | wc -l) = \(number - 1); touch $d/\(number); done")
            }
        }
    }

    @Test("a stack becomes one layer when it is as deep as a view can show")
    func depth() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/c")
            for number in 1...40 {
                try cache.build("mkdir -p /root/c; test $(ls /root/c | wc -l) = \(number - 1); touch /root/c/\(number)")
                #expect(cache.layers.count <= 17)
            }
        }
    }

    @Test("whoever does not want to wait for copies gets back at once, and they end")
    func stopping() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/d/own")
            let cache = try Cache(tree, Self.source + "/d")
            try cache.build("cd d; for i in $(seq 30); do mkdir $i; (cd $i; touch $(seq 100)); done")
            let fixture = try SandboxFixture(tree: tree, caches: cache.caches, name: "saving")
            #expect(try fixture.run("touch d/more") == .exited(0))
            try fixture.sandbox.quiesce()
            let selection = CacheSelection(trees: cache.paths.map(\.path))
            #expect {
                try fixture.sandbox.save(selection, to: tree.path("layers/stopped")) { true }
            } throws: { ($0 as? SandboxError)?.code == .stopped }
            fixture.sandbox.abandon()
            try fixture.close()
            #expect(!tree.exists("layers/stopped") && !tree.exists("sandboxes/saving"))
            cache.isCopied = true
            #expect {
                _ = try SandboxFixture(tree: tree, caches: cache.caches, name: "copying", isStopped: { true })
            } throws: { ($0 as? SandboxError)?.code == .stopped }
            #expect(!tree.exists("sandboxes/copying"))
        }
    }

    @Test("a cached directory may be removed, renamed away and made anew")
    func directories() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/.cache/pip", Self.source + "/target")
            try cache.build("mkdir -p /root/.cache/pip target/debug; touch /root/.cache/pip/x target/debug/y")
            let (removed, _) = try cache.build("rm -r target; rm -rf /root/.cache; mkdir -p target; touch target/z")
            #expect(removed?.isUnchanged == false)
            let (_, text) = try cache.build("ls target; ls -d /root/.cache/pip || true", saving: false)
            #expect(text.hasPrefix("z\n") && text.contains("No such file"))
            // All gone, then back: nothing of before shows.
            try cache.build("mkdir -p /root/.cache/pip; touch /root/.cache/pip/w")
            let (_, last) = try cache.build("ls /root/.cache/pip target", saving: false)
            #expect(last == "/root/.cache/pip:\nw\n\ntarget:\nz\n")
        }
    }

    @Test("that names are looked up ahead disturbs neither the build nor what is saved of it")
    func readAhead() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, Self.source + "/data")
            try cache.build("for d in $(seq 60); do mkdir -p data/$d; (cd data/$d; touch $(seq 50)); done")
            let fixture = try SandboxFixture(tree: tree, caches: cache.caches, name: "plan")
            #expect(fixture.plan.contains("read ahead  names in \(Self.source)/data\n"))
            try fixture.close()
            let full = cache.layers
            for round in 1...20 {
                // At any moment of the walk: removed, made anew, or the whole sandbox at its end.
                let removes = round % 2 == 0
                cache.layers = full
                let (saved, text) = try cache.build(
                    removes ? "rm -r data; mkdir data; touch data/\(round)" : "find data -type f | wc -l")
                #expect(saved?.isUnchanged == !removes)
                #expect(text == (removes ? "" : "3000\n"))
            }
            cache.isCopied = true
            let copied = try SandboxFixture(tree: tree, caches: cache.caches, name: "copied")
            #expect(!copied.plan.contains("read ahead"))
            try copied.close()
        }
    }

    @Test("what is copied takes the place of what it was copied from, in a layer that says of the rest what changed")
    func mixing() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/.m2", Self.source + "/vendor", Self.source + "/gone")
            try cache.build(
                "mkdir -p /root/.m2/a vendor/x gone; touch /root/.m2/a/f vendor/x/y gone/z; echo before > vendor/stays")
            cache.paths[1].isCopied = true
            let (saved, _) = try cache.build(
                "python3 -c 'import os; os.rename(\"vendor/x\", \"vendor/new\")'; touch /root/.m2/a/g; rm -r gone")
            #expect(saved?.isWhole == false && cache.layers.count == 2)
            cache.paths[1].isCopied = false
            let (_, text) = try cache.build(
                "(cd vendor && find . | sort | xargs echo); ls -x /root/.m2/a; cat vendor/stays; ls gone || true")
            #expect(text.hasPrefix(". ./new ./new/y ./stays\nf  g\nbefore\n"), "\(text)")
            #expect(text.contains("No such file"))
        }
    }

    @Test("what is copied and a mount of its own takes that place too, and is left alone where nothing of it changed")
    func mixingMounts() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/data", Self.source + "/deps")
            try cache.build("mkdir -p /data/sub deps; touch /data/a /data/sub/b deps/d")
            cache.paths[0].isCopied = true
            let (read, _) = try cache.build("cat /data/a /data/sub/b deps/d")
            #expect(read?.isUnchanged == true)
            let (saved, _) = try cache.build("rm /data/a; mv /data/sub /data/sub2")
            #expect(saved?.isWhole == false && cache.layers.count == 2)
            for isCopied in [true, false, true] {
                cache.paths[0].isCopied = isCopied
                let (again, text) = try cache.build("(cd /data && find . | sort | xargs echo); ls deps")
                #expect(text == ". ./sub2 ./sub2/b\nd\n")
                #expect(again?.isUnchanged == true)
            }
            cache.paths[0].isCopied = true
            // Gone, as a whole and as what is in it.
            try cache.build("rm -r /data/*; touch /data/new")
            let (_, text) = try cache.build("ls /data deps", saving: false)
            #expect(text == "/data:\nnew\n\ndeps:\nd\n")
        }
    }

    @Test("in what is copied, directories above that trade places and what never was are told apart")
    func copiedNeighbours() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(
                tree, "/root/a/b", "/root/d/b", "/root/never", Self.source + "/deps")
            try cache.build("mkdir -p ~/a/b ~/d/b deps; echo a > ~/a/b/f; echo d > ~/d/b/f")
            for index in 0..<3 { cache.paths[index].isCopied = true }
            let (untouched, _) = try cache.build("touch ~/unrelated")
            #expect(untouched?.isUnchanged == true)
            let (saved, _) = try cache.build("cd; mv a x; mv d a; mv x d")
            #expect(saved?.isUnchanged == false)
            for isCopied in [true, false] {
                for index in 0..<3 { cache.paths[index].isCopied = isCopied }
                let (_, text) = try cache.build("cat ~/a/b/f ~/d/b/f; ls -d ~/never || true", saving: false)
                #expect(text.hasPrefix("d\na\n") && text.contains("No such file"), "\(text)")
            }
        }
    }

    @Test("a cache can be copied any number of times, and nothing of overlayfs's notes comes with it")
    func notes() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/tracked", "text")
            let cache = try Cache(tree, Self.source + "/deps")
            try cache.build("mkdir deps; mv tracked deps/; touch deps/gone")
            cache.isCopied = true
            for _ in 1...3 {
                let (_, text) = try cache.build(
                    "python3 -c 'import os; print(os.listxattr(\"deps\"), os.listxattr(\"deps/tracked\"))'")
                #expect(text == "[] []\n")
            }
        }
    }

    @Test("copied in, a cached directory can be renamed, and what is saved is whole")
    func copying() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/.m2", Self.source + "/vendor")
            try cache.build(
                "mkdir -p /root/.m2/a/b vendor/x; echo 1 > /root/.m2/a/b/f; ln -s b /root/.m2/a/l; "
                    + "echo v > vendor/x/y")
            try cache.build("echo 2 > /root/.m2/a/b/g")
            cache.isCopied = true
            let (saved, text) = try cache.build(
                "python3 -c 'import os; os.rename(\"/root/.m2/a\", \"/root/.m2/z\")'; "
                    + "cat /root/.m2/z/l/f /root/.m2/z/b/g vendor/x/y")
            #expect(text == "1\n2\nv\n")
            #expect(saved?.isWhole == true && cache.layers.count == 1)
        }
    }

    @Test("what lies over files of the source, and what patterns select, is linked or copied")
    func gathering() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/vendor/own", "source")
            let cache = try Cache(tree, Self.source + "/vendor")
            let (saved, _) = try cache.build("echo made > vendor/made; echo changed > vendor/own")
            #expect(saved?.copyReason == .overSource && saved?.isWhole == true && saved?.linkCount == 2)
            try tree.write("source/vendor/late", "late")
            let (_, text) = try cache.build("cat vendor/made vendor/own vendor/late", saving: false)
            #expect(text == "made\nchanged\nlate")
            let other = try Cache(tree, "/root/none")
            other.count = 10
            let file = FilePath(Self.source + "/deep/er/one.jar")
            let (picked, _) = try other.build(
                "mkdir -p deep/er; chmod 711 deep; echo jar > deep/er/one.jar; echo log > deep/er/one.log",
                files: [file])
            #expect(picked?.copyReason == .patterns && picked?.fileCount == 1 && picked?.linkCount == 1)
            let layer = try #require(other.layers.first)
            let fixture = try SandboxFixture(
                tree: tree,
                caches: .init(layers: [layer], paths: [.init(file, isDirectory: false)]), name: "picked")
            try #expect(fixture.run("cat deep/er/one.jar; ls deep/er; stat -c %a deep") == .exited(0))
            #expect(fixture.output == "jar\none.jar\n711\n")
            try fixture.close()
        }
    }

    @Test("only what this build wrote to the disk is linked, and what is kept is not")
    func linking() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/tree/of/source", "source")
            let cache = try Cache(tree, Self.source + "/tree")
            let make =
                "mkdir -p tree/of/its/own tree/x/y; cd tree; echo 1 > of/its/own/a; ln of/its/own/a x/y/b; echo 2 > of/c; "
                + "ln -s of l; mkfifo x/p; truncate -s 1M x/hole; setfattr -n user.note -v n of/c 2>/dev/null || true"
            let (first, _) = try cache.build(make)
            #expect(first?.linkCount == 4 && first?.fileCount == 7)
            // From the second on the rest comes out of the layer that it began with.
            let (second, _) = try cache.build("cd tree; rm x/hole; echo 3 > of/c; mv x/p of; ls -R > list")
            #expect(second?.linkCount == 2 && second?.fileCount == 7, "\(String(describing: second))")
            let look =
                "cat tree/of/c tree/x/y/b tree/of/its/own/a tree/of/source; readlink tree/l; stat -c %h tree/of/c"
            let (_, text) = try cache.build(look, saving: false)
            #expect(text == "3\n1\n1\nsourceof\n1\n")

            let fixture = try SandboxFixture(tree: tree, caches: cache.caches, name: "kept")
            try #expect(fixture.run("echo 4 > tree/of/c") == .exited(0))
            try fixture.sandbox.quiesce()
            let selection = CacheSelection(trees: cache.paths.map(\.path))
            let kept = try fixture.sandbox.save(selection, to: tree.path("layers/kept"), leavesFiles: true)
            #expect(kept?.copyReason == .kept && kept?.linkCount == 0)
            try fixture.close()
        }
    }

    @Test("builds at the same time have ids of their own, and share an entry all the same")
    func sharedByIds() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/.m2")
            try cache.build(
                "mkdir -p /root/.m2; echo x > /root/.m2/f; chown 1000:1000 /root/.m2/f || true; chmod 600 /root/.m2/f")
            // The first takes the ids that the entry was made with, so the second has others.
            let one = try SandboxFixture(tree: tree, caches: cache.caches, name: "a")
            let other = try SandboxFixture(tree: tree, caches: cache.caches, name: "b")
            for fixture in [one, other] {
                let look = "cat /root/.m2/f; stat -c %u /root/.m2 /root/.m2/f; echo y > /root/.m2/g"
                try #expect(fixture.run(look) == .exited(0))
            }
            #expect(one.output == other.output)
            #expect(one.output.hasPrefix("x\n0\n"))
            try other.sandbox.quiesce()
            let made = try other.sandbox.save(
                CacheSelection(trees: ["/root/.m2"]), to: tree.path("layers/other"))
            let saved = try #require(made)
            try other.close()
            let layer = SandboxSettings.Caches.Layer(
                directory: tree.path("layers/other/files"), rootUser: saved.rootUser, rootGroup: saved.rootGroup)
            try one.close()
            cache.layers.insert(layer, at: 0)
            let (_, text) = try cache.build("cat /root/.m2/f /root/.m2/g; stat -c %u /root/.m2/g", saving: false)
            #expect(text == "x\ny\n0\n")
        }
    }

    @Test("owners, modes, links, attributes, holes and odd names come back")
    func attributes() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/c")
            let look =
                "cd /root/c; stat -c '%n %a %u %g %h %F %s %b' * .h | sort; readlink l; "
                + "find . -name 'a*' | od -c | head -5"
            let (_, before) = try cache.build(
                "mkdir /root/c; cd /root/c; echo x > f; chmod 4711 f; ln f g; ln -s nowhere l; mkfifo p; "
                    + "truncate -s 10M hole; mkdir d .h; chmod 1777 d; touch \"$(printf 'a\\nb\\377')\"; touch -d 2001-02-03 old; "
                    + look)
            let (_, after) = try cache.build(look + "; stat -c %y old", saving: false)
            #expect(after == before + "2001-02-03 00:00:00.000000000 +0000\n")
        }
    }

    @Test("layers are made one that shows the same, and nothing of what was hidden")
    func merging() throws {
        try TemporaryTree.with { tree in
            let cache = try Cache(tree, "/root/c", Self.source + "/n")
            let look =
                "cd /root/c; find . /codebuild/output/src1/src/n -printf '%p %y %m %U %s %l\\n' | sort; "
                + "cat * 2>/dev/null || true"
            try cache.build(
                "mkdir -p /root/c/a/b /root/c/gone n; cd /root/c; echo 1 > a/b/one; echo x > gone/x; ln -s a l; echo f > f; "
                    + "chmod 711 a; cd -; echo n > n/n")
            try cache.build("cd /root/c; rm -r gone; echo 2 > a/b/two; echo g > f")
            try cache.build(
                "cd /root/c; rm -r a; mkdir -p a/b; echo 3 > a/b/three; rm l; echo file > l; mkdir gone; touch gone/y")
            let (_, before) = try cache.build(look, saving: false)
            let merged = try SandboxSettings.Caches.merge(
                cache.layers, into: tree.path("layers/merged"), launcher: BuiltProgram.path("drydock-init"))
            #expect(merged.isWhole && merged.fileCount == 5)
            // The same file by another name.
            let names = ["layers/2/files/root/root/c/f", "layers/merged/files/root/root/c/f"]
            let numbers = try runTool("stat", ["-c", "%i"] + names.map { tree.path(FilePath($0)).string }).output
            #expect(Set(numbers.split(separator: "\n")).count == 1)
            cache.layers = [
                .init(
                    directory: tree.path("layers/merged/files"), rootUser: merged.rootUser, rootGroup: merged.rootGroup)
            ]
            let (_, after) = try cache.build(look, saving: false)
            #expect(after == before)
            // Hidden by nothing any more: a mark would hide a source's own files.
            let marks = try runTool("find", [tree.path("layers/merged").string, "-type", "c"])
            #expect(marks.output.isEmpty)
        }
    }

    @Test("what a build wrote is measured, and never through its links into the host's directories")
    func measuring() throws {
        try TemporaryTree.with { tree in
            try tree.write("outside/pip/file", String(repeating: "x", count: 10_000))
            let fixture = try SandboxFixture(tree: tree)
            let command =
                "mkdir -p /root/.npm; head -c 5000 /dev/zero > /root/.npm/a; "
                + "ln -s \(tree.path("outside")) /root/.cache"
            try #expect(fixture.run(command) == .exited(0), "\(fixture.output)")
            var entries = 100
            let npm = fixture.sandbox.written(below: "/root/.npm", entries: &entries)
            #expect(npm?.fileCount == 1 && entries == 99)
            #expect(fixture.sandbox.written(below: "/root/.cache", entries: &entries) == nil)
            #expect(fixture.sandbox.written(below: "/root/.cache/pip", entries: &entries) == nil)
            #expect(fixture.sandbox.writtenDirectories(in: "/root/.cache", atMost: 9).isEmpty)
            let most = fixture.sandbox.writtenMost(
                below: "/root/.cache", atLeast: 1, skipping: [], entries: &entries)
            #expect(most.isEmpty && entries == 99)
            try fixture.close()
        }
    }
}
