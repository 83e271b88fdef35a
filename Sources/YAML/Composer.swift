// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Builds the tree of one document from events, within its limits.
struct Composer {
    private let source: SourceText
    private let limits: YAMLLimits
    private let keepsLocalTags: Bool
    private(set) var diagnostics: [Diagnostic] = []
    private var anchors: [String: Node] = [:]
    /// Anchors of lists and maps whose end has not come yet: an alias to one is a cycle.
    private var openAnchors: [String: Int] = [:]
    private var depth = 0
    private var aliasNodes = 0

    init(source: SourceText, limits: YAMLLimits, keepsLocalTags: Bool = false) {
        self.source = source
        self.limits = limits
        self.keepsLocalTags = keepsLocalTags
    }

    /// The tree of the first document, or nil when there is none.
    mutating func compose() throws(YAMLError) -> Node? {
        guard let events = EventStream(source.bytes) else { throw YAMLError(.outOfMemory(source.path)) }
        var root: Node?
        while true {
            let event = try next(events)
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .streamEnd: return root
            case .documentStart:
                if root != nil {
                    diagnostics.append(.multipleDocuments(at: span(event)))
                    return root
                }
            default: root = try compose(event, from: events)
            }
        }
    }

    private func next(_ events: EventStream) throws(YAMLError) -> EventStream.Event {
        do {
            return try events.next()
        } catch {
            throw YAMLError(SyntaxDiagnosis(error, in: source).diagnostic)
        }
    }

    private mutating func compose(
        _ event: EventStream.Event, from events: EventStream
    ) throws(YAMLError) -> Node {
        switch event.kind {
        case .alias(let name): return try resolve(name, event)
        case .scalar(let scalar, let anchor, let tag): return try compose(scalar, anchor: anchor, tag: tag, event)
        case .listStart(let anchor, let tag, let isFlow):
            let own = check(tag, isOneOf: ["seq"], event)
            try enter(anchor, event)
            var items: [Node] = []
            var end = event.end
            while true {
                let next = try next(events)
                if case .listEnd = next.kind {
                    end = isFlow ? next.end : items.last?.end ?? event.end
                    break
                }
                items.append(try compose(next, from: events))
            }
            return leave(Node(content: .list(items), start: event.start, end: end, anchor: anchor, tag: own))
        case .mapStart(let anchor, let tag, let isFlow):
            let own = check(tag, isOneOf: ["map", "omap", "set"], event)
            try enter(anchor, event)
            var builder = MapBuilder(path: source.path)
            var end = event.end
            while true {
                let next = try next(events)
                if case .mapEnd = next.kind {
                    end = isFlow ? next.end : builder.end ?? event.end
                    break
                }
                let key = try compose(next, from: events)
                guard key.scalar != nil else { throw YAMLError(.keyNotText(key, in: source)) }
                let valueEvent = try self.next(events)
                builder.add(key, try compose(valueEvent, from: events))
            }
            let entries = builder.finish(reporting: &diagnostics)
            return leave(Node(content: .map(entries), start: event.start, end: end, anchor: anchor, tag: own))
        default:
            preconditionFailure("libyaml ends only what it has begun")
        }
    }

    private mutating func compose(
        _ scalar: Scalar, anchor: String?, tag: String?, _ event: EventStream.Event
    ) throws(YAMLError) -> Node {
        let own = check(tag, isOneOf: ["str", "int", "float", "bool", "null", "timestamp", "merge"], event)
        var scalar = scalar
        scalar.isTaggedText = tag == "tag:yaml.org,2002:str" || tag == "!"
        if scalar.text.utf8.contains(0) { throw YAMLError(.escapedNul(at: span(event))) }
        let node = Node(content: .scalar(scalar), start: event.start, end: event.end, anchor: anchor, tag: own)
        if let anchor { anchors[anchor] = node }
        return node
    }

    private mutating func resolve(_ name: String, _ event: EventStream.Event) throws(YAMLError) -> Node {
        if let open = openAnchors[name], open > 0 { throw YAMLError(.aliasCycle(name, at: span(event))) }
        guard let node = anchors[name] else {
            throw YAMLError(.undefinedAlias(name, at: span(event), known: Array(anchors.keys).sorted()))
        }
        aliasNodes += node.weight
        guard aliasNodes <= limits.aliasNodes else {
            throw YAMLError(.aliasExpansion(name, limit: limits.aliasNodes, at: span(event)))
        }
        guard depth + node.height <= limits.nesting else {
            throw YAMLError(.nestingTooDeep(limit: limits.nesting, at: span(event)))
        }
        return node
    }

    /// Counts a level before libyaml goes deeper: its work grows with the square of the depth.
    private mutating func enter(_ anchor: String?, _ event: EventStream.Event) throws(YAMLError) {
        depth += 1
        guard depth <= limits.nesting else {
            throw YAMLError(.nestingTooDeep(limit: limits.nesting, at: span(event)))
        }
        if let anchor { openAnchors[anchor, default: 0] += 1 }
    }

    private mutating func leave(_ node: Node) -> Node {
        depth -= 1
        if let anchor = node.anchor {
            openAnchors[anchor, default: 1] -= 1
            anchors[anchor] = node
        }
        return node
    }

    /// - Returns: the tag, where it is the document's own and such tags are kept.
    private mutating func check(_ tag: String?, isOneOf known: [String], _ event: EventStream.Event) -> String? {
        guard let tag, tag != "!" else { return nil }
        let prefix = "tag:yaml.org,2002:"
        if tag.hasPrefix(prefix), known.contains(String(tag.dropFirst(prefix.count))) { return nil }
        if keepsLocalTags, tag.hasPrefix("!") { return tag }
        // The event ends with the value; the tag ends at the next blank.
        let written = source.text(from: event.start, to: SourcePosition(line: event.start.line + 1, column: 1))
            .unicodeScalars.prefix { $0 != " " && $0 != "\t" }
        let end = SourcePosition(line: event.start.line, column: event.start.column + written.count)
        guard diagnostics.count < 1000 else { return nil }
        diagnostics.append(
            .unknownTag(
                String(String.UnicodeScalarView(written)),
                at: SourceSpan(path: source.path, start: event.start, end: end)))
        return nil
    }

    private func span(_ event: EventStream.Event) -> SourceSpan {
        SourceSpan(path: source.path, start: event.start, end: event.end)
    }
}

