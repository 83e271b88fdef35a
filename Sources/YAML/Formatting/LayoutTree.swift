// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// A document as it is written: aliases and repeated keys stay, and each node knows its characters.
struct LayoutTree {
    private let text: LayoutText
    private let events: [EventStream.Event]
    private var next = 0

    struct Document {
        /// The line of `---`, from 0; nil when there is none.
        var startLine: Int?
        /// The line of `...`, from 0; nil when there is none.
        var endLine: Int?
        /// Nil for a text of blanks and comments.
        var root: Node?
    }

    indirect enum Content {
        /// A scalar on one line or several, an alias, or a flow collection: kept as it is written.
        case verbatim
        case block(headerEnd: Int, isFolded: Bool)
        case list([Item])
        case map([Entry])
        /// Nothing is written.
        case empty
    }

    struct Node {
        var content: Content
        /// All of it, with anchor and tag.
        var range: Range<Int>
        /// Anchor and tag, when the node is a list or a map.
        var properties: Range<Int>?
    }

    struct Item {
        /// Where its `-` stands.
        var dash: Int
        var value: Node
    }

    struct Entry {
        var key: Node
        var value: Node
    }

    init(text: LayoutText, events: [EventStream.Event]) {
        self.text = text
        self.events = events
    }

    mutating func document() throws(YAMLError) -> Document {
        var document = Document()
        while next < events.count {
            let event = events[next]
            switch event.kind {
            case .streamStart, .streamEnd: next += 1
            case .documentStart:
                next += 1
                let range = text.index(event.start)..<max(text.index(event.start), text.index(event.end))
                guard !range.isEmpty else { continue }
                // `%YAML` and its like come before the `---`.
                guard text.string(range) == "---" else { throw text.noLayout("a directive", at: range) }
                document.startLine = text.line(of: range.lowerBound)
            case .documentEnd:
                next += 1
                let range = text.index(event.start)..<max(text.index(event.start), text.index(event.end))
                if text.string(range).hasPrefix("...") { document.endLine = text.line(of: range.lowerBound) }
            default:
                let root = try node(from: text.index(event.start))
                if document.startLine == text.line(of: root.range.lowerBound), !root.range.isEmpty {
                    throw text.noLayout("a document that begins on the line of its `---`", at: root.range)
                }
                document.root = root
            }
        }
        return document
    }

    /// The node that begins with the next event.
    /// - Parameter cursor: the end of what stands before it.
    private mutating func node(from cursor: Int) throws(YAMLError) -> Node {
        let event = events[next]
        next += 1
        let start = text.index(event.start)
        let end = max(start, text.index(event.end))
        switch event.kind {
        case .alias: return Node(content: .verbatim, range: start..<end)
        case .scalar(let scalar, _, _):
            if start == end { return Node(content: .empty, range: start..<end) }
            guard scalar.style == .literal || scalar.style == .folded else {
                return Node(content: .verbatim, range: start..<end)
            }
            return try block(start..<end, isFolded: scalar.style == .folded)
        case .listStart(let anchor, let tag, let isFlow):
            if isFlow { return Node(content: .verbatim, range: start..<flowEnd()) }
            let properties = try self.properties(at: start, areThere: anchor != nil || tag != nil)
            return try list(from: properties?.upperBound ?? cursor, start: start, properties)
        case .mapStart(let anchor, let tag, let isFlow):
            if isFlow { return Node(content: .verbatim, range: start..<flowEnd()) }
            let properties = try self.properties(at: start, areThere: anchor != nil || tag != nil)
            return try map(from: properties?.upperBound ?? start, start: start, properties)
        default: preconditionFailure("libyaml ends only what it has begun")
        }
    }

    private mutating func list(from start: Int, start first: Int, _ properties: Range<Int>?) throws(YAMLError) -> Node {
        var items: [Item] = []
        var cursor = start
        while true {
            if case .listEnd = events[next].kind { break }
            let dash = text.skipBlanksAndComments(from: cursor)
            guard dash < text.scalars.count, text.scalars[dash] == "-" else {
                throw text.noLayout("this way to write a list", at: dash..<min(dash + 1, text.scalars.count))
            }
            let value = try node(from: dash + 1)
            items.append(Item(dash: dash, value: value))
            cursor = max(dash + 1, value.range.upperBound)
        }
        next += 1
        return Node(content: .list(items), range: first..<max(first, cursor), properties: properties)
    }

    private mutating func map(from start: Int, start first: Int, _ properties: Range<Int>?) throws(YAMLError) -> Node {
        var entries: [Entry] = []
        var cursor = start
        while true {
            if case .mapEnd = events[next].kind { break }
            let place = text.skipBlanksAndComments(from: cursor)
            let key = try node(from: place)
            guard !key.range.isEmpty, case .verbatim = key.content, place == key.range.lowerBound,
                text.line(of: key.range.lowerBound) == text.line(of: key.range.upperBound)
            else { throw text.noLayout("this way to write a key", at: place..<max(place, key.range.upperBound)) }
            var colon = key.range.upperBound
            while colon < text.scalars.count, LayoutText.isBlank(text.scalars[colon]) { colon += 1 }
            guard colon < text.scalars.count, text.scalars[colon] == ":" else {
                throw text.noLayout("this way to write a key", at: key.range)
            }
            let value = try node(from: colon + 1)
            entries.append(Entry(key: key, value: value))
            cursor = max(colon + 1, value.range.upperBound)
        }
        next += 1
        return Node(content: .map(entries), range: first..<max(first, cursor), properties: properties)
    }

    /// Passes over a flow collection; where it ends.
    private mutating func flowEnd() -> Int {
        var depth = 1
        while true {
            let event = events[next]
            next += 1
            switch event.kind {
            case .listStart, .mapStart: depth += 1
            case .listEnd, .mapEnd: depth -= 1
            default: continue
            }
            if depth == 0 { return text.index(event.end) }
        }
    }

    /// Anchor and tag, as far as they stand on one line.
    private func properties(at start: Int, areThere: Bool) throws(YAMLError) -> Range<Int>? {
        guard areThere else { return nil }
        return start..<propertiesEnd(start)
    }

    private func propertiesEnd(_ start: Int) -> Int {
        var end = start
        var index = start
        while index < text.scalars.count, text.scalars[index] == "&" || text.scalars[index] == "!" {
            while index < text.scalars.count, text.scalars[index] != "\n", !LayoutText.isBlank(text.scalars[index]) {
                index += 1
            }
            end = index
            while index < text.scalars.count, LayoutText.isBlank(text.scalars[index]) { index += 1 }
        }
        return end
    }

    private func block(_ range: Range<Int>, isFolded: Bool) throws(YAMLError) -> Node {
        var index = propertiesEnd(range.lowerBound)
        while index < text.scalars.count, LayoutText.isBlank(text.scalars[index]) { index += 1 }
        guard text.scalars[index] == "|" || text.scalars[index] == ">" else {
            throw text.noLayout("an anchor or a tag on a line of its own", at: range.lowerBound..<index)
        }
        while index < range.upperBound, text.scalars[index] != "\n", !LayoutText.isBlank(text.scalars[index]) {
            index += 1
        }
        return Node(content: .block(headerEnd: index, isFolded: isFolded), range: range)
    }
}
