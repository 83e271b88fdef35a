// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Checkout
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

/// The variables that git runs with in these tests: nothing of the person's who runs them.
func gitEnvironment(_ tree: TemporaryTree) -> [String: String] {
    [
        "HOME": tree.path.string, "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    ]
}

/// Runs git in a directory of the tree and returns what it printed.
@discardableResult
func git(_ tree: TemporaryTree, _ directory: FilePath, _ arguments: String...) throws -> String {
    let result = try runTool("git", arguments, environment: gitEnvironment(tree), in: tree.path(directory))
    #expect(result.status == 0, "git \(arguments): \(result.errors)")
    return result.output.split(separator: "\n").first.map(String.init) ?? ""
}

/// A repository `repo` with two commits on `main`, the first tagged `v1` (annotated), and a branch `feature/x`.
/// - Returns: the two commits.
func makeRepository(_ tree: TemporaryTree) throws -> (first: String, second: String) {
    try tree.directory("repo")
    try git(tree, "repo", "init", "-q", "-b", "main")
    try tree.write("repo/file", "one")
    try git(tree, "repo", "add", ".")
    try git(tree, "repo", "commit", "-qm", "one")
    try git(tree, "repo", "tag", "-am", "v1", "v1")
    let first = try git(tree, "repo", "rev-parse", "HEAD")
    try git(tree, "repo", "checkout", "-qb", "feature/x")
    try tree.write("repo/feature")
    try git(tree, "repo", "add", ".")
    try git(tree, "repo", "commit", "-qm", "feature")
    try git(tree, "repo", "update-ref", "refs/pull/7/head", "HEAD")
    try git(tree, "repo", "checkout", "-q", "main")
    try tree.write("repo/file", "two")
    try git(tree, "repo", "commit", "-qam", "two")
    return (first, try git(tree, "repo", "rev-parse", "HEAD"))
}

@Suite("GitInformation")
struct GitInformationTests {
    @Test("commit, branch and remote are what git says, loose or packed, also in a directory below")
    func plain() throws {
        try TemporaryTree.with { tree in
            let (_, second) = try makeRepository(tree)
            try git(tree, "repo", "remote", "add", "origin", "https://user:secret@example.com/a/b.git")
            let expected = GitInformation.read(tree.path("repo"))
            #expect(expected?.commit == second)
            #expect(expected?.branch == "main")
            #expect(expected?.remoteURL == "https://example.com/a/b.git")
            try git(tree, "repo", "pack-refs", "--all")
            #expect(GitInformation.read(tree.path("repo")) == expected)
            try tree.directory("repo/deep/er")
            #expect(GitInformation.read(tree.path("repo/deep/er")) == expected)
        }
    }

    @Test("a detached HEAD has no branch, a new repository no commit")
    func detached() throws {
        try TemporaryTree.with { tree in
            let (first, _) = try makeRepository(tree)
            try git(tree, "repo", "checkout", "-q", "v1")
            #expect(GitInformation.read(tree.path("repo"))?.commit == first)
            #expect(GitInformation.read(tree.path("repo"))?.branch == nil)
            try tree.directory("new")
            try git(tree, "new", "init", "-q", "-b", "main")
            let information = GitInformation.read(tree.path("new"))
            #expect(information != nil)
            #expect(information?.commit == nil)
            #expect(information?.branch == "main")
        }
    }

    @Test("a further work tree and a submodule are found through their file `.git`")
    func linked() throws {
        try TemporaryTree.with { tree in
            _ = try makeRepository(tree)
            try git(tree, "repo", "worktree", "add", "-q", "../other", "feature/x")
            let commit = try git(tree, "other", "rev-parse", "HEAD")
            let information = GitInformation.read(tree.path("other"))
            #expect(information?.commit == commit)
            #expect(information?.branch == "feature/x")
            #expect(information?.workTree == tree.path("other"))
        }
    }

    @Test(
        "what is no repository, or a broken one, gives nothing and no wrong commit",
        arguments: [
            "ref: ../../../etc/passwd", "ref: refs/../../x", "nonsense", "", "abc",
        ])
    func broken(head: String) throws {
        try TemporaryTree.with { tree in
            try tree.write("repo/.git/HEAD", head)
            #expect(GitInformation.read(tree.path("repo"))?.commit == nil)
            try tree.directory("plain")
            #expect(GitInformation.read(tree.path("plain")) == nil)
            #expect(GitInformation.read(tree.path("missing")) == nil)
            try tree.fifo("pipe/.git/HEAD")
            #expect(GitInformation.read(tree.path("pipe"))?.commit == nil)
        }
    }
}

@Suite("GitSource")
struct GitSourceTests {
    private func checkOut(
        _ tree: TemporaryTree, _ version: String?, depth: Int? = nil, from location: String? = nil
    ) throws -> (commit: String, files: [String]) {
        let place = FilePath("work\(UInt32.random(in: 0 ... .max))")
        let source = GitSource(
            location: try GitLocation(location ?? tree.path("repo").string),
            version: try version.map { try GitVersion($0) }, depth: depth)
        let result = try source.checkOut(into: tree.path(place), environment: gitEnvironment(tree))
        #expect(try git(tree, place, "rev-parse", "HEAD") == result.commit)
        #expect(try git(tree, place, "status", "--porcelain") == "")
        return (
            result.commit,
            try tree.root.directory(place).entries().map { String(decoding: $0.name, as: UTF8.self) }.sorted()
        )
    }

    @Test("every way to name a version leads to its commit, with all history and without")
    func versions() throws {
        try TemporaryTree.with { tree in
            let (first, second) = try makeRepository(tree)
            let feature = try git(tree, "repo", "rev-parse", "feature/x")
            for depth in [nil, 1, 50] {
                #expect(try checkOut(tree, nil, depth: depth).commit == second)
                #expect(try checkOut(tree, "HEAD", depth: depth).commit == second)
                #expect(try checkOut(tree, "main", depth: depth).commit == second)
                #expect(try checkOut(tree, "v1", depth: depth).commit == first)
                #expect(try checkOut(tree, "feature/x", depth: depth).commit == feature)
                #expect(try checkOut(tree, first, depth: depth).commit == first)
                #expect(try checkOut(tree, String(first.prefix(10)), depth: depth).commit == first)
                #expect(try checkOut(tree, "pr/7", depth: depth).commit == feature)
                #expect(try checkOut(tree, "refs/heads/main", depth: depth).commit == second)
                #expect(try checkOut(tree, "refs/tags/v1", depth: depth).commit == first)
                #expect(try checkOut(tree, "refs/pull/7/head", depth: depth).commit == feature)
                #expect(try checkOut(tree, "refs/heads/main^{\(first)}", depth: depth).commit == first)
            }
            #expect(try checkOut(tree, "feature/x").files == [".git", "feature", "file"])
            #expect(try checkOut(tree, nil, from: "file://\(tree.path("repo"))").commit == second)
        }
    }

    @Test("submodules are fetched when that is asked for, but never from the host's own files")
    func submodules() throws {
        try TemporaryTree.with { tree in
            _ = try makeRepository(tree)
            try tree.directory("outer")
            try git(tree, "outer", "init", "-q", "-b", "main")
            try git(
                tree, "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
                tree.path("repo").string, "sub")
            try git(tree, "outer", "commit", "-qm", "outer")
            var source = GitSource(location: try GitLocation(tree.path("outer").string))
            _ = try source.checkOut(into: tree.path("without"), environment: gitEnvironment(tree))
            #expect(try tree.listing("without/sub").isEmpty)
            source.fetchesSubmodules = true
            do {
                _ = try source.checkOut(into: tree.path("refused"), environment: gitEnvironment(tree))
                Issue.record("a file of the host was fetched")
            } catch {
                #expect("\(error)".hasPrefix("could not fetch the submodules: "), "\(error)")
                #expect(!tree.exists("refused/sub/file"))
            }
            let port = Int.random(in: 20_000..<60_000)
            _ = try runTool(
                "git",
                [
                    "daemon", "--detach", "--reuseaddr", "--export-all", "--listen=127.0.0.1", "--port=\(port)",
                    "--base-path=\(tree.path.string)", "--pid-file=\(tree.path("pid").string)",
                ], environment: gitEnvironment(tree))
            defer {
                let text = (try? tree.text("pid")) ?? ""
                if let process = Int32(text.filter(\.isNumber)) { kill(process, SIGTERM) }
            }
            let url = "git://127.0.0.1:\(port)/repo"
            var isServed = false
            for _ in 0..<50 where !isServed {
                isServed = try runTool("git", ["ls-remote", url], environment: gitEnvironment(tree)).status == 0
                if !isServed { usleep(100_000) }
            }
            // A machine may have git without its daemon.
            guard isServed else { return }
            try git(tree, "outer", "config", "-f", ".gitmodules", "submodule.sub.url", url)
            try git(tree, "outer", "commit", "-qam", "url")
            _ = try source.checkOut(into: tree.path("with"), environment: gitEnvironment(tree))
            #expect(tree.exists("with/sub/file"))
        }
    }

    @Test("depth gives that much history, 0 and more than 25 give all of it")
    func depth() throws {
        try TemporaryTree.with { tree in
            _ = try makeRepository(tree)
            for (depth, commits) in [(1, "1"), (0, "2"), (26, "2")] {
                let source = GitSource(location: try GitLocation(tree.path("repo").string), depth: depth)
                let place = FilePath("depth\(depth)")
                _ = try source.checkOut(into: tree.path(place), environment: gitEnvironment(tree))
                #expect(try git(tree, place, "rev-list", "--count", "HEAD") == commits)
            }
        }
    }

    @Test("a version or a repository that is not there is told")
    func missing() throws {
        try TemporaryTree.with { tree in
            _ = try makeRepository(tree)
            for version in ["none", String(repeating: "0", count: 40), "refs/heads/none", "pr/99"] {
                for depth in [nil, 1] {
                    #expect {
                        try checkOut(tree, version, depth: depth)
                    } throws: { ($0 as? CheckoutError)?.code == .noSuchVersion }
                }
            }
            #expect { try checkOut(tree, nil, from: tree.path("none").string) } throws: { error in
                guard let error = error as? CheckoutError else { return false }
                return error.code == .fetch && error.message.contains(tree.path("none").string)
            }
            try tree.write("full/file")
            let source = GitSource(location: try GitLocation(tree.path("repo").string))
            #expect {
                try source.checkOut(into: tree.path("full"), environment: gitEnvironment(tree))
            } throws: { ($0 as? CheckoutError)?.message.hasSuffix("it is not empty") == true }
            #expect {
                try source.checkOut(into: tree.path("x"), environment: ["PATH": "/none"])
            } throws: { ($0 as? CheckoutError)?.code == .gitMissing }
        }
    }

    @Test("nothing of a hostile repository runs: hooks, filters, monitors, submodules")
    func hostile() throws {
        try TemporaryTree.with { tree in
            _ = try makeRepository(tree)
            let proof = tree.path("PWN").string
            let script = "#!/bin/sh\ntouch \(proof)\n"
            for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
                try tree.write(FilePath("repo/.git/hooks/\(hook)"), script, mode: 0o755)
                try tree.write(FilePath("hooks/\(hook)"), script, mode: 0o755)
            }
            try git(tree, "repo", "config", "core.fsmonitor", "touch \(proof)")
            try git(tree, "repo", "config", "core.hooksPath", tree.path("hooks").string)
            try git(tree, "repo", "config", "filter.evil.smudge", "touch \(proof)")
            try git(tree, "repo", "config", "uploadpack.packObjectsHook", "touch \(proof)")
            try tree.write("repo/.gitattributes", "* filter=evil\n")
            try tree.write("repo/.gitmodules", "[submodule \"sub\\r\"]\n\tpath = sub\n\turl = ext::touch% \(proof)\n")
            try tree.link("repo/sub", to: ".git/hooks")
            try git(tree, "repo", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "add", ".")
            try git(
                tree, "repo", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "commit", "-qm", "evil")
            try? tree.root.remove("PWN")
            let source = GitSource(location: try GitLocation(tree.path("repo").string))
            _ = try source.checkOut(into: tree.path("work"), environment: gitEnvironment(tree))
            #expect(!tree.exists("PWN"))
            #expect(tree.exists("work/.gitmodules"))
        }
    }

    @Test(
        "locations that git could read as something else are refused",
        arguments: [
            "", "-x", "--upload-pack=touch PWN", "ext::sh -c true", "fd::3", "https://example.com/%0ahost=evil",
            "https://example.com/a%0D", "https://example.com/\n", "ssh://-oProxyCommand=touch/x",
            "ssh://git@-oProxyCommand=touch/x", "ftp://example.com/x", "https://example.com/%1b",
        ])
    func locations(location: String) {
        #expect { try GitLocation(location) } throws: { ($0 as? CheckoutError)?.code == .invalid }
    }

    @Test(
        "versions that git could read as something else are refused",
        arguments: [
            "", "-x", "--output=/tmp/x", "a b", "a..b", "HEAD~1", "HEAD^", "a:b", "@{-1}", "a\n",
            "refs/heads/x^{nothex}",
            "main^{0123456789012345678901234567890123456789}", "/a", "a*", "a/",
        ])
    func versions(version: String) {
        #expect { try GitVersion(version) } throws: { ($0 as? CheckoutError)?.code == .invalid }
    }

    @Test(
        "credentials are never shown",
        arguments: [
            ("https://user:secret@example.com/a.git", "https://example.com/a.git"),
            ("https://token@example.com/a.git", "https://example.com/a.git"),
            ("ssh://git:secret@example.com/a.git", "ssh://git@example.com/a.git"),
            ("git@example.com:a/b.git", "git@example.com:a/b.git"), ("/srv/a@b", "/srv/a@b"),
            ("https://example.com/a@b", "https://example.com/a@b"),
        ])
    func credentials(location: String, shown: String) throws {
        let location = try GitLocation(location)
        #expect(location.withoutCredentials == shown)
        #expect("\(location)" == shown)
    }
}
