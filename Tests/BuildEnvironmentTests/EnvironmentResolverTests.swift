// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Buildspec
import Diagnostics
import Secrets
import Testing

@Suite("The environment of a build")
struct EnvironmentResolverTests {
    private func specification(
        variables: [(String, String)] = [], parameters: [(String, String)] = [], secrets: [(String, String)] = []
    ) -> Buildspec.Environment {
        var line = 0
        func make(_ pairs: [(String, String)]) -> [Buildspec.Variable] {
            pairs.map { name, value in
                line += 1
                let start = SourcePosition(line: line, column: 5)
                let span = SourceSpan(path: "buildspec.yml", start: start, end: SourcePosition(line: line, column: 9))
                return Buildspec.Variable(name: .init(name, span: span), value: .init(value, span: span))
            }
        }
        var environment = Buildspec.Environment()
        environment.variables = make(variables)
        environment.parameterStore = make(parameters)
        environment.secretsManager = make(secrets)
        return environment
    }

    private var builtIns: [EnvironmentVariable] {
        [
            .init(name: "HOME", value: "/root"), .init(name: "CODEBUILD_BUILD_ID", value: "p:u"),
            .init(name: "AWS_REGION", value: "eu-west-1"),
        ]
    }

    private func resolver(_ file: String = "", _ flags: [String] = []) throws -> EnvironmentResolver {
        EnvironmentResolver(
            image: [.init(name: "PATH", value: "/bin"), .init(name: "HOME", value: "/x")], builtIns: builtIns,
            given: (file.isEmpty ? [] : [.file(EnvironmentFile.parse(Array(file.utf8), path: ".env"))])
                + (try flags.map { .flag(try EnvironmentFlag($0, caller: [:])) }))
    }

