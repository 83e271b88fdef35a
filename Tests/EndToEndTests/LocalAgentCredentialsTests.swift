// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import SystemPackage
import TestSupport
import Testing

@Suite("Credentials of the drop-in")
struct LocalAgentCredentialsTests {
    private static let secret = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
    private static let buildspec = """
        version: 0.2
        phases:
          build:
            commands:
              - env | grep ^AWS_ | sort
              - 'test "$AWS_SECRET_ACCESS_KEY" = "$WANTED" && echo the key is right'

        """
    private static let files = [
        "home/.aws/credentials": """
        # keys
        [default]
        aws_access_key_id = AKIDEFAULT00000
        aws_secret_access_key = \(secret)
        [work]
        aws_access_key_id=AKIWORK00000000
        aws_secret_access_key=work+\(secret)  # yes
        aws_session_token = tokentokentoken

        """,
        "home/.aws/config": """
        [default]
        region = eu-west-3
        [profile work]
        region=eu-central-1
        [profile "single sign-on"]
        sso_session = x

        """,
    ]

    /// A build with `-c` and more.
    private func build(
        _ words: [String] = [], environment: [String: String] = [:], wanted: String = secret, variables: String = "",
        files: [String: String] = files, givesCredentials: Bool = true,
        check: (ToolResult, TemporaryTree) throws -> Void
    ) throws {
        guard Drydock.requireSandbox(TestUser()) else { return }
        try TemporaryTree.with("credentials") { tree in
            var agent = try LocalAgent(in: tree)
            try tree.write("source/buildspec.yml", Self.buildspec)
            for (path, text) in files { try tree.write(FilePath(path), text, mode: 0o755) }
            try tree.write("env.txt", "WANTED=\(wanted)\nAWS_PAGER=file\n" + variables)
            agent.environment.merge(environment) { $1 }
            let result = try agent.run(
                ["-i", "host", "-a", "../artifacts", "-e", "../env.txt"] + (givesCredentials ? ["-c"] : []) + words)
            try check(result, tree)
            let kept = try runTool("grep", ["-r", "--", Self.secret, tree.path("state").string])
            #expect(kept.output.isEmpty, "nothing that is kept shows the key")
            #expect(!result.output.contains(Self.secret) && !result.errors.contains(Self.secret))
        }
    }

    @Test("-c gives the caller's AWS variables, keys masked; what the file sets counts more")
    func fromTheCaller() throws {
        try build(environment: [
            "AWS_ACCESS_KEY_ID": "AKIMINE0000000", "AWS_SECRET_ACCESS_KEY": Self.secret,
            "AWS_DEFAULT_REGION": "ap-east-1",
            "AWS_PAGER": "less", "AWS_PROFILE": "work", "AWS_CONFIG_FILE": "/nowhere", "AWS_ODD": "two\nlines",
            "AWS_NO": "",
        ]) { result, _ in
            #expect(result.status == 0 && result.lines.contains("the key is right"), "\(result.output)\(result.errors)")
            #expect(
                result.output.contains(
                    "\nAWS_ACCESS_KEY_ID=***\nAWS_DEFAULT_REGION=ap-east-1\nAWS_ODD=two\nAWS_PAGER=file\n"
                        + "AWS_REGION=ap-east-1\nAWS_SECRET_ACCESS_KEY=***\n"), "\(result.output)")
        }
    }

    @Test("a key in the file of -e is masked, and a region in it is both regions", arguments: [true, false])
    func fromTheFile(givesCredentials: Bool) throws {
        let variables = "AWS_REGION=sa-east-1\n  AWS_SECRET_ACCESS_KEY=\(Self.secret)\r\nAWS_SESSION_TOKEN=\n"
        try build(variables: variables, givesCredentials: givesCredentials) { result, _ in
            #expect(result.status == 0 && result.lines.contains("the key is right"), "\(result.output)\(result.errors)")
            #expect(result.lines.contains("AWS_SECRET_ACCESS_KEY=***"), "\(result.output)")
            #expect(result.lines.contains("AWS_REGION=sa-east-1"), "\(result.output)")
            #expect(result.lines.contains("AWS_DEFAULT_REGION=sa-east-1") == givesCredentials, "\(result.output)")
        }
    }

    @Test("-c gives the keys of the profile where the caller has none, and its region")
    func fromTheDefaultProfile() throws {
        try build { result, _ in
            #expect(result.status == 0 && result.lines.contains("the key is right"), "\(result.output)\(result.errors)")
            #expect(
                result.lines.contains("AWS_REGION=eu-west-3") && result.lines.contains("AWS_DEFAULT_REGION=eu-west-3"))
            #expect(!result.output.contains("AKIDEFAULT"))
        }
    }

    @Test("-p wins over the caller's own keys")
    func fromTheProfile() throws {
        let mine = [
            "AWS_ACCESS_KEY_ID": "AKIMINE0000000", "AWS_SECRET_ACCESS_KEY": "mine", "AWS_SECURITY_TOKEN": "old-one",
        ]
        try build(["-p", "work"], environment: mine, wanted: "work+" + Self.secret) { result, _ in
            #expect(result.status == 0 && result.lines.contains("the key is right"), "\(result.output)\(result.errors)")
            #expect(result.lines.contains("AWS_REGION=eu-central-1") && result.lines.contains("AWS_SESSION_TOKEN=***"))
            #expect(!result.output.contains("AWS_SECURITY_TOKEN"))
        }
    }

    @Test("keys that only the AWS CLI can make are asked of it")
    func fromTheCLI() throws {
        let cli = """
            #!/bin/sh
            [ "$*" = "configure export-credentials --profile single sign-on --format env-no-export" ] || exit 9
            echo AWS_ACCESS_KEY_ID=AKISSO00000000
            echo AWS_SECRET_ACCESS_KEY=\(Self.secret)
            echo PATH=/nowhere

            """
        try build(["-p", "single sign-on"], files: Self.files.merging(["tools/aws": cli]) { $1 }) { result, _ in
            #expect(result.status == 0 && result.lines.contains("the key is right"), "\(result.output)\(result.errors)")
        }
    }

    @Test("what the AWS CLI says of its failure is passed on, and its usage is not")
    func failingCLI() throws {
        for (words, said) in [
            ("Token has expired", "codebuild_build.sh: aws: Token has expired\n"), ("usage: aws", ""),
        ] {
            let cli = "#!/bin/sh\necho >&2\necho '\(words)' >&2\nexit 255\n"
            try build(["-p", "single sign-on"], files: Self.files.merging(["tools/aws": cli]) { $1 }) { result, _ in
                let error = "codebuild_build.sh: error: no keys of the profile `single sign-on` are to be had: "
                #expect(result.status == 3 && result.errors.hasPrefix(said + error), "\(result.errors)")
            }
        }
    }

    @Test("a profile that is named and has no keys is an error, and none at all is a note")
    func missing() throws {
        try build(["-p", "nobody"]) { result, tree in
            #expect(result.status == 3 && result.errors.contains("the profile `nobody`"), "\(result.errors)")
            let kept = try tree.listing("state")
            #expect(kept.isEmpty, "nothing was built")
        }
        try build(wanted: "", files: [:]) { result, _ in
            #expect(
                result.status == 0 && result.errors.contains("-c finds no keys"), "\(result.output)\(result.errors)")
        }
    }
}
