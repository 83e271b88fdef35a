// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Wire

/// A path, a name or any other text for the kernel: bytes that need not be UTF-8, without NUL.
public struct KernelText: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ string: String) { bytes = Array(string.utf8) }
    public init(stringLiteral string: String) { self.init(string) }

    public var isEmpty: Bool { bytes.isEmpty }

    /// For people: what is not UTF-8 is replaced, control characters are escaped.
    public var description: String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7f {
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Calls `body` with the bytes and the NUL that the kernel expects.
    public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        var terminated = bytes
        terminated.append(0)
        return terminated.withUnsafeBytes { buffer in
            // The array holds at least the NUL, so it has a base address; the empty string stands in for form's sake.
            guard let base = buffer.bindMemory(to: CChar.self).baseAddress else { return body("") }
            return body(base)
        }
    }

    public static func + (left: KernelText, right: String) -> KernelText { KernelText(left.bytes + Array(right.utf8)) }
}

extension WireEncoder {
    public mutating func append(_ text: KernelText) { append(bytes: text.bytes) }

    public mutating func append(_ texts: [KernelText]) { appendList(texts) { $0.append($1) } }
}

extension WireDecoder {
    public mutating func text() throws(Malformed) -> KernelText { KernelText(try byteString()) }

    public mutating func texts() throws(Malformed) -> [KernelText] {
        try list { decoder throws(Malformed) in try decoder.text() }
    }
}
