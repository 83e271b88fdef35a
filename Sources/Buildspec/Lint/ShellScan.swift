// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A look at a shell command that tells words, quotes and operators apart, without running or fully parsing it.
///
/// It errs towards seeing nothing: what it cannot follow it skips, since a wrong warning costs more than a missed one.
struct ShellScan {
    /// Syntax that bash has and POSIX `sh` lacks, as it is written.
    private(set) var bashSyntax: [String] = []
    /// The quote that is still open at the end.
    private(set) var openQuote: Unicode.Scalar?
    /// Words in command position, unquoted ones only: `cd`, `if`, `dockerd`.
    private(set) var commandWords: [String] = []
    /// Unquoted words that begin with a typographic quote, unless they are text to print.
    private(set) var typographicWords: [String] = []

    private let text: [Unicode.Scalar]
    private var index = 0
    private var word = ""
    private var wordIsQuoted = false
    private var expectsCommand = true
    private var lastCommand = ""
    private var heredocs: [String] = []
    private var depth = 0

    init(_ command: String) {
        text = Array(command.unicodeScalars)
        scan(until: nil)
    }

    /// Whether a compound command such as `if` begins here and ends elsewhere.
    var isIncomplete: Bool {
        guard openQuote == nil else { return false }
        func count(_ names: String...) -> Int { commandWords.count { names.contains($0) } }
        return count("if") > count("fi") || count("for", "while", "until") > count("done")
            || count("case") > count("esac")
    }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        index + offset < text.count ? text[index + offset] : nil
    }

    private func starts(with prefix: String) -> Bool {
        text[min(index, text.count)...].starts(with: prefix.unicodeScalars)
    }

    private mutating func scan(until end: Unicode.Scalar?) {
        depth += 1
        defer { depth -= 1 }
        guard depth < 32 else {
            index = text.count
            return
        }
        while let scalar = peek() {
            if scalar == end, word.isEmpty || scalar == ")" {
                endWord()
                index += 1
                return
            }
            switch scalar {
            case " ", "\t":
                endWord()
                index += 1
            case "\n":
                endWord()
                index += 1
                expectsCommand = true
                skipHeredocs()
            case "#" where word.isEmpty && !wordIsQuoted:
                while let next = peek(), next != "\n" { index += 1 }
            case "\\":
                if peek(1) != "\n" { wordIsQuoted = true }
                index += 2
            case "'": skipSingleQuotes()
            case "\"": skipDoubleQuotes()
            case "`": skipBackquotes()
            case "$": dollar()
            case ";", "&", "|", "(", ")", "<", ">": operation(scalar)
            default:
                word.unicodeScalars.append(scalar)
                index += 1
            }
        }
        endWord()
    }

    private mutating func endWord() {
        defer {
            word = ""
            wordIsQuoted = false
        }
        guard !word.isEmpty || wordIsQuoted else { return }
        if !wordIsQuoted, hasNumberRange(word) { bashSyntax.append(word) }
        if !wordIsQuoted, word == "==", lastCommand == "[" || lastCommand == "test" { bashSyntax.append("==") }
        if !wordIsQuoted, let first = word.unicodeScalars.first, "“”‘’".unicodeScalars.contains(first),
            lastCommand != "echo", lastCommand != "printf"
        {
            typographicWords.append(word)
        }
        if lastCommand == "set", !expectsCommand, word == "pipefail" { bashSyntax.append("set -o pipefail") }
        guard expectsCommand else { return }
        if isAssignment(word) { return }
        commandWords.append(wordIsQuoted ? "" : word)
        lastCommand = wordIsQuoted ? "" : word
        switch lastCommand {
        case "if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "sudo", "nohup", "exec": return
        case "[[", "source", "pushd", "popd", "shopt", "declare", "function":
            bashSyntax.append(lastCommand)
        default: break
        }
        expectsCommand = false
    }

    private func isAssignment(_ word: String) -> Bool {
        guard let equals = word.firstIndex(of: "=") else { return false }
        let name = word[..<equals]
        return !name.isEmpty
            && name.utf8.allSatisfy { $0 == 0x5F || $0 >= 0x30 && $0 <= 0x39 || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }
    }

    /// `{1..5}`
    private func hasNumberRange(_ word: String) -> Bool {
        guard word.first == "{", word.last == "}" else { return false }
        let parts = word.dropFirst().dropLast().split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[1].isEmpty && Int(parts[0]) != nil && Int(parts[2]) != nil
    }

    private mutating func operation(_ scalar: Unicode.Scalar) {
        if scalar == "(", word.hasSuffix("="), !wordIsQuoted,
            isAssignment(word.hasSuffix("+=") ? String(word.dropLast(2)) + "=" : word)
        {
            bashSyntax.append(word + "(")
            index += 1
            word = ""
            skipBalanced("(", ")")
            return
        }
        let fileNumber = !word.isEmpty && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if fileNumber, scalar == "<" || scalar == ">" { word = "" }
        endWord()
        switch scalar {
        case "<" where starts(with: "<<<"):
            bashSyntax.append("<<<")
            index += 3
        case "<" where starts(with: "<<"): heredoc()
        case "<" where starts(with: "<("), ">" where starts(with: ">("):
            bashSyntax.append(String(scalar) + "(")
            index += 2
            skipBalanced("(", ")")
        case "&" where starts(with: "&>"):
            bashSyntax.append("&>")
            index += 2
        case "|" where starts(with: "|&"):
            bashSyntax.append("|&")
            index += 2
            expectsCommand = true
        case "(" where starts(with: "((") && expectsCommand:
            bashSyntax.append("((")
            index += 2
            skipBalanced("(", ")")
            if peek() == ")" { index += 1 }
        case "<", ">":
            index += 1
            if peek() == "&" || peek() == ">" || peek() == "|" { index += 1 }
            skipRedirectionTarget()
        default:
            index += 1
            expectsCommand = true
            lastCommand = ""
        }
    }

    /// The file of a redirection is neither command nor argument.
    private mutating func skipRedirectionTarget() {
        while peek() == " " { index += 1 }
        let wasExpecting = expectsCommand
        expectsCommand = false
        while let scalar = peek(), !" \t\n;&|()<>".unicodeScalars.contains(scalar) {
            switch scalar {
            case "'": skipSingleQuotes()
            case "\"": skipDoubleQuotes()
            case "$": dollar()
            default: index += 1
            }
        }
        word = ""
        wordIsQuoted = false
        expectsCommand = wasExpecting
    }

    // MARK: Quotes and expansions

    private mutating func skipSingleQuotes() {
        wordIsQuoted = true
        index += 1
        while let scalar = peek() {
            index += 1
            if scalar == "'" { return }
        }
        openQuote = "'"
    }

    private mutating func skipDoubleQuotes() {
        wordIsQuoted = true
        index += 1
        while let scalar = peek() {
            switch scalar {
            case "\"":
                index += 1
                return
            case "\\": index += 2
            case "$": dollar()
            case "`": skipBackquotes()
            default: index += 1
            }
        }
        openQuote = openQuote ?? "\""
    }

    private mutating func skipBackquotes() {
        wordIsQuoted = true
        index += 1
        while let scalar = peek() {
            index += scalar == "\\" ? 2 : 1
            if scalar == "`" { return }
        }
        openQuote = openQuote ?? "`"
    }

    private mutating func dollar() {
        wordIsQuoted = true
        if starts(with: "$((") {
            index += 3
            skipBalanced("(", ")")
            if peek() == ")" { index += 1 }
        } else if starts(with: "$(") {
            index += 2
            let outer = (word, wordIsQuoted, expectsCommand, lastCommand)
            (word, wordIsQuoted, expectsCommand, lastCommand) = ("", false, true, "")
            scan(until: ")")
            (word, wordIsQuoted, expectsCommand, lastCommand) = outer
        } else if starts(with: "${") {
            expansion()
        } else {
            index += 1
        }
    }

    /// `${…}`: bash has substitution, substrings, case, arrays and indirection that `sh` lacks.
    private mutating func expansion() {
        let start = index
        index += 2
        let isIndirect = peek() == "!"
        if isIndirect { index += 1 }
        let nameStart = index
        while let scalar = peek(),
            scalar == "_" || scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
        {
            index += 1
        }
        let hasName = index > nameStart
        let next = peek()
        let following = peek(1)
        skipBalanced("{", "}")
        guard hasName else { return }
        let isSubstring =
            next == ":" && following.map { ("0"..."9").contains($0) || $0 == " " || $0 == "$" || $0 == "(" } ?? false
        if isIndirect || isSubstring || next == "/" || next == "^" || next == "," || next == "[" || next == "@" {
            let written = String(String.UnicodeScalarView(text[start..<min(index, text.count)]))
            bashSyntax.append(written)
        }
    }

    /// Goes on after the bracket that closes the one already passed.
    private mutating func skipBalanced(_ open: Unicode.Scalar, _ close: Unicode.Scalar) {
        var level = 1
        while let scalar = peek() {
            index += scalar == "\\" ? 2 : 1
            if scalar == open { level += 1 }
            if scalar == close { level -= 1 }
            if level == 0 { return }
        }
    }

    // MARK: Here-documents

    private mutating func heredoc() {
        index += 2
        if peek() == "-" { index += 1 }
        while peek() == " " { index += 1 }
        var delimiter = ""
        while let scalar = peek(), !" \t\n;&|()<>".unicodeScalars.contains(scalar) {
            if scalar != "'", scalar != "\"", scalar != "\\" { delimiter.unicodeScalars.append(scalar) }
            index += 1
        }
        if !delimiter.isEmpty { heredocs.append(delimiter) }
    }

    private mutating func skipHeredocs() {
        for delimiter in heredocs {
            while index < text.count {
                var line = ""
                while let scalar = peek(), scalar != "\n" {
                    line.unicodeScalars.append(scalar)
                    index += 1
                }
                index += 1
                if line.drop(while: { $0 == "\t" || $0 == " " }) == delimiter { break }
            }
        }
        heredocs = []
    }
}
