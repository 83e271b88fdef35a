// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Secrets
import Testing

@testable import BuildEnvironment

@Suite("Masking of secrets")
struct SecretMaskTests {
    /// Feeds the pieces, flushes, and gives all that came out.
    private func masked(_ pieces: [[UInt8]], by mask: SecretMask) -> [UInt8] {
        var mask = mask
        var result: [UInt8] = []
        for piece in pieces {
            piece.withUnsafeBytes { bytes in mask.feed(bytes) { result.append(contentsOf: $0) } }
        }
        mask.flush { result.append(contentsOf: $0) }
        return result
    }

    private func masked(_ text: String, _ secrets: String...) -> String {
        SecretMask(secrets: secrets.map { ("S", $0) }).mask(text)
    }

    @Test("every occurrence of a value is hidden")
    func everyOccurrence() {
        #expect(masked("a hunter2 b hunter2hunter2\n", "hunter2") == "a *** b ******\n")
        #expect(masked("nothing here", "hunter2") == "nothing here")
        #expect(masked("", "hunter2") == "")
    }

    @Test("a value is hidden wherever writes cut it, in two and in three")
    func everySplit() {
        let text = Array("say hunter2-TOPSECRET twice: hunter2-TOPSECRET.".utf8)
        let mask = SecretMask(secrets: [("S", "hunter2-TOPSECRET")])
        let expected = Array("say *** twice: ***.".utf8)
        for first in 0...text.count {
            #expect(masked([Array(text[..<first]), Array(text[first...])], by: mask) == expected)
            for second in first...text.count {
                let pieces = [Array(text[..<first]), Array(text[first..<second]), Array(text[second...])]
                #expect(masked(pieces, by: mask) == expected)
            }
        }
        #expect(masked(text.map { [$0] }, by: mask) == expected)
    }

    @Test("a beginning that comes to nothing is handed on, at the flush at the latest")
    func falseBeginning() {
        let mask = SecretMask(secrets: [("S", "hunter2")])
        #expect(masked([Array("hunt".utf8), Array("ing".utf8)], by: mask) == Array("hunting".utf8))
        #expect(masked([Array("hunter".utf8)], by: mask) == Array("hunter".utf8))
        var streaming = mask
        var seen: [UInt8] = []
        Array("abc hun".utf8).withUnsafeBytes { bytes in streaming.feed(bytes) { seen.append(contentsOf: $0) } }
        #expect(seen == Array("abc ".utf8))
    }

    @Test("the longest of several values is taken, and overlapping ones are hidden together")
    func longestMatch() {
        #expect(masked("x secret-long y", "secret", "secret-long") == "x *** y")
        #expect(masked("x secret-lonely y", "secret", "secret-long") == "x ***-lonely y")
        #expect(masked("-abcdef-", "abc", "bcdef") == "-***-")
        #expect(masked("-abababa-", "aba") == "-***-")
        let mask = SecretMask(secrets: [("S", "secret"), ("T", "secret-long")])
        #expect(masked([Array("secret-lo".utf8), Array("ng".utf8)], by: mask) == Array("***".utf8))
        #expect(masked([Array("secret-lo".utf8)], by: mask) == Array("***-lo".utf8))
    }

    @Test("values of one or two bytes, blank and empty ones are named instead of masked")
    func unmaskable() {
        let mask = SecretMask(secrets: [("A", ""), ("B", "a"), ("C", "ab"), ("D", "    \n"), ("E", "abc")])
        #expect(mask.unmaskableNames == ["A", "B", "C", "D"])
        #expect(mask.mask("plain text with a and ab, abc") == "plain text with a and ab, ***")
        #expect(SecretMask().isEmpty)
    }

    @Test("each line of a value of several lines is hidden")
    func lines() {
        let key = "-----BEGIN KEY-----\nMIIBVwIBADANBgkqhkiG9w0\r\nAQEFAASCAT8wggE7AgEAAkE\nab\n-----END KEY-----\n"
        let mask = SecretMask(secrets: [("S1", key)])
        let log = mask.mask("> -----BEGIN KEY-----\n> MIIBVwIBADANBgkqhkiG9w0\n> AQEFAASCAT8wggE7AgEAAkE\n> ab\n")
        #expect(log == "> ***\n> ***\n> ***\n> ab\n")
        #expect(mask.mask("[\(key)]") == "[***\n]" || mask.mask("[\(key)]") == "[***]")
    }

    @Test("base64 of a value is hidden at all three alignments, in one line or broken into lines", arguments: 0..<3)
    func base64(shift: Int) {
        let secret = "hunter2-TOPSECRET"
        for tail in ["", "x", "yz", "\n"] {
            let data = Array(repeatElement(UInt8(ascii: "u"), count: shift)) + Array((secret + tail).utf8)
            let encoded = String(decoding: SecretForms.encode(data), as: UTF8.self)
            let log = masked(encoded, secret)
            #expect(log.contains("***"))
            #expect(log.utf8.count <= shift + 3 + 8)
            #expect(!log.contains("VyMi1UT1BTRUNSRV"))
        }
    }

