// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import HTTP
import SystemPackage
import TestSupport
import Testing

@testable import AWS

/// AWS as moto plays it, on the loopback interface, with a few things in it. One for all tests.
final class MotoServer: Sendable {
    static let modules = ["boto3", "moto.server"]
    static let shared = Result { try MotoServer() }

    private let server: PythonServer
    /// What has a name only once it is made: ARNs and version ids.
    let names: [String: String]

    private init() throws {
        let file = FilePath("/tmp/drydock-moto.\(UInt64.random(in: 0 ... .max))")
        defer { for end in [".names", ".log"] { unlink(file.string + end) } }
        server = try PythonServer(
            script: Self.script, arguments: [file.string + ".names"], python: PythonServer.python,
            log: FilePath(file.string + ".log"))
        names = try JSONDecoder().decode(
            [String: String].self, from: Data(contentsOf: URL(fileURLWithPath: file.string + ".names")))
    }

    /// Runs Python beside the server, with `client(service, region)`; what it prints.
    func ask(_ script: String) throws -> String {
        let start = """
            import hashlib, json, boto3
            def client(service, region="eu-west-1"):
                return boto3.client(service, region_name=region, endpoint_url="\(address)",
                                    aws_access_key_id="AKIASEED", aws_secret_access_key="seed")

            """
        let result = try runTool(PythonServer.python.string, ["-c", start + script])
        #expect(result.status == 0, "\(result.errors)")
        return result.output
    }

    var address: String { "http://127.0.0.1:\(server.port)" }

    private static let script = """
        import json, os, sys

        os.environ.update(AWS_ACCESS_KEY_ID="AKIASEED", AWS_SECRET_ACCESS_KEY="seed", AWS_DEFAULT_REGION="eu-west-1")
        import boto3
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        port = server.get_host_and_port()[1]

        def client(service, region="eu-west-1"):
            return boto3.client(service, region_name=region, endpoint_url="http://127.0.0.1:%d" % port)

        names = {}
        ssm = client("ssm")
        for number in range(1, 31):
            ssm.put_parameter(Name="/many/%d" % number, Value="value %d" % number, Type="String")
        ssm.put_parameter(Name="plain", Value="no slash", Type="String")
        ssm.put_parameter(Name="/ci/secure", Value="tok-123 \\u00e9\\n\\"x\\"", Type="SecureString")
        ssm.put_parameter(Name="/ci/list", Value="a,b,c", Type="StringList")
        for number in range(1, 4):
            ssm.put_parameter(Name="/ci/versions", Value="v%d" % number, Type="SecureString", Overwrite=True)
        ssm.label_parameter_version(Name="/ci/versions", ParameterVersion=2, Labels=["prod"])
        client("ssm", "us-east-1").put_parameter(Name="/ci/far", Value="far away", Type="String")

        secrets = client("secretsmanager")
        made = secrets.create_secret(Name="prod/db", SecretString=json.dumps({"user": "app", "password": "old"}))
        names["db-arn"] = made["ARN"]
        names["db-old"] = made["VersionId"]
        made = secrets.put_secret_value(SecretId="prod/db", SecretString=json.dumps({"user": "app", "password": "new"}))
        names["db-new"] = made["VersionId"]
        secrets.create_secret(Name="binary", SecretBinary=b"\\x00\\x01")
        secrets.create_secret(Name="none")
        secrets.create_secret(Name="deleted", SecretString="x")
        secrets.delete_secret(SecretId="deleted")
        made = client("secretsmanager", "us-east-1").create_secret(Name="far", SecretString="far away")
        names["far-arn"] = made["ARN"]

        s3 = client("s3")
        for bucket in ["bucket", "dotted.name"]:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

        iam = client("iam")
        for role in ["first", "second"]:
            names[role] = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": []}))["Role"]["Arn"]

        json.dump(names, open(sys.argv[1], "w"))
        print("ready", port, flush=True)
        sys.stdin.read()
        os._exit(0)
        """
}

/// What every test of a call wants.
enum AWSFixture {
    static let client = HTTPClient(program: BuiltProgram.path("drydock-http"))

    static func configuration(
        _ endpoint: String?, _ environment: [String: String] = [:], home: FilePath? = nil, profile: String? = nil,
        now: @escaping @Sendable () -> Timestamp = { Timestamp(seconds: Date().timeIntervalSince1970) }
    ) -> AWSConfiguration {
        var all = ["AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-west-1"]
        all["AWS_ENDPOINT_URL"] = endpoint
        var policy = RetryPolicy()
        policy.firstPause = 0.02
        policy.firstPauseWhenThrottled = 0.02
        return AWSConfiguration(
            environment: all.merging(environment) { $1 }.filter { !$0.value.isEmpty }, home: home, profile: profile,
            retryPolicy: policy, now: now)
    }

    static let key = ["AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "hunter2"]
}
