// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Testing

@testable import TextPatterns

@Suite("Text pattern")
struct TextPatternTests {
    @Test(
        "occurs",
        arguments: [
            ("", "anything"), (".*", ""), ("invalid+", "an invaliddd token"), ("a.c", "xabcx"), ("^ab", "abc"),
            ("bc$", "abc"), ("(?m)^b$", "a\nb\nc"), ("connection timed out", "x\nconnection timed out\ny"),
            (".*Error: Unable to connect to database.*", "line\npsql Error: Unable to connect to database (5)\n"),
            ("[0-9]{3}", "code 503"), ("[^a-z]", "abcD"), ("\\d+\\s\\w", "12 x"), ("(?i)TIMEOUT", "Timeout"),
            ("(?i:é)", "É"), ("a|b|cd", "xcd"), ("(ab)*c", "ababc"), ("(?:a|b){2,}", "xxab"), ("\\bword\\b", "a word."),
            ("[]]", "]"), ("[a\\-z]", "-"), ("[[:digit:]_]", "_"), ("\\.", "."), ("a{,2}", "a{,2}"), ("x{2}", "axx"),
            ("\\x{1F600}", "😀"), ("\\Qa.b\\E", "a.b"), ("a??b", "b"),
            ("(a?){40}a{40}", String(repeating: "a", count: 40)),
            ("(?s)a.b", "a\nb"), ("(?P<name>x)y", "xy"), ("[\\d-]", "-"), ("", ""),
        ])
    func occurs(pattern: String, text: String) throws {
        #expect(try TextPattern(pattern).occurs(in: text))
    }

    @Test(
        "does not occur",
        arguments: [
            ("a.c", "a\nc"), ("^b", "a\nb"), ("a$", "ab"), ("[0-9]{3}", "12"), ("\\bord", "word"),
            ("TIMEOUT", "timeout"),
            ("x{2}", "x"), ("\\.", "a"), ("[^a]", "a"), ("(?i)a(?-i)b", "AB"), ("\\Bword", "a word"), ("a+", ""),
        ])
    func doesNotOccur(pattern: String, text: String) throws {
        #expect(try !TextPattern(pattern).occurs(in: text))
    }

    @Test(
        "says what is malformed",
        arguments: [
            ("(", "there is an unclosed `(`"), (")", "there is an unopened `)`"), ("[a", "there is an unclosed `[`"),
            ("*a", "`*` has nothing before it to repeat"), ("a{2,1}", "a repetition's bounds are the wrong way round"),
            ("\\", "it ends in a backslash"), ("a{1001}", "a repetition is over 1000"),
            ("(?=a)", "`(?=` is not known to RE2"),
            ("((a{1000}){1000}){1000}", "its repetitions are too many"),
            ("[z-a]", "a range in brackets is the wrong way round"),
            (String(repeating: "(", count: 5000), "it is nested too deeply"), ("\\p", "`\\p` is not known to RE2"),
        ])
    func malformed(pattern: String, reason: String) {
        #expect(throws: TextPattern.Malformed(reason: reason)) { try TextPattern(pattern) }
    }

    @Test("takes a pattern that backtracking engines hang on")
    func isLinear() throws {
        let text = String(repeating: "a", count: 20_000)
        #expect(try !TextPattern("(a*)*(a*)*b").occurs(in: text))
    }
}
