// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import BuildModel
import Secrets

/// The variables of a shell as `export -p` writes them, a statement for each: `export NAME='value'` of dash and ash,
/// `declare -x NAME="value"` of bash.
///
/// Source: `export`, XCU 2.14 of POSIX.1-2017 for the first; bash prints the second, with `$'…'` for what it cannot show.
struct ShellVariables {
    private struct Statement {
        var text: [UInt8]
        /// Nil for what is no assignment.
        var name: String?
        var value: [UInt8]
    }

    private var statements: [Statement] = []

    /// A text that ends within quotes was cut off; its last statement is left out.
    init(_ bytes: [UInt8]) {
        var scanner = Scanner(bytes: bytes)
        while let text = scanner.next() { statements.append(Self.statement(text)) }
    }

    var text: [UInt8] { statements.flatMap { $0.text + [UInt8(ascii: "\n")] } }

    /// Leaves out everything that a secret stands in: by name, and by value in any of its forms.
    /// - Returns: the names that are left out.
    mutating func withholdSecrets(of environment: ResolvedEnvironment) -> [String] {
        let names = Set(environment.variables.filter(\.isSecret).map(\.name))
        let mask = environment.makeMask()
        var withheld: [String] = []
        statements.removeAll { statement in
            let isSecret =
                statement.name.map(names.contains) ?? false
                || Self.holds(mask, statement.text) || Self.holds(mask, statement.value)
            // What belongs to no variable may be any text; only an assignment is known to be one.
            guard isSecret else { return statement.name == nil }
            if let name = statement.name { withheld.append(name) }
            return true
        }
        return withheld
    }

    /// Lets what a new environment says differently from the one before win over what a shell had saved.
    mutating func yield(to environment: ResolvedEnvironment, before: [BuildRecord.ExportedVariable]) {
        let old = Dictionary(before.map { ($0.name, $0.value) }) { first, _ in first }
        let new = Dictionary(environment.pairs.map { ($0.name, $0.value.exposed()) }) { first, _ in first }
        statements.removeAll { statement in
            guard let name = statement.name else { return false }
            if let value = new[name] { return old[name] != value }
            // Taken away since, and never changed by the build.
            return old[name].map { Array($0.utf8) == statement.value } ?? false
        }
    }

    private static func holds(_ mask: SecretMask, _ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        return !mask.isEmpty && mask.mask(text) != text
    }

    private static func statement(_ text: [UInt8]) -> Statement {
        var rest = text[...]
        let keywords = ["export ", "declare ", "typeset "].map { Array($0.utf8) }
        guard let keyword = keywords.first(where: rest.starts) else {
            return Statement(text: text, name: nil, value: [])
        }
        rest = rest.dropFirst(keyword.count)
        while rest.first == UInt8(ascii: "-") {
            rest = rest.drop { $0 != UInt8(ascii: " ") }.dropFirst()
        }
        let name = rest.prefix { $0 != UInt8(ascii: "=") }
        guard !name.isEmpty, name.allSatisfy(isNameByte) else { return Statement(text: text, name: nil, value: []) }
        return Statement(
            text: text, name: String(decoding: name, as: UTF8.self), value: unquoted(rest.dropFirst(name.count + 1)))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "_")
    }

    /// The value that a shell would read.
    private static func unquoted(_ word: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var quoting = Quoting.none
        var rest = word
        while let byte = rest.popFirst() {
            switch quoting.step(byte, next: rest.first) {
            case .text(let byte): result.append(byte)
            case .escape:
                guard let escaped = rest.popFirst() else { return result }
                if quoting == .ansi {
                    result += ansi(escaped, &rest)
                } else {
                    // Within double quotes a backslash is itself before anything but these.
                    if quoting == .double, !Array("$`\"\\\n".utf8).contains(escaped) { result.append(byte) }
                    result.append(escaped)
                }
            case .nothing: break
            }
        }
        return result
    }

    /// What `\` and a byte mean within `$'…'`.
    private static func ansi(_ escaped: UInt8, _ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "a"): 7,
            UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "v"): 11, UInt8(ascii: "e"): 27,
            UInt8(ascii: "E"): 27,
        ]
        if let byte = plain[escaped] { return [byte] }
        guard (0x30...0x37).contains(escaped) else { return [escaped] }
        var number = Int(escaped - 0x30)
        for _ in 0..<2 {
            guard let digit = rest.first, (0x30...0x37).contains(digit) else { break }
            number = number * 8 + Int(digit - 0x30)
            rest.removeFirst()
        }
        return [UInt8(truncatingIfNeeded: number)]
    }
}

/// Where in a shell's word a reader is.
private enum Quoting: Equatable {
    case none, single, double
    /// Between `$` and its quote.
    case beforeANSI
    case ansi

    enum Step {
        case text(UInt8)
        /// The next byte is not special.
        case escape
        case nothing
    }

    mutating func step(_ byte: UInt8, next: UInt8?) -> Step {
        switch (self, byte) {
        case (.none, UInt8(ascii: "'")): self = .single
        case (.none, UInt8(ascii: "\"")): self = .double
        case (.none, UInt8(ascii: "$")) where next == UInt8(ascii: "'"):
            self = .beforeANSI
        case (.beforeANSI, _): self = .ansi
        case (.single, UInt8(ascii: "'")), (.double, UInt8(ascii: "\"")), (.ansi, UInt8(ascii: "'")):
            self = .none
        case (.none, UInt8(ascii: "\\")), (.double, UInt8(ascii: "\\")), (.ansi, UInt8(ascii: "\\")): return .escape
        default: return .text(byte)
        }
        return .nothing
    }
}

/// Cuts a shell's text into statements at line ends that stand outside of quotes.
private struct Scanner {
    let bytes: [UInt8]
    var position = 0

    mutating func next() -> [UInt8]? {
        var quoting = Quoting.none
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if quoting == .none, byte == UInt8(ascii: "\n") { return Array(bytes[start..<position - 1]) }
            if case .escape = quoting.step(byte, next: position < bytes.count ? bytes[position] : nil) { position += 1 }
        }
        return nil
    }
}
