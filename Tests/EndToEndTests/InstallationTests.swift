// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Whether a program that a test needs is there: loudly when not, and as a failure under `REQUIRE_SANDBOX=1`.
func requireTool(_ name: String, for test: String, sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
    if hasTool(name) { return true }
    if Drydock.sandboxIsRequired {
        Issue.record("\(test) needs `\(name)`", sourceLocation: sourceLocation)
    } else {
        _ = try? FileDescriptor.standardError.writeAll("SKIPPED: \(test) needs `\(name)`\n".utf8)
    }
    return false
}

/// The package's own directory, and what `make release` left in it.
enum Checkout {
    static let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

    /// Whether there is something to install that is as new as the tests: `make test` has made it then.
    static func requireRelease(for test: String, sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
        let isThere =
            ProcessInfo.processInfo.environment["DRYDOCK_PROGRAM"] != nil
            && access(root.appending(".build/release/drydock").string, X_OK) == 0
        if isThere { return true }
        if Drydock.sandboxIsRequired {
            Issue.record("\(test) needs what `make release` builds", sourceLocation: sourceLocation)
        } else {
            let line = "SKIPPED: \(test) needs what `make release` builds; `make test-e2e` does both\n"
            _ = try? FileDescriptor.standardError.writeAll(line.utf8)
        }
        return false
    }
}

@Suite("Installing")
struct InstallationTests {
    private func make(_ target: String, _ words: String...) throws {
        let result = try runTool("make", ["-s", "-C", Checkout.root.string, target] + words)
        #expect(result.status == 0 && result.output.isEmpty, "\(result.output)\(result.errors)")
    }

    @Test("make install puts each thing where it is looked for, and make uninstall takes exactly that away")
    func installs() throws {
        guard Checkout.requireRelease(for: "make install") else { return }
        try TemporaryTree.with { tree in
            let destination = "DESTDIR=" + tree.path("a root").string
            try make("install", destination, "prefix=/opt/dry dock", "mandir=/man")
            let files = try tree.listing("a root").filter { !$0.hasSuffix("/") }
            let prefix = "opt/dry dock/"
            for file in [
                "bin/drydock", "bin/codebuild_build.sh", "libexec/drydock/drydock-init",
                "libexec/drydock/drydock-http", "libexec/drydock/drydock-archive",
                "libexec/drydock/codebuild-hash-files",
                "share/bash-completion/completions/drydock", "share/zsh/site-functions/_drydock",
                "share/fish/vendor_completions.d/drydock.fish", "share/doc/drydock/LICENSE",
                "share/doc/drydock/docs/differences.md",
            ] {
                #expect(files.contains(prefix + file), "\(file)")
            }
            #expect(files.contains("man/man1/drydock.1") && files.contains("man/man1/codebuild_build.sh.1"))
            let documentation = prefix + "share/doc/drydock/"
            let page = try tree.text(FilePath("a root/\(documentation)README.md"))
            for link in page.matches(of: /\]\(([^):#]+)\)/) {
                #expect(files.contains(documentation + link.1), "README.md links \(link.1)")
            }
            let program = tree.path("a root").appending(prefix + "bin/drydock").string
            #expect(try runTool(program, ["doctor", "--state-dir", tree.path("state").string]).status != 125)
            #expect(
                try runTool(tree.path("a root").appending(prefix + "bin/codebuild_build.sh").string, ["-h"]).status == 0
            )

            try tree.write("a root/opt/dry dock/share/doc/drydock/of somebody else")
            try tree.write("a root/opt/dry dock/bin/other")
            try make("uninstall", destination, "prefix=/opt/dry dock", "mandir=/man")
            #expect(
                try tree.listing("a root").filter { !$0.hasSuffix("/") } == [
                    "opt/dry dock/bin/other", "opt/dry dock/share/doc/drydock/of somebody else",
                ])
            #expect(!tree.exists("a root/opt/dry dock/libexec/drydock"))
        }
    }

    @Test("make deb makes the same bytes, whoever calls it and where")
    func packages() throws {
        guard Checkout.requireRelease(for: "make deb"), requireTool("dpkg-deb", for: "make deb") else { return }
        try TemporaryTree.with { tree in
            // Packing takes seconds, and what is packed is what matters here.
            var environment = [
                "PATH": "/usr/bin:/bin", "DPKG_DEB_COMPRESSOR_TYPE": "none", "SOURCE_DATE_EPOCH": "1700000000",
            ]
            let script = "umask \"$1\" && exec \"$2\" \"$3\""
            let maker = Checkout.root.appending("Sources/drydock/Packaging/make-deb").string
            for (directory, mask) in [("one", "022"), ("another place", "077")] {
                let output = try tree.directory(FilePath(directory)).string
                let made = try runTool(
                    "sh", ["-c", script, "sh", mask, maker, output], environment: environment, in: tree.path)
                #expect(made.status == 0 && made.errors.isEmpty, "\(made.errors)")
                #expect(made.output.hasPrefix(output + "/drydock_"))
                environment.merge(["TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "TMPDIR": output, "bindir": "/opt"]) { $1 }
            }
            let names = try tree.listing("one")
            #expect(names == (try tree.listing("another place")) && names.count == 1)
            let name = FilePath(names.first ?? "")
            let one = tree.path("one").pushing(name).string
            let compared = try runTool("cmp", [one, tree.path("another place").pushing(name).string])
            #expect(compared.status == 0, "\(compared.output)")
            let control = try runTool("dpkg-deb", ["--field", one]).output
            #expect(control.contains("\nVersion: \(try Drydock(in: tree)("--version").output)"))
            // Of drydock-http and drydock-archive: the others are static.
            let libraries = "libarchive13, libc6, libcurl4, libgcc-s1, libstdc++6, libyaml-0-2, libzstd1"
            #expect(control.contains("\nDepends: \(libraries)\n"), "\(control)")
        }
    }

    @Test("the manual pages are without a warning", arguments: ["drydock", "codebuild_build.sh"])
    func manualPages(name: String) throws {
        guard requireTool("man", for: "the manual page"), requireTool("mandoc", for: "the manual page") else { return }
        try TemporaryTree.with { tree in
            let packaging = Checkout.root.appending("Sources/drydock/Packaging")
            let page =
                name == "drydock"
                ? try tree.write("drydock.1", try Drydock(in: tree)("man").output)
                : packaging.appending("codebuild_build.sh.1")
            let lint = try runTool("mandoc", ["-Tlint", page.string])
            #expect(lint.status == 0 && lint.output.isEmpty, "\(lint.output)")
            // As lintian does it.
            let environment = [
                "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80",
                "HOME": tree.path.string,
            ]
            let words = ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page.string]
            let formatted = try runTool("man", words, environment: environment)
            #expect(formatted.status == 0 && formatted.errors.isEmpty, "\(formatted.errors)")
            let text = try runTool("man", ["-l", page.string], environment: environment).output
            for title in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] { #expect(text.contains("\n\(title)\n")) }
        }
    }
}
