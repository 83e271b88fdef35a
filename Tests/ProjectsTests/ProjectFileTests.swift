// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Projects
import SystemPackage
import Testing

@Suite("Project files")
struct ProjectFileTests {
    private static let created = """
        {
          "name": "sample",
          "source": {"type": "GITHUB", "location": "https://github.com/o/r.git", "buildspec": "ci/build.yml"},
          "artifacts": {"type": "S3", "location": "bucket", "packaging": "ZIP", "name": "app.zip"},
          "environment": {
            "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [
              {"name": "A", "value": "1"},
              {"name": "T", "value": "/ci/token", "type": "PARAMETER_STORE"},
              {"name": "S", "value": "app:key", "type": "SECRETS_MANAGER"}
            ]
          },
          "serviceRole": "arn:aws:iam::123456789012:role/build",
          "timeoutInMinutes": 30
        }
        """

    @Test("the input of create-project is read, with the place of each value")
    func createProject() throws {
        let selection = try Reading.select(Self.created)
        let project = selection.definition
        #expect(project.name?.value == "sample" && project.name?.span.start == SourcePosition(line: 2, column: 11))
        #expect(project.source.type?.value == .gitHub)
        #expect(project.source.location?.value == "https://github.com/o/r.git")
        #expect(project.source.buildspec?.value == "ci/build.yml")
        #expect(project.artifacts.type?.value == .s3 && project.artifacts.isZip?.value == true)
        #expect(project.artifacts.name?.value == "app.zip")
        #expect(project.environment.image?.value == "aws/codebuild/standard:7.0")
        #expect(project.environment.computeType?.value == "BUILD_GENERAL1_SMALL")
        #expect(project.timeoutMinutes?.value == 30)
        #expect(Reading.variables(selection) == ["A=1", "T=/ci/token PARAMETER_STORE", "S=app:key SECRETS_MANAGER"])
    }

