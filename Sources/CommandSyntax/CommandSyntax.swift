// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What a command understands: the one table that its words are read by, and that its help, its completions and its
/// manual page are made of.
public struct CommandSyntax: Sendable, Equatable {
    public var name: String
    /// One line without a full stop.
    public var abstract: String
    /// More, as running text; empty when there is no more to say.
    public var discussion: String
    public var operands: Operands?
    /// Everything after the first operand is an operand too, so that a command with options of its own can be given.
    public var endsAtOperand: Bool
    public var groups: [OptionGroup]
    public var subcommands: [CommandSyntax]

    public init(
        _ name: String, abstract: String, discussion: String = "", operands: Operands? = nil,
        endsAtOperand: Bool = false, groups: [OptionGroup] = [], subcommands: [CommandSyntax] = []
    ) {
        self.name = name
        self.abstract = abstract
        self.discussion = discussion
        self.operands = operands
        self.endsAtOperand = endsAtOperand
        self.groups = groups
        self.subcommands = subcommands
    }

    public var options: [OptionSpecification] { groups.flatMap(\.options) }

    /// Reads the words behind the command's name.
    ///
    /// Options and operands may be mixed; `--` ends the options. Source: "Utility Syntax Guidelines", POSIX.1-2024 Base
    /// Definitions 12.2, and the long options of getopt_long(3), without abbreviations.
    /// - Throws: what is wrong with the first word that is, unless help is asked for anywhere: then that.
    public func read(_ words: [String]) throws(CommandSyntaxError) -> ParsedWords {
        var reader = WordReader(syntax: self, words: words)
        do { return try reader.read() } catch {
            if reader.rest.contains(where: { $0 == "--help" || $0 == "-h" }) { throw .helpRequested }
            throw error
        }
    }
}

/// What was given on a command line, and what a configuration adds to it.
public struct ParsedWords: Sendable {
    /// By the option's long name; a flag's value is `true` or `false`.
    public private(set) var values: [String: [String]] = [:]
    public internal(set) var operands: [String] = []
    /// What stood on the command line itself, option by option, to be typed again.
    public private(set) var typed: [TypedOption] = []
    /// What whoever put the layers together knows beside the words, for the command that is made of them.
    public var companion: (any Sendable)?

    public init() {}

    public subscript(flag: Flag) -> Bool { values[flag.specification.name]?.last == "true" }
    public subscript(option: ValueOption) -> String? { values[option.specification.name]?.last }
    public subscript(list: ListOption) -> [String] { values[list.specification.name] ?? [] }

    public func has(_ name: String) -> Bool { values[name] != nil }

    /// An option as it was written: `-s`, `--source`, `--no-watch`.
    public struct TypedOption: Sendable, Equatable {
        public var name: String
        public var words: [String]

        public init(name: String, words: [String]) {
            self.name = name
            self.words = words
        }
    }

    mutating func add(_ value: String, to option: OptionSpecification, writtenAs words: [String]) {
        typed.append(TypedOption(name: option.name, words: words))
        if option.isRepeatable {
            values[option.name, default: []].append(value)
        } else {
            values[option.name] = [value]
        }
    }

    /// Takes other values in the place of those there are; none at all when the list is empty.
    public mutating func replace(_ given: [String], for name: String) { values[name] = given.isEmpty ? nil : given }

    /// Supplies what was not given. Whoever is asked first wins: the command line, then each layer below it.
    public mutating func supply(_ given: [String], for name: String) {
        if values[name] == nil { values[name] = given }
    }

    /// Puts what a lower layer has before what was given of a repeatable option, so that the line's own words count more.
    public mutating func prepend(_ given: [String], for name: String) {
        values[name] = given + (values[name] ?? [])
    }
}

/// Goes through the words once, from left to right.
private struct WordReader {
    let syntax: CommandSyntax
    /// What has not been read yet.
    var rest: ArraySlice<String>
    private var parsed = ParsedWords()

    init(syntax: CommandSyntax, words: [String]) {
        self.syntax = syntax
        rest = words[...]
    }

    mutating func read() throws(CommandSyntaxError) -> ParsedWords {
        while let word = rest.popFirst() {
            if word == "--" {
                for operand in rest { try addOperand(operand) }
                rest = []
            } else if word.hasPrefix("--") {
                try readLong(word.dropFirst(2))
            } else if word.hasPrefix("-"), word != "-" {
                try readShort(word.dropFirst())
            } else {
                try addOperand(word)
                if syntax.endsAtOperand {
                    for operand in rest { try addOperand(operand) }
                    rest = []
                }
            }
        }
        if let operands = syntax.operands, parsed.operands.count < operands.count.lowerBound {
            throw .missingOperand(operands.name)
        }
        return parsed
    }

    private mutating func addOperand(_ word: String) throws(CommandSyntaxError) {
        guard let operands = syntax.operands, parsed.operands.count < operands.count.upperBound else {
            throw syntax.operands?.refusal.map(CommandSyntaxError.refused) ?? .extraOperand(word)
        }
        parsed.operands.append(word)
    }

    private mutating func readLong(_ text: Substring) throws(CommandSyntaxError) {
        let name = text.prefix { $0 != "=" }
        let value = name.endIndex == text.endIndex ? nil : String(text[text.index(after: name.endIndex)...])
        if name == "help" { throw .helpRequested }
        if let option = find(String(name)) {
            try read(option, as: "--\(name)", attached: value)
        } else if name.hasPrefix("no-"), value == nil, let flag = find(String(name.dropFirst(3))), !flag.takesValue {
            parsed.add("false", to: flag, writtenAs: ["--\(name)"])
        } else {
            throw .unknownOption("--\(name)", known: syntax.options.flatMap(\.longNames).map { "--\($0)" } + ["--help"])
        }
    }

    private func find(_ name: String) -> OptionSpecification? {
        for group in syntax.groups {
            for option in group.options where option.name == name || option.aliases.contains(name) { return option }
        }
        return nil
    }

    /// One option, or several flags written together; what follows one that takes a value is its value.
    private mutating func readShort(_ text: Substring) throws(CommandSyntaxError) {
        var letters = text
        while let letter = letters.popFirst() {
            let option = syntax.groups.lazy.flatMap(\.options).first { $0.short == letter }
            guard let option else {
                if letter == "h" { throw .helpRequested }
                throw .unknownOption("-\(letter)", known: [])
            }
            guard option.takesValue, !letters.isEmpty else {
                try read(option, as: "-\(letter)", attached: nil)
                continue
            }
            let value = letters.first == "=" ? letters.dropFirst() : letters
            return try read(option, as: "-\(letter)", attached: String(value))
        }
    }

    private mutating func read(
        _ option: OptionSpecification, as written: String, attached: String?
    ) throws(CommandSyntaxError) {
        guard option.takesValue else {
            guard attached == nil else { throw .unexpectedValue(written) }
            return parsed.add("true", to: option, writtenAs: [written])
        }
        let value: String
        if let attached {
            value = attached
        } else {
            guard let next = rest.first else { throw .missingValue(written, next: nil) }
            // Nobody means an option as a value; a number below zero, somebody may.
            if next.hasPrefix("-"), next != "-", next.dropFirst().first?.isNumber != true {
                throw .missingValue(written, next: next)
            }
            value = next
            rest.removeFirst()
        }
        if value.isEmpty { throw .emptyValue(written) }
        if !option.words.isEmpty, !option.words.contains(value) { throw .unknownWord(written, value, option.words) }
        parsed.add(value, to: option, writtenAs: [written, value])
    }
}
