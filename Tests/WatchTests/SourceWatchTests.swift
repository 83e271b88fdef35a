// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing
import Watch

@Suite("watching a source")
struct SourceWatchTests {
    private func makeWatch(
        _ tree: TemporaryTree, ignores: IgnoreSources = IgnoreSources(), excluding: [FilePath] = [],
        files: [FilePath] = []
    ) throws -> SourceWatch {
        var scope = SourceWatch.Scope(root: tree.path("source"))
        scope.ignores = ignores
        return try SourceWatch([scope], excluding: excluding, files: files)
    }

    /// What is told within a moment, relative to the source.
    private func change(_ watch: SourceWatch, _ tree: TemporaryTree) throws -> String? {
        var entry = pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, 20)
        let change = try watch.changes()
        return change?.paths.first.map { String($0.string.dropFirst(tree.path("source").string.count + 1)) }
    }

    @Test("an edit, a new file, a removal, a changed mode and a link are told by name")
    func simpleChanges() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/a/b.c", "1")
            let watch = try makeWatch(tree)
            #expect(try change(watch, tree) == nil)
            try tree.write("source/a/b.c", "2")
            #expect(try change(watch, tree) == "a/b.c")
            try tree.write("source/new", "")
            #expect(try change(watch, tree) == "new")
            try tree.setMode("source/new", 0o755)
            #expect(try change(watch, tree) == "new")
            try tree.root.remove("source/new")
            #expect(try change(watch, tree) == "new")
            try tree.link("source/l", to: "a")
            #expect(try change(watch, tree) == "l")
            _ = try tree.text("source/a/b.c")
            #expect(try change(watch, tree) == nil)
        }
    }

    @Test("an editor that writes a new file and renames it into place is seen, and what it keeps beside is not")
    func editors() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/a.c", "1")
            let watch = try makeWatch(tree)
            try tree.write("source/.a.c.swp", "x")
            try tree.write("source/4913")
            try tree.root.remove("source/4913")
            #expect(try change(watch, tree) == nil)
            try tree.root.rename("source/a.c", to: "source/a.c~")
            try tree.write("source/a.c", "2")
            try tree.root.remove("source/a.c~")
            #expect(try change(watch, tree) == "a.c")
            try tree.write("source/t.tmp", "3")
            _ = try watch.changes()
            try tree.root.rename("source/t.tmp", to: "source/a.c")
            #expect(try change(watch, tree) != nil)
        }
    }

    @Test("new directories are watched, whole trees of them and those that are moved in or about")
    func newDirectories() throws {
        try TemporaryTree.with { tree in
            try tree.directory("source")
            try tree.write("elsewhere/x/y/z", "1")
            let watch = try makeWatch(tree)
            try tree.directory("source/empty")
            #expect(try change(watch, tree) == nil)
            try tree.write("source/empty/deep/er/f", "1")
            #expect(try change(watch, tree) == "empty/deep/er/f")
            try tree.write("source/empty/deep/er/f", "2")
            #expect(try change(watch, tree) == "empty/deep/er/f")
            try tree.root.rename("elsewhere/x", to: "source/x")
            #expect(try change(watch, tree) == "x/y/z")
            try tree.write("source/x/y/z", "2")
            #expect(try change(watch, tree) == "x/y/z")
            try tree.root.rename("source/x", to: "source/w")
            #expect(try change(watch, tree) != nil)
            try tree.write("source/w/y/z", "3")
            #expect(try change(watch, tree) == "w/y/z")
            try tree.root.rename("source/w", to: "elsewhere/w")
            #expect(try change(watch, tree) == "w")
            try tree.write("elsewhere/w/y/z", "4")
            #expect(try change(watch, tree) == nil)
            _ = try runTool("rm", ["-r", tree.path("source/empty").string])
            #expect(try change(watch, tree) != nil)
            #expect(watch.directoryCount == 1)
        }
    }

    @Test(
        "what git ignores, .git itself and what is excluded does not count, at any level and after a change of patterns"
    )
    func ignored() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/.gitignore", "*.o\n/build/\n!keep.o\n")
            try tree.write("source/sub/.gitignore", "local\n!*.o\n")
            try tree.directory("source/build/deep")
            try tree.directory("source/.git")
            try tree.directory("source/out")
            let watch = try makeWatch(tree, excluding: [tree.path("source/out")])
            for name in ["a.o", "build/x", "build/deep/y", ".git/index", "out/artifacts.zip", "sub/local", "new.o"] {
                try tree.write(FilePath("source/\(name)"), "1")
                #expect(try change(watch, tree) == nil, "\(name)")
            }
            for name in ["keep.o", "sub/b.o", "sub/build/x"] {
                try tree.write(FilePath("source/\(name)"), "1")
                #expect(try change(watch, tree) == name)
            }
            try tree.write("source/.gitignore", "*.c\n")
            #expect(try change(watch, tree) == ".gitignore")
            try tree.write("source/x.c", "1")
            #expect(try change(watch, tree) == nil)
            try tree.write("source/build/deep/y", "2")
            #expect(try change(watch, tree) == "build/deep/y")
        }
    }

    @Test("patterns of the work tree above, of info/exclude and of the user count; tracked files do though they match")
    func gitSources() throws {
        try TemporaryTree.with { tree in
            let environment = [
                "PATH": "/usr/bin:/bin", "HOME": tree.path("home").string, "GIT_CONFIG_NOSYSTEM": "1",
            ]
            let top = tree.path("top")
            func git(_ arguments: String...) throws {
                let result = try runTool("git", ["-C", top.string] + arguments, environment: environment)
                #expect(result.status == 0, "\(result.errors)")
            }
            try tree.write("home/.config/git/ignore", "*.user\n")
            try tree.write("top/.gitignore", "/source/gone\n*.log\n")
            try tree.write("top/source/kept.log", "1")
            try tree.write("top/source/gone/tracked", "1")
            try git("init", "-q")
            try git("add", "-f", ".")
            try tree.write("top/.git/info/exclude", "*.mine\n")
            let root = tree.path("top/source")
            var scope = SourceWatch.Scope(root: root)
            scope.ignores = IgnoreSources(git: root, environment: environment.map { "\($0.key)=\($0.value)" })
            #expect(scope.ignores.workTree == top)
            let watch = try SourceWatch([scope])
            for name in ["a.user", "a.mine", "a.log", "gone/new"] {
                try tree.write(FilePath("top/source/\(name)"), "1")
                #expect(try watch.changes() == nil, "\(name)")
            }
            for name in ["kept.log", "gone/tracked", "plain"] {
                try tree.write(FilePath("top/source/\(name)"), "2")
                #expect(try watch.changes()?.paths == [root.appending(name)])
            }
        }
    }

    @Test("single files count wherever they are, and ignored or not")
    func singleFiles() throws {
        try TemporaryTree.with { tree in
            try tree.write("source/.gitignore", ".env\n")
            try tree.write("elsewhere/spec.yml", "1")
            let files = [tree.path("source/.env"), tree.path("elsewhere/spec.yml")]
            let watch = try makeWatch(tree, files: files)
            try tree.write("source/.env", "A=1")
            #expect(try watch.changes()?.paths == [files[0]])
            try tree.write("elsewhere/spec.yml", "2")
            #expect(try watch.changes()?.paths == [files[1]])
            try tree.write("elsewhere/other", "2")
            #expect(try watch.changes() == nil)
        }
    }

    @Test("a burst of more changes than the kernel keeps is one change, and the watch goes on")
    func burst() throws {
        try TemporaryTree.with { tree in
            try tree.directory("source")
            let watch = try makeWatch(tree)
            let many =
                "mkdir d && cd d && i=0; while [ $i -lt 9000 ]; do : > f$((i%3)); : > g$((i%5)); i=$((i+1)); done; mkdir x"
            #expect(try runTool("sh", ["-c", many], in: tree.path("source")).status == 0)
            #expect(try watch.changes() != nil)
            _ = try watch.changes()
            try tree.write("source/d/x/late", "1")
            #expect(try change(watch, tree) == "d/x/late")
        }
    }

    @Test("a source that is not there, or goes away, is said")
    func missing() throws {
        try TemporaryTree.with { tree in
            #expect(throws: WatchError.self) { try makeWatch(tree) }
            try tree.directory("source/a")
            let watch = try makeWatch(tree)
            try tree.root.removeTree("source")
            let error = #expect(throws: WatchError.self) {
                // A program that another test starts at this moment may hold the directory for as long as its start takes.
                for _ in 0..<500 where try watch.changes() == nil { usleep(10_000) }
            }
            #expect(error?.code == .rootGone)
        }
    }
}
