// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A regular expression in the grammar of Go's `regexp` (RE2), searched in time linear in the text.
///
/// `on-failure: RETRY-<regex>` is matched against what a build printed, so the text is a stranger's: an engine that
/// backtracks could be kept busy for hours by it. Every pattern is a list of instructions and all alternatives advance
/// together, one character at a time (https://swtch.com/~rsc/regexp/regexp2.html).
///
/// Left out of RE2's grammar: Unicode classes (`\p{Greek}`) and `\C`. Repetitions expand to at most 4,000 instructions.
public struct TextPattern: Sendable {
    private let program: [Instruction]

    /// What makes a text no pattern, as one sentence.
    public struct Malformed: Error, Equatable {
        public let reason: String
    }

    public init(_ text: String) throws(Malformed) {
        var parser = PatternParser(text)
        let tree = try parser.parse()
        var compiler = PatternCompiler()
        try compiler.emit(tree)
        compiler.program.append(.match)
        program = compiler.program
    }

    /// Whether the pattern occurs anywhere in the text.
    public func occurs(in text: some Sequence<Unicode.Scalar>) -> Bool {
        var run = Run(program: program)
        var previous: Unicode.Scalar?
        for scalar in text {
            if run.step(previous: previous, current: scalar) { return true }
            previous = scalar
        }
        return run.step(previous: previous, current: nil)
    }

    public func occurs(in text: String) -> Bool { occurs(in: text.unicodeScalars) }

    enum Instruction: Sendable {
        case scalar(CharacterSet)
        case check(Assertion)
        case split(Int, Int)
        case jump(Int)
        case match
    }

    enum Assertion: Sendable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary

        func holds(between previous: Unicode.Scalar?, and current: Unicode.Scalar?) -> Bool {
            switch self {
            case .textStart: previous == nil
            case .textEnd: current == nil
            case .lineStart: previous == nil || previous == "\n"
            case .lineEnd: current == nil || current == "\n"
            case .wordBoundary: isWord(previous) != isWord(current)
            case .noWordBoundary: isWord(previous) == isWord(current)
            }
        }

        private func isWord(_ scalar: Unicode.Scalar?) -> Bool {
            scalar.map { CharacterSet.word.contains($0) } ?? false
        }
    }

    /// Ranges of scalars, or everything but them.
    struct CharacterSet: Sendable {
        var ranges: [ClosedRange<UInt32>] = []
        var isInverted = false
        var ignoresCase = false

        static let digit = CharacterSet(ranges: [0x30...0x39])
        static let word = CharacterSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
        static let space = CharacterSet(ranges: [0x09...0x0A, 0x0C...0x0D, 0x20...0x20])

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            var found = holds(scalar.value)
            if !found, ignoresCase {
                // One scalar to one scalar, as RE2 folds; `ß` has no such partner.
                let lower = scalar.properties.lowercaseMapping.unicodeScalars
                let upper = scalar.properties.uppercaseMapping.unicodeScalars
                found = [lower, upper].contains { $0.count == 1 && $0.first.map { holds($0.value) } == true }
            }
            return found != isInverted
        }

        private func holds(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }
    }

    /// The threads of one search: which instructions are alive before the next character.
    private struct Run {
        let program: [Instruction]
        private var alive: [Int] = []
        private var ready: [Int] = []
        private var pending: [Int] = []
        /// The step in which an instruction was last reached, so that none is followed twice in one.
        private var reached: [Int]
        private var generation = 0

        init(program: [Instruction]) {
            self.program = program
            reached = Array(repeating: 0, count: program.count)
        }

        /// Advances by one character (nil at the end of the text); true when a match has been found.
        mutating func step(previous: Unicode.Scalar?, current: Unicode.Scalar?) -> Bool {
            generation += 1
            ready.removeAll(keepingCapacity: true)
            // A new thread starts at every character: the search is not anchored.
            alive.append(0)
            for start in alive {
                if follow(from: start, previous: previous, current: current) { return true }
            }
            alive.removeAll(keepingCapacity: true)
            guard let current else { return false }
            for index in ready {
                if case .scalar(let set) = program[index], set.contains(current) { alive.append(index + 1) }
            }
            return false
        }

        /// Goes through everything that takes no character; true at a match.
        private mutating func follow(from start: Int, previous: Unicode.Scalar?, current: Unicode.Scalar?) -> Bool {
            pending.append(start)
            while let index = pending.popLast() {
                guard reached[index] != generation else { continue }
                reached[index] = generation
                switch program[index] {
                case .match: return true
                case .jump(let target): pending.append(target)
                case .split(let first, let second):
                    pending.append(second)
                    pending.append(first)
                case .check(let assertion):
                    if assertion.holds(between: previous, and: current) { pending.append(index + 1) }
                case .scalar: ready.append(index)
                }
            }
            return false
        }
    }
}
