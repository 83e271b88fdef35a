// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import AWS

@Suite("Configuration of AWS")
struct ConfigurationTests {
    private func configuration(
        _ environment: [String: String] = [:], home: FilePath? = nil, profile: String? = nil, region: String? = nil
    ) -> AWSConfiguration {
        AWSConfiguration(
            environment: environment, home: home, profile: profile, region: region, now: { Timestamp(seconds: 0) })
    }

    /// The failure's words; nil without one.
    private func failure<Value>(_ body: () throws -> Value) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? AWSFailure).map { ([$0.message] + $0.hints).joined(separator: " · ") } ?? "\(error)"
        }
    }

    private static let files = """
        # of no use
        [default]
        region = eu-central-1

        [profile dev]
        region=us-west-2
        services = local
        Endpoint_URL = http://profile.example/
          [not a section]

        [profile "with blank"]
        region = ap-south-1
        [sso-session x]
        sso_region = us-east-1
        [profile both]
        use_fips_endpoint = true
        use_dualstack_endpoint = TRUE
        [services local]
        secrets_manager =
          endpoint_url = http://services.example:1
          other = x
        ssm =
        """

    @Test("both files are read, and the credentials file counts more")
    func sharedFiles() throws {
        try TemporaryTree.with { tree in
            try tree.write(".aws/config", Self.files + "\n[profile twice]\naws_access_key_id = A\nregion = r\n")
            try tree.write(
                ".aws/credentials",
                "[twice]\nAWS_ACCESS_KEY_ID=B # = c\n[only]\n; comment\naws_secret_access_key = x=y==\n")
            let files = try AWSSettings(configuration(home: tree.path)).files
            #expect(files.profiles.keys.sorted() == ["both", "default", "dev", "only", "twice", "with blank"])
            #expect(files.profiles["twice"]?.values == ["aws_access_key_id": "B # = c", "region": "r"])
            #expect(files.profiles["only"]?.values == ["aws_secret_access_key": "x=y=="])
            #expect(files.services["local"]?.nested["secrets_manager"]?["endpoint_url"] == "http://services.example:1")
            #expect(files.profiles["dev"]?.values["endpoint_url"] == "http://profile.example/")
        }
    }

    @Test(
        "a file that cannot be read is told at its line, without the line",
        arguments: [
            ("[default\n", "config:1` cannot be read: `]` is missing"),
            ("[default]\nhunter2\n", "config:2` cannot be read: it is neither"),
            ("\naws_secret_access_key = hunter2\n", "config:2` cannot be read: it stands before"),
            ("[default]\n= hunter2\n", "config:2` cannot be read: it is neither"),
        ])
    func malformedFiles(_ text: String, _ words: String) throws {
        try TemporaryTree.with { tree in
            let path = try tree.write("config", text)
            let told = failure { try configuration(["AWS_CONFIG_FILE": path.string]).settings() }
            #expect(told?.contains(words) == true && told?.contains("hunter2") == false, "\(told ?? "")")
        }
    }

    @Test("files elsewhere, missing files, directories")
    func placesOfFiles() throws {
        try TemporaryTree.with { tree in
            try tree.write("mine", "[default]\nregion = sa-east-1\n")
            let here = configuration(["AWS_CONFIG_FILE": "~/mine"], home: tree.path)
            #expect(try here.settings().region() == "sa-east-1")
            #expect(try configuration(home: tree.path("nowhere")).settings().region() == nil)
            #expect(try configuration(home: nil).settings().region() == nil)
            let folder = configuration(["AWS_SHARED_CREDENTIALS_FILE": tree.path.string])
            #expect(failure { try folder.settings() }?.contains("is a directory") == true)
        }
    }

    @Test("regions come from the first who says one")
    func regions() throws {
        try TemporaryTree.with { tree in
            try tree.write(".aws/config", Self.files)
            let cases: [([String: String], String?, String?, String?)] = [
                ([:], nil, nil, "eu-central-1"),
                (["AWS_PROFILE": "dev"], nil, nil, "us-west-2"),
                (["AWS_DEFAULT_PROFILE": "dev"], nil, nil, "us-west-2"),
                (["AWS_PROFILE": "with blank"], nil, nil, "ap-south-1"),
                (["AWS_PROFILE": "with blank"], "dev", nil, "us-west-2"),
                (["AWS_DEFAULT_REGION": "a-1"], nil, nil, "a-1"),
                (["AWS_DEFAULT_REGION": "a-1", "AWS_REGION": "b-1"], nil, nil, "b-1"),
                (["AWS_REGION": ""], nil, nil, "eu-central-1"),
                (["AWS_REGION": "b-1"], "dev", "c-1", "c-1"),
            ]
            for (environment, profile, region, expected) in cases {
                let settings = try configuration(environment, home: tree.path, profile: profile, region: region)
                    .settings()
                #expect(try settings.region() == expected, "\(environment)")
            }
        }
    }

    @Test("a region is no other host's name", arguments: ["evil.example/#", "eu west", "-a", "EU-WEST-1", "a\n", "ä"])
    func badRegions(_ region: String) {
        let told = failure { try configuration(["AWS_REGION": region]).settings().region() }
        #expect(told?.contains("is no region") == true)
    }

    @Test("a profile that is not there is named, with its neighbour")
    func missingProfile() throws {
        try TemporaryTree.with { tree in
            try tree.write(".aws/config", Self.files)
            let told = failure { try configuration(["AWS_PROFILE": "dve"], home: tree.path).settings() }
            #expect(
                told?.contains("there is no profile `dve`") == true && told?.contains("did you mean `dev`?") == true)
            #expect(try configuration(["AWS_PROFILE": "default"]).settings().profileName == "default")
        }
    }

    @Test("endpoints come from the first who says one")
    func endpoints() throws {
        try TemporaryTree.with { tree in
            try tree.write(".aws/config", Self.files)
            let cases: [([String: String], AWSService, String?, String)] = [
                ([:], .parameters, "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
                ([:], .secrets, "cn-north-1", "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
                ([:], .secrets, "us-gov-west-1", "https://secretsmanager.us-gov-west-1.amazonaws.com"),
                ([:], .secrets, "us-isob-east-1", "https://secretsmanager.us-isob-east-1.sc2s.sgov.gov"),
                ([:], .tokens, nil, "https://sts.amazonaws.com"),
                (
                    ["AWS_USE_FIPS_ENDPOINT": "true"], .parameters, "us-east-1",
                    "https://ssm-fips.us-east-1.amazonaws.com"
                ),
                (["AWS_PROFILE": "both"], .parameters, "eu-west-1", "https://ssm-fips.eu-west-1.api.aws"),
                (
                    ["AWS_PROFILE": "both", "AWS_USE_DUALSTACK_ENDPOINT": "false"], .tokens, "eu-west-1",
                    "https://sts-fips.eu-west-1.amazonaws.com"
                ),
                (["AWS_ENDPOINT_URL": "http://a:1/"], .parameters, "eu-west-1", "http://a:1"),
                (
                    ["AWS_ENDPOINT_URL": "http://a:1/", "AWS_ENDPOINT_URL_SSM": "http://b"], .parameters, "eu-west-1",
                    "http://b"
                ),
                (["AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://c/x"], .secrets, "eu-west-1", "http://c/x"),
                (
                    ["AWS_ENDPOINT_URL": "http://a:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"], .parameters,
                    "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"
                ),
                (["AWS_PROFILE": "dev"], .parameters, "eu-west-1", "http://profile.example"),
                (["AWS_PROFILE": "dev"], .secrets, "eu-west-1", "http://services.example:1"),
                (["AWS_PROFILE": "dev", "AWS_ENDPOINT_URL": "http://a:1"], .secrets, "eu-west-1", "http://a:1"),
            ]
            for (environment, service, region, expected) in cases {
                let settings = try configuration(environment, home: tree.path).settings()
                #expect(try settings.endpoint(service, region: region) == expected, "\(environment)")
            }
            for address in ["localhost:4566", "ftp://a", "http://", "http://a/?…"] {
                let settings = try configuration(["AWS_ENDPOINT_URL": address.replacingOccurrences(of: "…", with: "b")])
                    .settings()
                #expect(
                    failure { try settings.endpoint(.tokens, region: "a") }
                        == "aws: `AWS_ENDPOINT_URL` cannot be `\(address)`")
            }
        }
    }

    /// As botocore 1.43 resolves them.
    @Test(
        "endpoints of both kinds of address, and with FIPS, are those of botocore",
        arguments: [
            ("eu-west-1", AWSService.parameters, false, true, "ssm.eu-west-1.api.aws"),
            ("eu-west-1", .parameters, true, true, "ssm-fips.eu-west-1.api.aws"),
            ("eu-west-1", .tokens, false, true, "sts.eu-west-1.api.aws"),
            // Its ordinary name has addresses of both kinds.
            ("eu-west-1", .secrets, false, true, "secretsmanager.eu-west-1.amazonaws.com"),
            ("us-east-1", .secrets, true, true, "secretsmanager-fips.us-east-1.amazonaws.com"),
            ("cn-north-1", .parameters, false, true, "ssm.cn-north-1.api.amazonwebservices.com.cn"),
            ("cn-north-1", .secrets, false, true, "secretsmanager.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", .secrets, true, true, "secretsmanager-fips.cn-north-1.api.amazonwebservices.com.cn"),
            ("eusc-de-east-1", .secrets, false, true, "secretsmanager.eusc-de-east-1.api.amazonwebservices.eu"),
            ("us-isob-east-1", .tokens, true, true, "sts-fips.us-isob-east-1.api.aws.scloud"),
            ("us-iso-west-1", .parameters, true, false, "ssm-fips.us-iso-west-1.c2s.ic.gov"),
            ("us-gov-west-1", .parameters, true, false, "ssm.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", .tokens, true, false, "sts.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", .secrets, true, false, "secretsmanager-fips.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", .tokens, true, true, "sts-fips.us-gov-west-1.api.aws"),
            ("us-gov-west-1", .logs, true, false, "logs.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", .storage, true, false, "s3-fips.us-gov-west-1.amazonaws.com"),
            ("eu-west-1", .storage, true, true, "s3-fips.dualstack.eu-west-1.amazonaws.com"),
            ("cn-north-1", .storage, false, true, "s3.dualstack.cn-north-1.amazonaws.com.cn"),
        ])
    func otherEndpoints(
        _ region: String, _ service: AWSService, _ isFIPS: Bool, _ isDualStack: Bool, _ host: String
    ) throws {
        let settings = try configuration([
            "AWS_USE_FIPS_ENDPOINT": "\(isFIPS)", "AWS_USE_DUALSTACK_ENDPOINT": "\(isDualStack)",
        ]).settings()
        #expect(try settings.endpoint(service, region: region) == "https://" + host)
    }

    @Test("an ARN's region is written as AWS writes regions, for its author must not choose the host")
    func regionsOfResourceNames() throws {
        for region in ["eu-west-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-7"] {
            #expect(try AWSSettings.checkedName(region) == region)
        }
        for region in ["s3", "s3-website-eu-west-1", "execute-api", "eu-west", "eu-west-", "eu--1", "x-west-1"] {
            var wanted: [WantedParameter] = []
            let told = failure {
                try WantedParameter.add("arn:aws:ssm:\(region):1:parameter/x", 0, "eu-west-1", to: &wanted)
            }
            #expect(told?.contains("is no region") == true, "\(region)")
        }
    }

    @Test("an endpoint's password is not shown")
    func endpointWithPassword() throws {
        let settings = try configuration(["AWS_ENDPOINT_URL": "http://me:hunter2@host/?q"]).settings()
        #expect(
            failure { try settings.endpoint(.tokens, region: "a") }
                == "aws: `AWS_ENDPOINT_URL` cannot be `http://***@host/?…`")
    }

    @Test("the number of attempts can be set")
    func attempts() throws {
        #expect(try configuration(["AWS_MAX_ATTEMPTS": "2"]).settings().retryPolicy.mostAttempts == 2)
        #expect(
            failure { try configuration(["AWS_MAX_ATTEMPTS": "0"]).settings() }
                == "aws: `AWS_MAX_ATTEMPTS` cannot be `0`")
    }

    @Test("parameters go in tens, by region, and none twice in one")
    func batches() throws {
        var wanted: [WantedParameter] = []
        for (index, name) in ((1...23).map { "/p/\($0)" } + ["/p/1", "/p/1:2", "p/1:3"]).enumerated() {
            try WantedParameter.add(name, index, "eu-west-1", to: &wanted)
        }
        try WantedParameter.add("arn:aws:ssm:us-east-1:1:parameter/p/1", 26, "eu-west-1", to: &wanted)
        try WantedParameter.add("arn:aws:ssm:eu-west-1:1:parameter/p/1:4", 27, "eu-west-1", to: &wanted)
        #expect(wanted[0].indices == [0, 23])
        let batches = WantedParameter.batches(wanted)
        #expect(
            batches.allSatisfy {
                $0.count <= 10 && Set($0.map(\.region)).count == 1 && Set($0.map(\.key)).count == $0.count
            })
        #expect(batches.flatMap { $0 }.count == wanted.count)
        #expect(batches.map(\.count) == [10, 10, 4, 1, 1, 1])
    }
}
