// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The text of a `key` or a fallback key, taken apart into what stands for itself and what a shell has to answer: so that what
/// each part gave is known when a later key is another one.
///
/// Source: "Cache builds in CodeBuild", S3 caching: keys may hold commands and variables, as in
/// `npm-key-$(codebuild-hash-files package-lock.json)`.
public struct CacheKeyText: Sendable, Equatable {
    public enum Part: Sendable, Equatable {
        case literal(String)
        /// With its `$`, braces or backquotes.
        case expression(String)
    }

    public var parts: [Part]

    public init(_ text: String) {
        parts = Self.parts(Array(text.utf8)) ?? [.expression(text)]
    }

    /// What a shell has to be asked, in order.
    public var expressions: [String] {
        parts.compactMap { if case .expression(let text) = $0 { text } else { nil } }
    }

    /// The finished key.
    /// - Parameter answers: by expression; one that is missing is empty.
    public func text(_ answers: [String: String]) -> String {
        parts.map { part in
            switch part {
            case .literal(let text): text
            case .expression(let text): answers[text] ?? ""
            }
        }.joined()
    }

    /// An expression as people read it: a command without `$(…)`.
    public static func displayed(_ expression: String) -> String {
        if expression.hasPrefix("$("), expression.hasSuffix(")") { return String(expression.dropFirst(2).dropLast()) }
        if expression.hasPrefix("`"), expression.hasSuffix("`") { return String(expression.dropFirst().dropLast()) }
        return expression
    }

    /// Nil for a text that only a shell can take apart.
    private static func parts(_ bytes: [UInt8]) -> [Part]? {
        var parts: [Part] = []
        var literal: [UInt8] = []
        var index = 0
        func end(_ start: Int) -> Int? {
            switch bytes[start] {
            case UInt8(ascii: "`"):
                return bytes[(start + 1)...].firstIndex(of: UInt8(ascii: "`")).map { $0 + 1 }
            default:
                guard start + 1 < bytes.count else { return start + 1 }
                switch bytes[start + 1] {
                case UInt8(ascii: "("): return closing(bytes, start + 1, "(", ")")
                case UInt8(ascii: "{"): return closing(bytes, start + 1, "{", "}")
                default:
                    let name = bytes[(start + 1)...].prefix { byte in
                        byte == 0x5F || (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A)
                    }
                    return max(name.endIndex, start + 1)
                }
            }
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\\") { return nil }
            guard byte == UInt8(ascii: "$") || byte == UInt8(ascii: "`") else {
                literal.append(byte)
                index += 1
                continue
            }
            guard let end = end(index) else { return nil }
            // A dollar sign that begins nothing.
            if end == index + 1 {
                literal.append(byte)
            } else {
                if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
                literal = []
                parts.append(.expression(String(decoding: bytes[index..<end], as: UTF8.self)))
            }
            index = end
        }
        if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
        return parts
    }

    private static func closing(_ bytes: [UInt8], _ start: Int, _ open: Unicode.Scalar, _ close: Unicode.Scalar) -> Int?
    {
        var depth = 0
        var quote: UInt8?
        for index in start..<bytes.count {
            let byte = bytes[index]
            if let mark = quote {
                if byte == mark { quote = nil }
                // Its insides may be anything.
                if mark == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "$") { return nil }
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"): return nil
            case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
            case UInt8(ascii: open): depth += 1
            case UInt8(ascii: close):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
        }
        return nil
    }
}
