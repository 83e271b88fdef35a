// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Projects
import Testing

@Suite("Projects in CloudFormation templates")
struct TemplateTests {
    /// A template with one project whose variable `V` has the given value.
    private func template(_ value: String, extra: String = "") -> String {
        """
        Parameters:
          Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
          Needed: {Type: String}
          Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
        Mappings:
          Sizes: {dev: {size: small}, prod: {size: large}}
        Conditions:
          IsProd: !Equals [!Ref Stage, prod]
          IsDev: !Not [!Condition IsProd]
          Both: !And [!Condition IsProd, !Condition IsDev]
          Either: !Or [Condition: IsProd, Condition: IsDev]
        \(extra)
        Resources:
          Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "data-${Stage}"}}
          Topic: {Type: AWS::SNS::Topic}
          Build:
            Type: AWS::CodeBuild::Project
            Properties:
              Name: !Sub "${AWS::StackName}-build"
              Source: {Type: GITHUB, BuildSpec: buildspec.yml}
              Environment:
                EnvironmentVariables:
                  - Name: V
                    Value: \(value)
        """
    }

    private func value(_ text: String, parameters: [String] = []) -> String {
        do {
            let selection = try Reading.select(template(text), as: "t.yml", parameters: parameters)
            return selection.definition.environment.variables.first?.value.value ?? ""
        } catch { return Reading.findings(template(text), as: "t.yml", parameters: parameters).joined(separator: "; ") }
    }

    @Test(
        "functions are worked out, short and long",
        arguments: [
            ("!Ref Stage", "dev"), ("{Ref: Stage}", "dev"), ("!Ref AWS::Region", "us-east-1"),
            ("!Ref AWS::AccountId", "000000000000"), ("!Sub '${Stage}-${AWS::Partition}'", "dev-aws"),
            ("!Sub '$HOME ${!HOME} ${ Stage } $'", "$HOME ${HOME} dev $"),
            ("!Sub ['${x}-${Stage}', {x: !Ref AWS::URLSuffix}]", "amazonaws.com-dev"),
            ("{'Fn::Sub': 'a${Stage}'}", "adev"), ("!Ref Bucket", "data-dev"), ("!Sub '${Bucket}/x'", "data-dev/x"),
            ("!Join ['-', [a, !Ref Stage, !Ref AWS::NoValue, c]]", "a-dev-c"), ("!Join ['', !Ref Zones]", "abc"),
            ("!Select [1, !Ref Zones]", "b"), ("!Select [0, !Split ['/', 'x/y']]", "x"),
            ("!If [IsProd, p, d]", "d"), ("!If [IsDev, p, d]", "p"), ("!If [Both, p, d]", "d"),
            ("!If [Either, p, d]", "p"), ("!FindInMap [Sizes, !Ref Stage, size]", "small"),
            ("!Base64 hello", "aGVsbG8="), ("!Base64 he", "aGU="), ("!Ref AWS::NoValue", ""),
        ])
    func functions(text: String, expected: String) {
        #expect(value(text) == expected)
    }

