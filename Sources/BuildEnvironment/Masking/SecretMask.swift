// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Secrets

/// Replaces secrets in a stream of bytes by `***`, however the stream is cut into pieces.
///
/// Bytes that may be the beginning of a secret are held back until it is clear whether they are. Where matches overlap,
/// everything that any of them covers is hidden. Besides the values themselves their usual disguises are found: see
/// `SecretForms`. What a build does to a secret beyond that (reversed, encrypted, printed a letter a line) stays visible,
/// as it does in CodeBuild.
public struct SecretMask: Sendable {
    /// What stands in a secret's place, as in CodeBuild's logs.
    public static let replacement = SecretText.replacement

    /// Names whose values are too short or blank to be masked: hiding every `a` of a log would destroy it.
    public let unmaskableNames: [String]
    /// Whether there is nothing to hide, so that a caller may pass bytes by.
    public var isEmpty: Bool { patterns.isEmpty }

    private let patterns: PatternTable
    /// The end of what was fed: a possible beginning of a secret.
    private var held: [UInt8] = []
    /// How many of the held bytes a match already covers; their replacement has been emitted.
    private var coveredCount = 0
    /// Whether a match ended where the held bytes begin: a piece of the same secret that follows is no new one.
    private var isBehindMatch = false

    /// - Parameters:
    ///   - secrets: names and values; a name serves only to say whose value cannot be masked.
    ///   - areDisguisesHidden: false hides values and their lines alone, as CodeBuild does.
    public init(secrets: [(name: String, value: SecretText)] = [], areDisguisesHidden: Bool = true) {
        var forms = SecretForms(areDisguisesHidden: areDisguisesHidden)
        unmaskableNames = secrets.filter { !forms.add($0.value) }.map(\.name)
        patterns = PatternTable(forms.list)
        forms.wipe()
    }

    /// Takes the next bytes of the stream and hands on what is certain, in order.
    /// - Parameter emit: gets bytes that are valid during its call only.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) -> Void) {
        process(bytes, isLast: false, emit)
    }

    /// Hands on what is held back: the stream ended, or a command did.
    public mutating func flush(emit: (UnsafeRawBufferPointer) -> Void) {
        process(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true, emit)
    }

    /// Masks a text that is whole, whatever is held back of the stream.
    public func mask(_ text: String) -> String {
        guard !isEmpty else { return text }
        var copy = SecretMask(patterns: patterns)
        var result: [UInt8] = []
        var text = text
        text.withUTF8 { bytes in
            copy.process(UnsafeRawBufferPointer(bytes), isLast: true) { result.append(contentsOf: $0) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private init(patterns: PatternTable) {
        self.patterns = patterns
        unmaskableNames = []
    }

    private mutating func process(
        _ bytes: UnsafeRawBufferPointer, isLast: Bool, _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        if isEmpty {
            if !bytes.isEmpty { emit(bytes) }
            return
        }
        if held.isEmpty {
            let start = scan(bytes, isLast: isLast, emit)
            held.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start...]))
        } else {
            var text = held
            text.append(contentsOf: bytes)
            let start = text.withUnsafeBytes { scan($0, isLast: isLast, emit) }
            held.removeAll(keepingCapacity: true)
            held.append(contentsOf: text[start...])
        }
    }

    /// Emits what is certain of a text.
    /// - Returns: where what must be held back starts.
    private mutating func scan(
        _ text: UnsafeRawBufferPointer, isLast: Bool, _ emit: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        let end = isLast ? text.count : patterns.unfinished(in: text) ?? text.count
        // Where the last match ends, if there is one that reaches this text; and what is hidden or emitted.
        var matchEnd = isBehindMatch ? coveredCount : -1
        var done = coveredCount
        for match in patterns.matches(in: text) where match.start < end {
            if match.start > matchEnd || match.start == matchEnd && !match.continues {
                if match.start > done { emit(UnsafeRawBufferPointer(rebasing: text[done..<match.start])) }
                Self.emitReplacement(emit)
            }
            matchEnd = max(matchEnd, match.end)
            done = max(done, match.end)
        }
        if done < end { emit(UnsafeRawBufferPointer(rebasing: text[done..<end])) }
        isBehindMatch = matchEnd >= end
        coveredCount = max(0, done - end)
        return end
    }

    private static func emitReplacement(_ emit: (UnsafeRawBufferPointer) -> Void) {
        var replacement = replacement
        replacement.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
    }
}
