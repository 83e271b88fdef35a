// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Projects
import Testing

/// What of a project counts only where the user has its places in AWS used.
@Suite("Places that artifacts and logs are uploaded to")
struct UploadTests {
    private static let project = """
        {
          "name": "sample", "source": {},
          "artifacts": {
            "type": "S3", "location": "bucket", "path": "p/q", "namespaceType": "BUILD_ID", "name": "/",
            "encryptionDisabled": true, "bucketOwnerAccess": "FULL"
          },
          "secondaryArtifacts": [
            {"type": "S3", "location": "other", "name": "two.zip", "artifactIdentifier": "two", "overrideArtifactName": true}
          ],
          "logsConfig": {
            "cloudWatchLogs": {"status": "ENABLED", "groupName": "g", "streamName": "s"},
            "s3Logs": {"status": "ENABLED", "location": "bucket/logs", "encryptionDisabled": true, "bucketOwnerAccess": "READ_ONLY"}
          }
        }
        """

    private func read(
        _ text: String, _ uploads: ProjectUploads, as path: String = "p.json", parameters: [String] = []
    ) throws(ProjectsError) -> ProjectFile.Selection {
        var given: [ProjectParameter] = []
        for parameter in parameters { given.append(try ProjectParameter(parameter)) }
        return try ProjectFile(SourceText(path: path, text: text)).project(nil, parameters: given, uploads: uploads)
    }

    @Test("are read where uploads are wanted, without a warning, and otherwise warned of")
    func places() throws {
        let selection = try read(Self.project, [.artifacts, .logs])
        #expect(selection.diagnostics.isEmpty)
        let place = selection.definition.artifacts.place
        #expect(place.bucket?.value == "bucket" && place.path?.value == "p/q" && place.hasBuildIdentifier)
        #expect(place.isEncryptionDisabled && place.ownerAccess == .full)
        #expect(selection.definition.secondaryArtifacts[0].place.bucket?.value == "other")
        let logs = selection.definition.logs
        #expect(logs.goesToCloudWatch && logs.group?.value == "g" && logs.stream?.value == "s")
        #expect(logs.bucketLocation?.value == "bucket/logs" && logs.isEncryptionDisabled && logs.ownerAccess == .read)

        let local = try read(Self.project, [])
        #expect(local.definition.artifacts.place == .init() && local.definition.logs == .init())
        let told = local.diagnostics.map(\.message)
        #expect(
            told.contains {
                $0.contains("`artifacts.location` changes nothing here") && $0.contains("--upload-artifacts")
            })
        #expect(told.contains { $0.contains("`logsConfig` changes nothing here") && $0.contains("--upload-logs") })
    }

    @Test("logs go to CloudWatch unless the project says otherwise, and to a bucket only where that is on")
    func logs() throws {
        #expect(try read(#"{"name": "a1", "source": {}}"#, .logs).definition.logs == .init())
        let off = """
            {"name": "a1", "source": {}, "logsConfig": {
              "cloudWatchLogs": {"status": "DISABLED"}, "s3Logs": {"status": "DISABLED", "location": "b/p"}}}
            """
        let logs = try read(off, .logs).definition.logs
        #expect(!logs.goesToCloudWatch && logs.bucketLocation == nil)
    }

    @Test(
        "a place that is missing, or that only a deployed stack knows, is an error: nothing is sent to a made-up name")
    func unknown() throws {
        func messages(_ text: String, as path: String = "p.json", parameters: [String] = []) -> [String] {
            do throws(ProjectsError) {
                return try read(text, [.artifacts, .logs], as: path, parameters: parameters).diagnostics.map(\.message)
            } catch { return error.diagnostics.map(\.message) }
        }
        #expect(
            messages(#"{"name": "a1", "source": {}, "artifacts": {"type": "S3"}}"#)
                == ["`location`, the bucket that it goes to, is missing"])
        func template(_ location: String) -> String {
            """
            Resources:
              Made: {Type: AWS::S3::Bucket}
              Named: {Type: AWS::S3::Bucket, Properties: {BucketName: known}}
              P:
                Type: AWS::CodeBuild::Project
                Properties: {Name: a1, Source: {Type: NO_SOURCE, BuildSpec: "version: 0.2"}, Artifacts: {Type: S3, Location: \(location)}}
            """
        }
        let words = "`Location` is known only to a deployed stack, and nothing is sent to what stands for it"
        for location in ["!Ref Made", "!Sub 'x-${AWS::AccountId}'", "!GetAtt Made.Arn", "'{{resolve:ssm:/b}}'"] {
            #expect(messages(template(location), as: "t.yml").contains(words), "\(location)")
        }
        #expect(!messages(template("!Ref Named"), as: "t.yml").contains(words))
        let given = try read(
            template("!Sub 'x-${AWS::AccountId}'"), .artifacts, as: "t.yml",
            parameters: ["AWS::AccountId=123456789012"])
        #expect(given.definition.artifacts.place.bucket?.value == "x-123456789012")
    }
}
