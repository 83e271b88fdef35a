// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import Secrets
import Testing

@Suite("Secret text")
struct SecretTextTests {
    private struct Holder: Encodable {
        var name = "db"
        var password: SecretText = "hunter2"
    }

    @Test("does not show itself in any form that is printed or encoded")
    func redaction() throws {
        let secret: SecretText = "hunter2"
        var dumped = ""
        dump(Holder(), to: &dumped)
        let encoded = String(decoding: try JSONEncoder().encode(Holder()), as: UTF8.self)
        for text in [
            "\(secret)", secret.description, secret.debugDescription, String(reflecting: secret), "\(Holder())",
            String(reflecting: [secret]), dumped, encoded,
        ] {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(encoded.contains(#""password":"***""#))
    }

    private struct Variables: Encodable {
        var open: VariableValue = "shown"
        var secret = VariableValue("hunter2", isSecret: true)
    }

    @Test("does not show itself as a variable's value either, and what is none does")
    func values() throws {
        let variables = Variables()
        var dumped = ""
        dump(variables, to: &dumped)
        let encoded = String(decoding: try JSONEncoder().encode(variables), as: UTF8.self)
        for text in [
            "\(variables)", String(reflecting: variables), String(reflecting: [variables.secret]), dumped, encoded,
        ] {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(encoded.contains(#""open":"shown""#) && encoded.contains(#""secret":"***""#))
        #expect(variables.secret.exposed() == "hunter2" && variables.secret.plainText == nil)
        #expect(variables.open.exposed() == "shown" && variables.open.plainText == "shown")
        #expect(variables.secret.count == 7 && variables.secret != "hunter2" && variables.open.asSecret == "shown")
    }

    @Test("is had by one named call, byte for byte")
    func exposure() {
        let bytes: [UInt8] = [0, 0xFF, 0x61, 0]
        #expect(SecretText(bytes: bytes).withExposedBytes { Array($0) } == bytes)
        #expect(SecretText("日本").exposed() == "日本")
        #expect(SecretText("").isEmpty && SecretText("a") == "a" && SecretText("a") != "b" && SecretText("a") != "aa")
        #expect(Set<SecretText>(["a", "a", "b"]).count == 2)
    }
}

@Suite("References to secrets and parameters")
struct ReferenceTests {
    @Test("a secret's reference is read by field, an ARN as one field")
    func secretReferences() throws {
        let plain = try SecretReference("prod/db:password:AWSPREVIOUS")
        #expect(plain.secretID == "prod/db" && plain.jsonKey == "password" && plain.versionStage == "AWSPREVIOUS")
        let skipped = try SecretReference("name:::0123")
        #expect(skipped.jsonKey == nil && skipped.versionStage == nil && skipped.versionID == "0123")
        let arn = try SecretReference("arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-a1b2c3:key")
        #expect(arn.secretID == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-a1b2c3")
        #expect(arn.jsonKey == "key")
        for text in ["", ":key", "a:b:c:d", "a:b:c:d:e", "arn:aws:s3:::bucket", "arn:"] {
            #expect(throws: SecretsError.self, "\(text)") { try SecretReference(text) }
        }
    }

    @Test("a parameter's reference is its name or ARN, with a version or label")
    func parameterReferences() throws {
        #expect(try ParameterReference("/ci/token").name == "/ci/token")
        #expect(try ParameterReference("/ci/token:3").selector == "3")
        let arn = try ParameterReference("arn:aws:ssm:eu-west-1:123456789012:parameter/ci/token:live")
        #expect(arn.name == "arn:aws:ssm:eu-west-1:123456789012:parameter/ci/token" && arn.selector == "live")
        for text in ["", ":3", "name:", "name:1:2", "arn:aws:ssm:eu-west-1:1:document/x", "arn:aws:s3:::b"] {
            #expect(throws: SecretsError.self, "\(text)") { try ParameterReference(text) }
        }
    }
}
