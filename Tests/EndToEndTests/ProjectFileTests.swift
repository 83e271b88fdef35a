// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// `--project FILE[#NAME]`, with the overrides of StartBuild.
@Suite("Projects from files", .enabled(if: Drydock.canRun(TestUser()) || Drydock.sandboxIsRequired))
struct ProjectFileTests {
    private static let buildspec = """
        version: 0.2
        env:
          variables: {A: buildspec, B: buildspec}
          parameter-store: {P: /from/buildspec}
        phases:
          build:
            commands:
              - echo "A=$A B=$B P=$P T=$T image=$CODEBUILD_BUILD_IMAGE key=$CODEBUILD_KMS_KEY_ID"
              - echo "repository=$CODEBUILD_SOURCE_REPO_URL id=${CODEBUILD_BUILD_ID%:*} files=$(ls)"
              - echo made >made
        artifacts: {files: made, name: from-buildspec}
        """

    private static let project = """
        {
          "name": "sample",
          "source": {"type": "GITHUB", "location": "https://example.org/o/r.git"},
          "artifacts": {"type": "S3", "packaging": "NONE", "name": "from-project"},
          "environment": {
            "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL", "type": "LINUX_CONTAINER",
            "environmentVariables": [
              {"name": "A", "value": "project"}, {"name": "P", "value": "project"},
              {"name": "T", "value": "/ci/token", "type": "PARAMETER_STORE"}
            ]
          },
          "encryptionKey": "alias/mine", "timeoutInMinutes": 10
        }
        """

