// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// An option as the command line, the help, the completions, the manual page and a configuration file know it.
public struct OptionSpecification: Sendable, Equatable {
    /// The long name without dashes; also the option's key in a configuration file.
    public var name: String
    public var short: Character?
    /// Other long names that mean the same.
    public var aliases: [String]
    /// What stands for the value in the help; nil for a flag, which has none.
    public var placeholder: String?
    /// The only values there are; empty when any is possible. Checked where the line is read.
    public var words: [String]
    public var completion: Completion
    public var isRepeatable: Bool
    public var help: String

    public var takesValue: Bool { placeholder != nil }

    /// Every long name, its own first.
    public var longNames: [String] { [name] + aliases }
}

/// What a shell offers where a value is typed.
public enum Completion: Sendable, Equatable {
    case nothing
    case files
    case directories
    /// A directory, or `IDENTIFIER:` and a directory.
    case identifiedDirectories
    /// The lines that the program itself prints when it is called with these words, and some words beside them.
    case answers(to: String, beside: [String])
}

/// A key by which a command asks for what was given.
public protocol OptionKey: Sendable {
    var specification: OptionSpecification { get }
}

/// An option without a value. `--no-NAME` takes it back, where a configuration file has set it.
public struct Flag: OptionKey {
    public let specification: OptionSpecification

    public init(_ name: String, short: Character? = nil, aliases: [String] = [], help: String) {
        specification = OptionSpecification(
            name: name, short: short, aliases: aliases, placeholder: nil, words: [], completion: .nothing,
            isRepeatable: false, help: help)
    }
}

/// An option with one value; the last one given counts.
public struct ValueOption: OptionKey {
    public let specification: OptionSpecification

    public init(
        _ name: String, short: Character? = nil, aliases: [String] = [], placeholder: String, words: [String] = [],
        completion: Completion = .nothing, help: String
    ) {
        specification = OptionSpecification(
            name: name, short: short, aliases: aliases, placeholder: placeholder, words: words, completion: completion,
            isRepeatable: false, help: help)
    }
}

/// An option that may be given several times.
public struct ListOption: OptionKey {
    public let specification: OptionSpecification

    public init(
        _ name: String, short: Character? = nil, aliases: [String] = [], placeholder: String,
        completion: Completion = .nothing, help: String
    ) {
        specification = OptionSpecification(
            name: name, short: short, aliases: aliases, placeholder: placeholder, words: [], completion: completion,
            isRepeatable: true, help: help)
    }
}

/// Options that the help shows under one title.
public struct OptionGroup: Sendable, Equatable {
    public var title: String
    public var options: [OptionSpecification]

    public init(_ title: String, _ options: [any OptionKey]) {
        self.title = title
        self.options = options.map(\.specification)
    }
}

/// The words of a command that are not options.
public struct Operands: Sendable, Equatable {
    public var name: String
    public var help: String
    /// How many there may be.
    public var count: ClosedRange<Int>
    public var words: [String]
    public var completion: Completion
    /// What is said of a word too many, which then is not shown; nil shows it.
    public var refusal: Refusal?

    public init(
        _ name: String, help: String, count: ClosedRange<Int> = 0...1, words: [String] = [],
        completion: Completion = .nothing, refusal: Refusal? = nil
    ) {
        self.name = name
        self.help = help
        self.count = count
        self.words = words
        self.completion = completion
        self.refusal = refusal
    }

    /// One sentence, and what to do instead.
    public struct Refusal: Sendable, Equatable {
        public var message: String
        public var hints: [String]

        public init(_ message: String, hints: [String]) {
            self.message = message
            self.hints = hints
        }
    }

    /// Any number of them.
    public static let anyNumber = 0...Int.max
}
