// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Why words cannot be read, or that help was asked for instead.
public struct CommandSyntaxError: Error, Equatable {
    public enum Code: Sendable { case helpRequested, wrongUse }

    public var code: Code
    /// One sentence; the user's words are in it as they were given.
    public var message: String
    public var hints: [String] = []

    static let helpRequested = CommandSyntaxError(code: .helpRequested, message: "help was asked for")

    private static func wrong(_ message: String, hints: [String] = []) -> CommandSyntaxError {
        CommandSyntaxError(code: .wrongUse, message: message, hints: hints)
    }

    static func unknownOption(_ written: String, known: [String]) -> CommandSyntaxError {
        wrong("there is no option `\(written)`", hints: suggestion(for: written, among: known))
    }

    static func unexpectedValue(_ written: String) -> CommandSyntaxError { wrong("`\(written)` takes no value") }

    static func missingValue(_ written: String, next: String?) -> CommandSyntaxError {
        guard let next else { return wrong("`\(written)` needs a value") }
        let separator = written.hasPrefix("--") ? "=" : ""
        return wrong(
            "`\(written)` needs a value, and `\(next)` looks like an option",
            hints: ["a value that begins with `-` is written `\(written)\(separator)\(next)`"])
    }

    static func emptyValue(_ written: String) -> CommandSyntaxError {
        wrong("`\(written)` needs a value that is not empty")
    }

    static func unknownWord(_ written: String, _ value: String, _ known: [String]) -> CommandSyntaxError {
        wrong(
            "`\(written)` takes \(known.map { "`\($0)`" }.joined(separator: ", ")), not `\(value)`",
            hints: suggestion(for: value, among: known))
    }

    static func missingOperand(_ name: String) -> CommandSyntaxError { wrong("`\(name.uppercased())` is missing") }

    static func extraOperand(_ word: String) -> CommandSyntaxError { wrong("`\(word)` is a word too many") }

    static func refused(_ refusal: Operands.Refusal) -> CommandSyntaxError {
        wrong(refusal.message, hints: refusal.hints)
    }

    /// A command that only holds others was given without one, or with a word that names none.
    public static func unknownCommand(_ word: String?, of command: String, known: [String]) -> CommandSyntaxError {
        if let word, known.isEmpty { return extraOperand(word) }
        let list = known.map { "`\($0)`" }.joined(separator: ", ")
        guard let word else { return wrong("`\(command)` needs a command", hints: ["there are \(list)"]) }
        let near = suggestion(for: word, among: known)
        return wrong("`\(command)` has no command `\(word)`", hints: near.isEmpty ? ["there are \(list)"] : near)
    }

    private static func suggestion(for word: String, among known: [String]) -> [String] {
        Suggestion.nearest(to: word, among: known).map { ["did you mean `\($0)`?"] } ?? []
    }
}
