// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Several patterns matched at once, one component of a path at a time, while a walk goes down and up a tree.
///
/// All patterns together are one automaton: a state is a set of places in the patterns, a step costs at most one look at
/// each. So no pattern, however written, costs more than its length for each name.
public struct GlobSet: Sendable {
    /// Places in the patterns that the components so far lead to. One word holds them all for all but long lists, so
    /// that a step allocates nothing.
    public struct State: Sendable, Equatable {
        fileprivate var first: UInt64 = 0
        fileprivate var rest: [UInt64] = []

        fileprivate init(count: Int) {
            if count > 64 { rest = [UInt64](repeating: 0, count: (count - 1) / 64) }
        }

        fileprivate mutating func insert(_ place: Int) {
            if place < 64 { first |= 1 << UInt64(place) } else { rest[place / 64 - 1] |= 1 << UInt64(place % 64) }
        }

        fileprivate func contains(_ place: Int) -> Bool {
            (place < 64 ? first >> UInt64(place) : rest[place / 64 - 1] >> UInt64(place % 64)) & 1 == 1
        }

        /// Adds the places of another state.
        public mutating func formUnion(_ other: State) {
            first |= other.first
            for index in rest.indices { rest[index] |= other.rest[index] }
        }

        fileprivate func intersects(_ other: State) -> Bool {
            if first & other.first != 0 { return true }
            for index in rest.indices where rest[index] & other.rest[index] != 0 { return true }
            return false
        }

        fileprivate func forEach(_ body: (Int) -> Void) {
            var word = first
            while word != 0 {
                body(word.trailingZeroBitCount)
                word &= word - 1
            }
            for index in rest.indices {
                word = rest[index]
                while word != 0 {
                    body((index + 1) * 64 + word.trailingZeroBitCount)
                    word &= word - 1
                }
            }
        }
    }

    /// The component at each place; nil is the place behind a pattern's last one, where it has matched.
    private var components: [Glob.Component?] = []
    /// The place behind each pattern's last component.
    private var ends: [Int] = []
    private var accepting: State
    private var waiting: State
    private var wild: State
    private var whole: State
    /// Where nothing has been read yet.
    public private(set) var start: State

    /// The state from which nothing matches.
    public let nothing: State

    public init(_ globs: [Glob]) {
        let count = globs.reduce(0) { $0 + $1.components.count + 1 }
        let empty = State(count: count)
        (accepting, waiting, wild, whole, start, nothing) = (empty, empty, empty, empty, empty, empty)
        for glob in globs {
            let first = components.count
            for (index, component) in glob.components.enumerated() {
                waiting.insert(first + index)
                if case .literal = component {} else { wild.insert(first + index) }
                if component == .anyDepth, index == glob.components.count - 2,
                    glob.components[index + 1] == .wildcard(.everything)
                {
                    whole.insert(first + index)
                }
                components.append(component)
            }
            ends.append(components.count)
            accepting.insert(components.count)
            components.append(nil)
            if !glob.components.isEmpty { enter(first, &start) }
        }
    }

    /// The state after one more component.
    public func step(_ state: State, _ name: [UInt8]) -> State {
        var next = nothing
        state.forEach { place in
            switch components[place] {
            case .anyDepth: enter(place, &next)
            case .literal(let text): if text == name { enter(place + 1, &next) }
            case .wildcard(let wildcard): if wildcard.matches(name) { enter(place + 1, &next) }
            case nil: break
            }
        }
        return next
    }

    /// Adds a place, and the one behind it where `**` stands for nothing.
    private func enter(_ place: Int, _ state: inout State) {
        state.insert(place)
        if components[place] == .anyDepth { state.insert(place + 1) }
    }

    /// Whether the path read so far matches one of the patterns.
    public func isAccepted(_ state: State) -> Bool { state.intersects(accepting) }

    /// Whether a longer path could still match.
    public func canMatchBelow(_ state: State) -> Bool { state.intersects(waiting) }

    /// Whether every longer path matches.
    public func matchesAllBelow(_ state: State) -> Bool { state.intersects(whole) }

    /// Whether one of the patterns asks for more than names it spells out.
    public func needsListing(_ state: State) -> Bool { state.intersects(wild) }

    /// The only names that lead on from here, sorted; nil when the directory must be listed to know.
    public func onlyNames(_ state: State) -> [[UInt8]]? {
        if needsListing(state) { return nil }
        var names: Set<[UInt8]> = []
        state.forEach { place in
            if case .literal(let text) = components[place] { names.insert(text) }
        }
        return names.sorted { $0.precedes($1) }
    }

    /// Whether pattern `index`, in the order given, is among those that matched.
    public func isAccepted(_ state: State, pattern index: Int) -> Bool { state.contains(ends[index]) }
}