/// Gathers a map's entries: of equal keys the last wins, and what `<<` merges in yields to the map's own keys.
///
/// Source: go-yaml, whose behaviour CodeBuild's tolerance shows; merge keys as YAML 1.1's merge type has them.
private struct MapBuilder {
    let path: String
    private var entries: [Node.Entry] = []
    private var indexes: [String: Int] = [:]
    private var merges: [Node] = []
    private var duplicates: [(first: Node, last: Node)] = []
    private(set) var end: SourcePosition?

    init(path: String) {
        self.path = path
    }

    mutating func add(_ key: Node, _ value: Node) {
        // An alias lies where it was defined, which may be far above: the end never moves back.
        end = max(end ?? key.end, value.start >= key.start ? value.end : key.end)
        guard let scalar = key.scalar else { return }
        if scalar.text == "<<", scalar.style == .plain {
            merges.append(value)
        } else if let index = find(scalar.text) {
            duplicates.append((entries[index].key, key))
            entries[index] = Node.Entry(key: key, value: value)
        } else {
            append(Node.Entry(key: key, value: value), named: scalar.text)
        }
    }

    mutating func finish(reporting diagnostics: inout [Diagnostic]) -> [Node.Entry] {
        for (first, last) in duplicates.prefix(max(0, 1000 - diagnostics.count)) {
            diagnostics.append(
                .duplicateKey(last.scalar?.text ?? "", first: first.span(in: path), last: last.span(in: path)))
        }
        for merge in merges {
            // Of a list of maps an earlier one wins.
            for map in merge.items ?? [merge] {
                for entry in map.entries ?? [] {
                    guard let name = entry.key.scalar?.text, find(name) == nil else { continue }
                    append(entry, named: name)
                }
            }
        }
        return entries
    }

    /// Small maps are searched in line: a dictionary for each of a buildspec's maps would cost more than it saves.
    private func find(_ name: String) -> Int? {
        entries.count <= 12 ? entries.firstIndex { $0.key.scalar?.text == name } : indexes[name]
    }

    private mutating func append(_ entry: Node.Entry, named name: String) {
        entries.append(entry)
        if entries.count == 13 {
            for (index, entry) in entries.enumerated() { indexes[entry.key.scalar?.text ?? ""] = index }
        } else if entries.count > 13 {
            indexes[name] = entries.count - 1
        }
    }
}
