// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache

/// What drydock asks the build's shell at the end: values of variables, and texts as the shell reads them.
///
/// One script answers everything, so that a build pays for at most one more shell. It uses nothing but builtins, because
/// an image may have no `cat`. The answer begins with a marker, since a shell may print something on its own start
/// (`BASH_ENV`), and each value ends with NUL, which no shell value can hold.
struct ShellQuestion: Equatable {
    private(set) var names: [String] = []
    private(set) var texts: [String] = []
    private let marker: String
    /// Where `codebuild-hash-files` leaves what it hashed for each text, by the text's number; nil leaves nothing.
    var hashLogs: String?
    /// Where the exit status of each text that is one command is left, by the text's number; nil leaves none.
    var statusLogs: String?

    /// Where standard error goes for each text, by the text's number; nil leaves it.
    var errorLogs: String?

    /// - Parameter nonce: a word that the build does not print.
    init(nonce: String) { marker = "drydock-answer-\(nonce)" }

    var isEmpty: Bool { names.isEmpty && texts.isEmpty }

    /// Asks for a variable; a name that no shell can have is not asked.
    mutating func ask(variable name: String) {
        if Self.isName(name), !names.contains(name) { names.append(name) }
    }

    /// Asks what a text becomes when the shell expands `$NAME`, `$(…)` and backquotes in it.
    mutating func ask(text: String) {
        if !texts.contains(text) { texts.append(text) }
    }

    var script: String {
        var lines = ["printf '%s\\0' '\(marker)'"]
        for name in names {
            // One letter tells unset from empty.
            lines.append("printf '%s\\0' \"${\(name)+=}${\(name)-}\"")
        }
        for (index, text) in texts.enumerated() {
            // A plain `exec` that fails would end the shell.
            if let errorLogs { lines.append("command exec 2>\(errorLogs)-\(index)") }
            if let hashLogs { lines.append("export DRYDOCK_HASH_FILES_LOG=\(hashLogs)-\(index)") }
            // A here-document expands what double quotes would, and leaves quotes alone. It ends with a line break more.
            let asked = statusLogs.map { Self.noting(text, "\($0)-\(index)") } ?? text
            lines += [
                "while IFS= read -r drydock_line; do printf '%s\\n' \"$drydock_line\"; done <<\(marker)", asked, marker,
                "printf '\\0'",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Whether a text is a command that stands for what it prints, and nothing else. What begins as arithmetic is none.
    static func isCommand(_ text: String) -> Bool { command(text) != nil }

    /// A text that is one command, so that its exit status is left in a file: a shell that expands text forgets it.
    private static func noting(_ text: String, _ file: String) -> String {
        guard let (begin, command, end) = command(text) else { return text }
        // A line break ends a comment; the parentheses keep `exit` from ending both.
        return "\(begin) (\(command)\n); echo $? >\(file)\(end)"
    }

    private static func command(_ text: String) -> (begin: String, command: Substring, end: String)? {
        // A text that cannot be taken apart may begin with one command and end with another.
        guard CacheKeyText(text + "-").parts == [.expression(text), .literal("-")] else { return nil }
        if text.hasPrefix("`"), text.hasSuffix("`"), text.utf8.count > 1 {
            return ("`", text.dropFirst().dropLast(), "`")
        }
        guard text.hasPrefix("$("), !text.hasPrefix("$(("), text.hasSuffix(")") else { return nil }
        return ("$(", text.dropFirst(2).dropLast(), ")")
    }

    struct Answer: Equatable {
        /// Those that are set.
        var variables: [String: String] = [:]
        var texts: [String: String] = [:]
    }

    /// Reads what the script printed; nil when it did not come to its end.
    func answer(from output: [UInt8]) -> Answer? {
        let fields = output.split(separator: 0, omittingEmptySubsequences: false)
        // The marker may stand behind something that the shell printed before.
        guard let start = fields.lastIndex(where: { $0.suffix(marker.utf8.count).elementsEqual(marker.utf8) }) else {
            return nil
        }
        let values = fields[(start + 1)...].dropLast().map { String(decoding: $0, as: UTF8.self) }
        guard values.count == names.count + texts.count else { return nil }
        var answer = Answer()
        for (name, value) in zip(names, values) where value.first == "=" {
            answer.variables[name] = String(value.dropFirst())
        }
        for (text, value) in zip(texts, values.dropFirst(names.count)) where value.last == "\n" {
            answer.texts[text] = String(value.dropLast())
        }
        return answer
    }

    /// Whether a shell can have a variable of this name. Source: POSIX.1-2017, XBD 3.235.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == 0x5F || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A)
    }

    /// Whether a shell would make something else of a text.
    static func isExpanded(_ text: String) -> Bool {
        text.utf8.contains { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "`") || $0 == UInt8(ascii: "\\") }
    }

    /// The names behind `$` in a text: `$NAME` and `${NAME}`.
    static func variables(in text: String) -> [String] {
        var names: [String] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            defer { index += 1 }
            guard bytes[index] == UInt8(ascii: "$") else { continue }
            var start = index + 1
            if start < bytes.count, bytes[start] == UInt8(ascii: "{") { start += 1 }
            let name = bytes[start...].prefix { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) }
            let text = String(decoding: name, as: UTF8.self)
            if isName(text), !names.contains(text) { names.append(text) }
        }
        return names
    }
}