    @Test("image, CodeBuild, buildspec, file and flag override each other in this order")
    func precedence() throws {
        let specification = specification(variables: [
            ("PATH", "/b"), ("A", "1"), ("B", "1"), ("C", "1"), ("AWS_REGION", "us-east-1"),
        ])
        let result = try resolver("B=2\nC=2\nD=2", ["C=3", "E=3", "E=4"]).resolve(specification)
        #expect(
            result.variables.map { "\($0.name)=\($0.value)" } == [
                "PATH=/b", "HOME=/root", "CODEBUILD_BUILD_ID=p:u", "AWS_REGION=us-east-1", "A=1", "B=2", "C=3", "D=2",
                "E=4",
            ])
        #expect(
            result.variables.map(\.origin.words) == [
                "buildspec.yml:1", "CodeBuild", "CodeBuild", "buildspec.yml:5", "buildspec.yml:2", ".env:1", "-e",
                ".env:3", "-e",
            ])
        #expect(result.warnings.isEmpty)
    }

    @Test("CodeBuild's own variables cannot be set, and trying is a warning")
    func reserved() throws {
        let specification = specification(variables: [
            ("CODEBUILD_BUILD_ID", "mine"), ("CODEBUILD_WEBHOOK_EVENT", "PUSH"),
        ])
        let result = try resolver("CODEBUILD_BUILD_ID=mine", ["CODEBUILD_BUILD_ID=mine"]).resolve(specification)
        #expect(result["CODEBUILD_BUILD_ID"] == "p:u")
        #expect(result["CODEBUILD_WEBHOOK_EVENT"] == "PUSH")
        #expect(result.warnings.map(\.rule) == ["reserved-variable", "reserved-variable", "reserved-variable"])
    }

    @Test("what is given as a secret is masked, wherever else the name is set")
    func secretFlags() throws {
        var resolver = try resolver("TOKEN=from-file", ["TOKEN=plain"])
        resolver.given.append(.flag(try EnvironmentFlag("TOKEN=hunter2", caller: [:], isSecret: true)))
        let result = try resolver.resolve(nil)
        #expect(result["TOKEN"]?.exposed() == "hunter2")
        #expect(result.description.contains("TOKEN=*** (--secret)") && !result.description.contains("hunter2"))
        #expect(result.makeMask().mask("a hunter2 b") == "a *** b")
    }

    @Test("values are literal")
    func literal() throws {
        #expect(try resolver().resolve(specification(variables: [("A", "$PATH:/x")]))["A"] == "$PATH:/x")
    }

    @Test("stored values come from the file or a flag by name, and are secret")
    func stored() throws {
        let specification = specification(
            variables: [("STAGE", "beta")], parameters: [("P", "/ci/${STAGE}/$STAGE/${NONE}")],
            secrets: [("S", "db:password")])
        let result = try resolver("P=p-secret\nS=file", ["S=s-secret"]).resolve(specification)
        #expect(result["P"]?.exposed() == "p-secret" && result["S"]?.exposed() == "s-secret")
        #expect(result.variables.filter(\.isSecret).map(\.name) == ["P", "S"])
        #expect(result.variables.last?.origin.words == "secrets-manager db:password (-e)")
        #expect(
            result.variables.first { $0.name == "P" }?.origin.words == "parameter-store /ci/beta/beta/${NONE} (.env:1)")
        #expect(result.makeMask().mask("p-secret s-secret beta") == "*** *** beta")
        for shown in [
            "\(result)", String(reflecting: result), "\(result.variables)", String(reflecting: result.variables),
        ] {
            #expect(!shown.contains("-secret") && shown.contains("***"))
        }
        var dumped = ""
        dump(result, to: &dumped)
        #expect(!dumped.contains("p-secret") && !dumped.contains("s-secret"))
    }

    @Test("a stored value that is nowhere is an error in CodeBuild's words, and every one is named")
    func unresolved() throws {
        let parameter = try #require(throws: EnvironmentError.self) {
            try resolver().resolve(specification(parameters: [("P", "/ci/p"), ("Q", "/ci/q")]))
        }
        #expect(parameter.code == .unresolved)
        #expect(parameter.codeBuild?.statusCode == "Decrypted Variables Error")
        #expect(parameter.codeBuild?.message == "parameter does not exist: /ci/p")
        #expect(parameter.diagnostics.count == 2 && parameter.diagnostics[1].message.contains("`Q`"))
        let secret = try #require(throws: EnvironmentError.self) {
            try resolver().resolve(specification(secrets: [("S", "db")]))
        }
        #expect(secret.codeBuild?.statusCode == "Secrets Manager Error")
        #expect(secret.message == "`S` comes from secrets-manager `db`: no value is set locally, and no store is asked")
    }

    @Test("a name in several sections counts in the most secret one, with a warning")
    func clash() throws {
        let specification = specification(
            variables: [("A", "plain"), ("B", "plain")], parameters: [("A", "/a"), ("B", "/b")], secrets: [("A", "a")])
        let result = try resolver("A=x-a\nB=x-b").resolve(specification)
        #expect(result.variables.first { $0.name == "A" }?.origin.words == "secrets-manager a (.env:1)")
        #expect(result.variables.first { $0.name == "B" }?.origin.words == "parameter-store /b (.env:2)")
        #expect(result.warnings.filter { $0.rule == "variable-in-two-sections" }.count == 3)
    }

    @Test("a short secret is used and a warning names it")
    func shortSecret() throws {
        let result = try resolver("", ["S=ab"]).resolve(specification(secrets: [("S", "db")]))
        #expect(result["S"]?.exposed() == "ab")
        #expect(result.warnings.map(\.rule) == ["unmaskable-secret"])
        #expect(result.warnings.allSatisfy { $0.message.contains("`S`") && !$0.message.contains("ab ") })
    }

    @Test("stores are asked for what is not set locally")
    func providers() throws {
        struct Store: SecretStore {
            let name = "store"
            func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
                requests.map { .value(SecretText("from " + $0.reference), from: "store") }
            }
        }
        var resolver = try resolver("", ["P=local"])
        resolver.stores = [Store()]
        let result = try resolver.resolve(specification(parameters: [("P", "/p"), ("Q", "/q")]))
        #expect(result["P"]?.exposed() == "local" && result["Q"]?.exposed() == "from /q")
    }

    @Test("a json-key is taken from what a store gives, and a missing one is named without the secret")
    func jsonKeys() throws {
        struct Store: SecretStore {
            let name = "store"
            func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
                requests.map { request in
                    let text =
                        request.reference.hasPrefix("plain")
                        ? "hunter2" : #"{"user": "a\"b", "port": 5432, "tls": true, "more": {"x": [1, "y"]}}"#
                    return .value(SecretText(text), from: "store")
                }
            }
        }
        var resolver = try resolver("", [])
        resolver.stores = [Store()]
        let keys = [("U", "db:user"), ("P", "db:port"), ("T", "db:tls"), ("M", "db:more"), ("W", "plain")]
        let result = try resolver.resolve(specification(secrets: keys))
        #expect(keys.map { result[$0.0]?.exposed() } == ["a\"b", "5432", "true", #"{"x":[1,"y"]}"#, "hunter2"])
        for (reference, words) in [("db:prot", "did you mean `port`?"), ("plain:user", "is no JSON object")] {
            let error = try #require(throws: EnvironmentError.self) {
                try resolver.resolve(specification(secrets: [("S", reference)]))
            }
            let text = "\(error.diagnostics)"
            #expect(text.contains(words) && text.contains("`S`") && !text.contains("hunter2"), "\(text)")
            #expect(error.codeBuild?.statusCode == "Secrets Manager Error")
        }
    }

    @Test("a reference that is none is an error in every shape, and no store is asked")
    func malformed() throws {
        struct Store: SecretStore {
            let name = "store"
            func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
                requests.map { _ in .value("hunter2", from: "store") }
            }
        }
        var resolver = try resolver("", [])
        resolver.stores = [Store()]
        for (reference, words) in [
            ("name:", "is empty"), (":3", "name is empty"), ("a:1:2", "`2` follows"),
            ("arn:aws:s3:::b", "not one of a parameter"), ("a\nb", "holds a control character"),
        ] {
            let error = try #require(throws: EnvironmentError.self) {
                try resolver.resolve(specification(parameters: [("P", reference)]))
            }
            #expect(error.message.contains(words) && error.codeBuild?.statusCode == "Decrypted Variables Error")
        }
    }

    @Test("a reference never holds a secret: it would be shown, and sent to whoever is asked")
    func noSecretInReference() throws {
        var resolver = try resolver("STAGE=beta")
        resolver.given.append(.flag(try EnvironmentFlag("TOKEN=hunter2", caller: [:], isSecret: true)))
        let error = try #require(throws: EnvironmentError.self) {
            try resolver.resolve(specification(parameters: [("P", "/$STAGE/${TOKEN}/$TOKEN")]))
        }
        #expect(error.message.contains("`/beta/${TOKEN}/$TOKEN`"), "\(error)")
        let shown = "\(error.diagnostics)\(error.hints)\(error.codeBuild?.message ?? "")"
        #expect(!shown.contains("hunter2"))
    }

    @Test(
        "whatever a store answers that is no value has CodeBuild's status code",
        arguments: [
            (SecretAnswer.value("", from: "store"), "gives is empty"),
            (.value(SecretText(bytes: [0x61, 0, 0x62]), from: "store"), "holds a NUL"),
            (.value(SecretText(bytes: [0xFF, 0xFE]), from: "store"), "is not UTF-8 text"),
            (.failed(SecretFailure("the store `store` is shut")), "is shut"),
            (.absent("it never heard of it"), "not known to `store` (it never heard of it)"),
        ])
    func answersWithoutValue(_ answer: SecretAnswer, _ words: String) throws {
        struct Store: SecretStore {
            let name = "store"
            let answer: SecretAnswer
            func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
                requests.map { _ in answer }
            }
        }
        var resolver = try resolver()
        resolver.stores = [Store(answer: answer)]
        for (specification, code) in [
            (specification(parameters: [("P", "/p")]), "Decrypted Variables Error"),
            (specification(secrets: [("P", "p")]), "Secrets Manager Error"),
        ] {
            let error = try #require(throws: EnvironmentError.self) { try resolver.resolve(specification) }
            #expect(error.message.contains(words) && error.codeBuild?.statusCode == code, "\(error)")
        }
    }

    @Test("what can be kept is said to be kept under a name of its own, and a version not at all")
    func keepingHints() throws {
        for (reference, hint) in [
            ("prod/db:key", "`drydock secrets set prod/db`"),
            ("arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbC123:key", "`drydock secrets set prod/db`"),
            ("prod/db::AWSPREVIOUS", "it names a version"),
        ] {
            let error = try #require(throws: EnvironmentError.self) {
                try resolver().resolve(specification(secrets: [("S", reference)]))
            }
            #expect(error.hints.contains { $0.contains(hint) }, "\(error.hints)")
        }
    }

    @Test("an environment that no program can be given is refused by name and size")
    func sizes() throws {
        let long = String(repeating: "a", count: 140_000)
        let single = try #require(throws: EnvironmentError.self) {
            try resolver().resolve(specification(variables: [("BIG", long)]))
        }
        #expect(single.code == .valueTooLarge && single.message.contains("`BIG`") && single.message.contains("140000"))
        let many = (0..<20).map { ("V\($0)", String(repeating: "a", count: 120_000)) }
        let total = try #require(throws: EnvironmentError.self) {
            try resolver().resolve(specification(variables: many))
        }
        #expect(total.code == .valueTooLarge)
    }

    @Test("CodeBuild's variables have real values")
    func builtInValues() {
        let source = BuiltInVariables.Source(
            directory: "/codebuild/output/src42/src", version: "main", resolvedVersion: "abc",
            repositoryURL: "https://x/y")
        let second = BuiltInVariables.Source(identifier: "lib", directory: "/codebuild/output/src43/src")
        let builtIns = BuiltInVariables(
            buildIdentifier: "p:u-1", buildARN: "arn:b", project: "p", buildNumber: 7, image: "host",
            region: "eu-west-1",
            initiator: "me", startTimeMilliseconds: 1234, source: source, secondarySources: [second])
        let values = Dictionary(uniqueKeysWithValues: builtIns.variables.map { ($0.name, $0.value) })
        #expect(values["CODEBUILD_SRC_DIR"] == "/codebuild/output/src42/src")
        #expect(values["CODEBUILD_SRC_DIR_lib"] == "/codebuild/output/src43/src")
        #expect(values["CODEBUILD_GOPATH"] == "/codebuild/output/src42")
        #expect(values["CODEBUILD_SOURCE_VERSION"] == "main" && values["CODEBUILD_SOURCE_VERSION_lib"] == nil)
        #expect(values["CODEBUILD_RESOLVED_SOURCE_VERSION"] == "abc" && values["CODEBUILD_START_TIME"] == "1234")
        #expect(
            values["CODEBUILD_LOG_PATH"] == "u-1" && values["HOME"] == "/root"
                && values["CODEBUILD_BUILD_NUMBER"] == "7")
        #expect(values["CODEBUILD_PROJECT_ARN"] == "arn:aws:codebuild:eu-west-1:000000000000:project/p")
    }
}