    @Test("parameters are given values, which conditions and maps follow")
    func parameters() {
        #expect(value("!If [IsProd, p, d]", parameters: ["Stage=prod"]) == "p")
        #expect(value("!FindInMap [Sizes, !Ref Stage, size]", parameters: ["Stage=prod"]) == "large")
        #expect(value("!Ref Needed", parameters: ["Needed=a=b", "Needed=c=d"]) == "c=d")
        #expect(value("!Ref AWS::Region", parameters: ["AWS::Region=eu-west-1"]) == "eu-west-1")
        #expect(
            value("!Ref Needed") == "3:3 error parameter `Needed` has no default, and no value was given")
        #expect(value("!Ref Stage", parameters: ["Stage=test"]) == "2:3 error parameter `Stage` cannot be `test`")
        #expect(value("x", parameters: ["Stag=prod"]) == "the template has no parameter `Stag`; did you mean `Stage`?")
        #expect(value("x", parameters: ["Needed=y"]) == "x")
    }

    @Test("what only a deployed stack knows gets a stand-in, or the value that is given for it")
    func standIns() throws {
        for (text, name, words) in [
            ("!GetAtt Bucket.Arn", "Bucket.Arn", "an attribute of a resource"),
            ("!GetAtt [Bucket, Arn]", "Bucket.Arn", "an attribute of a resource"),
            ("!Sub '${Bucket.Arn}'", "Bucket.Arn", "an attribute of a resource"),
            ("!Ref Topic", "Topic", "the name of a resource"), ("!ImportValue shared-key", "shared-key", "an export"),
        ] {
            let selection = try Reading.select(template(text), as: "t.yml")
            #expect(Reading.variables(selection) == ["V=\(name)"])
            let expected = "\(words) is known only to a deployed stack; `\(name)` stands in its place"
            #expect(selection.diagnostics.map(\.message) == [expected])
            let given = try Reading.select(template(text), as: "t.yml", parameters: ["\(name)=real"])
            #expect(Reading.variables(given) == ["V=real"] && given.diagnostics.isEmpty)
        }
    }

    @Test("a member that changes nothing is told of only where it is there")
    func absentMembers() {
        func text(_ stage: String) -> String {
            """
            Parameters: {Vpc: {Type: String}}
            Conditions: {InVpc: !Equals [\(stage), prod]}
            Resources:
              P:
                Type: AWS::CodeBuild::Project
                Properties:
                  Source: {Type: S3}
                  VpcConfig: !If [InVpc, {VpcId: !Ref Vpc}, !Ref AWS::NoValue]
            """
        }
        #expect(Reading.findings(text("dev"), as: "t.yml") == [])
        #expect(
            Reading.findings(text("prod"), as: "t.yml") == [
                "8:7 warning `VpcConfig` changes nothing here: the build uses this machine's network, as `--network` says"
            ])
    }

    @Test("a function that nothing needs is not looked at")
    func lazy() throws {
        let text = template("x", extra: "Outputs: {O: {Value: !GetAtt Nothing.At.All}}")
        #expect(Reading.findings(text, as: "t.yml") == [])
    }

    @Test(
        "mistakes are errors at their place",
        arguments: [
            ("!Ref Stagee", "24:20 error `Stagee` is neither a parameter nor a resource of the template"),
            ("!Sub '${HOME}'", "24:20 error `HOME` is neither a parameter nor a resource of the template"),
            ("!Sub '${a-b}'", "24:20 error `${a-b}` is no name that `Sub` could replace"),
            ("!GetAtt Bucket", "24:20 error `GetAtt` takes a resource and an attribute, as `Bucket.Arn`"),
            ("!If [No, a, b]", "24:20 error the template has no condition `No`"),
            ("!If [a, b]", "24:20 error `If` takes a list of 3 items"),
            ("!FindInMap [Sizes, test, size]", "24:39 error the template's `Mappings` have no `test` there"),
            ("!Select [7, !Ref Zones]", "24:29 error `Select` takes `7` of a list of 3"),
            ("!Cidr [a, b, c]", "24:20 error `Cidr` cannot be worked out without CloudFormation"),
            ("!Equals [a, b]", "24:20 error `Equals` gives no value"),
            ("!Join [',', text]", "24:32 error `Join` takes a list, not text"),
        ])
    func mistakes(text: String, expected: String) {
        #expect(Reading.findings(template(text), as: "t.yml") == [expected])
    }

    @Test("JSON templates, and the members in CloudFormation's spelling")
    func jsonTemplate() throws {
        let text = """
            {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"One": {"Type": "AWS::CodeBuild::Project",
              "Properties": {"ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]}, "VpcConfig": {"VpcId": "v"},
                "Source": {"Type": "NO_SOURCE", "BuildSpec": {"Fn::Join": ["\\n", ["version: 0.2", "phases: {}"]]}},
                "Artifacts": {"Type": "NO_ARTIFACTS"}, "TimeoutInMinutes": "10",
                "Environment": {"Image": "x", "ComputeType": "BUILD_GENERAL1_SMALL", "PrivilegedMode": "true"},
                "Triggers": {"Webhook": true}}}, "Role": {"Type": "AWS::IAM::Role"}}}
            """
        let selection = try Reading.select(text)
        #expect(selection.identifier?.value == "One")
        #expect(selection.definition.source.buildspec?.value == "version: 0.2\nphases: {}")
        #expect(selection.definition.timeoutMinutes?.value == 10)
        let names = selection.diagnostics.compactMap { $0.message.split(separator: "`").first }
        #expect(
            names == [
                "ServiceRole", "VpcConfig", "Environment.PrivilegedMode", "Triggers",
            ])
    }

    @Test("a project is chosen by its logical id or by its name")
    func choosing() throws {
        let text = """
            Resources:
              A: {Type: AWS::CodeBuild::Project, Properties: {Name: !Sub "${AWS::StackName}-a", Source: {Type: S3}}}
              B: {Type: AWS::CodeBuild::Project, Properties: {Source: {Type: S3}}}
            """
        #expect(try Reading.select(text, "B", as: "t.yml").identifier?.value == "B")
        #expect(try Reading.select(text, "local-a", as: "t.yml").identifier?.value == "A")
        #expect(
            Reading.findings(text, as: "t.yml") == [
                "`t.yml` holds 2 projects, and none is named", "name one: `t.yml#A`, `t.yml#B`",
            ])
    }

    @Test("cycles of conditions and of names end in an error")
    func cycles() {
        let conditions = """
            Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}
            Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Name: !If [A, xx, yy]}}}
            """
        #expect(Reading.findings(conditions, as: "t.yml") == ["1:47 error condition A leads back to itself"])
        let names = """
            Resources:
              P: {Type: AWS::CodeBuild::Project, Properties: {Name: !Sub "${B}"}}
              B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "x${B}"}}
            """
        #expect(Reading.findings(names, as: "t.yml").contains("3:55 error resource B leads back to itself"))
    }

    @Test("a long chain of conditions ends in an error, not in the stack's end")
    func chain() {
        var text = "Conditions:\n  C0: !Equals [a, a]\n"
        for index in 1...5000 { text += "  C\(index): !Not [!Condition C\(index - 1)]\n" }
        text += "Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Name: !If [C5000, xx, yy]}}}\n"
        #expect(
            Reading.findings(text, as: "t.yml").map { $0.drop { $0 != " " } }
                == [" error names refer to each other over more than 64 steps"])
    }

    @Test("names that double at each step end in an error, and quickly")
    func laughs() {
        var text = "Resources:\n"
        for index in 1...40 {
            text += """
                  B\(index): {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${B\(index - 1)}${B\(index - 1)}"}}

                """
        }
        text += "  B0: {Type: AWS::S3::Bucket, Properties: {BucketName: lol}}\n"
        text += "  P: {Type: AWS::CodeBuild::Project, Properties: {Description: !Ref B40}}\n"
        let findings = Reading.findings(text, as: "t.yml")
        #expect(findings.contains { $0.hasSuffix("the template's functions make more than 16 MiB of text") })
    }

    @Test("aliases that multiply, deep nesting and bytes that are no text are refused")
    func malformed() {
        var laughs = "a0: &a0 [lol, lol]\n"
        for index in 1...30 { laughs += "a\(index): &a\(index) [*a\(index - 1), *a\(index - 1)]\n" }
        #expect(Reading.findings(laughs + "name: x\n", as: "t.yml").first?.contains("expand to more than") == true)
        let deep = String(repeating: "[", count: 100_000)
        #expect(Reading.findings(deep) == ["1:65 error lists and maps nest deeper than the limit of 64 levels"])
        #expect(throws: ProjectsError.self) {
            try ProjectFile(SourceText(path: "p.json", bytes: Array("{\"name\": \"".utf8) + [0xFF, 0x22, 0x7D]))
        }
    }

    // MARK: Parameters

    /// A template with one project whose variable `V` has the value of a parameter `P` of the given definition.
    private func constrained(_ definition: String) -> String {
        """
        Parameters:
          P: \(definition)
        Resources:
          Build:
            Type: AWS::CodeBuild::Project
            Properties:
              Environment: {EnvironmentVariables: [{Name: V, Value: !Join ['', [!Ref P]]}]}
        """
    }

    @Test(
        "a parameter's value is held to what the template says of it",
        arguments: [
            ("{Type: Number}", "x", "parameter `P` must be a number, not `x`"),
            ("{Type: Number, MinValue: 5}", "4", "parameter `P` must be at least 5"),
            ("{Type: Number, MaxValue: 5.5}", "6", "parameter `P` must be at most 5.5"),
            ("{Type: String, MinLength: 3}", "ab", "parameter `P` must have at least 3 characters"),
            ("{Type: String, MaxLength: 1}", "ab", "parameter `P` must have at most 1 characters"),
            ("{Type: String, AllowedPattern: '[a-z]+'}", "a1", "parameter `P` cannot be `a1`"),
            ("{Type: String, NoEcho: true, AllowedPattern: '[a-z]+'}", "a1", "parameter `P` cannot be what was given"),
        ])
    func constraints(definition: String, value: String, message: String) throws {
        #expect(
            Reading.findings(constrained(definition), as: "t.yml", parameters: ["P=\(value)"]) == [
                "2:3 error \(message)"
            ])
    }

    @Test("a value that is right passes, lists item by item; a pattern that is not understood is a warning")
    func constraintsMet() throws {
        func findings(_ definition: String, _ value: String) -> [String] {
            Reading.findings(constrained(definition), as: "t.yml", parameters: ["P=\(value)"])
        }
        #expect(findings("{Type: Number, MinValue: -1, MaxValue: 5}", "-0.5") == [])
        #expect(findings("{Type: String, AllowedPattern: 'a|b'}", "b") == [])
        #expect(findings("{Type: String, AllowedPattern: '(?=a)a'}", "b").first?.contains("not checked here") == true)
        let text = constrained("{Type: List<Number>, ConstraintDescription: only whole numbers}")
            .replacing("!Join ['', [!Ref P]]", with: "!Join ['', !Ref P]")
        #expect(Reading.findings(text, as: "t.yml", parameters: ["P=1, 2"]) == [])
        do {
            _ = try Reading.select(text, as: "t.yml", parameters: ["P=1,x"])
            Issue.record("it was taken")
        } catch { #expect(error.diagnostics.first?.hints == ["only whole numbers"]) }
    }

    @Test("what is made of a NoEcho parameter is secret, also through other names")
    func secrets() throws {
        let text = """
            Parameters:
              Tok: {Type: String, NoEcho: true, Default: hunter2}
              Unused: {Type: String, NoEcho: true, Default: none}
              Open: {Type: String, Default: open}
            Resources:
              Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub 'b-${Tok}'}}
              Build:
                Type: AWS::CodeBuild::Project
                Properties:
                  Environment:
                    EnvironmentVariables:
                      - {Name: A, Value: !Ref Tok}
                      - {Name: B, Value: !Sub 'x-${Tok}-y'}
                      - {Name: C, Value: !Ref Bucket}
                      - {Name: D, Value: !Ref Bucket}
                      - {Name: E, Value: !Ref Open}
            """
        let selection = try Reading.select(text, as: "t.yml")
        #expect(selection.definition.environment.variables.map(\.isSecret) == [true, true, true, true, false])
        #expect(selection.secretParameters.map(\.name) == ["Tok"])
    }

    // MARK: Projects of a template

    private let conditional = """
        Parameters: {Stage: {Type: String, Default: dev}}
        Conditions:
          IsProd: !Equals [!Ref Stage, prod]
          IsDev: !Not [!Condition IsProd]
        Resources:
          One: {Type: AWS::CodeBuild::Project, Condition: IsProd, Properties: {Name: same}}
          Two: {Type: AWS::CodeBuild::Project, Condition: IsDev, Properties: {Name: same}}
        """

    @Test("a project whose condition does not hold is an error, and does not count beside others")
    func conditionalProjects() throws {
        #expect(try Reading.select(conditional, as: "t.yml").identifier?.value == "Two")
        #expect(try Reading.select(conditional, "same", as: "t.yml").identifier?.value == "Two")
        #expect(
            try Reading.select(conditional, "same", as: "t.yml", parameters: ["Stage=prod"]).identifier?.value == "One")
        #expect(
            Reading.findings(conditional, "One", as: "t.yml") == [
                "6:51 error the stack has no `One`: its condition `IsProd` does not hold"
            ])
    }

    @Test("BuildSpec has one spelling")
    func buildspecSpelling() {
        #expect(
            Reading.findings(template("x").replacing("BuildSpec:", with: "Buildspec:"), as: "t.yml") == [
                "20:30 warning `Source` has no member `Buildspec`"
            ])
    }

    @Test("region and account are the stack's where they are given, and those of a known project's ARN")
    func region() throws {
        let given = try Reading.select(template("x"), as: "t.yml", parameters: ["AWS::Region=eu-west-1"]).definition
        #expect(given.region == "eu-west-1" && given.accountIdentifier == nil)
        let known = try Reading.select(
            #"{"name": "pp", "arn": "arn:aws:codebuild:eu-north-1:123456789012:project/pp", "source": {}}"#
        ).definition
        #expect(known.region == "eu-north-1" && known.accountIdentifier == "123456789012")
    }

    @Test("a name that is wrong adds no stand-in")
    func wrongName() {
        let text = template("!Ref Bucket").replacing("data-${Stage}", with: "data-${Bucket}")
        #expect(Reading.findings(text, as: "t.yml").allSatisfy { $0.contains(" error ") })
        #expect(
            Reading.findings(template("!Ref Bucket"), as: "t.yml", parameters: ["Stage=x"]).allSatisfy {
                $0.contains(" error ")
            })
    }

    @Test(
        "a variable that refers to a stored value is one of that store",
        arguments: [
            ("{{resolve:ssm:/ci/token:3}}", "V=/ci/token:3 PARAMETER_STORE"),
            ("{{resolve:ssm-secure:token}}", "V=token PARAMETER_STORE"),
            ("{{resolve:secretsmanager:app/db}}", "V=app/db SECRETS_MANAGER"),
            ("{{resolve:secretsmanager:app/db:SecretString:password}}", "V=app/db:password SECRETS_MANAGER"),
            ("{{resolve:secretsmanager:db:SecretString:pw::id}}", "V=db:pw::id SECRETS_MANAGER"),
            (
                "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:db:SecretString:pw}}",
                "V=arn:aws:secretsmanager:eu-west-1:1:secret:db:pw SECRETS_MANAGER"
            ),
        ])
    func dynamicReferences(value: String, variable: String) throws {
        let selection = try Reading.select(template("'\(value)'"), as: "t.yml")
        #expect(Reading.variables(selection) == [variable])
        #expect(selection.diagnostics.isEmpty)
    }

    @Test("a reference within a text stays, with a warning")
    func dynamicReferenceInText() throws {
        let selection = try Reading.select(template("'x-{{resolve:ssm:/a}}'"), as: "t.yml")
        #expect(Reading.variables(selection) == ["V=x-{{resolve:ssm:/a}}"])
        #expect(selection.diagnostics.map(\.rule) == ["stand-in"])
    }
}