    @Test("base64 follows RFC 4648")
    func base64Encoding() {
        let vectors = ["": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE="]
        for (plain, encoded) in vectors {
            #expect(String(decoding: SecretForms.encode(Array(plain.utf8)), as: UTF8.self) == encoded)
        }
    }

    @Test("lines of 76 base64 characters are hidden")
    func wrappedBase64() {
        let secret = String((0..<200).map { Character(Unicode.Scalar(UInt8(33 + $0 * 7 % 90))) })
        let encoded = SecretForms.encode(Array(secret.utf8))
        var wrapped: [UInt8] = []
        for start in stride(from: 0, to: encoded.count, by: 76) {
            wrapped += encoded[start..<min(start + 76, encoded.count)] + [0x0A]
        }
        #expect(masked(String(decoding: wrapped, as: UTF8.self), secret) == "***\n***\n***\n***\n")
    }

    @Test(
        "what JSON, URLs and shells make of a value is hidden",
        arguments: [
            #"p\"w\\d/1 'x'"#, #"p\"w\\d\/1 'x'"#, "p%22w%5Cd%2F1%20%27x%27", "p%22w%5cd%2f1%20%27x%27",
            "p%22w%5Cd%2F1+%27x%27", "p%22w%5Cd/1%20%27x%27", #"p"w\d/1 '\''x'\''"#, #"p"w\d/1 '"'"'x'"'"'"#,
            #"p\"w\\d/1\ \'x\'"#, #"p"w\\d/1 \'x\'"#,
        ])
    func disguises(form: String) {
        #expect(masked("<\(form)>", #"p"w\d/1 'x'"#) == "<***>")
    }

    @Test("hexadecimal of a value is hidden, in one line or in the lines of xxd")
    func hexadecimal() {
        let secret = "hunter2-TOPSECRET-that-is-longer-than-a-line-of-xxd"
        let digits = secret.utf8.map { byte in
            let text = String(byte, radix: 16)
            return text.count < 2 ? "0" + text : text
        }.joined()
        #expect(masked("<\(digits)> <\(digits.uppercased())>", secret) == "<***> <***>")
        #expect(masked("\(digits.prefix(60))\n\(digits.dropFirst(60))0a\n", secret) == "***\n***0a\n")
    }

    @Test("the further forms can be left visible, as CodeBuild leaves them")
    func exact() {
        let secret = "hunter2 \"quoted\"/x"
        let mask = SecretMask(secrets: [("S", secret)], areDisguisesHidden: false)
        let encoded = String(decoding: SecretForms.encode(Array(secret.utf8)), as: UTF8.self)
        let log = "\(secret) \(encoded) hunter2 \\\"quoted\\\"/x"
        #expect(mask.mask(log) == "*** \(encoded) hunter2 \\\"quoted\\\"/x")
        #expect(SecretMask(secrets: [("S", secret)]).mask(log) == "*** *** ***")
    }

    @Test("a long value is hidden as one, a part of it too, and however it is cut")
    func longValues() {
        var generator = SplitMix(state: 7)
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let secret = (0..<1000).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
        let mask = SecretMask(secrets: [("S", String(decoding: secret, as: UTF8.self))])
        let text = Array("[".utf8) + secret + Array("] [".utf8) + secret.dropFirst(300) + Array("]\n".utf8)
        let whole = String(decoding: masked([text], by: mask), as: UTF8.self)
        #expect(whole.hasPrefix("[***] [") && whole.hasSuffix("***]\n") && whole.utf8.count < 150, "\(whole)")
        for size in [1, 7, 64, 127, 128, 129, 500] {
            let pieces = stride(from: 0, to: text.count, by: size).map { Array(text[$0..<min($0 + size, text.count)]) }
            #expect(String(decoding: masked(pieces, by: mask), as: UTF8.self) == whole)
        }
    }

    @Test("many values are hidden, short and long ones together")
    func manyValues() {
        var generator = SplitMix(state: 11)
        let letters = Array("ABCDEFabcdef0123456789+/=-_ ".utf8)
        let values = (0..<2000).map { _ in
            String(
                decoding: (0..<Int.random(in: 4...40, using: &generator)).map { _ in
                    letters[Int.random(in: 0..<letters.count, using: &generator)]
                }, as: UTF8.self
            ).trimmed
        }.filter { $0.utf8.count >= 3 }
        let mask = SecretMask(secrets: values.map { ("S", $0) })
        let log = mask.mask(values.map { "<\($0)>\n" }.joined())
        #expect(log == String(repeating: "<***>\n", count: values.count))
    }

    @Test("a value with other letters is hidden in UTF-8 and as escapes")
    func unicode() {
        #expect(masked(#"{"p": "p\u00e4ss\ud83d\udd11w"} päss🔑w"#, "päss🔑w") == #"{"p": "***"} ***"#)
    }

    @Test("bytes that are not UTF-8 pass through")
    func invalidBytes() {
        let mask = SecretMask(secrets: [("S", "hunter2")])
        #expect(
            masked([[0xFF, 0xC3, 0x00] + Array("hunter2".utf8) + [0xC3]], by: mask) == [
                0xFF, 0xC3, 0, 42, 42, 42, 0xC3,
            ])
    }

