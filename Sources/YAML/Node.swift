// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// One node of a YAML document, with its place in the file.
///
/// Aliases are already replaced by what they name; such a node keeps the place of its definition.
public struct Node: Sendable, Equatable {
    public var content: Content
    public var start: SourcePosition
    /// The position after the node's last character.
    public var end: SourcePosition
    /// The anchor that names the node, without `&`.
    public var anchor: String?
    /// A tag of the document's own, such as `!Ref`; kept only where the reader asks for such tags.
    public var tag: String?
    /// Nodes below this one and itself, aliases counted as what they expand to.
    let weight: Int
    /// Levels of lists and maps, this one included; 0 for a scalar.
    let height: Int

    public init(
        content: Content, start: SourcePosition, end: SourcePosition, anchor: String? = nil, tag: String? = nil
    ) {
        self.tag = tag
        self.content = content
        self.start = start
        self.end = end
        self.anchor = anchor
        switch content {
        case .scalar:
            weight = 1
            height = 0
        case .list(let items):
            weight = items.reduce(1) { $0 + $1.weight }
            height = 1 + (items.lazy.map(\.height).max() ?? 0)
        case .map(let entries):
            weight = entries.reduce(1) { $0 + $1.key.weight + $1.value.weight }
            height = 1 + (entries.lazy.map { max($0.key.height, $0.value.height) }.max() ?? 0)
        }
    }

    /// What a node holds.
    public enum Content: Sendable, Equatable {
        case scalar(Scalar)
        case list([Node])
        case map([Entry])
    }

    /// A key with its value. Keys of one map are unique: of equal keys the last won.
    public struct Entry: Sendable, Equatable {
        public var key: Node
        public var value: Node

        public init(key: Node, value: Node) {
            self.key = key
            self.value = value
        }
    }

    /// The scalar, or nil when the node is a list or a map.
    public var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    /// The items, or nil when the node is no list.
    public var items: [Node]? {
        if case .list(let items) = content { items } else { nil }
    }

    /// The entries in file order, or nil when the node is no map.
    public var entries: [Entry]? {
        if case .map(let entries) = content { entries } else { nil }
    }

    /// Whether the node is an empty plain scalar, `~` or `null`.
    public var isNull: Bool { scalar?.isNull ?? false }

    /// The value of a map's key.
    public subscript(key: String) -> Node? {
        entries?.first { $0.key.scalar?.text == key }?.value
    }

    /// What kind of node it is, in words for a message.
    public var kindDescription: String {
        switch content {
        case .scalar(let scalar): scalar.isNull ? "empty" : "text"
        case .list: "a list"
        case .map: "a map"
        }
    }

    /// The node's place in a file.
    public func span(in path: String) -> SourceSpan {
        SourceSpan(path: path, start: start, end: end)
    }
}

/// A scalar as its source text: `3.10` stays `3.10`, `no` stays `no`.
public struct Scalar: Sendable, Equatable {
    /// The text after quotes, escapes and folding are undone; a plain scalar's as it was written.
    public var text: String
    public var style: Style
    /// Whether a tag such as `!!str` makes it text whatever it looks like.
    var isTaggedText = false

    public init(text: String, style: Style) {
        self.text = text
        self.style = style
    }

    /// How the scalar is written.
    public enum Style: Sendable, Equatable {
        case plain, singleQuoted, doubleQuoted, literal, folded
    }

    /// Whether it is YAML 1.1's null: plain and empty, `~`, `null`, `Null` or `NULL`.
    public var isNull: Bool {
        guard style == .plain, !isTaggedText else { return false }
        switch text {
        case "", "~", "null", "Null", "NULL": return true
        default: return false
        }
    }

    /// The boolean that it spells, quoted or not: `yes/no/true/false/on/off/y/n` in any case; nil for other text.
    public var boolean: Bool? {
        guard text.utf8.count <= 5 else { return nil }
        switch text.lowercased() {
        case "yes", "true", "on", "y": return true
        case "no", "false", "off", "n": return false
        default: return nil
        }
    }
}
