// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `--resume` after builds of every form: the failing command runs again, and nothing before its phase does.
@Suite("Resuming builds of other forms", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ResumeFormTests {
    struct Form: Sendable, CustomTestStringConvertible {
        var name: String
        var buildspec: String
        var arguments: [String] = []
        var testDescription: String { name }
    }

    /// Each build says `install-ran` once, and fails until the source has the file `good`.
    private static let forms = [
        Form(
            name: "a mounted source",
            buildspec: """
                version: 0.2
                phases:
                  install:
                    commands: [echo install-ran; date > made]
                  build:
                    commands: [test -e made && test -e good && echo went-on]
                """, arguments: ["-m"]),
        Form(
            name: "buildspec 0.1, whose shells start anew",
            buildspec: """
                version: 0.1
                phases:
                  install:
                    commands: [echo install-ran; mkdir /opt/tool; cd /opt/tool]
                  build:
                    commands: [test -d /opt/tool && test -e good && echo went-on]
                """),
        Form(
            name: "phases that are tried again",
            buildspec: """
                version: 0.2
                phases:
                  install:
                    commands: [echo install-ran; mkdir /opt/tool]
                  build:
                    on-failure: RETRY-1
                    commands: [test -d /opt/tool && test -e good && echo went-on]
                """),
        Form(
            name: "a failure in `finally`",
            buildspec: """
                version: 0.2
                phases:
                  install:
                    commands: [echo install-ran; mkdir /opt/tool]
                  post_build:
                    commands: [test -d /opt/tool]
                    finally: [test -e good && echo went-on]
                """),
        Form(
            name: "a secondary source that the build has written to",
            buildspec: """
                version: 0.2
                phases:
                  install:
                    commands: [echo install-ran; echo made > $CODEBUILD_SRC_DIR_lib/made]
                  build:
                    commands: [cat $CODEBUILD_SRC_DIR_lib/made $CODEBUILD_SRC_DIR_lib/given, test -e good && echo went-on]
                """, arguments: ["-s", ".", "-s", "lib:../lib"]),
    ]

    @Test("the failing phase alone runs again", arguments: forms)
    func resume(form: Form) throws {
        try TemporaryTree.with { tree in
            try tree.write("source/buildspec.yml", form.buildspec + "\n")
            try tree.write("lib/given", "given\n")
            let drydock = try Drydock(in: tree)
            let failed = try drydock.run(["run"] + form.arguments)
            #expect(failed.status == 1, "\(failed.output)\(failed.errors)")
            #expect(failed.output.contains("\ninstall-ran\n"), "\(failed.output)")
            usleep(20_000)
            try tree.write("source/good", "")
            let resumed = try drydock.run(["run", "--resume"] + form.arguments)
            #expect(resumed.status == 0, "\(resumed.output)\(resumed.errors)")
            #expect(resumed.output.contains("\nwent-on\n"), "\(resumed.output)")
            #expect(!resumed.output.contains("\ninstall-ran\n"), "\(resumed.output)")
            #expect(try drydock("run", "--resume").status == 3)
        }
    }

    @Test("all that was changed since is named, and what the earlier build hides as well")
    func changes() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  build:
                    commands: ['echo built > both; mkdir -p made; echo x > made/x; ls -R; cat after; test -e good']

                """)
            for name in ["both", "plain", "moved/a", "kept/a", "kept/b", "lost/a", "lost/b"] {
                try tree.write(FilePath("source/\(name)"), "old\n")
            }
            try tree.write("source/after", "after\n")
            try tree.write("lib/given", "old\n")
            let drydock = try Drydock(in: tree)
            let sources = ["-s", ".", "-s", "lib:../lib"]
            #expect(try drydock.run(["run"] + sources).status == 1)
            let unchanged = try drydock.run(["run", "--resume"] + sources)
            #expect(!unchanged.output.contains("take"), "\(unchanged.output)")
            usleep(20_000)
            let edits =
                "mv moved new; mv plain renamed; rm lost/b; chmod +x kept/b; ln -s kept link; echo made-a-file > made; "
                + "echo new > both; echo new > ../lib/given"
            #expect(try runTool("sh", ["-c", edits], in: drydock.directory).status == 0)
            let resumed = try drydock.run(["run", "--resume"] + sources)
            #expect(
                resumed.output.contains("takes in 7 changes: both, kept/b, lib:given, link, lost/, new/, renamed\n"),
                "\(resumed.output)")
            #expect(
                resumed.output.contains("does not take in 1 change: made; what the earlier build left is in the way\n"),
                "\(resumed.output)")
        }
    }

    @Test("a phase of another user runs again as that user", arguments: TestUser.all.filter(\.hasRange))
    func runAs(user: TestUser) throws {
        guard Drydock.requireSandbox(user) else { return }
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  install:
                    commands: ['echo install-ran; install -d -o nobody /opt/tool']
                  build:
                    run-as: nobody
                    commands:
                      - 'touch /opt/tool/$(id -un); export AT=here'
                      - 'echo "$(ls /opt/tool) $AT"; test -e good'

                """)
            let drydock = try Drydock(in: tree, user: user)
            try user.own(tree.path("source"))
            let failed = try drydock("run")
            #expect(failed.status == 1 && failed.output.contains("\nnobody here\n"), "\(failed.output)\(failed.errors)")
            #expect(try drydock("shell", "-c", "id -un").output == "nobody\n")
            usleep(20_000)
            try tree.write("source/good", "")
            try user.own(tree.path("source"))
            let resumed = try drydock("run", "--resume")
            #expect(resumed.status == 0, "\(resumed.output)\(resumed.errors)")
            #expect(resumed.output.contains("\nnobody here\n") && !resumed.output.contains("\ninstall-ran\n"))
        }
    }

    @Test("a tree of many files is kept and gone on with")
    func manyFiles() throws {
        try TemporaryTree.with { tree in
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases:
                  install:
                    commands: ['mkdir /opt/many && cd /opt/many && seq 20000 | xargs touch && cd -']
                  build:
                    commands: ['ls /opt/many | wc -l; test -e good']

                """)
            let drydock = try Drydock(in: tree)
            #expect(try drydock("run").status == 1)
            usleep(20_000)
            try tree.write("source/good", "")
            let resumed = try drydock("run", "--resume")
            #expect(resumed.status == 0 && resumed.output.contains("\n20000\n"), "\(resumed.output)\(resumed.errors)")
        }
    }
}