    private func git(_ arguments: String..., in directory: FilePath) throws {
        let settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        let result = try runTool("git", settings + arguments, in: directory)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("the checkout is built as the project says, from its top, and secrets are masked")
    func checkout() throws {
        guard hasTool("git") else { return }
        try TemporaryTree.with { tree in
            var drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write("source/ci/project.json", Self.project)
            try git("init", "-q", in: tree.path("source"))
            try git("remote", "add", "origin", "git@example.org:o/r", in: tree.path("source"))
            try git("add", ".", in: tree.path("source"))
            try git("commit", "-qm", "x", in: tree.path("source"))
            drydock.directory = tree.path("source/ci")
            let result = try drydock(
                "run", "--project", "project.json", "-e", "T=s3cret-value", "-a", tree.path("artifacts").string)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let output = result.output
            #expect(
                output.contains("A=project B=buildspec P=project T=*** image=aws/codebuild/standard:7.0 key=alias/mine")
            )
            #expect(output.contains(" id=sample files=buildspec.yml\nci\n"), "\(output)")
            #expect(
                output.contains(
                    "Source of the project is https://example.org/o/r.git; building `\(tree.path("source"))`"))
            #expect(output.contains("image `aws/codebuild/standard:7.0` is not on this machine"))
            #expect(!output.contains("s3cret-value"))
            let made = tree.path("artifacts/from-project/made").string
            #expect(FileManager.default.fileExists(atPath: made))
        }
    }

    @Test("overrides change the project, and those without meaning are a warning each")
    func overrides() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write("source/project.json", Self.project)
            let result = try drydock(
                "run", "--project", "project.json", "--environment-variables-override", "name=A,value=override",
                "--environment-variables-override", "name=T,value=x", "--image-override", "other:1",
                "--privileged-mode-override", "--timeout-in-minutes-override", "5")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("A=override B=buildspec P=project T=x image=other:1"))
            #expect(result.output.contains("warning: `--privileged-mode-override` changes nothing here"))
            let alone = try drydock(
                "run", "--source-type-override", "NO_SOURCE", "-b",
                "version: 0.2\nphases:\n  build:\n    commands: ['ls | wc -l']\n")
            #expect(alone.status == 0 && alone.output.contains("\n0\n"), "\(alone.output)\(alone.errors)")
        }
    }

    @Test("a template's project is built, with its parameters and its own buildspec")
    func template() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/t.yml",
                """
                Parameters:
                  Stage: {Type: String}
                Resources:
                  Bucket: {Type: AWS::S3::Bucket}
                  One:
                    Type: AWS::CodeBuild::Project
                    Properties:
                      Source:
                        Type: NO_SOURCE
                        BuildSpec: !Sub |
                          version: 0.2
                          phases:
                            build:
                              commands:
                                - echo "stage=${Stage} shell=${!HOME} bucket=$BUCKET files=$(ls | wc -l)"
                      Environment:
                        EnvironmentVariables: [{Name: BUCKET, Value: !GetAtt Bucket.Arn}]
                  Two: {Type: AWS::CodeBuild::Project, Properties: {Source: {Type: S3}}}
                """)
            let built = try drydock("run", "--project", "t.yml#One", "--parameter", "Stage=test")
            #expect(
                built.output.contains("stage=test shell=/root bucket=Bucket.Arn files=0"),
                "\(built.output)\(built.errors)")
            #expect(built.output.contains("warning: t.yml:17:54: an attribute of a resource is known only to a"))
            let missing = try drydock("run", "--project", "t.yml#One")
            #expect(missing.status == 2 && missing.errors.contains("t.yml:2:3"), "\(missing.errors)")
            #expect(missing.errors.contains("hint: give one: `--parameter Stage=VALUE`"))
            let several = try drydock("run", "--project", "t.yml")
            #expect(several.status == 2 && several.errors.contains("hint: name one: `t.yml#One`, `t.yml#Two`"))
        }
    }

    @Test("a NoEcho parameter shows nowhere, neither in settings nor in output nor on disk")
    func noEcho() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/t.yml",
                """
                Parameters: {Tok: {Type: String, NoEcho: true}}
                Resources:
                  Build:
                    Type: AWS::CodeBuild::Project
                    Properties:
                      Source:
                        Type: NO_SOURCE
                        BuildSpec: !Sub |
                          version: 0.2
                          phases: {build: {commands: ['echo raw ${Tok} $URL', exit 3]}}
                      Environment: {EnvironmentVariables: [{Name: URL, Value: !Sub 'https://u:${Tok}@h'}]}
                """)
            for words in [["config"], ["env"], ["run", "--dry-run"], ["run"]] {
                let result = try drydock.run(words + ["--project", "t.yml", "--parameter", "Tok=hunter2xyz"])
                let text = result.output + result.errors
                #expect(text.contains("***") && !text.contains("hunter2"), "\(text)")
            }
            let found = try runTool("grep", ["-rl", "hunter2", tree.path("state").string])
            #expect(found.status == 1, "\(found.output)")
        }
    }

    @Test("a variable of an override shows the option it comes from")
    func overrideOrigin() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", "version: 0.2\nphases: {build: {commands: [ls]}}\n")
            let result = try drydock(
                "env", "--environment-variables-override", "name=A,value=1", "--environment-variables-override",
                "name=B,value=2")
            let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(
                lines.suffix(2) == ["A 1 --environment-variables-override", "B 2 --environment-variables-override"])
        }
    }

    @Test("facts of a known project: its region, its account, its repository")
    func facts() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec)
            try tree.write(
                "source/p.json",
                #"""
                {"name": "pp", "arn": "arn:aws:codebuild:eu-north-1:123456789012:project/pp",
                 "source": {"type": "GITHUB", "location": "https://example.org/o/r.git"}}
                """#)
            let result = try drydock("env", "--project", "p.json", "-e", "P=x")
            let lines = result.output.split(separator: "\n").map {
                $0.split(separator: " ").prefix(2).joined(separator: "=")
            }
            for line in [
                "AWS_REGION=eu-north-1", "CODEBUILD_PROJECT_ARN=arn:aws:codebuild:eu-north-1:123456789012:project/pp",
                "CODEBUILD_SOURCE_REPO_URL=https://example.org/o/r.git",
            ] {
                #expect(lines.contains(line), "\(result.output)\(result.errors)")
            }
        }
    }

    @Test("artifacts are named and packed as the project says, each for itself")
    func artifacts() throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/buildspec.yml",
                """
                version: 0.2
                phases: {build: {commands: ['echo x >made']}}
                artifacts:
                  files: made
                  name: from-buildspec
                  secondary-artifacts: {zipped: {files: made}, plain: {files: made}}
                """)
            try tree.write(
                "source/p.json",
                #"""
                {"name": "pp", "source": {"type": "CODEPIPELINE"},
                 "artifacts": {"type": "S3", "packaging": "NONE", "name": "/"},
                 "secondaryArtifacts": [
                   {"type": "S3", "artifactIdentifier": "zipped", "packaging": "ZIP", "name": "zipped"},
                   {"type": "S3", "artifactIdentifier": "plain"}]}
                """#)
            let out = tree.path("artifacts").string
            #expect(try drydock("run", "--project", "p.json", "--artifacts", out).status == 0)
            #expect(try tree.listing("artifacts") == ["plain/", "plain/made", "pp/", "pp/made", "zipped.zip"])
            let packed = try drydock("run", "--project", "p.json", "--artifacts", out + "2", "--packaging", "zip")
            #expect(packed.status == 0)
            #expect(try tree.listing("artifacts2") == ["plain.zip", "pp.zip", "zipped.zip"])
        }
    }

    @Test("a build without a source says how it is given a buildspec")
    func noSource() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            let result = try drydock("run", "--source-type-override", "NO_SOURCE")
            #expect(result.status == 2 && result.errors.contains("`--buildspec-override`"), "\(result.errors)")
        }
    }

    @Test("sources are fetched only when that is asked for")
    func fetching() throws {
        guard hasTool("git") else { return }
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "origin/buildspec.yml",
                "version: 0.2\nphases:\n  build:\n    commands: ['echo fetched', 'ls $CODEBUILD_SRC_DIR_lib']\n")
            try git("init", "-q", in: tree.path("origin"))
            try git("add", ".", in: tree.path("origin"))
            try git("commit", "-qm", "x", in: tree.path("origin"))
            try tree.write("source/buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands: [echo here]\n")
            let url = "file://\(tree.path("origin"))"
            try tree.write(
                "source/p.json",
                """
                {"name": "ok", "source": {"type": "GITHUB", "location": "\(url)"}, "sourceVersion": "main",
                 "secondarySources": [{"type": "GITHUB", "location": "\(url)", "sourceIdentifier": "lib"}]}
                """)
            let here = try drydock("run", "--project", "p.json")
            #expect(here.status == 0 && here.output.contains("\nhere\n"), "\(here.output)\(here.errors)")
            #expect(here.output.contains("the build has no source `lib`"))
            let fetched = try drydock("run", "--project", "p.json", "--fetch-source")
            #expect(fetched.status == 0, "\(fetched.output)\(fetched.errors)")
            #expect(fetched.output.contains("\nfetched\n") && fetched.output.contains("\nbuildspec.yml\n"))
        }
    }

    @Test("a bare name is the project's name, and a wrong file ends with 2")
    func names() throws {
        try TemporaryTree.with { tree in
            let drydock = try Drydock(in: tree)
            try tree.write(
                "source/buildspec.yml",
                "version: 0.2\nphases:\n  build:\n    commands: ['echo ${CODEBUILD_BUILD_ID%:*}']\n")
            #expect(try drydock("run", "--project", "my-service").output.contains("\nmy-service\n"))
            for (words, message) in [
                (["--project", "nope.json"], "there is no project file `nope.json`"),
                (["--project", "buildspec.yml"], "the file holds no CodeBuild project"),
                (["--parameter", "A=1"], "`--parameter` belongs to a CloudFormation template"),
                (["--cache-override", "type"], "the value of `--cache-override` is not right: `type` is no KEY=VALUE"),
            ] {
                let result = try drydock.run(["run"] + words)
                #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
            }
        }
    }
}