    @Test("what has no meaning here is one warning each, at its line")
    func withoutMeaning() {
        #expect(
            Reading.findings(Self.created) == [
                "4:31 warning `artifacts.location` changes nothing here: nothing is put into a bucket "
                    + "unless `--upload-artifacts` says so; `--artifacts DIR` keeps artifacts",
                "13:3 warning `serviceRole` changes nothing here: the build has no role, and no credentials but "
                    + "those you give it",
            ])
    }

    @Test("batch-get-projects, a list, create-project's own output and YAML are read too")
    func otherForms() throws {
        let bare = #"{"name": "one", "source": {"type": "S3"}}"#
        #expect(
            try Reading.select(#"{"projects": [\#(bare)], "projectsNotFound": []}"#).definition.name?.value == "one")
        #expect(try Reading.select("[\(bare)]").definition.name?.value == "one")
        #expect(try Reading.select(#"{"project": \#(bare)}"#).definition.name?.value == "one")
        #expect(try Reading.select("name: one\nsource:\n  type: S3\n", as: "p.yml").definition.name?.value == "one")
    }

    @Test("of several projects one is named; without a name they are listed")
    func several() throws {
        let text = #"[{"name": "one", "source": {}}, {"name": "two", "source": {}}]"#
        #expect(try Reading.select(text, "two").definition.name?.value == "two")
        #expect(
            Reading.findings(text) == [
                "`p.json` holds 2 projects, and none is named", "name one: `p.json#one`, `p.json#two`",
            ])
        #expect(
            Reading.findings(text, "tow") == ["`p.json` holds no project `tow`", "did you mean `two`?"])
    }

    @Test("what CodeBuild puts there by itself is no warning")
    func defaults() {
        let text = """
            {"projects": [{
              "name": "quiet", "arn": "arn:aws:codebuild:eu-west-1:1:project/quiet", "created": 1700000000.123,
              "lastModified": 1700000000.5, "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\\nphases: {}",
              "insecureSsl": false, "gitCloneDepth": 0, "reportBuildStatus": false},
              "artifacts": {"type": "NO_ARTIFACTS"}, "cache": {"type": "NO_CACHE"},
              "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_LARGE",
                "environmentVariables": [], "privilegedMode": false, "imagePullCredentialsType": "CODEBUILD"},
              "queuedTimeoutInMinutes": 480, "timeoutInMinutes": 60, "tags": [], "badge": {"badgeEnabled": false},
              "logsConfig": {"cloudWatchLogs": {"status": "ENABLED"}, "s3Logs": {"status": "DISABLED"}},
              "encryptionKey": "arn:aws:kms:eu-west-1:1:alias/aws/s3", "projectVisibility": "PRIVATE",
              "secondarySources": [], "vpcConfig": {"subnets": [], "securityGroupIds": []}
            }]}
            """
        #expect(Reading.findings(text) == [])
    }

    @Test(
        "what CodeBuild would refuse is an error at its place",
        arguments: [
            (#"{"name": "-x", "source": {}}"#, "1:10 error `-x` cannot be a project's name"),
            (
                #"{"name": "ok", "source": {}, "timeoutInMinutes": 3}"#,
                "1:50 error `timeoutInMinutes` is 3, but must be from 5 to 2160"
            ),
            (
                #"{"name": "ok", "source": {}, "timeoutInMinutes": "soon"}"#,
                "1:50 error `timeoutInMinutes` is `soon`, but must be a whole number"
            ),
            (#"{"name": "ok", "source": {"type": "GITLAP"}}"#, "1:35 error `type` cannot be `GITLAP`"),
            (
                #"{"name": "ok", "source": {"type": "NO_SOURCE", "buildspec": "a.yml"}}"#,
                "1:35 error a project without a source needs its buildspec in `buildspec`"
            ),
            (
                #"{"name": "ok", "source": {}, "secondarySources": [{"type": "GITHUB"}]}"#,
                "1:51 error a secondary source needs a `sourceIdentifier`"
            ),
            (
                #"{"name": "ok", "source": {}, "environment": {"environmentVariables": [{"value": "x"}]}}"#,
                "1:71 error a variable needs a `name`, which holds no `=`"
            ),
            (
                #"{"name": "ok", "source": {}, "environment": {"computeType": "BIG"}}"#,
                "1:61 error `computeType` cannot be `BIG`"
            ),
            (#"{"name": ["ok"], "source": {}}"#, "1:10 error `name` is a list, but must be text"),
            (
                #"{"name": "ok", "source": {}, "artifacts": {"packaging": "TAR"}}"#,
                "1:57 error `packaging` cannot be `TAR`"
            ),
        ])
    func refused(text: String, expected: String) {
        #expect(Reading.findings(text) == [expected])
    }

    @Test("a thirteenth secondary source is one too many")
    func tooManySources() {
        let sources = (1...13).map { #"{"type": "S3", "sourceIdentifier": "s\#($0)"}"# }.joined(separator: ", ")
        #expect(
            Reading.findings(#"{"name": "ok", "source": {}, "secondarySources": [\#(sources)]}"#)
                == ["1:30 error `secondarySources` has 13 items, but may have 12"])
    }

    @Test("unknown members and members of the other spelling are warned of")
    func unknownMembers() {
        #expect(
            Reading.findings(#"{"name": "ok", "source": {"Type": "S3"}, "enviroment": {}}"#) == [
                "1:27 warning `source` has no member `Type`", "1:42 warning a project has no member `enviroment`",
            ])
    }

    @Test("what is no project is said to be none")
    func noProject() {
        #expect(
            Reading.findings("version: 0.2\nphases: {}\n", as: "b.yml").first?.hasSuffix("no CodeBuild project") == true
        )
        #expect(Reading.findings("", as: "b.yml") == ["1:1 error the file holds no CodeBuild project"])
        #expect(Reading.findings("[]") == ["1:1 error the file holds no CodeBuild project"])
        #expect(Reading.findings("7") == ["1:1 error the file holds no CodeBuild project"])
    }

    @Test("a parameter needs a template")
    func parameterWithoutTemplate() {
        #expect(
            Reading.findings(#"{"name": "ok", "source": {}}"#, parameters: ["A=1"])
                == ["`--parameter` belongs to a CloudFormation template, and the project file is none"])
    }

    @Test("a file of 100 MB, one that is not there, and a directory are refused")
    func unreadable() {
        func failure(_ path: String) -> String {
            do throws(ProjectsError) {
                _ = try ProjectFile.load(.init(path))
                return ""
            } catch { return error.message }
        }
        #expect(failure("/nowhere/p.json") == "there is no project file `/nowhere/p.json`")
        #expect(failure("/").hasPrefix("cannot read the project file `/`: "))
        #expect(failure("/dev/zero") == "cannot read the project file `/dev/zero`: it is larger than 2 MiB")
    }

    @Test("two projects of one name are an error with both places")
    func twins() throws {
        let text = """
            [{"name": "dup", "source": {}},
             {"name": "dup", "source": {}}, {"name": "other", "source": {}}]
            """
        for name in ["dup", nil] {
            do {
                _ = try Reading.select(text, name)
                Issue.record("one was taken")
            } catch {
                #expect(error.diagnostics.map(\.message) == ["two projects are called `dup`"])
                #expect(error.diagnostics.first?.span?.start.line == 2)
                #expect(error.diagnostics.first?.related.first?.span.start.line == 1)
            }
        }
        #expect(try Reading.select(text, "other").definition.name?.value == "other")
    }

    @Test(
        "an item that is no map is one finding",
        arguments: [
            #""environment": {"environmentVariables": ["x"]}"#, #""secondarySources": ["x"]"#,
            #""secondaryArtifacts": [1]"#, #""secondarySourceVersions": [null]"#,
        ])
    func items(member: String) {
        #expect(Reading.findings("{\"name\": \"pp\", \(member)}").count == 1)
    }
}
