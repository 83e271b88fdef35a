// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Sandbox
import SystemPackage
import TestSupport
import Testing

@testable import BuildEngine

@Suite("Shell question")
struct ShellQuestionTests {
    @Test("is answered by real shells", arguments: ["sh", "bash", "dash", "busybox"])
    func realShells(shell: String) throws {
        guard hasTool(shell) else { return }
        var question = ShellQuestion(nonce: "n1")
        for name in ["A", "EMPTY", "UNSET", "LINES_", "not a name", "A"] { question.ask(variable: name) }
        question.ask(text: "app-$(printf 1.2)-$A.zip")
        question.ask(text: "it's \"quoted\" `echo x`")
        question.ask(text: "$LINES_-$(printf '3\n\n4\n\n').")
        question.ask(text: "$EMPTY")
        let arguments = (shell == "busybox" ? ["sh"] : []) + ["-c", "echo noise\n" + question.script]
        let result = try runTool(
            shell, arguments, environment: ["A": "a b", "EMPTY": "", "LINES_": "1\n2", "PATH": "/usr/bin:/bin"])
        #expect(result.status == 0)
        let answer = try #require(question.answer(from: result.standardOutput))
        #expect(answer.variables == ["A": "a b", "EMPTY": "", "LINES_": "1\n2"])
        #expect(answer.texts["app-$(printf 1.2)-$A.zip"] == "app-1.2-a b.zip")
        #expect(answer.texts["$LINES_-$(printf '3\n\n4\n\n')."] == "1\n2-3\n\n4.")
        #expect(answer.texts["$EMPTY"] == "")
        #expect(answer.texts["it's \"quoted\" `echo x`"] == "it's \"quoted\" x")
    }

    @Test("tells how the commands in texts ended", arguments: ["sh", "bash", "dash", "busybox"])
    func statuses(shell: String) throws {
        guard hasTool(shell) else { return }
        try TemporaryTree.with { tree in
            let texts = [
                "$(echo a; exit 3)", "`echo b # no`", "$(exit 7)", "$(true)", "$((1 + 2))", "$UNSET", "x-$(exit 9)",
                "$(echo \"$(exit 1)\")$(exit 2)",
            ]
            var question = ShellQuestion(nonce: "n1")
            for text in texts { question.ask(text: text) }
            question.statusLogs = tree.path("status").string
            let arguments = (shell == "busybox" ? ["sh"] : []) + ["-c", question.script]
            let result = try runTool(shell, arguments, environment: ["PATH": "/usr/bin:/bin"])
            let answer = try #require(question.answer(from: result.standardOutput))
            #expect(texts.map { answer.texts[$0] } == ["a", "b", "", "", "3", "", "x-", ""])
            let statuses = texts.indices.map {
                (try? FileContents.read(tree.path(FilePath("status-\($0)")), limit: 9)).map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            #expect(statuses == ["3\n", "0\n", "7\n", "0\n", nil, nil, nil, nil])
        }
    }

    @Test("a shell's message is told without the line of a script that nobody has written")
    func messages() {
        for (line, words) in [
            ("bash: line 6: bad substitution", "bad substitution"), ("sh: 7: eval: Syntax error: x", "Syntax error: x"),
            ("bash: command substitution: line 8: unexpected EOF", "unexpected EOF"), ("12: ", ""),
            ("cat: lock: No such file", "cat: lock: No such file"), ("", ""), ("7", "7"),
        ] { #expect(ErrorTexts.withoutPlace(line) == words) }
    }

    @Test("is not answered by less than all of it")
    func partial() {
        var question = ShellQuestion(nonce: "n1")
        question.ask(variable: "A")
        #expect(question.answer(from: Array("drydock-answer-n1\0".utf8)) == nil)
        #expect(question.answer(from: Array("=1\0".utf8)) == nil)
        #expect(question.answer(from: []) == nil)
    }

    @Test("finds the variables in a text")
    func variables() {
        #expect(ShellQuestion.variables(in: "$A/${B}-$1 $ ${ $A$C_9.x ${") == ["A", "B", "C_9"])
    }
}

@Suite("User database")
struct UserDatabaseTests {
    let database = UserDatabase(
        passwd:
            "root:x:0:0::/root:/bin/sh\n# no\nbroken\nu:x:1000:100::/:/bin/sh\n1000:x:7:7::/:/bin/sh\nbad:x:a:b::/:\n",
        group: "root:x:0:\na:x:5:root,u\nb:x:6:uu\nc:x:100:u\n")

    @Test("finds a user with the groups that name it")
    func byName() {
        #expect(
            database.identity(of: "u")
                == .init(userIdentifier: 1000, groupIdentifier: 100, supplementaryGroups: [5]))
    }

    @Test("takes a name before a number")
    func nameBeforeNumber() {
        #expect(database.identity(of: "1000")?.userIdentifier == 7)
        #expect(database.identity(of: "7")?.userIdentifier == 7)
    }

    @Test("does not know others", arguments: ["x", "", "bad", "broken", "#"])
    func unknown(name: String) {
        #expect(database.identity(of: name) == nil)
    }
}