    @Test(
        "a value is hidden as serializers write it that fear for HTML, and as XML",
        arguments: [
            #"a\u0026b\u003cc\u003ed'e+f"#, #"a\u0026b\u003Cc\u003Ed\u0027e\u002Bf"#, "a&amp;b&lt;c&gt;d'e+f",
            "a&amp;b&lt;c&gt;d&apos;e+f", "a&amp;b&lt;c&gt;d&#39;e+f", "a&amp;b&lt;c&gt;d&#x27;e+f",
        ])
    func markup(_ text: String) {
        #expect(masked("x \(text) y", "a&b<c>d'e+f") == "x *** y")
    }

    @Test("a value in capital escapes of JSON is hidden")
    func capitalEscapes() {
        #expect(masked(#"x p\u00E9\u0022q\u65E5 y"#, "pé\"q日") == "x *** y")
    }

    @Test("a long value is hidden in base64 of every usual width, whatever stands before it", arguments: [64, 76])
    func brokenBase64(_ width: Int) {
        // Random enough that no group of it is another's.
        var generator = SplitMix(state: 7)
        let secret = (0..<100).map { _ in Character(Unicode.Scalar(UInt8.random(in: 0x21...0x7E, using: &generator))) }
        let mask = SecretMask(secrets: [("S", String(secret))])
        for before in 0..<width {
            let encoded = SecretForms.encode(Array(repeating: 0x20, count: before) + Array(String(secret).utf8))
            let lines = stride(from: 0, to: encoded.count, by: width).map { start in
                String(decoding: encoded[start..<min(start + width, encoded.count)], as: UTF8.self)
            }
            let shown = mask.mask(lines.joined(separator: "\n"))
            for start in stride(from: 0, through: secret.count - 15, by: 1) {
                for shift in 0..<3 {
                    let group = SecretForms.encode(
                        Array(String(secret[start...].prefix(15)).utf8).dropFirst(shift).map { $0 })
                    #expect(!shown.contains(String(decoding: group.prefix(16), as: UTF8.self)), "\(before): \(shown)")
                }
            }
            #expect(shown.utf8.count < before * 4 / 3 + 60, "\(before): \(shown)")
        }
    }

    @Test("random texts over a small alphabet come out as a simple search has it, however they are cut")
    func randomTexts() {
        var generator = SplitMix(state: 20_250_628)
        for round in 0..<2000 {
            // Half of them short, half long, with beginnings that come again and again.
            let lengths = round % 2 == 0 ? 3...6 : 7...30
            let secrets = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                (name: "S", value: randomText(Int.random(in: lengths, using: &generator), &generator))
            }
            let mask = SecretMask(secrets: secrets)
            var text = Array(randomText(Int.random(in: 0...40, using: &generator), &generator).utf8)
            for secret in secrets where round % 2 == 1 {
                text += secret.value.utf8.dropLast(Int.random(in: 0...2, using: &generator))
                text += randomText(Int.random(in: 0...4, using: &generator), &generator).utf8
            }
            var pieces: [[UInt8]] = []
            var rest = text[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...max(1, min(7, rest.count)), using: &generator)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            var forms = SecretForms(areDisguisesHidden: true)
            for secret in secrets { _ = forms.add(SecretText(secret.value)) }
            let list = forms.list
            let all = Set(list.ranges.map { Array(list.bytes[$0.offset..<($0.offset + $0.length)]) })
            let expected = simplyMasked(text, all)
            #expect(masked(pieces, by: mask) == expected, "\(secrets) in \(String(decoding: text, as: UTF8.self))")
        }
    }

    private func randomText(_ count: Int, _ generator: inout SplitMix) -> String {
        String(
            (0..<count).map { _ in
                "abc'"[String.Index(utf16Offset: Int.random(in: 0..<4, using: &generator), in: "abc'")]
            })
    }

    /// The definition: every byte that any match covers is hidden; matches that overlap are one.
    private func simplyMasked(_ text: [UInt8], _ forms: Set<[UInt8]>) -> [UInt8] {
        var result: [UInt8] = []
        var coverEnd = 0
        for index in text.indices {
            let longest = forms.filter { text[index...].starts(with: $0) }.map(\.count).max() ?? 0
            if longest > 0 {
                if index >= coverEnd { result += Array("***".utf8) }
                coverEnd = max(coverEnd, index + longest)
            }
            if index >= coverEnd { result.append(text[index]) }
        }
        return result
    }
}

extension SecretMask {
    fileprivate init(secrets: [(name: String, value: String)], areDisguisesHidden: Bool = true) {
        self.init(
            secrets: secrets.map { ($0.name, SecretText($0.value)) }, areDisguisesHidden: areDisguisesHidden)
    }
}

extension String {
    /// Without the blanks around it, which a mask leaves.
    fileprivate var trimmed: String {
        String(decoding: SecretForms.trim(Array(utf8)[...]), as: UTF8.self)
    }
}

/// A generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
