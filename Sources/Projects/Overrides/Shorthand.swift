// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// A structure as the AWS command line takes one: JSON, or its shorthand `key=value,key=[a,b],key={inner=value}`.
///
/// Source: "Using shorthand syntax in the AWS CLI", AWS CLI User Guide. Text may stand in single or double quotes, and a
/// backslash keeps the character behind it.
struct Shorthand {
    /// What is wrong, in words that follow the option's name.
    struct Fault: Error, Equatable {
        var message: String
    }

    private let characters: [Character]
    private var index = 0
    private var depth = 0

    private init(_ text: String) { characters = Array(text) }

    static func read(_ text: String, of path: String) -> Result<Node, Fault> {
        if text.hasPrefix("{") || text.hasPrefix("[") {
            do throws(YAMLError) {
                guard let root = try YAMLDocument(json: SourceText(path: path, text: text)).root else {
                    return .failure(Fault(message: "it is empty"))
                }
                return .success(root)
            } catch { return .failure(Fault(message: error.diagnostic.message)) }
        }
        var reader = Shorthand(text)
        do throws(Fault) {
            let node = try reader.map(until: nil)
            return .success(node)
        } catch { return .failure(error) }
    }

    /// A word of its own, for options that take no structure.
    static func text(_ text: String) -> Node {
        Node(
            content: .scalar(Scalar(text: text, style: .doubleQuoted)), start: SourcePosition(line: 1, column: 1),
            end: SourcePosition(line: 1, column: 1))
    }

    private var peek: Character? { index < characters.count ? characters[index] : nil }

    private static func node(_ content: Node.Content) -> Node {
        Node(content: content, start: SourcePosition(line: 1, column: 1), end: SourcePosition(line: 1, column: 1))
    }

    private mutating func map(until close: Character?) throws(Fault) -> Node {
        var entries: [Node.Entry] = []
        while peek != close {
            let key = try word(endingAt: "=,]}")
            guard peek == "=" else { throw Fault(message: "`\(DisplayText.escaped(key))` is no KEY=VALUE") }
            index += 1
            let value = try value()
            entries.append(Node.Entry(key: Self.text(key), value: value))
            guard peek == "," else { break }
            index += 1
        }
        guard peek == close else {
            throw Fault(message: peek.map { "`\($0)` is out of place" } ?? "`}` is missing at its end")
        }
        return Self.node(.map(entries))
    }

    private mutating func value() throws(Fault) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < 32 else { throw Fault(message: "it nests too deeply") }
        switch peek {
        case "[":
            index += 1
            var items: [Node] = []
            while peek != "]" {
                items.append(try value())
                guard peek == "," else { break }
                index += 1
            }
            guard peek == "]" else { throw Fault(message: "`]` is missing") }
            index += 1
            return Self.node(.list(items))
        case "{":
            index += 1
            let node = try map(until: "}")
            index += 1
            return node
        default: return Self.text(try word(endingAt: depth > 1 ? ",]}" : ","))
        }
    }

    private mutating func word(endingAt ends: String) throws(Fault) -> String {
        if let quote = peek, quote == "'" || quote == "\"" {
            index += 1
            var text = ""
            while let character = peek, character != quote {
                if character == "\\", index + 1 < characters.count { index += 1 }
                text.append(characters[index])
                index += 1
            }
            guard peek == quote else { throw Fault(message: "text in quotes does not end") }
            index += 1
            return text
        }
        var text = ""
        while let character = peek, !ends.contains(character) {
            if character == "\\", index + 1 < characters.count { index += 1 }
            text.append(characters[index])
            index += 1
        }
        return text
    }
}
